"""The clips are what their tables say: the same for a seed, resumable, in step, and fair between the classes."""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.stats import spearmanr

from sec2sec.cli.make_clips import add_arguments
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
from sec2sec.datasets.known_truth.onsets import KINDS, draw_onset
from sec2sec.datasets.known_truth.plan import ODDS_OF_DECOYS, ODDS_OF_MARKS, bundled_films, plan_clip, without_decisive
from sec2sec.datasets.known_truth.render import render_clip
from sec2sec.datasets.known_truth.states import MIN_EVIDENCE_SUM, NEUTRAL_SUM, RULES, Plan, Second
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
        if RULES[plan.level].opposed:
            assert 3 <= decisive.sum() <= 5
            assert (np.abs(evidence[decisive]) > 0.3).all()
            assert (signs * evidence[decisive] < 0).any()  # some of them oppose the class
        else:
            assert 1 <= decisive.sum() <= 3
            assert (signs * evidence[decisive] > 0.3).all()  # decisive seconds of a clip agree
        assert (signs * evidence.sum(axis=0) >= MIN_EVIDENCE_SUM).all()
        assert np.abs(evidence[~decisive].sum(axis=0)).max() <= NEUTRAL_SUM + 1e-9


def test_decisive_seconds_may_stand_anywhere(plans: list[Plan]) -> None:
    ends = Counter()
    for plan in plans:
        ends["first"] += plan.seconds[0].decisive
        ends["last"] += plan.seconds[-1].decisive
    expected = sum(np.mean([second.decisive for second in plan.seconds]) for plan in plans)
    for end in ("first", "last"):
        assert ends[end] == pytest.approx(expected, abs=4 * np.sqrt(expected)), end


def test_clips_without_a_class_range_from_calm_to_loud(plans: list[Plan]) -> None:
    sums = [sum(s.evidence[0] for s in plan.seconds) for plan in plans if plan.scene != "decisive"]
    assert len(sums) / len(plans) == pytest.approx(0.2, abs=0.04)
    assert -2.1 < min(sums) < -0.7 < 0.9 < max(sums) < 2.1  # a clip that stays what it is never is quite certain
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


def test_flashes_and_beats_coincide_all_or_not_at_all_in_decisive_seconds_and_partly_in_others(
    plans: list[Plan],
) -> None:
    for second in (second for plan in plans for second in plan.seconds):
        shared = len(second.flashes & second.beats)
        if second.flashes and second.beats:
            assert len(second.flashes) == len(second.beats) in (2, 3)
            assert second.synchrony == (0.5 if 0 < shared < len(second.flashes) else float(shared > 0))
            assert second.decisive == (second.synchrony != 0.5)
        else:
            assert second.synchrony is None
            assert not second.decisive


def test_neutral_seconds_have_marks_as_well(plans: list[Plan]) -> None:
    """Otherwise the second with a flash and a beat would be the decisive one, whatever it shows."""
    neutral = [s for p in plans if p.scene == "decisive" for s in p.seconds if not s.decisive and s.carrier != "mute"]
    both = np.mean([bool(s.flashes and s.beats) for s in neutral])
    assert both == pytest.approx(ODDS_OF_MARKS["both"], abs=0.03)
    for name in ("flashes", "beats"):
        counts = [len(getattr(s, name)) for s in neutral if getattr(s, name)]
        assert np.mean(counts) == pytest.approx(2.5, abs=0.06)


def test_number_of_beats_says_nothing_about_the_rate(plans: list[Plan]) -> None:
    pairs = [(len(s.beats), s.rate) for plan in plans for s in plan.seconds if s.decisive]
    assert abs(np.corrcoef(np.transpose(pairs))[0, 1]) < 0.1


def test_decoys_contradict_themselves_and_weigh_nothing(plans: list[Plan]) -> None:
    wide = [plan for plan in plans if plan.scene == "decisive" and sum(not s.decisive for s in plan.seconds) >= 3]
    counts = Counter(sum(second.decoy for second in plan.seconds) for plan in wide)
    assert [counts[n] / len(wide) for n in range(4)] == pytest.approx(ODDS_OF_DECOYS, abs=0.06)
    for second in (second for plan in plans for second in plan.seconds if second.decoy):
        assert np.abs(second.evidence).max() < 0.05
        assert (second.motion - 0.5) * (second.loudness - 0.5) < 0
        assert (second.brightness - 0.5) * (second.harmony - 0.5) < 0


def test_the_oddest_second_is_no_sure_sign_of_a_decisive_one(plans: list[Plan]) -> None:
    """The largest sum of |z| over five states that are cheaply measured, even where they are known exactly."""
    hits = []
    for plan in (plan for plan in plans if plan.scene == "decisive"):
        names = ("motion", "saturation", "brightness", "warmth", "loudness")
        states = np.array([[getattr(second, name) for name in names] for second in plan.seconds])
        odd = np.abs((states - states.mean(0)) / (states.std(0) + 1e-9)).sum(1)
        hits.append(plan.seconds[int(odd.argmax())].decisive)
    assert 0.25 < np.mean(hits) < 0.75


def test_real_film_comes_in_shots_from_the_part_that_was_asked_for() -> None:
    films = bundled_films((0.5, 1.0))
    joined = []
    for index in range(40):
        plan = plan_clip(SEED, index, "film", 0.2, (2, 30), films)
        shots = [second.shot for second in plan.seconds if second.shot is not None]
        assert len(shots) == len(plan.seconds)
        for shot in shots:
            (film,) = [film for film in films if film.path == shot.film]
            assert film.start <= shot.start <= film.end - 1 + 1e-6
        joined += [b.start - a.start for a, b in pairwise(shots) if a.film == b.film]
    assert 0.3 < np.mean(np.isclose(joined, 1.0)) < 1


def test_a_clip_without_its_decisive_seconds_keeps_all_others() -> None:
    plan = plan_clip(SEED, 3, "film", 0.0)
    neutral = without_decisive(plan)
    pairs = list(zip(plan.seconds, neutral.seconds, strict=True))
    assert [before.decisive for before, _ in pairs] == [before != after for before, after in pairs]
    assert not any(second.decisive for second in neutral.seconds)
    assert np.abs([second.evidence for second in neutral.seconds]).max() <= 0.06
    assert [before.shot for before, _ in pairs] == [after.shot for _, after in pairs]


@pytest.mark.parametrize("level", ["film", "unseen-timbre"])
def test_lengths_from_two_to_thirty_seconds_are_as_rare_as_they_are_long(level: Level) -> None:
    lengths = [len(plan_clip(SEED, index, level, 0.3, (2, 30)).seconds) for index in range(600)]
    assert (min(lengths), max(lengths)) == (2, 30)
    assert np.median(lengths) == pytest.approx(np.sqrt(2 * 31), abs=1.5)


def test_instruments_of_unseen_timbres_stand_in_no_other_level() -> None:
    assert not set(KINDS["learned"]) & set(KINDS["unseen"])
    assert [level for level in LEVELS if RULES[level].timbres == "unseen"] == ["unseen-timbre"]
    for timbres in KINDS:
        for seed in range(20):
            onset = draw_onset(np.random.default_rng(seed), 44_100, timbres)
            assert np.abs(onset).max() == pytest.approx(1)
            assert len(onset) < 44_100 / SLOTS
            energy = np.cumsum(onset**2) / np.sum(onset**2)
            assert np.searchsorted(energy, 0.1) < 0.025 * 44_100  # it begins at once, or it would name another slot
            assert onset[-1] == 0


def test_film_has_the_brightness_that_was_planned(tmp_path: Path) -> None:
    folder = make(tmp_path, 4, "film")
    shown, stated = [], []
    for name, planted in read_planted(folder).items():
        pictures, times, _, _ = decode(folder / "clips" / f"{name}.mp4")
        for t in range(len(planted.decisive)):
            inside = (times >= t) & (times < t + 1)
            shown.append(float(np.median(pictures[inside].mean((1, 2, 3)))))
            stated.append(planted.states["brightness"][t])
    assert spearmanr(shown, stated).statistic > 0.9


def test_sound_and_picture_last_the_same_whole_seconds(folder: Path, decoded: dict) -> None:
    for name, planted in read_planted(folder).items():
        seconds = len(planted.decisive)
        _, times, samples, rate = decoded[name]
        fps = round(len(times) / seconds)
        assert fps % SLOTS == 0
        assert times == pytest.approx(np.arange(seconds * fps) / fps, abs=1e-3)
        assert not samples[round((seconds + 0.05) * rate) :].any()  # at most one AAC frame of silence after the end


@pytest.mark.parametrize("level", ["cluttered", "unseen-timbre"])
def test_flash_and_beat_of_a_slot_fall_together_within_ten_milliseconds(tmp_path: Path, level: Level) -> None:
    """Of every camera and instrument: a clip less the same clip without its beats."""
    slots, apart = frozenset({2, 5}), []
    still = Second(motion=0.02, loudness=0.6, carrier="wind", flashes=slots, beats=slots)
    for index in range(24):
        decoded = []
        for second in (still, replace(still, beats=frozenset())):
            path = tmp_path / f"{index}.mp4"
            render_clip(Plan(str(index), index, level, (second, second), {}, "still", [SEED, index]), path)
            decoded.append(decode(path))
        (pictures, times, samples, rate), (_, _, quiet, _) = decoded
        changes = np.abs(np.diff(pictures.mean(axis=-1), axis=0)).mean(axis=(1, 2))
        for start in (t + slot / SLOTS for t in range(2) for slot in sorted(slots)):
            near = np.flatnonzero(np.abs(times[1:] - start) < 0.1)
            flash = times[1:][near[np.argmax(changes[near] > 0.5 * changes[near].max())]]
            here = slice(round((start - 0.05) * rate), round((start + 0.05) * rate))
            before = slice(here.start, round((start - 0.01) * rate))  # tells how loud both are: one has beats as well
            gain = np.linalg.norm(samples[before]) / np.linalg.norm(quiet[before])
            beat = np.convolve((samples[here] - gain * quiet[here]) ** 2, np.ones(rate // 400), "same")  # 2.5 ms
            apart.append(abs(flash - (here.start + np.argmax(beat > 0.25 * beat.max())) / rate))
    assert np.median(apart) < 0.005  # some instruments begin softly
    assert np.quantile(apart, 0.95) < 0.010


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


def test_the_command_offers_every_level() -> None:
    """It lists them itself: its help is to be quick, and needs no numpy."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (level,) = [action for action in parser._actions if action.dest == "level"]
    assert tuple(level.choices or ()) == LEVELS
    assert all(f"{name}:" in (level.help or "").replace(" (default)", "") for name in LEVELS)
