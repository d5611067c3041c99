"""Networks of transformers by name: which of its classes reads a repository, its settings and its weights.

Only classes that transformers brings are used, never code of a repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sec2sec.encoders.base import EncoderError, one_reason
from sec2sec.encoders.published import CONFIG, Published, find_published
from sec2sec.extras import require_extra

PREPROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json")
NOT_OF_THE_NETWORK = (  # of its settings: what changes with the library, or is of a classifier
    "transformers_version",
    "architectures",
    "dtype",
    "_name_or_path",
    "id2label",
    "label2id",
    "problem_type",
)
UNUSED = ("predictor.", "head.", "pooler.", "masked_spec_embed", "mask_token")  # weights that no token depends on


@dataclass(frozen=True)
class Kind:
    """One architecture of transformers, by what its config.json calls `model_type`."""

    config: str  # its class of settings
    model: str  # its class of networks without a task
    part: str = ""  # of config.json that has the settings, where the repository holds more than this network
    layout: str = "image"  # what it reads, and how its tokens lie


@dataclass(frozen=True)
class NetworkFiles:
    """A repository that is here."""

    files: Published
    kind: Kind
    config: Any  # of transformers
    preprocessor: Mapping[str, Any]

    @property
    def architecture(self) -> str:
        """The network without its weights, as JSON: its settings, where they are not the defaults of their class."""
        settings = {k: v for k, v in self.config.to_diff_dict().items() if k not in NOT_OF_THE_NETWORK}
        return json.dumps({**settings, "model_type": self.config.model_type}, sort_keys=True)


def read_network(name: str, kinds: Mapping[str, Kind], revision: str = "") -> NetworkFiles:
    """The settings of a repository. Raises EncoderError where it is of no kind, or not here."""
    require_extra("encoders", f"transformers:{name}")
    files = find_published(name, revision=revision, also=PREPROCESSORS)
    document = files.config
    kind = kinds.get(str(document.get("model_type")))
    if kind is None:
        raise EncoderError(
            f"transformers:{name}: its model_type is {document.get('model_type')!r}; "
            f"the ones that give tokens here are {', '.join(sorted(kinds))}"
        )
    if kind.part and kind.part not in document:
        raise files.damaged(CONFIG, KeyError(f"it has no {kind.part}"))
    try:
        config = config_of(kind, document[kind.part] if kind.part else document)
    except Exception as error:  # transformers and its checks have many
        raise files.damaged(CONFIG, error) from error
    return NetworkFiles(files, kind, config, _preprocessor(files))


def network_of(name: str, kinds: Mapping[str, Kind], settings: Any) -> tuple[Kind, Any]:
    """The kind and the settings of a network whose architecture a checkpoint holds. Raises EncoderError."""
    require_extra("encoders", name)
    try:
        kind = kinds[settings["model_type"]]
        return kind, config_of(kind, settings)
    except Exception as error:  # transformers and its checks have many
        raise EncoderError(f"{name}: its network cannot be built ({one_reason(error)})") from error


def config_of(kind: Kind, settings: Mapping[str, Any]) -> Any:
    """Settings as an object of transformers."""
    import transformers

    return getattr(transformers, kind.config).from_dict(dict(settings))


def random_network(kind: Kind, config: Any) -> nn.Module:
    """The network with random weights, for a checkpoint to fill; the caller's random numbers stay as they were."""
    import transformers

    with torch.random.fork_rng(devices=[]):
        network: nn.Module = getattr(transformers, kind.model)(config)
    return network.eval()


def published_network(found: NetworkFiles) -> nn.Module:
    """The network with the published weights. Raises EncoderError where they are damaged or of another network."""
    import transformers

    with quiet():
        try:
            network, loading = getattr(transformers, found.kind.model).from_pretrained(
                str(found.files.folder),
                config=found.config,
                use_safetensors=found.files.weights.endswith(".safetensors"),
                output_loading_info=True,
                local_files_only=True,
                dtype=torch.float32,
            )
        except Exception as error:  # transformers, safetensors and torch have many
            raise found.files.damaged(found.files.weights, error) from error
    missing = [name for name in sorted(loading["missing_keys"]) if not name.startswith(UNUSED)]
    if missing:
        raise found.files.damaged(found.files.weights, KeyError(f"it lacks {missing[0]} and {len(missing) - 1} more"))
    loaded: nn.Module = network.eval()
    return loaded


@contextmanager
def quiet() -> Iterator[None]:
    """Without what transformers logs and draws while it loads: the classifier that is left out is no news."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _preprocessor(files: Published) -> Mapping[str, Any]:
    """How the network wants its input. Raises EncoderError."""
    for name in reversed(PREPROCESSORS):
        path = files.folder / name
        if not path.is_file():
            continue
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise files.damaged(name, error) from error
        if isinstance(value, dict):
            return value
        raise files.damaged(name, TypeError("it holds no object"))
    raise EncoderError(
        f"{files.folder}: {PREPROCESSORS[0]} of {files.repository} is missing, which says how its input is to be read; "
        f"get it by `hf download {files.repository}`"
    )
