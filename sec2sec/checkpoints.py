"""A trained model as a folder: model.safetensors, config.json, card.md, metrics.json. Loading runs no code from it."""

from __future__ import annotations

import copy
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as deserialize
from safetensors.torch import save as serialize

from sec2sec import __version__
from sec2sec.baselines import SYSTEMS, System, build_system
from sec2sec.checkpoint_files import FILES
from sec2sec.checkpoint_files import CheckpointError as CheckpointError
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.device import inference_dtype, pick_device
from sec2sec.encoders import Encoders, build_encoders
from sec2sec.encoders.base import STATISTICS, stored_tensor
from sec2sec.encoders.tokens import Modality
from sec2sec.files import write_atomically
from sec2sec.hub.download import checkpoint_folder, hub_name_of
from sec2sec.model import Model
from sec2sec.scales import Scale

SCHEMA = "sec2sec.checkpoint/1"
_hashes: dict[str, str] = {}  # checkpoint's sha256 → encoder_hash: the weights of a checkpoint don't change
TRAINED_FOLDER = "checkpoint"  # in the folder of a training


@dataclass(frozen=True)
class CheckpointSummary:
    """Which model predicted, as every screen and file that shows a prediction names it."""

    name: str
    sha256: str
    trained_on: str  # one sentence, shown wherever a prediction is shown
    diagnostics: tuple[str, ...] = ()  # targets without a truth on real clips, shown on known-truth clips only
    system: str = ""  # as the paper's tables call it
    scales: tuple[Scale, ...] = ()  # of targets that people judged on another scale than 0 to 1
    reads: tuple[Modality, ...] = ("video", "audio")  # the modalities that it takes in

    @property
    def unread_words(self) -> str:
        """What of a clip it does not read, as a sentence; empty where it reads both."""
        if len(self.reads) > 1:
            return ""
        there, missing = ("picture", "sound") if "video" in self.reads else ("sound", "picture")
        return f"This model reads the {there} alone: the {missing} of a clip changes nothing in its answer."

    @property
    def about(self) -> str:
        """What it learned from, and what of a clip it does not read."""
        return f"{self.trained_on.strip()} {self.unread_words}".rstrip()

    def scale_of(self, target: str) -> Scale | None:
        """The scale of people's judgements of a target; None where there is none but 0 to 1."""
        return next((scale for scale in self.scales if scale.target == target), None)


@dataclass(frozen=True)
class Bundle:
    """A loaded checkpoint, ready to predict: folded encoders and the model in eval mode on one device."""

    summary: CheckpointSummary
    encoders: Encoders
    model: Model
    config: Mapping[str, Any]  # config.json as it stands
    metrics: Mapping[str, Any]
    card: str
    device: torch.device
    folder: Path | None = None  # where it was read from; None for one that was never saved

    def to(self, device: torch.device) -> Bundle:
        """A copy on another device, whose encoders compute in the precision of that device."""
        if device == self.device:
            return self
        encoders = self.encoders.in_float32().to(device).in_precision(inference_dtype(device))
        return replace(self, encoders=encoders, model=copy.deepcopy(self.model).to(device), device=device)

    @property
    def system(self) -> System:
        """Which system of the paper's tables it is."""
        return SYSTEMS[self.model.config.system]

    @property
    def thresholds(self) -> dict[str, float]:
        """Above which prediction class 1 is predicted, by target, where its training chose that. CheckpointError."""
        thresholds = self.config.get("provenance", {}).get("thresholds", {})
        values = thresholds.values() if isinstance(thresholds, Mapping) else [thresholds]
        if wrong := [value for value in values if not isinstance(value, (int, float)) or not 0 <= value <= 1]:
            raise CheckpointError(
                f"{self.summary.name}: config.json has {wrong[0]!r} as a threshold; expected a number from 0 to 1"
            )
        return dict(thresholds)


def environment() -> dict[str, str]:
    """Versions that a result depends on."""
    packages = ("torch", "torchvision", "torchaudio", "av", "numpy")
    own = {"sec2sec": code_version(), "python": platform.python_version(), "machine": platform.machine()}
    return own | {package: version(package) for package in packages}


@lru_cache(maxsize=1)
def code_version() -> str:
    """The version and a hash of the program's own files, as one version may be changed: "0.1.0+1f2e3d4c"."""
    root = Path(str(resources.files("sec2sec")))
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root).as_posix()} ".encode() + file.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:8]}"


def checkpoint_name(folder: Path) -> str:
    """The name that a person gave: of the folder, of the training whose folder it is in, or on the Hub."""
    folder = folder.resolve()
    if name := hub_name_of(folder):
        return name
    return folder.parent.name if folder.name == TRAINED_FOLDER else folder.name


def save_checkpoint(
    folder: Path,
    *,
    encoders: Encoders,
    model: Model,
    trained_on: str,
    card: str,
    metrics: Mapping[str, Any],
    diagnostics: tuple[str, ...] = (),
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint folder. provenance: seeds, data and weight hashes, the command that made it.

    Large published encoders stay where they are published (Encoder.carried): of theirs, the training set's statistics
    alone are stored; and of a frozen published backbone nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    published = _published_names(model)
    state = {f"model.{n}": t.contiguous() for n, t in model.state_dict().items() if n not in published}
    for modality in ("video", "audio"):
        module = getattr(encoders, modality)
        own = module.state_dict() if module.carried else statistics(module)
        state |= {f"{modality}.{name}": stored_tensor(tensor) for name, tensor in own.items()}
    config = {
        "schema": SCHEMA,
        "system": model.config.system,
        "encoder": encoders.config.as_json(),
        "model": asdict(model.config),
        "trained_on": trained_on,
        "diagnostics": list(diagnostics),
        "provenance": dict(provenance or {}) | {"environment": environment()},
    }
    write_atomically(folder / "model.safetensors", serialize(state))
    write_atomically(folder / "config.json", json.dumps(config, indent=1).encode())
    write_atomically(folder / "metrics.json", json.dumps(metrics, indent=1).encode())
    write_atomically(folder / "card.md", card.encode())


def load_checkpoint(folder: Path | str, device: str = "auto") -> Bundle:
    """Read a checkpoint folder onto a device ("auto", "cpu", "cuda" or "cuda:1").

    folder: or user/name, or user/name@revision, of the Hugging Face Hub, which is downloaded.
    Raises CheckpointError, in one line, for a missing or damaged file, another schema or weights that do not fit;
    EncoderError where the paper preset's published weights are neither present nor reachable.
    """
    folder = checkpoint_folder(folder)
    config = _read_json(folder, "config.json")
    if config.get("schema") != SCHEMA:
        raise CheckpointError(
            f"{folder}: config.json has schema {config.get('schema')!r}, this version reads {SCHEMA!r}; "
            "use a checkpoint made by this version, or make it again with `train`"
        )
    try:
        encoder_config = EncoderConfig.from_mapping(config["encoder"])
        model_config = ModelConfig.from_mapping(config["model"])
        summary_fields = (str(config["trained_on"]), tuple(str(name) for name in config.get("diagnostics", [])))
        scales = tuple(Scale.read(each) for each in config.get("scales", ()))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder}: config.json describes no model ({error}); copy the folder again") from error
    metrics = _read_json(folder, "metrics.json")
    card = _read(folder, "card.md").decode("utf-8", "replace")
    weights = _read(folder, "model.safetensors")
    chosen = pick_device(device)
    try:
        state = deserialize(weights)
    except SafetensorError as error:
        raise CheckpointError(f"{folder}: model.safetensors is damaged ({error}); copy it again") from error

    encoders = build_encoders(encoder_config, carried=carried_modalities(state))
    model = build_system(model_config, encoder_config)
    modules: dict[str, torch.nn.Module] = {"model": model, "video": encoders.video, "audio": encoders.audio}
    for prefix, module in modules.items():
        own = {name.removeprefix(f"{prefix}."): t for name, t in state.items() if name.startswith(f"{prefix}.")}
        if prefix == "model":
            published = _published_names(model)
            own = {name: t for name, t in module.state_dict().items() if name in published} | own
        elif not getattr(module, "carried", True):  # published elsewhere
            own = module.state_dict() | own
        try:
            module.load_state_dict(own)
        except RuntimeError as error:
            first = str(error).splitlines()[-1].strip()
            raise CheckpointError(
                f"{folder}: model.safetensors does not fit config.json ({first}); both must come from the same training"
            ) from error
    system = SYSTEMS[model_config.system]
    summary = CheckpointSummary(
        checkpoint_name(folder), identity(folder), *summary_fields, system.title, scales, system.reads
    )
    return Bundle(
        summary, encoders.for_inference(chosen), model.eval().to(chosen), config, metrics, card, chosen, folder
    )


def load_encoders(folder: Path) -> Encoders:
    """The encoders of a checkpoint, not folded, so that they can be tuned and hashed. Raises CheckpointError."""
    bundle = load_checkpoint(folder, "cpu")  # checks every file
    assert bundle.folder is not None, "it was read from there"
    state = deserialize(_read(bundle.folder, "model.safetensors"))
    encoders = build_encoders(bundle.encoders.config, carried=carried_modalities(state))
    for prefix in ("video", "audio"):
        module = getattr(encoders, prefix)
        own = {name.removeprefix(f"{prefix}."): t for name, t in state.items() if name.startswith(f"{prefix}.")}
        module.load_state_dict(module.state_dict() | own)
    return encoders.eval()


def carried_modalities(state: Mapping[str, torch.Tensor]) -> tuple[Modality, ...]:
    """Whose encoders' weights a checkpoint holds, not their statistics alone."""
    both: tuple[Modality, ...] = ("video", "audio")
    return tuple(
        modality
        for modality in both
        if any(name.startswith(f"{modality}.") and name.partition(".")[2] not in STATISTICS for name in state)
    )


def identity(folder: Path) -> str:
    """The SHA-256 by which a checkpoint is known: of its weights and settings, not of its card or figures."""
    return hashlib.sha256(_read(folder, "model.safetensors") + _read(folder, "config.json")).hexdigest()


def statistics(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What an encoder standardises its input with: its own buffers mean and std, where it has them."""
    return {name: tensor for name, tensor in module.named_buffers(recurse=False) if name in STATISTICS}


def _published_names(model: Model) -> set[str]:
    """Names of the weights that are published elsewhere and stay as they are there."""
    if model.config.backbone != "published":
        return set()
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def _read(folder: Path, name: str) -> bytes:
    """One file of a checkpoint folder, or a CheckpointError that says which is missing."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such checkpoint folder; it holds {', '.join(FILES)}")
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: {name} is missing; a checkpoint holds {', '.join(FILES)}") from None
    except OSError as error:
        raise CheckpointError(f"{folder}: {name} cannot be read ({error.strerror}); check its permissions") from error


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object of a checkpoint folder."""
    data = _read(folder, name)
    try:
        value = json.loads(data)
    except ValueError as error:
        raise CheckpointError(f"{folder}: {name} is not JSON ({error}); copy it again") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{folder}: {name} holds a {type(value).__name__}, not an object; copy it again")
    return value


def encoder_hash(bundle: Bundle) -> str:
    """The same for two checkpoints whose encoders give the same tokens: of their configuration and all weights."""
    if not bundle.summary.sha256 or bundle.summary.sha256 not in _hashes:  # one that was never saved has none
        hash = hashlib.sha256(json.dumps(bundle.encoders.config.as_json(), sort_keys=True).encode())
        for name, tensor in sorted(bundle.encoders.state_dict().items()):
            hash.update(name.encode())
            hash.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        _hashes[bundle.summary.sha256] = hash.hexdigest()
    return _hashes[bundle.summary.sha256]
