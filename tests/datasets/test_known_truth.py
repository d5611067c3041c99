"""The clips are what their tables say: the same for a seed, resumable, in step, and fair between the classes."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.stats import spearmanr

from sec2sec.datasets.known_truth import (
    CLIPS_COLUMNS,
    LEVELS,
    SLOTS,
    STATES,
    TARGETS,
    Level,
    make_clips,
    read_planted,
)
from sec2sec.datasets.known_truth.generate import split_of
from sec2sec.datasets.known_truth.states import DECOY_SHARE, MIN_EVIDENCE_SUM, NEUTRAL_SUM, Plan, plan_clip
from sec2sec.datasets.table import DataError
from sec2sec.progress import Progress, drain

SEED = 5


def make(directory: Path, clips: int, level: Level = "cluttered", neutral: float = 0.0, workers: int = 1) -> Path:
    for _ in make_clips(directory, clips, SEED, level, neutral, workers):
        pass
    return directory


def decode(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Frames (n, h/2, w/2, 3) in [0, 1], their times in s, mono samples placed by their own timestamps, sample rate."""
    with av.open(str(path)) as container:
        frames = []
        for frame in container.decode(video=0):
            half = {"width": frame.width // 2, "height": frame.height // 2}
            frames.append((frame.to_ndarray(format="rgb24", **half), float(frame.time)))
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        samples = np.zeros(13 * rate, np.float32)
        for block in container.decode(audio=0):
            first = round(float(block.time) * rate)
            samples[first : first + block.samples] = block.to_ndarray().mean(axis=0)
    pictures = np.stack([picture for picture, _ in frames]).astype(np.float32) / 255
    return pictures, np.array([time for _, time in frames]), samples, rate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("cluttered"), 16, neutral=0.2, workers=2)


@pytest.fixture(scope="module")
def decoded(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, int]]:
    return {name: decode(folder / "clips" / f"{name}.mp4") for name in read_planted(folder)}


@pytest.fixture(scope="module", params=LEVELS)
def plans(request: pytest.FixtureRequest) -> list[Plan]:
    return [plan_clip(SEED, index, request.param, neutral=0.2) for index in range(900)]


def test_same_seed_gives_the_same_bytes_whatever_the_workers_and_the_number_of_clips(tmp_path: Path) -> None:
    few = make(tmp_path / "few", 2, workers=1)
    many = make(tmp_path / "many", 3, workers=2)
    for name in read_planted(few):
        assert (few / "clips" / f"{name}.mp4").read_bytes() == (many / "clips" / f"{name}.mp4").read_bytes()
    for table in ("clips.csv", "planted.csv"):
        assert (many / table).read_text().startswith((few / table).read_text())


def test_a_stopped_run_leaves_whole_clips_and_the_next_makes_only_the_missing(tmp_path: Path) -> None:
    run = make_clips(tmp_path, 3, SEED, workers=1)
    assert [next(run).done, next(run).done] == [0, 1]
    run.close()
    assert not (tmp_path / "clips.csv").exists()
    (kept,) = (tmp_path / "clips").glob("*.mp4")
    made_at, content = kept.stat().st_mtime_ns, kept.read_bytes()
    (tmp_path / "clips" / f"plain-{SEED}-00001.mp4.part").write_bytes(b"cut off")  # what a kill leaves

    reports: list[Progress] = []
    assert drain(make_clips(tmp_path, 3, SEED, workers=1), reports.append) == 3

    assert [report.done for report in reports] == [1, 2, 3]
    assert reports[-1].message == "3 of 3 clips"
    assert kept.stat().st_mtime_ns == made_at
    assert kept.read_bytes() == content
    assert sorted(p.name for p in (tmp_path / "clips").iterdir()) == [f"plain-{SEED}-{i:05d}.mp4" for i in range(3)]


@pytest.mark.parametrize(("seed", "level", "neutral"), [(6, "plain", 0.0), (5, "cluttered", 0.0), (5, "plain", 0.5)])
def test_a_folder_of_other_settings_is_refused_and_stays(
    tmp_path: Path, seed: int, level: Level, neutral: float
) -> None:
    make(tmp_path, 1, "plain")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"seed 5, level plain.*another folder"):
        list(make_clips(tmp_path, 1, seed, level, neutral))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["clips.csv", "planted.csv", "clips"])
def test_a_folder_with_someone_elses_data_set_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=rf"{name}.*did not make"):
        list(make_clips(tmp_path, 1, SEED))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_manifest_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "generator.json").write_text("a list of diesel generators")
    with pytest.raises(ValueError, match="not written by this generator"):
        list(make_clips(tmp_path, 1, SEED))


@pytest.mark.parametrize(
    "wrong", [{"clips": 0}, {"seed": -1}, {"neutral": 1.5}, {"level": "difficult"}, {"workers": 0}], ids=str
)
def test_settings_out_of_range_are_refused_before_anything_is_written(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        next(make_clips(**({"directory": tmp_path / "new", "clips": 1, "seed": 1} | wrong)))
    assert not (tmp_path / "new").exists()


def test_tables_have_exactly_the_contracts_columns(folder: Path) -> None:
    with (folder / "clips.csv").open(newline="") as file:
        clips = list(csv.DictReader(file))
    with (folder / "planted.csv").open(newline="") as file:
        planted = list(csv.DictReader(file))
    assert tuple(clips[0]) == CLIPS_COLUMNS == ("id", "path", *TARGETS, "split", "group", "level")
    assert list(planted[0]) == [
        *("id", "second", "decisive", *STATES, "flash_slots", "beat_slots", "synchrony", "decoy"),
        *("arousal_evidence", "valence_evidence", "synchrony_evidence"),
    ]
    assert [row["id"] for row in clips] == list(read_planted(folder)) == [row["group"] for row in clips]
    assert all((folder / row["path"]).is_file() for row in clips)
    assert {row[target] for row in clips for target in TARGETS} == {"0", "1", ""}
    assert {len(row["flash_slots"]) for row in planted} == {SLOTS}


@pytest.mark.parametrize(
    ("shares", "counts"), [((8, 1, 1), (720, 90, 90)), ((4, 1, 4), (400, 100, 400)), ((1, 0, 0), (900, 0, 0))]
)
def test_splits_follow_their_shares(shares: tuple[int, int, int], counts: tuple[int, int, int]) -> None:
    found = Counter(split_of(index, shares) for index in range(900))
    assert tuple(found[split] for split in ("train", "validation", "test")) == counts


def test_other_shares_split_the_same_clips_anew(tmp_path: Path) -> None:
    def made(shares: tuple[int, int, int]) -> list[str]:
        list(make_clips(tmp_path / "clips", 3, 5, workers=1, shares=shares))
        with (tmp_path / "clips/clips.csv").open() as file:
            return [row["split"] for row in csv.DictReader(file)]

    assert made((8, 1, 1)) == ["train"] * 3
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("clips/clips/*.mp4")}
    assert made((1, 1, 1)) == ["train", "validation", "test"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("clips/clips/*.mp4")} == before
    with pytest.raises(ValueError, match="shares"):
        made((0, 1, 1))


def test_reader_returns_what_was_planned(folder: Path) -> None:
    for index, planted in enumerate(read_planted(folder).values()):
        plan = plan_clip(SEED, index, "cluttered", neutral=0.2)
        for t, second in enumerate(plan.seconds):
            assert [planted.states[name][t] for name in STATES] == pytest.approx(
                [getattr(second, name) for name in STATES], abs=1e-4
            )
            assert set(np.flatnonzero(planted.flash_slots[t])) == second.flashes
            assert set(np.flatnonzero(planted.beat_slots[t])) == second.beats
            assert (planted.decisive[t], planted.decoy[t]) == (second.decisive, second.decoy)
            assert np.isnan(planted.synchrony[t]) == (second.synchrony is None)
        total = sum(second.evidence[0] for second in plan.seconds)
        assert planted.soft_target("arousal") == pytest.approx(1 / (1 + np.exp(-1.5 * total)), abs=1e-3)


def test_reading_a_folder_without_a_table_names_it_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"planted.csv.*make-clips"):
        read_planted(tmp_path)
    (tmp_path / "planted.csv").write_text("id,second\na,first\n")
    with pytest.raises(DataError, match=r"planted.csv: is damaged .*`make-clips` again"):
        read_planted(tmp_path)


def test_classes_are_balanced_and_independent(plans: list[Plan]) -> None:
    classes = np.array([[plan.classes[t] for t in TARGETS] for plan in plans if plan.scene == "decisive"], float)
    assert np.abs(classes.mean(axis=0) - 0.5).max() < 0.06  # 3 standard errors of 720 clips
    assert np.abs(np.corrcoef(classes.T) - np.eye(3)).max() < 0.12


def test_evidence_adds_up_clearly_to_the_sign_of_each_class(plans: list[Plan]) -> None:
    for plan in plans:
        evidence = np.array([second.evidence for second in plan.seconds])
        decisive = np.array([second.decisive for second in plan.seconds])
        if plan.scene != "decisive":
            assert not decisive.any()
            assert set(plan.classes.values()) == {None}
            continue
        signs = np.array([2 * (plan.classes[target] or 0) - 1 for target in TARGETS])
        assert 1 <= decisive.sum() <= 3
        assert (signs * evidence[decisive] > 0.3).all()  # decisive seconds of a clip agree
        assert (signs * evidence.sum(axis=0) >= MIN_EVIDENCE_SUM).all()
        assert np.abs(evidence[~decisive].sum(axis=0)).max() <= NEUTRAL_SUM + 1e-9


def test_decisive_seconds_may_stand_anywhere(plans: list[Plan]) -> None:
    ends = Counter()
    for plan in plans:
        ends["first"] += plan.seconds[0].decisive
        ends["last"] += plan.seconds[-1].decisive
    assert all(60 < ends[end] < 220 for end in ("first", "last"))  # 720 clips · 2 seconds of 10


def test_clips_without_a_class_range_from_calm_to_loud(plans: list[Plan]) -> None:
    sums = [sum(s.evidence[0] for s in plan.seconds) for plan in plans if plan.scene != "decisive"]
    assert len(sums) / len(plans) == pytest.approx(0.2, abs=0.04)
    assert min(sums) < -1.5 < 1.0 < max(sums)
    assert np.mean(np.abs(sums) < 0.5) > 0.1


def test_flashes_alone_and_beats_alone_say_nothing_about_synchrony(plans: list[Plan]) -> None:
    pairs = [second for plan in plans for second in plan.seconds if second.decisive]
    seen = {}
    for label in (0, 1):
        of_class = [second for second in pairs if second.synchrony == label]
        for name in ("flashes", "beats"):
            marks = [[slot in getattr(second, name) for slot in range(SLOTS)] for second in of_class]
            counts = [len(getattr(second, name)) for second in of_class]
            seen[label, name] = np.array([*np.mean(marks, axis=0), np.mean(counts) - 2])
    for one in seen.values():
        for other in seen.values():
            # about 700 seconds a class: 4 standard errors of a difference of two shares of 0.3
            assert np.abs(one - other).max() < 4 * np.sqrt(2 * 0.3 * 0.7 / 700)


def test_pairs_share_all_slots_or_none_and_stand_only_in_decisive_seconds(plans: list[Plan]) -> None:
    for second in (second for plan in plans for second in plan.seconds):
        assert bool(second.flashes and second.beats) == second.decisive == (second.synchrony is not None)
        if second.decisive:
            assert len(second.flashes) == len(second.beats) in (2, 3)
            shared = len(second.flashes & second.beats)
            assert shared == (len(second.flashes) if second.synchrony else 0)


def test_number_of_beats_says_nothing_about_the_rate(plans: list[Plan]) -> None:
    pairs = [(len(s.beats), s.rate) for plan in plans for s in plan.seconds if s.decisive]
    assert abs(np.corrcoef(np.transpose(pairs))[0, 1]) < 0.1


def test_decoys_contradict_themselves_and_weigh_nothing(plans: list[Plan]) -> None:
    decoyed = [any(second.decoy for second in plan.seconds) for plan in plans if plan.scene == "decisive"]
    expected = DECOY_SHARE if plans[0].level == "cluttered" else 0.0
    assert np.mean(decoyed) == pytest.approx(expected, abs=0.06)
    for second in (second for plan in plans for second in plan.seconds if second.decoy):
        assert np.abs(second.evidence).max() < 0.05
        assert (second.motion - 0.5) * (second.loudness - 0.5) < 0
        assert (second.brightness - 0.5) * (second.harmony - 0.5) < 0


def test_sound_and_picture_last_the_same_whole_seconds(folder: Path, decoded: dict) -> None:
    for name, planted in read_planted(folder).items():
        seconds = len(planted.decisive)
        _, times, samples, rate = decoded[name]
        fps = round(len(times) / seconds)
        assert fps % SLOTS == 0
        assert times == pytest.approx(np.arange(seconds * fps) / fps, abs=1e-3)
        assert not samples[round((seconds + 0.05) * rate) :].any()  # at most one AAC frame of silence after the end


def test_flash_and_beat_of_a_synchronous_slot_fall_together_within_ten_milliseconds(
    folder: Path, decoded: dict
) -> None:
    apart = []
    for name, planted in read_planted(folder).items():
        pictures, times, samples, rate = decoded[name]
        luma = pictures.mean(axis=-1)
        changes = np.abs(np.diff(luma, axis=0)).mean(axis=(1, 2))
        clicks = np.abs(np.diff(samples, 2))  # a beat is the only thing with such high frequencies so suddenly
        for t in np.flatnonzero(planted.synchrony == 1):
            for slot in np.flatnonzero(planted.flash_slots[t]):
                start = t + slot / SLOTS
                near = np.flatnonzero(np.abs(times[1:] - start) < 0.1)
                if slot == 0 or not near.size:
                    continue  # every second starts with a change of picture
                flash = times[1:][near[np.argmax(changes[near])]]
                first = round((start - 0.1) * rate)
                window = np.convolve(clicks[first : first + rate // 5], np.ones(16) / 16, "same")
                beat = (first + np.argmax(window > 0.5 * window.max())) / rate
                apart.append(abs(flash - beat))
    assert len(apart) > 15
    assert np.median(apart) < 0.002
    assert np.mean(np.array(apart) < 0.010) > 0.85  # fast cameras and noise hide a few from this simple detector


def test_planted_states_are_what_a_reader_of_the_file_measures(folder: Path, decoded: dict) -> None:
    measured: dict[str, list[float]] = {name: [] for name in ("motion", "saturation", "brightness", "loudness")}
    stated: dict[str, list[float]] = {name: [] for name in measured}
    for name, planted in read_planted(folder).items():
        pictures, _, samples, rate = decoded[name]
        fps = len(pictures) // len(planted.decisive)
        for t in range(len(planted.decisive)):
            picture, sound = pictures[t * fps : (t + 1) * fps], samples[t * rate : (t + 1) * rate]
            height, width = (side // 2 for side in picture.shape[1:3])
            coarse = picture[:, : 2 * height, : 2 * width].mean(axis=-1).reshape(fps, height, 2, width, 2)
            coarse = coarse.mean(axis=(2, 4))  # without grain
            # optical flow: change in time over change in space; the median frame has no flash beginning or ending
            in_time = np.median(np.abs(np.diff(coarse, axis=0)).mean(axis=(1, 2)))
            in_space = np.median(np.abs(np.diff(coarse, axis=2)).mean(axis=(1, 2)))
            measured["motion"].append(float(fps * in_time / (in_space + 0.002)))
            measured["saturation"].append(float((picture.max(axis=-1) - picture.min(axis=-1)).mean()))
            measured["brightness"].append(float(np.median(picture.mean(axis=(1, 2, 3)))))
            measured["loudness"].append(float(np.mean(sound**2)))
            for state, values in stated.items():
                values.append(planted.states[state][t])
    for state, floor in {"motion": 0.7, "saturation": 0.7, "brightness": 0.95, "loudness": 0.97}.items():
        assert spearmanr(measured[state], stated[state]).statistic > floor, state
    decibels = 10 * np.log10(np.array(measured["loudness"]) + 1e-12)
    assert decibels.max() > -14
    assert np.quantile(decibels, 0.05) < -40


def test_making_clips_does_not_import_torch() -> None:
    check = "import sys, sec2sec.datasets.known_truth; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
