"""Training from cached tokens: an epoch, what the cache saves, what extraction adds, and memory as the cache grows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric

from bench.row import Row, in_turns
from sec2sec.config import EncoderConfig
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import extract_steps
from sec2sec.datasets.known_truth import make_clips
from sec2sec.datasets.table import Row as Clip
from sec2sec.datasets.table import read_table
from sec2sec.encoders import Encoders, build_encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import stack
from sec2sec.media import open_clip
from sec2sec.metrics import TrainingLabels
from sec2sec.model import Sec2Sec
from sec2sec.progress import drain
from sec2sec.training.batches import Clips, TokenSource, cached_clips
from sec2sec.training.loop import TrainLoop
from sec2sec.training.module import TrainModule
from sec2sec.training.settings import TrainConfig

WORK = Path("build/bench/training")
CLIPS, SECONDS = 1000, 10
LIRIS = 6860  # clips of the paper's training share, 7:1:2 of 9,800; 2:14 an epoch on its RTX 3090 (table 1)
ENCODED = 10  # clips that extraction is timed on
GRIDS = EncoderConfig.paper_pooled()
MEMORY = """
import sys
from bench.training import peak
print(peak(int(sys.argv[1])))
"""


def random_clips(count: int, made: Encoders | None = None) -> Clips:
    """Token files of clips that never were, kept in the work folder; random tokens cost what real ones cost.

    made: the encoders that would have made them; the paper's pooled ones if None.
    """
    cache = TokenCache(WORK / "tokens", made or encoders())
    generator = torch.Generator().manual_seed(0)
    rows, files, lengths = [], {}, {}
    for number in range(count):
        sha256, name = f"{number:064x}", str(number)
        if cache.seconds(sha256) is None:
            tokens = [torch.randn(SECONDS, *shape, generator=generator) for shape in cache.config.shapes.values()]
            cache.write(sha256, Tokens(*tokens))
        rows.append(
            Clip(name, Path(name), {"arousal": float(number % 2), "valence": float(number % 3 == 0)}, "train", name)
        )
        files[name], lengths[name] = cache.path(sha256), SECONDS
    return cached_clips(rows, ("arousal", "valence"), files, lengths)


def encoders() -> Encoders:
    """The paper preset with pooled tokens and random weights."""
    return build_encoders(GRIDS, pretrained=False, seed=0).eval()


def training(clips: Clips, width: int = 256, epochs: int = 1) -> TrainLoop:
    """SA-CA with the attention-LSTM on these clips; a batch of them is the validation split."""
    config = TrainConfig(preset="paper", width=width, heads=8, epochs=epochs, patience=epochs)
    torch.manual_seed(0)
    model = Sec2Sec(config.model_config(("arousal", "valence"), GRIDS.width), GRIDS.video_grid, GRIDS.audio_grid)
    few = Clips(clips.rows[:32], clips.files[:32], clips.seconds[:32], clips.labels[:32])
    labels = {name: TrainingLabels("binary", len(clips), 0.5, 0.5) for name in ("arousal", "valence")}
    sources = TokenSource(clips, GRIDS), TokenSource(few, GRIDS)
    return TrainLoop(TrainModule(model), *sources, config, labels, Fabric(accelerator="cpu", devices=1))


def epoch(clips: Clips) -> float:
    """Seconds of one epoch."""
    began = time.perf_counter()
    list(training(clips).reports())
    return time.perf_counter() - began


def extraction(plain: Encoders, count: int = ENCODED) -> tuple[float, float]:
    """Seconds per clip that extraction takes, decoding and writing included, and that the bare folded encoders take.

    plain: the encoders, not folded. The first clip is left out: it waits for the decoding processes to start, once for
    thousands of clips.
    """
    drain(make_clips(WORK / "clips", count, 4001))
    rows = read_table(WORK / "clips").rows
    config = plain.config
    folded = plain.folded()

    def bare(some: Sequence[Clip]) -> float:
        taken = 0.0
        for row in some:
            seconds = list(
                open_clip(row.path, frames_per_second=config.frames_per_second, frame_size=config.frame_size).seconds()
            )
            frames, image = stack([s.frames for s in seconds]), plain.mfcc(stack([s.samples for s in seconds]))
            with torch.inference_mode():
                began = time.perf_counter()
                folded.encode_video(frames)
                folded.encode_mfcc(image)
                taken += time.perf_counter() - began
        return taken

    shutil.rmtree(WORK / "extracted", ignore_errors=True)
    before = bare(rows[1 : count // 2])  # half before and half after: a machine's load comes and goes
    ends: list[float] = []
    steps = extract_steps(rows, plain, TokenCache(WORK / "extracted", plain), device=torch.device("cpu"))
    extraction = drain(steps, lambda progress: ends.append(time.perf_counter()))
    assert (extraction.total, extraction.unusable) == (count, {})
    after = bare(rows[count // 2 :])
    return (ends[-1] - ends[1]) / (count - 1), (before + after) / (count - 1)


def rss_anon() -> int:
    """kB that are this process's own: without the pages of mapped files, which the system takes back at will."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))


def peak(count: int) -> int:
    """kB at most while training on `count` clips, for as many steps whatever their number."""
    clips = random_clips(count)
    sizes, done = [rss_anon()], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            sizes.append(rss_anon())

    watching = threading.Thread(target=watch)
    watching.start()
    list(training(clips, width=64, epochs=max(1, CLIPS // count // 2)).reports())
    done.set()
    watching.join()
    return max(sizes)


def rows() -> Iterator[Row]:
    """About five minutes; 270 MB of random tokens are kept in build/bench/training."""
    clips, cores = random_clips(CLIPS), torch.get_num_threads()
    before = time.process_time()
    (one,) = in_turns(lambda: epoch(clips), turns=1)
    worked = (time.process_time() - before) / 2 / cores  # of two epochs, the first for warming up
    yield Row(f"training: one epoch from pooled tokens ({LIRIS} clips, from {CLIPS})", one * LIRIS / CLIPS, "s", 134)
    yield Row(f"  of which this process worked, on {cores} cores", worked * LIRIS / CLIPS, "s")
    taken, bare = extraction(encoders())
    a_clip = one / CLIPS
    yield Row("training: that epoch ÷ one that encodes from frames", a_clip / (a_clip + taken), "×", 0.05)
    yield Row("extraction: wall ÷ the bare folded encoders", taken / bare, "×", 1.15)
    peaks = [
        int(subprocess.run([sys.executable, "-c", MEMORY, str(count)], capture_output=True, check=True).stdout)
        for count in (CLIPS // 10, CLIPS)
    ]
    yield Row("training: memory with a cache of 100 clips", peaks[0] / 1024, "MB")
    yield Row("training: memory, cache of 1,000 ÷ of 100 clips", peaks[1] / peaks[0], "×", 1.1)


if __name__ == "__main__":
    for row in rows():
        print(json.dumps(vars(row) | {"holds": row.holds}), flush=True)
