"""The token cache: what is found again, what never is, and what a kill, a cut or a full disk leaves behind."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sec2sec.config import EncoderConfig
from sec2sec.datasets.cache import TokenCache, encoder_key
from sec2sec.datasets.extract import as_decoded, decode_all, encoding_progress, end_with_parent, extract_steps
from sec2sec.datasets.table import read_table
from sec2sec.encoders import build_encoders, pool
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.files import lock_file
from sec2sec.media import open_clip
from sec2sec.progress import drain
from tests.helpers import clips
from tests.helpers.datasets import TOKENS, clip_folder
from tests.helpers.models import ENCODER

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
SHA = "ab" * 32


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return clip_folder(tmp_path_factory.mktemp("data") / "clips", train=4, validation=1, test=0)


@pytest.fixture(scope="module")
def encoders():
    return build_encoders(ENCODER, seed=0).eval()


def some_tokens(seconds: int = 3) -> Tokens:
    torch.manual_seed(seconds)
    return Tokens(torch.randn(seconds, 4, 6), torch.randn(seconds, 4, 6))


def test_tokens_come_back_as_fp16_mapped_from_the_file(tmp_path):
    cache = TokenCache(tmp_path, build_encoders(TOKENS, seed=0))
    tokens = some_tokens()
    cache.write(SHA, tokens)
    found = cache.read(SHA)
    assert found is not None
    assert found.video.dtype == torch.float16
    assert torch.equal(found.video, tokens.video.half())
    assert torch.equal(found.audio, tokens.audio.half())
    assert cache.seconds(SHA) == 3
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(cache.path(SHA)) in maps.read_text()


def test_a_missing_modality_stays_missing(tmp_path):
    cache = TokenCache(tmp_path, build_encoders(TOKENS, seed=0))
    cache.write(SHA, replace(some_tokens(), audio=None))
    found = cache.read(SHA)
    assert found is not None
    assert found.audio is None
    assert found.video is not None


@pytest.mark.parametrize("damage", ["cut", "empty", "longer", "other width", "float32", "lengths differ", "text"])
def test_an_entry_that_is_not_whole_counts_as_absent(tmp_path, damage):
    from safetensors.torch import save_file

    cache = TokenCache(tmp_path, build_encoders(TOKENS, seed=0))
    cache.write(SHA, some_tokens())
    path, tokens = cache.path(SHA), some_tokens()
    whole = path.read_bytes()
    if damage in ("cut", "empty", "longer", "text"):
        path.write_bytes({"cut": whole[:-7], "empty": b"", "longer": whole + b"x", "text": b"tokens"}[damage])
    elif damage == "other width":
        save_file({"video": torch.zeros(3, 4, 7).half()}, path)
    elif damage == "float32":
        save_file({"video": tokens.video}, path)
    else:
        save_file({"video": tokens.video.half(), "audio": tokens.audio[:2].half()}, path)
    assert cache.read(SHA) is None
    assert cache.seconds(SHA) is None


def test_other_weights_or_other_grids_never_meet():
    first = build_encoders(ENCODER, seed=0)
    assert encoder_key(first) == encoder_key(build_encoders(ENCODER, seed=0))
    assert encoder_key(first) != encoder_key(build_encoders(ENCODER, seed=1))
    assert encoder_key(first) != encoder_key(build_encoders(replace(ENCODER, video_grid=(4, 3, 3)), seed=0))


def test_pooled_tokens_are_the_means_of_their_cells():
    tokens = torch.arange(2 * 4 * 4, dtype=torch.float32).reshape(1, 32, 1)
    found = pool(tokens, (2, 4, 4), (2, 2, 2))
    for t in range(2):
        for y in range(2):
            for x in range(2):
                cells = [16 * t + 4 * (2 * y + i) + 2 * x + j for i in range(2) for j in range(2)]
                assert found[0, 4 * t + 2 * y + x, 0] == pytest.approx(sum(cells) / 4)


def test_the_paper_preset_pools_its_maps_to_the_grids_of_its_config():
    full = build_encoders(EncoderConfig.paper(), pretrained=False, seed=0).eval()
    pooled = build_encoders(EncoderConfig.paper_pooled(), pretrained=False, seed=0).eval()
    samples = torch.randn(1, 16000) / 4
    with torch.inference_mode():
        map_, tokens = full.encode_audio(samples), pooled.encode_audio(samples)
    assert map_.shape == (1, 49, 512)
    assert tokens.shape == (1, 8, 512)
    torch.testing.assert_close(tokens, pool(map_, (7, 7), (4, 2)))
    with pytest.raises(ValueError, match="finer"):
        replace(EncoderConfig.paper(), video_grid=(4, 7, 7))


def test_extracted_tokens_are_the_encoders(tmp_path, data, encoders):
    rows, cache = read_table(data).rows, TokenCache(tmp_path, encoders)
    end = drain(extract_steps(rows, encoders, cache, device=CPU, workers=0))
    assert (end.encoded, end.total, end.reused) == (5, 5, 0)
    for row in rows:
        direct = encode_seconds(list(open_clip(row.path).seconds()), encoders.folded(), CPU)
        found = cache.read(end.sha256[row.id])
        for name in ("video", "audio"):
            ours, theirs = getattr(found, name), getattr(direct, name)
            assert (ours is None) == (theirs is None) == (row.id == {"audio": "c1", "video": "c2"}[name])
            if ours is not None:
                torch.testing.assert_close(ours.float(), theirs, atol=2e-3, rtol=2e-3)


def test_nothing_is_encoded_twice_and_what_was_cut_short_is_made_again(tmp_path, data, encoders):
    rows, cache = read_table(data).rows, TokenCache(tmp_path, encoders)
    first = drain(extract_steps(rows, encoders, cache, device=CPU, workers=0))
    cut = cache.path(first.sha256["c0"])
    before = cache.read(first.sha256["c0"]).video.clone()
    cut.write_bytes(cut.read_bytes()[:-100])
    second = drain(extract_steps(rows, encoders, cache, device=CPU, workers=0))
    assert second.reused == 4
    assert torch.equal(cache.read(first.sha256["c0"]).video, before)
    assert drain(extract_steps(rows, encoders, cache, device=CPU, workers=0)).reused == 5


def test_a_renamed_clip_is_found_again(tmp_path, data, encoders):
    cache = TokenCache(tmp_path / "cache", encoders)
    rows = read_table(data).rows[:2]
    list(extract_steps(rows, encoders, cache, device=CPU, workers=0))
    moved = shutil.copy(rows[0].path, tmp_path / "other-name.mp4")
    assert drain(extract_steps([replace(rows[0], path=moved)], encoders, cache, device=CPU, workers=0)).reused == 1


def test_damaged_and_absent_clips_are_listed_and_never_fatal(tmp_path, data, encoders):
    rows = list(read_table(data).rows[:2])
    broken = clips.truncate(shutil.copy(rows[0].path, tmp_path / "broken.mp4") and tmp_path / "broken.mp4", 0.4)
    rows += [replace(rows[0], id="broken", path=broken), replace(rows[0], id="gone", path=tmp_path / "gone.mp4")]
    end = drain(extract_steps(rows, encoders, TokenCache(tmp_path / "c", encoders), device=CPU, workers=1))
    assert set(end.sha256) == {"c0", "c1"}
    assert set(end.unusable) == {"broken", "gone"}
    assert "broken.mp4" in end.unusable["broken"]
    assert "gone.mp4" in end.unusable["gone"]
    assert end.total == 4
    assert (end.reused, end.encoded) == (0, 2)


def test_the_same_file_under_two_names_is_encoded_once(tmp_path, data, encoders):
    row = read_table(data).rows[0]
    twin = replace(row, id="twin", path=Path(shutil.copy(row.path, tmp_path / "twin.mp4")))
    cut = [tmp_path / f"cut{i}.mp4" for i in (0, 1)]
    for path in cut:
        clips.truncate(Path(shutil.copy(row.path, path)), 0.4)
    rows = [row, replace(row, id="cut0", path=cut[0]), twin, replace(row, id="cut1", path=cut[1])]
    done: list[float] = []
    steps = extract_steps(rows, encoders, TokenCache(tmp_path / "c", encoders), device=CPU, workers=0)
    end = drain(steps, lambda progress: done.append(progress.done))
    assert done == [0, 2, 4]
    assert end.sha256["twin"] == end.sha256["c0"]
    assert set(end.unusable) == {"cut0", "cut1"}
    assert (end.encoded, end.reused) == (1, 1)


def test_a_name_that_no_disk_can_hold_is_a_clip_that_cannot_be_read(tmp_path, data, encoders):
    row = replace(read_table(data).rows[0], path=tmp_path / "a\0b.mp4")
    end = drain(extract_steps([row], encoders, TokenCache(tmp_path / "c", encoders), device=CPU, workers=0))
    assert "cannot be read" in end.unusable["c0"]


def test_what_a_kill_left_half_written_is_removed_unless_somebody_writes(tmp_path):
    encoders = build_encoders(TOKENS, seed=0)
    cache = TokenCache(tmp_path, encoders)
    cache.write(SHA, some_tokens())
    parts = [cache.path(SHA).parent / f".{SHA}.safetensors.abc.part", cache.directory / ".about.json.abc.part"]
    for part in parts:
        part.write_bytes(b"half")
    with (cache.directory / "lock").open("ab") as another:  # as a process holds it while it writes
        assert lock_file(another, shared=True)
        TokenCache(tmp_path, encoders).write("cd" * 32, some_tokens())
        assert all(part.exists() for part in parts)
    TokenCache(tmp_path, encoders)
    assert not any(part.exists() for part in parts)
    assert cache.read(SHA) is not None


def die(seconds: list) -> None:
    """What the kernel does to a worker where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_ends_in_words(data):
    with pytest.raises(OSError, match=r"was killed.*--workers"):
        list(decode_all(read_table(data).rows[:1], ENCODER, die, workers=1))


def test_a_full_disk_ends_in_words_and_leaves_no_half_entry(tmp_path, data, encoders):
    cache = TokenCache(tmp_path, encoders)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            list(extract_steps(read_table(data).rows, encoders, cache, device=CPU, workers=0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    left = {path.name for path in cache.directory.rglob("*") if path.is_file()}
    assert left == {"about.json", "lock"}


def extract_in_process(folder: Path, data: Path) -> None:
    torch.set_num_threads(1)
    encoders = build_encoders(ENCODER, seed=0).eval()
    list(extract_steps(read_table(data).rows, encoders, TokenCache(folder, encoders), device=CPU, workers=0))


def test_several_processes_fill_one_cache(tmp_path, data, encoders):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=extract_in_process, args=(tmp_path, data)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)  # a busy machine takes a minute to import torch
        assert process.exitcode == 0
    cache = TokenCache(tmp_path, encoders)
    assert drain(extract_steps(read_table(data).rows, encoders, cache, device=CPU, workers=0)).reused == 5
    assert not list(tmp_path.rglob("*.part"))


def test_an_extraction_killed_at_any_moment_goes_on_with_whole_entries(tmp_path, data, encoders):
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.')\n"
        "from tests.datasets.test_cache import extract_in_process; extract_in_process(*map(Path, sys.argv[1:]))"
    )
    cache = TokenCache(tmp_path, encoders)
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(data)], cwd=ROOT)
    while process.poll() is None and not list(tmp_path.rglob("*.safetensors")):
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    made = list(tmp_path.rglob("*.safetensors"))
    assert made
    assert all(cache.read(path.stem) is not None for path in made)
    assert drain(extract_steps(read_table(data).rows, encoders, cache, device=CPU, workers=0)).reused >= len(made)


def decode_in_process(data: Path) -> None:
    """Take one clip, say which worker decodes, and wait to be killed."""
    for _ in decode_all(read_table(data).rows, ENCODER, as_decoded, workers=1):
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep(600)


def start_late(told: Path) -> None:
    """A worker whose parent is gone before it watches."""
    parent = os.getppid()
    told.write_text(str(os.getpid()))
    while os.getppid() == parent:
        time.sleep(0.01)
    end_with_parent(0)
    time.sleep(600)


def start_in_process(told: Path) -> None:
    """Start such a worker, say which it is, and wait to be killed."""
    multiprocessing.get_context("spawn").Process(target=start_late, args=(told,)).start()
    while not (told.exists() and told.read_text()):
        time.sleep(0.01)
    print(told.read_text(), flush=True)
    time.sleep(600)


@pytest.mark.parametrize("called", ["decode_in_process", "start_in_process"])
def test_workers_end_when_the_process_that_asked_for_them_is_killed(tmp_path, data, called):
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.')\n"
        f"from tests.datasets.test_cache import {called}\n"
        f"if __name__ == '__main__': {called}(Path(sys.argv[1]))"
    )
    of = data if called == "decode_in_process" else tmp_path / "told"
    command = [sys.executable, "-c", code, str(of)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert workers
        time.sleep(2)  # until it has decoded ahead: more than a pipe holds, so that it waits to hand it over
        process.kill()
    until = time.monotonic() + 60
    while any(alive(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in workers)


def alive(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_progress_line_has_a_rate_and_the_time_left():
    assert encoding_progress(3, 10, 2.0, 3.5).message == "encoding: 3 of 10 clips, 2.0 clips/s, 0:04 left"
    assert encoding_progress(3, 10, 0.25, 28.0).message == "encoding: 3 of 10 clips, 4.0 s a clip, 0:28 left"
    assert encoding_progress(0, 10).message == "encoding: 0 of 10 clips"


def test_files_that_take_long_to_read_are_counted_while_they_are(tmp_path, data, encoders, monkeypatch):
    monkeypatch.setattr("sec2sec.datasets.extract.PROGRESS_INTERVAL", -1.0)
    steps = extract_steps(read_table(data).rows, encoders, TokenCache(tmp_path, encoders), device=CPU, workers=0)
    messages = [step.message for step in steps]
    assert messages[:5] == [f"reading files: {count} of 5" for count in range(1, 6)]
    assert [message[:19] for message in messages[5:]] == [f"encoding: {done} of 5 cl" for done in range(6)]
