"""A suite is what it says: its truth is what was planted, its hashes are the files', and a person's files stay."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import re
import shlex
import subprocess
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from sec2sec.cli import command_parser
from sec2sec.datasets.known_truth import LEVELS, TARGETS, generate, make_clips, read_planted
from sec2sec.datasets.known_truth.states import CUES, RULES
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError
from sec2sec.errors import SettingsError
from sec2sec.evaluation.suite import make
from sec2sec.evaluation.suite.card import Made, card
from sec2sec.evaluation.suite.croissant import CONTEXT
from sec2sec.evaluation.suite.files.load import load
from sec2sec.evaluation.suite.make import Suite, suite_steps
from sec2sec.evaluation.suite.run import BY_MODALITY, SCORES_COLUMNS, method_of, score_steps, short_name
from sec2sec.evaluation.suite.truth import TRUTH_COLUMNS
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.methods import METHODS, RANDOM
from sec2sec.files import write_atomically
from sec2sec.progress import Progress, drain
from tests.helpers.commands import run
from tests.helpers.models import save_tiny, tiny_bundle

SEED, SHORT = 3, (4, 5)
EVERY = {"seed": SEED, "workers": 1, "lengths": SHORT}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real clips of each level, one for training."""
    folder = tmp_path_factory.mktemp("made") / "suite"
    drain(suite_steps(folder, clips=2, shares=(1, 0, 1), **EVERY))
    return folder


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Clips are planned and not drawn: their files hold their names. What was rendered, in its order."""
    rendered: list[Path] = []

    def write_name(plan, path: Path) -> None:
        rendered.append(path)
        path.write_text(plan.id)

    monkeypatch.setattr(generate, "render_clip", write_name)
    return rendered


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- what is made


def test_each_level_is_the_folder_that_make_clips_writes(suite, tmp_path):
    for level in LEVELS:
        alone = tmp_path / level
        list(make_clips(alone, 2, SEED, level, workers=1, shares=(1, 0, 1), lengths=SHORT))
        assert contents(alone) == contents(suite / level)


def test_the_whole_suite_is_a_data_set(suite):
    table = open_data(suite)
    assert table.targets == TARGETS
    assert len(table.rows) == 2 * len(LEVELS)
    assert Counter(row.split for row in table.rows) == {"train": len(LEVELS), "test": len(LEVELS)}
    assert all(row.path.is_file() for row in table.rows)


def test_the_truth_is_what_was_planted(tmp_path, undrawn):
    drain(suite_steps(tmp_path, clips=40, **EVERY))
    rows = rows_of(tmp_path / "truth.csv")
    assert tuple(rows[0]) == TRUTH_COLUMNS
    found = {(row["clip"], row["target"], int(row["second"])): row for row in rows}
    splits = {row["id"]: row["split"] for row in rows_of(tmp_path / "clips.csv")}
    count, carriers = 0, Counter()
    for level in LEVELS:
        for clip, planted in read_planted(tmp_path / level).items():
            for target, evidence in planted.evidence.items():
                for t, value in enumerate(evidence):
                    row, count = found[clip, target, t], count + 1
                    assert (row["level"], row["split"]) == (level, splits[clip])
                    assert float(row["evidence"]) == pytest.approx(value, abs=1e-4)
                    decisive = bool(planted.decisive[t]) and value != 0
                    assert row["decisive"] == str(int(decisive))
                    assert row["decoy"] == str(int(planted.decoy[t]))
                    assert row["opposed"] == str(int(decisive and value * evidence.sum() < 0))
                    if target in CUES and row["video"]:
                        for part, cues in zip(("video", "audio"), CUES[target], strict=True):
                            said = sum(weight * (2 * planted.states[name][t] - 1) for name, weight in cues.items())
                            assert float(row[part]) == pytest.approx(said, abs=1e-3)
                    if decisive or planted.decoy[t]:
                        carriers[level, target, decisive, row["carrier"]] += 1
                    else:
                        assert row["carrier"] == ""
    assert count == len(rows)
    assert {carrier for _, name, decisive, carrier in carriers if name == "synchrony" and decisive} == {"pair"}
    for level in LEVELS:
        for target in CUES:
            of_both = [{c for of, name, d, c in carriers if (of, name, d) == (level, target, decisive)}
                       for decisive in (True, False)]  # fmt: skip
            assert of_both == [{"both"}, {"opposite"}]
        assert any(row["opposed"] == "1" for row in rows if row["level"] == level) == RULES[level].opposed


def test_the_loader_gives_paths_that_decode_and_the_truth_of_each_second(suite):
    clips = load(suite)
    assert [clip.id for clip in clips] == [row["id"] for row in rows_of(suite / "clips.csv")]
    assert [clip.id for clip in load(suite, "test")] == [clip.id for clip in clips if clip.split == "test"]
    for clip in clips:
        planted = read_planted(suite / clip.level)[clip.id]
        for target in TARGETS:
            np.testing.assert_array_equal(clip.evidence[target], planted.evidence[target])
            np.testing.assert_array_equal(clip.decisive[target], planted.decisive & (planted.evidence[target] != 0))
            label = clip.labels[target]
            assert label == int(clip.evidence[target].sum() > 0)
        np.testing.assert_array_equal(clip.decoy, planted.decoy)
        with av.open(str(clip.path)) as container:
            assert container.streams.video[0].duration * container.streams.video[0].time_base == clip.seconds
            assert abs(Fraction(container.duration, av.time_base) - clip.seconds) < Fraction(1, 10)
            assert len(container.streams.audio) == 1


def test_the_card_has_the_front_matter_of_the_hub_and_says_how_it_was_made(suite):
    text = (suite / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert metadata["task_categories"] == ["video-classification"]
    assert metadata["size_categories"] == ["n<1K"]
    assert {entry["data_files"] for entry in metadata["configs"]} == {"clips.csv", "truth.csv"}
    assert metadata["license"] == ["apache-2.0", "cc-by-3.0"]
    for level in LEVELS:
        assert f"| {level} | 1 | 0 | 1 | {RULES[level].words} |" in body
    command = re.search(r"^    (sec2sec suite make .*)$", body, re.MULTILINE)[1]
    options = command_parser(shlex.split(command)[1:]).parse_args(shlex.split(command)[1:])
    assert (options.clips, options.seed, options.levels, options.splits) == (2, SEED, "all", (1, 0, 1))
    assert sha256(suite / "SHA256SUMS") in body


def test_film_of_others_is_named_where_there_is_any():
    def card_of(level: str) -> str:
        return card(Made("sec2sec suite make DIR", "2026-11-27", {"sec2sec": "0.1.0"}, {level: {"test": 2000}}, 0, "0"))

    assert yaml.safe_load(card_of("film").split("---\n")[1])["license"] == ["apache-2.0", "cc-by-3.0"]
    assert "© Blender\nFoundation, durian.blender.org" in card_of("film")
    assert "the same few\n  recordings" in card_of("film")
    metadata = yaml.safe_load(card_of("plain").split("---\n")[1])
    assert (metadata["license"], metadata["size_categories"]) == ("apache-2.0", ["1K<n<10K"])
    assert "Blender" not in card_of("plain")
    assert "recordings" not in card_of("plain")


def test_sha256sum_finds_every_file_as_it_was_hashed(suite):
    done = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=suite, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {line.split("  ", 1)[1] for line in (suite / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(contents(suite)) - {"SHA256SUMS", "README.md", "croissant.json", "suite.json"}


# ---- Croissant 1.0, http://mlcommons.org/croissant/1.0: what its tables call required, and what has to resolve


def test_croissant_has_what_the_format_requires_and_every_hash_is_the_files(suite):
    metadata = json.loads((suite / "croissant.json").read_text())
    required = ("@context", "@type", "conformsTo", "description", "license", "name", "url", "creator", "datePublished")
    assert all(metadata[name] for name in required)
    assert metadata["@type"] == "sc:Dataset"
    assert metadata["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", metadata["datePublished"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", metadata["version"])
    assert metadata["license"][0] == "https://www.apache.org/licenses/LICENSE-2.0"
    objects = {one["@id"]: one for one in metadata["distribution"] if one["@type"] == "cr:FileObject"}
    assert set(objects) == set(contents(suite)) - {"croissant.json", "suite.json"}
    for path, one in objects.items():
        file = suite / one["contentUrl"]
        assert one["name"] == path
        assert one["sha256"] == sha256(file)
        assert one["contentSize"] == f"{file.stat().st_size} B"
        assert re.fullmatch(r"\w+/[\w-]+", one["encodingFormat"])
    sets = [one for one in metadata["distribution"] if one["@type"] == "cr:FileSet"]
    assert len(sets) + len(objects) == len(metadata["distribution"])
    matched = sorted(path for one in sets for path in suite.glob(one["includes"]))
    assert matched == sorted(suite.rglob("*.mp4"))


def test_croissant_describes_every_column_of_clips_and_truth_and_its_references_resolve(suite):
    metadata = json.loads((suite / "croissant.json").read_text())
    assert metadata["@context"] == CONTEXT
    sets = {one["@id"]: one for one in metadata["recordSet"]}
    assert list(sets) == ["splits", "clips", "truth"]
    fields = {field["@id"]: field for one in sets.values() for field in one["field"]}
    ids = [one["@id"] for one in metadata["distribution"]] + list(sets) + list(fields)
    assert len(ids) == len(set(ids))
    types = {"sc:Text": str, "sc:Integer": int, "sc:Float": float, "sc:URL": str}
    for name in ("clips", "truth"):
        one, rows = sets[name], rows_of(suite / f"{name}.csv")
        assert one["@type"] == "cr:RecordSet"
        assert [field["source"]["extract"]["column"] for field in one["field"]] == list(rows[0])
        for field in one["field"]:
            assert field["@type"] == "cr:Field"
            assert field["@id"] == f"{name}/{field['name']}"
            assert field["source"]["fileObject"] == {"@id": f"{name}.csv"}
            kind = field["dataType"] if isinstance(field["dataType"], str) else field["dataType"][0]
            for row in rows:
                if row[field["name"]]:
                    types[kind](row[field["name"]])
        keys = [[row[key["@id"].split("/")[1]] for key in one["key"]] for row in rows]
        assert len({tuple(key) for key in keys}) == len(rows)
    references = [field["references"]["field"]["@id"] for field in fields.values() if "references" in field]
    assert references == ["splits/name"] * 2
    assert {one["splits/name"] for one in sets["splits"]["data"]} >= {
        row["split"] for row in rows_of(suite / "clips.csv")
    }


def test_every_word_of_the_metadata_is_in_its_context_or_in_schema_org(suite):
    """Another word would be read as one of schema.org, which does not have it."""
    schema_org = {"name", "description", "license", "url", "creator", "datePublished", "version", "keywords"}
    schema_org |= {"distribution", "contentUrl", "contentSize", "encodingFormat", "sha256"}
    words = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            words.update(value)
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    metadata = json.loads((suite / "croissant.json").read_text())
    for one in metadata["recordSet"]:
        one.pop("data", None)
    collect({name: value for name, value in metadata.items() if name != "@context"})
    assert {word for word in words if not word.startswith("@")} <= schema_org | set(CONTEXT)
    for value in CONTEXT.values():
        prefix = (value if isinstance(value, str) else value["@id"]).partition(":")[0]
        assert prefix in {*CONTEXT, "http", "https", "en"}


# ---- again, and in the middle


def test_a_stopped_suite_goes_on_where_it_stopped_and_says_how_long(tmp_path, undrawn):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    seen: list[Progress] = []
    assert drain(suite_steps(whole, clips=3, **EVERY), seen.append) == Suite(3 * len(LEVELS), LEVELS)
    total = 3 * len(LEVELS)
    assert [progress.done for progress in seen[:-1]] == sorted(progress.done for progress in seen[:-1])
    assert {progress.total for progress in seen[:-1]} == {total}
    assert re.fullmatch(rf"1 of {total} clips \({LEVELS[0]}\), \d+:\d\d left", seen[1].message)
    assert seen[1].seconds_left >= 0
    undrawn.clear()
    steps = suite_steps(stopped, clips=3, **EVERY)
    for progress in steps:
        if progress.done == 4:
            break
    steps.close()
    assert not (stopped / "truth.csv").exists()
    assert len(undrawn) == 4
    drain(suite_steps(stopped, clips=3, **EVERY))
    assert len(undrawn) == total  # none twice
    assert contents(stopped) == contents(whole)
    # what is as it should be is not written again
    files = [whole / name for name in contents(whole) if name.endswith(".mp4") or "/" not in name]
    files.remove(whole / "suite.json")
    before = [path.stat().st_mtime_ns for path in files]
    assert drain(suite_steps(whole, clips=3, **EVERY)).kept == ()
    assert [path.stat().st_mtime_ns for path in files] == before


def test_clips_that_make_clips_made_before_are_taken_as_they_are(tmp_path, undrawn):
    list(make_clips(tmp_path / LEVELS[0], 1, SEED, LEVELS[0], workers=1, shares=(1, 0, 0), lengths=SHORT))
    drain(suite_steps(tmp_path, clips=1, **EVERY))
    assert len(undrawn) == len(LEVELS)
    list(make_clips(tmp_path / "other" / LEVELS[0], 1, SEED + 1, LEVELS[0], workers=1, lengths=SHORT))
    with pytest.raises(DataError, match=rf"holds known-truth clips made with .*seed {SEED + 1}"):
        drain(suite_steps(tmp_path / "other", clips=1, **EVERY))


def test_the_day_on_which_it_was_made_stays(tmp_path, undrawn, monkeypatch):
    drain(suite_steps(tmp_path, clips=1, **EVERY))
    manifest = tmp_path / "suite.json"
    manifest.write_text(re.sub(r'"made": "[\d-]+"', '"made": "2020-02-29"', manifest.read_text()))
    drain(suite_steps(tmp_path, clips=1, **EVERY))
    assert "Made on 2020-02-29 with sec2sec" in (tmp_path / "README.md").read_text()
    assert json.loads((tmp_path / "croissant.json").read_text())["datePublished"] == "2020-02-29"


@pytest.mark.parametrize("stop", range(6))
def test_an_end_between_any_two_files_leaves_none_that_is_taken_for_a_persons(tmp_path, undrawn, monkeypatch, stop):
    drain(suite_steps(tmp_path, clips=1, **EVERY))
    monkeypatch.setattr(make, "__version__", "0.2.0")  # so that card and metadata change
    (tmp_path / "truth.csv").unlink()
    written: list[Path] = []

    def fails(path: Path, data: bytes) -> None:
        if len(written) == stop:
            raise KeyboardInterrupt
        written.append(path)
        write_atomically(path, data)

    monkeypatch.setattr(make, "write_atomically", fails)
    with contextlib.suppress(KeyboardInterrupt):
        drain(suite_steps(tmp_path, clips=1, **EVERY))
    monkeypatch.setattr(make, "write_atomically", write_atomically)
    assert drain(suite_steps(tmp_path, clips=1, **EVERY)).kept == ()
    assert "with sec2sec 0.2.0" in (tmp_path / "README.md").read_text()
    assert (tmp_path / "truth.csv").is_file()


def test_what_a_person_wrote_stays_and_is_named(tmp_path, undrawn):
    drain(suite_steps(tmp_path, clips=1, **EVERY))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "README.md").write_text("my own card\n")
    again = drain(suite_steps(tmp_path, clips=1, url="https://example.org/suite", **EVERY))
    assert again.kept == ("README.md",)
    assert (tmp_path / "README.md").read_text() == "my own card\n"
    assert (tmp_path / "notes.txt").read_text() == "mine"
    metadata = json.loads((tmp_path / "croissant.json").read_text())
    assert metadata["url"] == "https://example.org/suite"
    hashes = {one["@id"]: one.get("sha256") for one in metadata["distribution"]}
    assert hashes["README.md"] == sha256(tmp_path / "README.md")
    assert "notes.txt" not in hashes


@pytest.mark.parametrize("name", ["README.md", "clips.csv", "score.py", LEVELS[0]])
def test_a_folder_of_something_else_is_refused_and_stays(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(DataError, match=rf"already has {name}, which `suite make` did not write; choose another"):
        drain(suite_steps(tmp_path, clips=1, **EVERY))
    assert contents(tmp_path) == {name: b"mine"}


@pytest.mark.parametrize("content", ["a suite of Bach", "[]", '{"schema": "sec2sec.suite-folder/1"}'])
def test_a_manifest_of_something_else_is_refused(tmp_path, content):
    (tmp_path / "suite.json").write_text(content)
    with pytest.raises(DataError, match=r"suite.json: was not written by `suite make`; choose another folder"):
        drain(suite_steps(tmp_path, clips=1, **EVERY))
    assert contents(tmp_path) == {"suite.json": content.encode()}


@pytest.mark.parametrize("other", [{"clips": 2}, {"seed": 9}, {"levels": LEVELS[:1]}, {"shares": (1, 1, 1)}], ids=str)
def test_a_suite_of_other_settings_is_refused_and_stays(tmp_path, undrawn, other):
    drain(suite_steps(tmp_path, **({"clips": 1} | EVERY)))
    before = contents(tmp_path)
    with pytest.raises(DataError, match=rf"holds a suite made with .*seed {SEED}, clips 1.*choose another folder"):
        drain(suite_steps(tmp_path, **({"clips": 1} | EVERY | other)))
    assert contents(tmp_path) == before


def test_levels_and_numbers_that_there_are_not_are_refused_before_anything_is_written(tmp_path):
    folder = tmp_path / "new"
    for wrong, said in (
        ({"levels": ("plain", "hard")}, rf"there is no level 'hard'; the levels are {', '.join(LEVELS)}"),
        ({"clips": 0}, r"clips \(0\)"),
        ({"shares": (0, 1, 1)}, "the first at least 1"),
    ):
        with pytest.raises(SettingsError, match=said):
            drain(suite_steps(folder, **wrong))
    assert not folder.exists()


# ---- our own explainers


def test_our_scores_are_those_of_the_methods_and_the_scorer_takes_them(suite, tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    for method in METHODS:
        scored = drain(score_steps(bundle, suite, method, workers=0))
        assert (scored.clips, scored.unusable) == (len(LEVELS), ())
        (tmp_path / "scores.csv").write_text(scored.text)
        rows = rows_of(tmp_path / "scores.csv")
        assert tuple(rows[0]) == SCORES_COLUMNS
        assert {(row["method"], row["checkpoint"]) for row in rows} == {(short_name(method), "tiny")}
        assert all(bool(row["video"]) == (method in BY_MODALITY) for row in rows)
        report = run("suite", "score", suite, tmp_path / "scores.csv", "--json", "-")
        assert report.returncode == 0, report.stderr
        assert json.loads(report.stdout)["missing"] == {target: [] for target in TARGETS}
        clip = load(suite, "test")[0]
        expected = asked(bundle, clip.path, method)
        for k, target in enumerate(TARGETS):
            own = [row for row in rows if (row["clip"], row["target"]) == (clip.id, target)]
            assert [int(row["second"]) for row in own] == list(range(clip.seconds))
            np.testing.assert_allclose([float(row["score"]) for row in own], expected[0][k], rtol=1e-4, atol=1e-7)
            if expected[1] is not None:
                for part, values in zip(("video", "audio"), expected[1], strict=True):
                    np.testing.assert_allclose([float(row[part]) for row in own], values[k], rtol=1e-4, atol=1e-7)


def asked(bundle, path: Path, method: str):
    """A method's answer of a clip that is decoded here, and that of its modalities by the public interface."""
    from sec2sec.clip import encode

    clip = encode(path, bundle)
    masker = masker_of(bundle.model, clip.tokens)
    scores = METHODS[method](masker)
    if method == "occlusion (training mean)":
        whole = [clip.effects(target) for target in TARGETS]
        return scores, (np.stack([one.video for one in whole]), np.stack([one.audio for one in whole]))
    return scores, BY_MODALITY[method](masker) if method in BY_MODALITY else None


def test_methods_have_short_names_and_others_are_refused(suite, tmp_path):
    assert method_of("occlusion") == "occlusion (training mean)"
    assert {method_of(short_name(name)) for name in METHODS} == set(METHODS)
    assert set(BY_MODALITY) <= set(METHODS)
    with pytest.raises(SettingsError, match="there is no method 'random'; the methods are attention, gradient-att"):
        method_of(RANDOM)
    deaf = tiny_bundle(tmp_path / "deaf", attention="audio", temporal="lstm")
    with pytest.raises(SettingsError, match="deaf: its system has no attention; choose another --method"):
        drain(score_steps(deaf, suite, "attention", workers=0))
    with pytest.raises(DataError, match="no clip in the split 'validation'"):
        drain(score_steps(deaf, suite, "last first", split="validation", workers=0))
    calm = tiny_bundle(tmp_path / "calm", targets=("calm",))
    with pytest.raises(DataError, match="calm: predicts calm, of which the suite has no truth"):
        drain(score_steps(calm, suite, "last first", workers=0))


def test_a_clip_that_cannot_be_read_is_said_and_missing_in_the_scores(tmp_path):
    folder = tmp_path / "suite"
    drain(suite_steps(folder, clips=2, levels=LEVELS[:1], shares=(1, 0, 1), **EVERY))
    broken = load(folder, "test")[0]
    broken.path.write_bytes(b"no film")
    bundle = tiny_bundle(tmp_path / "tiny")
    scored = drain(score_steps(bundle, folder, "occlusion (training mean)", split="all", workers=0))
    assert scored.clips == 1
    assert len(scored.unusable) == 1
    assert broken.path.name in scored.unusable[0]
    assert broken.id not in scored.text
    with pytest.raises(DataError, match="none of its 1 clips could be used; the first: "):
        drain(score_steps(bundle, folder, "occlusion (training mean)", workers=0))


# ---- the command line


def test_the_three_commands_follow_one_another(tmp_path):
    folder, checkpoint = tmp_path / "suite", save_tiny(tmp_path / "tiny")
    small = ("--clips", 2, "--levels", LEVELS[0], "--splits", "1:0:1", "--workers", 1)
    made = run("suite", "make", folder, *small)
    assert made.returncode == 0, made.stderr
    assert made.stdout == f"{folder}: 2 clips in the levels {LEVELS[0]}; README.md says how to go on\n"
    (folder / "score.py").write_text("print('better')\n")
    assert "changed since: score.py\n" in run("suite", "make", folder, *small).stdout
    own = ("--checkpoint", checkpoint, "--device", "cpu", "--workers", 0)
    done = run("suite", "run", folder, *own, "--method", "attention")
    assert done.returncode == 0, done.stderr
    scores = folder / "scores-attention.csv"
    assert f"written: {scores}" in done.stderr
    assert run("suite", "run", folder, *own, "--method", "attention").returncode == 0  # our own file is replaced
    done = run("suite", "score", folder, scores, "--json", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    assert f"{LEVELS[0]}, arousal (1 clip)" in done.stdout  # by our scorer, whatever stands in the folder
    assert json.loads((tmp_path / "figures.json").read_text())["schema"] == "sec2sec.suite/1"
    assert run("suite", "score", folder, scores, "--json", tmp_path / "figures.json").returncode == 0


def test_every_option_of_the_three_has_a_help_that_stands_alone():
    for action in ("make", "run", "score"):
        shown = run("suite", action, "--help")
        assert shown.returncode == 0
        assert shown.stdout.startswith(f"usage: sec2sec suite {action} ")
    help_of_run = "".join(run("suite", "run", "--help").stdout.split())  # lines break at hyphens
    assert [name for name in map(short_name, METHODS) if name not in help_of_run] == ["occlusion-training-mean"]


def test_what_cannot_be_used_ends_with_2_and_one_line(suite, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("clip,target,second,score\n")
    for arguments, said in (
        (("make", tmp_path / "new", "--levels", "plain,hard"), "there is no level 'hard'"),
        (("make", tmp_path / "new", "--clips", 0), "clips (0)"),
        (("run", tmp_path), "is no suite, it has no truth.csv; make one with `sec2sec suite make"),
        (("run", suite, "--method", "guess"), "there is no method 'guess'; the methods are attention"),
        (("run", suite, "--out", mine), "mine.csv: exists and was not written by sec2sec"),
        (("run", suite, "--out", suite / "truth.csv", "--overwrite"), "truth.csv: belongs to"),
        (("run", suite, "--checkpoint", tmp_path / "none"), "no such checkpoint folder"),
        (("score", suite, mine), "mine.csv: holds no score"),
        (("score", tmp_path, mine), "truth.csv: No such file or directory; give the folder of a suite"),
        (("score", suite, mine, "--json", mine), "is read here and would be lost"),
    ):
        done = run("suite", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert said in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert mine.read_text() == "clip,target,second,score\n"
    assert not (tmp_path / "new").exists()
