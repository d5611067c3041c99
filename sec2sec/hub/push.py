"""A checkpoint to the Hugging Face Hub: what will be uploaded is known, and said, before anything is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sec2sec.checkpoint_files import FILES, OPTIONAL_FILES, CheckpointError
from sec2sec.checkpoints import TRAINED_FOLDER, load_checkpoint
from sec2sec.errors import SettingsError
from sec2sec.explanations.out_of_distribution import FILE as TRAINING_SECONDS
from sec2sec.explanations.out_of_distribution import as_safetensors, load_training_seconds
from sec2sec.extras import require_extra
from sec2sec.hub.card import OTHER_LICENCE, hub_card, licence_of
from sec2sec.hub.download import HUB_NAME, hub_errors_in_words, without_log_of_hub

KEPT_BACK = "  without the training seconds that are kept as tokens (--with-training-seconds uploads them as well)"
CARD = "README.md"  # which the Hub shows; card.md goes along, as a part of the checkpoint


@dataclass(frozen=True)
class Upload:
    """What goes where."""

    repository: str  # user/name
    private: bool
    licence: str
    files: Mapping[str, Path | bytes]  # by name there
    kept_back: bool = False  # whether training seconds, which the folder has as tokens, stay here

    def as_text(self) -> str:
        """For a person, before it is done."""
        who = "private" if self.private else "public"
        sizes = {name: _size(content) for name, content in self.files.items()}
        licence = f"licence {self.licence}"
        if self.licence == OTHER_LICENCE:
            licence += " (only you know under what terms its data and weights may be passed on: --licence)"
        return "\n".join(
            [
                f"to {self.repository} ({who}, {licence}):",
                *(f"  {name:<30}{size:>14,} B" for name, size in sizes.items()),
                *([KEPT_BACK] if self.kept_back else []),
            ]
        )


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def prepare_upload(
    source: Path,
    repository: str,
    *,
    private: bool = True,
    licence: str = "",
    datasets: Sequence[str] = (),
    with_training_seconds: bool = False,
) -> Upload:
    """Check a run folder or a checkpoint folder, and make its card.

    licence: an identifier of the Hub; if empty apache-2.0 for a model of generated clips, else "other". datasets:
    identifiers of the Hub. with_training_seconds: pass on the seconds of training clips that are kept as tokens, which
    is always done where the clips were generated.

    Raises CheckpointError for a folder that is no checkpoint, or holds anything else as well; SettingsError for a name
    that the Hub cannot have.
    """
    if not HUB_NAME.fullmatch(repository) or "@" in repository:
        raise SettingsError(f"{repository}: a checkpoint on the Hub is called user/name")
    folder = source / TRAINED_FOLDER if (source / TRAINED_FOLDER).is_dir() else source
    if not folder.is_dir():
        raise CheckpointError(f"{source}: no such run or checkpoint folder; it holds {', '.join(FILES)}")
    own = {path.name for path in folder.iterdir()}
    if others := sorted(own - {*FILES, *OPTIONAL_FILES}):
        raise CheckpointError(
            f"{folder}: holds {', '.join(others[:5])} as well, which is no part of a checkpoint; move it elsewhere"
        )
    bundle = load_checkpoint(folder, "cpu")  # which reads every file that will be uploaded
    licence = licence or licence_of(bundle)
    card = hub_card(bundle, repository, licence, datasets).encode()
    names = [name for name in (*FILES, *OPTIONAL_FILES) if name in own]
    files: dict[str, Path | bytes] = {CARD: card, **{name: folder / name for name in names}}
    known = load_training_seconds(bundle)
    kept_back = known is not None and known.sample is not None and licence_of(bundle) == OTHER_LICENCE
    if known is not None and kept_back and not with_training_seconds:
        files[TRAINING_SECONDS] = as_safetensors(replace(known, sample=None), bundle.summary.sha256)
        return Upload(repository, private, licence, files, kept_back=True)
    return Upload(repository, private, licence, files)


def upload_checkpoint(upload: Upload) -> str:
    """Make the repository if need be, upload all files in one commit, return its address. Raises CheckpointError."""
    require_extra("hub", "push")
    from huggingface_hub import CommitOperationAdd, HfApi

    api, name = HfApi(library_name="sec2sec"), upload.repository
    with hub_errors_in_words(name), without_log_of_hub():
        address = api.create_repo(name, private=upload.private, exist_ok=True)
        if bool(api.model_info(name).private) != upload.private:
            here, other = ("private", "public") if upload.private else ("public", "private")
            raise CheckpointError(
                f"{name}: is there already and {other}, and {here} was asked for; change that on its page, or choose "
                "another name"
            )
        operations = [CommitOperationAdd(path, content) for path, content in upload.files.items()]
        commit = api.create_commit(name, operations, commit_message="Upload a sec2sec checkpoint")
    return f"{address}/tree/{commit.oid}"
