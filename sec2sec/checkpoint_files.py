"""What a checkpoint folder holds, wherever the folder comes from."""

from __future__ import annotations

from sec2sec.errors import UserError

FILES = ("model.safetensors", "config.json", "card.md", "metrics.json")
OPTIONAL_FILES = ("learned-from.txt", "training-seconds.safetensors")


class CheckpointError(UserError):
    """A checkpoint folder that cannot be used: names the folder, what was found and what to do."""
