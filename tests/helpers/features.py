"""Small tables of features, as another program would write them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

SPLITS = ("train",) * 6 + ("validation",) * 2 + ("test",) * 2
HEADER = ("id", "video", "audio", "video_shape", "audio_shape", "arousal", "calm", "split", "group", "source")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """One file: .npz, or .h5."""
    if path.suffix == ".npz":
        np.savez_compressed(path, allow_pickle=False, **arrays)
        return
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip")


def feature_folder(
    folder: Path, suffix: str = ".npz", video: tuple[int, ...] = (4, 6), audio: tuple[int, ...] = (5,)
) -> Path:
    """Ten clips of 2–4 s whose picture says what `arousal` is. video, audio: shape of a second; () leaves it out."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    rows = []
    for number, split in enumerate(SPLITS):
        seconds, label = 2 + number % 3, number % 2
        shapes = {name: (seconds, *shape) for name, shape in (("video", video), ("audio", audio)) if shape}
        arrays = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        for values in arrays.values():
            values[0, ..., 0] += 6 * label
        files = dict.fromkeys(arrays, f"{number}{suffix}")
        if suffix == ".npy":
            files = {name: f"{number}.{name}.npy" for name in arrays}
            for name, values in arrays.items():
                np.save(folder / files[name], values)
        else:
            write_arrays(folder / f"{number}{suffix}", arrays)
        cells = [*(files.get(n, "") for n in ("video", "audio"))]
        cells += ["x".join(map(str, shapes.get(n, ()))) for n in ("video", "audio")]
        rows.append([f"c{number}", *cells, label, 0.8 - 0.5 * label, split, f"film{number // 2}", "CLIP and VGGish"])
    write_table(folder, rows)
    return folder


def write_table(folder: Path, rows: list[list[object]], header: tuple[str, ...] = HEADER) -> None:
    """features.csv."""
    with (folder / "features.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def table_rows(folder: Path) -> list[list[str]]:
    """The rows of features.csv, to be changed and written again."""
    with (folder / "features.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]
