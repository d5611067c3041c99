"""The scorer of a suite: figures by scikit-learn and by counting, chance by all orders, and no scores that break it."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from sec2sec.evaluation.suite.files import load as loader
from sec2sec.evaluation.suite.files import score as scorer
from sec2sec.evaluation.suite.files.score import (
    CHANCE,
    FIGURES,
    LAST,
    MIDDLE,
    OWN,
    SHUFFLED,
    Scores,
    ScoresError,
    Truth,
    as_text,
    auroc,
    average_precision,
    by_chance,
    expected_precision,
    figures,
    main,
    read_scores,
    read_truth,
    score,
)
from sec2sec.metrics import pointing
from tests.helpers.suites import truth_of, write_scores, write_truth

# Runs a program with numpy and Python's own library alone: whatever else it imports is an error
ALONE = """
import runpy, sys
sys.path.append({packages!r})
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {{*sys.stdlib_module_names, "numpy"}}:
            raise ImportError("needs " + name)
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_truth(tmp_path / "suite")
    return tmp_path / "suite"


def perfect(truth: Truth, sign: float = 1.0) -> Scores:
    """Evidence itself, and what the modalities say themselves."""
    return Scores(sign * truth.evidence, sign * truth.video, sign * truth.audio, True, True)


def wanted_and_scores(draw) -> tuple[np.ndarray, np.ndarray]:
    length = draw(st.integers(2, 9))
    wanted = np.array(draw(st.lists(st.booleans(), min_size=length, max_size=length)))
    values = draw(st.lists(st.integers(-3, 3), min_size=length, max_size=length))  # few values: many ties
    return wanted, np.array(values, float)


@settings(deadline=None)
@given(st.composite(wanted_and_scores)())
def test_average_precision_and_auroc_are_those_of_scikit_learn_with_ties_as_well(case):
    wanted, values = case
    if not wanted.any():
        assert math.isnan(average_precision(values, wanted))
        assert math.isnan(auroc(values, wanted))
        return
    assert average_precision(values, wanted) == pytest.approx(average_precision_score(wanted, values))
    if not wanted.all():
        assert auroc(values, wanted) == pytest.approx(roc_auc_score(wanted, values))
        assert figures(truth_of(len(wanted), np.flatnonzero(wanted)), Scores(values))["pointing"] == pytest.approx(
            pointing(values, wanted)
        )


@pytest.mark.parametrize("count", range(1, 7))
def test_the_average_precision_of_chance_is_the_mean_over_all_orders(count):
    wanted = np.arange(6) < count
    orders = [np.array(order, float) for order in itertools.permutations(range(6))]
    mean = np.mean([average_precision_score(wanted, order) for order in orders])
    assert expected_precision(count, 6) == pytest.approx(mean)


def test_chance_is_the_mean_of_all_orders_and_signs_of_some_scores():
    truth = truth_of(5, [0, 3], decoys=[2], opposed=[3])
    sizes = np.array([0.1, 0.2, 0.4, 0.5, 0.9])
    collected = []
    for order in itertools.permutations(range(5)):
        for signs in itertools.product((-1, 1), repeat=5):
            values = (sizes * signs)[list(order)]
            collected.append(figures(truth, Scores(values, signed=True)))
    chance = by_chance(truth, Scores(sizes, signed=True))
    for name in ("pointing", "precision", "auroc", "mass", "decoy", "sign", "opposed"):
        assert chance[name] == pytest.approx(np.mean([one[name] for one in collected])), name
    assert math.isnan(chance["modality"])  # no scores of modalities were given
    judged = [
        figures(truth, Scores(sizes, sizes * np.array(a), sizes[::-1] * np.array(b), True, True))
        for a in itertools.product((-1, 1), repeat=5)
        for b in itertools.product((-1, 1), repeat=5)
    ]
    chance = by_chance(truth, perfect(truth))
    for name in ("modality", "sides"):
        assert chance[name] == pytest.approx(np.mean([one[name] for one in judged])), name


def test_a_perfect_explainer_has_every_figure_at_its_best_and_a_reversed_one_is_told_apart():
    truth = truth_of(7, [1, 4], decoys=[5], opposed=[4])
    best = figures(truth, perfect(truth))
    assert best == dict.fromkeys(FIGURES, 1.0) | {"decoy": 0.0}
    pulling_back = figures(truth, perfect(truth, -1.0))
    assert pulling_back == best | dict.fromkeys(("sign", "opposed", "modality", "sides"), 0.0)
    upside_down = figures(truth, Scores(2 - np.abs(truth.evidence)))
    assert (upside_down["pointing"], upside_down["auroc"]) == (0, 0)
    assert upside_down["mass"] < 2 / 7
    assert math.isnan(upside_down["sign"])  # these scores have none


def test_figures_of_one_clip_by_hand():
    truth = truth_of(4, [1, 2], decoys=[3], opposed=[2])  # evidence + at 1, − at 2; decoy: picture +, sound −
    scores = Scores(
        np.array([0.1, 0.4, 0.3, -0.8]),
        np.array([0.0, 0.2, -0.1, 0.5]),
        np.array([0.0, 0.2, 0.1, -0.5]),
        signed=True,
        signed_modalities=True,
    )
    found = figures(truth, scores)
    assert found["pointing"] == 0
    assert found["decoy"] == 1
    assert found["mass"] == pytest.approx(0.7 / 1.6)
    assert found["precision"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["auroc"] == 0.5
    assert found["sign"] == 0.5  # second 2 pulls down, and its score up
    assert found["opposed"] == 0
    assert found["modality"] == 0.5  # the sound of second 2 has the wrong sign
    assert found["sides"] == 1
    silent = figures(truth, Scores(np.zeros(4), signed=True))
    assert (silent["pointing"], silent["mass"], silent["auroc"], silent["sign"]) == (0.5, 0.5, 0.5, 0)


def test_where_one_modality_speaks_alone_it_has_to_have_the_larger_size_and_needs_no_sign():
    whole = truth_of(4, [1, 2])
    truth = Truth("plain", "test", *(getattr(whole, name) for name in ("decisive", "decoy", "opposed", "evidence")),
                  np.array([0, 0.7, 0.05, 0]), np.array([0, 0.1, 0.9, 0]))  # fmt: skip
    both = np.array([0.1, 0.6, 0.4, 0.1]), np.array([0.1, 0.2, 0.3, 0.1])
    assert figures(truth, Scores(whole.evidence, *both))["modality"] == 0.5
    assert by_chance(truth, Scores(whole.evidence, *both))["modality"] == 0.5
    assert math.isnan(figures(whole, Scores(whole.evidence, *both))["modality"])  # both speak, and nothing has a sign


def test_scores_far_apart_and_a_truth_of_one_second_have_figures():
    huge = np.array([1e308, -1e308, 1e308, 0.0])
    assert figures(truth_of(4, [0]), Scores(huge, signed=True))["mass"] == pytest.approx(1 / 3)
    spread = figures(truth_of(4, [0]), Scores(huge))  # not signed, and farther apart than a float reaches
    assert (spread["pointing"], spread["precision"], spread["auroc"]) == (0.5, 0.5, pytest.approx(2.5 / 3))
    one = figures(truth_of(1, [0]), Scores(np.ones(1)))
    assert (one["pointing"], one["precision"], one["mass"]) == (1, 1, 1)
    assert math.isnan(one["auroc"])
    assert by_chance(truth_of(1, [0]), Scores(np.ones(1)))["precision"] == 1


# ---- reports


def test_the_report_has_every_level_and_target_beside_what_needs_no_explainer(folder, tmp_path):
    truths = read_truth(folder)
    file = write_scores(tmp_path / "perfect.csv", {key: perfect(one) for key, one in truths.items()})
    report = score(folder, file)
    assert (report["clips"], report["other_splits"], report["signed"], report["by_modality"]) == (3, 1, True, True)
    assert {level: list(targets) for level, targets in report["levels"].items()} == {
        "plain": ["arousal", "synchrony"],
        "cluttered": ["arousal", "synchrony"],
    }
    own = report["levels"]["plain"]["arousal"]
    assert list(own) == [OWN, CHANCE, LAST, MIDDLE, SHUFFLED]
    assert own[OWN]["pointing"] == {"value": 1.0, "interval": [1.0, 1.0], "clips": 2}
    clips = [truths["c0", "arousal"], truths["c1", "arousal"]]
    assert own[CHANCE]["pointing"]["value"] == pytest.approx(np.mean([c.decisive.mean() for c in clips]), abs=1e-6)
    assert own[LAST]["decoy"]["value"] == 1  # of the one clip with a decoy, which is its last second
    assert own[LAST]["sign"]["value"] is None
    assert own[MIDDLE]["pointing"]["value"] == pytest.approx(
        np.mean([pointing(np.array([1, 2, 3, 3, 2, 1.0]), clips[0].decisive), clips[1].decisive[2]])
    )
    assert own[SHUFFLED]["mass"]["value"] == pytest.approx(own[CHANCE]["mass"]["value"], abs=0.15)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    text = as_text(report)
    assert text.startswith("perfect.csv: 3 clips of the split test; 1 clip of other splits left out; its scores are si")
    assert "plain, arousal (2 clips)" in text
    assert "cluttered, synchrony (1 clip)" in text
    assert all(f"\n{name}: " in text for name in FIGURES if name != "opposed")
    assert "opposed" not in text  # no clip has such a second


def test_the_interval_is_a_bootstrap_over_clips():
    values = np.random.default_rng(1).random(200)
    weights = np.random.default_rng(0).multinomial(200, np.full(200, 1 / 200), size=1000).astype(float)
    low, high = scorer._with_interval(values, weights)["interval"]
    half = 1.96 * values.std() / math.sqrt(200)
    assert low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.15 * half)
    one = scorer._with_interval(np.array([0.3, math.nan]), np.array([[2.0, 0.0], [0.0, 2.0]]))
    assert one == {"value": 0.3, "interval": None, "clips": 1}
    assert scorer._with_interval(np.array([math.nan]), np.ones((2, 1)))["value"] is None


def test_missing_clips_and_targets_are_listed_and_other_splits_are_not_scored(folder, tmp_path):
    truths = read_truth(folder)
    given = {key: perfect(one) for key, one in truths.items() if key in (("c0", "arousal"), ("c3", "arousal"))}
    file = write_scores(tmp_path / "few.csv", given)
    report = score(folder, file)
    assert report["missing"] == {"arousal": ["c1", "c2"]}  # what was not asked of synchrony is not missing
    assert "no scores of arousal for 2 clips: c1, c2" in as_text(report)
    assert list(report["levels"]) == ["plain"]
    assert score(folder, file, "all")["clips"] == 2
    with pytest.raises(ScoresError, match=r"has no clip of the split 'validation'; its clips are in test, train"):
        score(folder, file, "validation")


def test_scores_below_zero_are_signed_unless_somebody_says_that_they_are_small(folder, tmp_path):
    truths = read_truth(folder)
    low = {key: Scores(np.abs(one.evidence) - 5) for key, one in truths.items()}
    file = write_scores(tmp_path / "low.csv", low)
    assert score(folder, file)["levels"]["plain"]["arousal"][OWN]["pointing"]["value"] < 1
    report = score(folder, file, unsigned=True)
    own = report["levels"]["plain"]["arousal"][OWN]
    assert not report["signed"]
    assert (own["pointing"]["value"], own["auroc"]["value"], own["mass"]["value"]) == (1, 1, None)


# ---- what can be read


def test_json_and_csv_hold_the_same(folder, tmp_path):
    truths = read_truth(folder)
    file = write_scores(tmp_path / "scores.csv", {key: perfect(one) for key, one in truths.items()})
    entries = [
        {"clip": c, "target": t, "second": s, "score": one.evidence[s], "video": one.video[s], "audio": one.audio[s]}
        for (c, t), one in truths.items()
        for s in reversed(range(len(one.evidence)))  # in any order
    ]
    (tmp_path / "scores.json").write_text(json.dumps(entries))
    one, other = score(folder, file), score(folder, tmp_path / "scores.json")
    assert one | {"scores": ""} == other | {"scores": ""}
    (tmp_path / "marked.csv").write_text("\ufeff" + file.read_text() + "", encoding="utf-8")  # as Excel writes it
    assert score(folder, tmp_path / "marked.csv")["levels"] == one["levels"]


def test_the_truth_is_read_as_it_was_written_and_the_loader_reads_the_same(tmp_path):
    written = write_truth(tmp_path)
    found = read_truth(tmp_path)
    assert found.keys() == written.keys()
    lines = ["id,path,arousal,synchrony,split,group,level"]
    lines += [f"c{n},clips/c{n}.mp4,1,,{'train' if n == 3 else 'test'},c{n},plain" for n in range(4)]
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    clips = {clip.id: clip for clip in loader.load(tmp_path)}
    for (clip, target), truth in written.items():
        loaded = clips[clip]
        for name in ("decisive", "opposed", "evidence", "video", "audio"):
            np.testing.assert_array_equal(getattr(found[clip, target], name), getattr(truth, name))
            np.testing.assert_array_equal(getattr(loaded, name)[target], getattr(truth, name))
        np.testing.assert_array_equal(found[clip, target].decoy, truth.decoy)
        np.testing.assert_array_equal(loaded.decoy, truth.decoy)
        assert loaded.seconds == len(truth.decoy)
    assert clips["c0"].labels == {"arousal": 1, "synchrony": None}
    assert clips["c0"].path == tmp_path / "clips" / "c0.mp4"
    assert [clip.id for clip in loader.load(tmp_path, "train")] == ["c3"]
    with pytest.raises(ValueError, match=r"truth.csv: not found; give the folder of the suite"):
        loader.load(tmp_path / "none")
    (tmp_path / "clips.csv").write_text(lines[0] + "\nother,x.mp4,1,,test,g,plain\n")
    with pytest.raises(ValueError, match=r"do not fit each other \(KeyError\('other'\)\)"):
        loader.load(tmp_path)


HEAD = "clip,target,second,score\n"
WHOLE = "".join(f"c3,arousal,{t},0.{t}\n" for t in range(4))
WRONG = {  # what is wrong: (file, what is said)
    "nothing in it": ("", "line 1: has no column clip, target, second, score"),
    "no line": (HEAD, "holds no score; write a line for each"),
    "semicolons": (HEAD.replace(",", ";"), "the columns are separated by ';': save them with commas"),
    "tabs": (HEAD.replace(",", "\t"), r"the columns are separated by '\\t': save them with commas"),
    "no column score": (HEAD.replace("score", "value") + WHOLE, "line 1: has no column score"),
    "NaN": (HEAD + WHOLE.replace("0.2", "nan"), "line 4: score is 'nan'; expected a number"),
    "infinity": (HEAD + WHOLE.replace("0.2", "1e999"), "line 4: score is '1e999'; expected a number"),
    "a word": (HEAD + WHOLE.replace("0.2", "high"), "line 4: score is 'high'; expected a number"),
    "no score": (HEAD + WHOLE.replace("0.2", ""), "line 4: score is ''; expected a number"),
    "a missing second": (HEAD + WHOLE.replace("c3,arousal,2,0.2\n", ""), "arousal: second 2 of 4 has no score"),
    "missing seconds": (HEAD + "c3,arousal,0,1\n", "c3, arousal: second 1 and 2 more of 4 has no score; add it"),
    "a second twice": (HEAD + WHOLE + "c3,arousal,2,1\n", "line 6: c3, arousal, second 2 stands twice"),
    "a second too many": (HEAD + WHOLE + "c3,arousal,4,1\n", "line 6: c3 has the seconds 0 to 3, not '4'"),
    "half a second": (HEAD + "c3,arousal,0.5,1\n", "line 2: c3 has the seconds 0 to 3, not '0.5'"),
    "an unknown clip": (HEAD + "c9,arousal,0,1\n", "line 2: there is no clip 'c9' in the suite"),
    "an unknown target": (HEAD + "c3,joy,0,1\n", "no target 'joy' in the suite; its targets are arousal, synchrony"),
    "a short line": (HEAD + WHOLE + "c3,arousal\n", "line 6: has not as many cells as line 1"),
    "a long line": (HEAD + WHOLE + "c3,arousal,0,1,1\n", "line 6: has not as many cells as line 1"),
    "an open quote": (HEAD + WHOLE + 'c3,"arousal,0,1\n', "is no CSV"),
    "one modality": (HEAD.replace("\n", ",video\n") + "c3,arousal,0,1,1\n", "for video alone; give both"),
    "modalities at times": (
        HEAD.replace("\n", ",video,audio\n") + WHOLE.replace("\n", ",,\n").replace("0.2,,", "0.2,1,1"),
        "some lines have scores of video and audio, and others not",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_scores_that_cannot_be_used_are_one_line_that_says_where(folder, tmp_path, capsys, wrong):
    content, said = WRONG[wrong]
    (tmp_path / "scores.csv").write_text(content)
    assert main([str(tmp_path / "scores.csv"), "--folder", str(folder)]) == 2
    out, told = capsys.readouterr()
    assert out == ""
    assert said.replace("\\\\", "\\") in told
    assert told.startswith(str(tmp_path / "scores.csv"))
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"clip": "c3"}', "is no list; write a list of objects with clip, target, second, score"),
        ("[1]", "entry 1: is no object"),
        ('[{"clip": "c3", "target": "arousal"}]', "entry 1: has no second, score"),
        ('[{"clip": "c3", "target": "arousal", "second": 0, "score": NaN}]', "entry 1: score is nan"),
        ('[{"clip": "c3", "target": "arousal", "second": true, "score": 1}]', "entry 1: second is True"),
        ('[{"clip": "c3", "target": "arousal", "second": 0, "score": 1' + "0" * 400 + "}]", "expected a number"),
        ('[{"clip": "c3", "target": "arousal", "second": 0, "score": [1]}]', "score is [1]; expected a number"),
    ],
)
def test_json_that_cannot_be_used_is_one_line_as_well(folder, tmp_path, content, said):
    (tmp_path / "scores.json").write_text(content)
    with pytest.raises(ScoresError) as error:
        score(folder, tmp_path / "scores.json")
    assert said in str(error.value)


def test_files_that_are_none_are_one_line(folder, tmp_path):
    for path, said in (
        (tmp_path / "none.csv", "No such file or directory; give a file of scores"),
        (tmp_path, "Is a directory; give a file of scores"),
    ):
        with pytest.raises(ScoresError, match=said):
            score(folder, path)
    (tmp_path / "film.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScoresError, match="is no text in UTF-8"):
        score(folder, tmp_path / "film.csv")
    with pytest.raises(ScoresError, match=r"truth.csv: No such file or directory; give the folder of a suite"):
        score(tmp_path, tmp_path / "film.csv")
    (tmp_path / "truth.csv").write_text("clip,target\na,b\n")
    with pytest.raises(ScoresError, match="is not the truth of a suite"):
        score(tmp_path, tmp_path / "film.csv")


cells = st.one_of(
    st.sampled_from(["c3", "arousal", "0", "1", "2", "3", "0.5", "-1", "nan", "", "1e400", '"', "1;2", "٣", "1_0"]),
    st.text(max_size=6),
)


@settings(deadline=None)
@given(st.lists(st.lists(cells, min_size=3, max_size=6), max_size=6), st.booleans())
def test_whatever_stands_in_the_lines_is_read_or_refused_in_words(tmp_path_factory, lines, whole):
    folder = tmp_path_factory.mktemp("any")
    truths = write_truth(folder)
    text = HEAD + (WHOLE if whole else "") + "".join(",".join(line) + "\n" for line in lines)
    (folder / "scores.csv").write_bytes(text.encode("utf-8", "replace"))
    scores, refusal = {}, ""
    try:
        scores = read_scores(folder / "scores.csv", truths)
    except ScoresError as error:
        refusal = str(error)
    assert bool(scores) != refusal.startswith(f"{folder / 'scores.csv'}: ")
    for key, one in scores.items():
        assert one.score.shape == truths[key].evidence.shape
        assert np.isfinite(one.score).all()


# ---- alone


def alone(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A process that has numpy and Python's own library, and nothing of sec2sec."""
    code = ALONE.format(packages=sysconfig.get_path("purelib"))
    command = [sys.executable, "-I", "-S", "-c", code, program, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, cwd=program.parent)


def test_loader_and_scorer_run_where_there_is_no_sec2sec(folder, tmp_path):
    for module in (loader, scorer):
        shutil.copy(str(module.__file__), folder)
    (tmp_path / "greedy.py").write_text("import scipy")
    assert "needs scipy" in alone(tmp_path / "greedy.py").stderr  # the guard sees what is not numpy
    truths = read_truth(folder)
    file = write_scores(tmp_path / "scores.csv", {key: perfect(one) for key, one in truths.items()})
    done = alone(folder / "score.py", file, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == score(folder, file)
    assert alone(folder / "score.py", file).stdout.startswith("scores.csv: 3 clips of the split test")
    broken = f"'{sys.executable}' '{folder / 'score.py'}' '{file}' | true"  # nobody reads what it says
    assert subprocess.run(["bash", "-c", f"set -o pipefail; {broken}"], capture_output=True).returncode == 0
    refused = alone(folder / "score.py", tmp_path / "none.csv")
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (2, "", 1)
    lines = ["id,path,arousal,synchrony,split,group,level", *(f"c{n},c.mp4,1,0,test,c{n},plain" for n in range(4))]
    (folder / "clips.csv").write_text("\n".join(lines))
    assert "plain c3 test 4 s {'arousal': 1, 'synchrony': 0}" in alone(folder / "load.py").stdout
