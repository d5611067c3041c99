"""The benchmark: the paper's figures, costs, trials that go on after a stop, tables, documents."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sec2sec.baselines import SYSTEMS
from sec2sec.benchmark.collect import _spread, collect
from sec2sec.benchmark.cost import cost, macs
from sec2sec.benchmark.document import as_markdown, as_page, findings
from sec2sec.benchmark.paper import ORDER, TRAITS, figures_of
from sec2sec.benchmark.plan import begin, noted, plan, requested
from sec2sec.benchmark.run import benchmark_steps, write_tables
from sec2sec.benchmark.tables import as_csv, cost_table, target_tables
from sec2sec.checkpoints import load_checkpoint
from sec2sec.progress import Progress, drain
from sec2sec.training.loop import TrainingError
from sec2sec.training.settings import SettingsError
from tests.evaluation.test_curves import Page
from tests.helpers.commands import run
from tests.helpers.models import save_tiny

TWO = "sec2sec-audio,sec2sec-sa-ca"


# The paper


def test_the_papers_figures_are_those_of_its_text():
    text = (Path(__file__).parents[1] / "helpers" / "paper_tables.txt").read_text()
    one, two = text.split("\n\n")
    titles = {system.replace("-", "").lower(): system for system in ORDER}
    for line in one.splitlines():
        title, *cells = re.split(r"\t+", line.strip())
        found = figures_of("LIRIS-ACCEDE", titles[re.sub(r"[^a-z0-9]", "", title.lower())])
        mine = [found[t][m] for t in ("arousal", "valence") for m in ("accuracy", "f1", "minutes")]
        assert mine == pytest.approx([_number(cell) for cell in cells]), title
    for line in two.splitlines():
        title, *cells = re.split(r"\t+", line.strip())
        found = figures_of("First Impressions V2", titles[re.sub(r"[^a-z0-9]", "", title.lower())])
        mine = [found[t]["mean_accuracy"] for t in TRAITS] + [found["openness"]["minutes"]]
        assert mine == pytest.approx([_number(cell) for cell in cells]), title


def _number(cell: str) -> float:
    minutes, _, seconds = cell.partition(":")
    return int(minutes) + int(seconds) / 60 if seconds else float(cell)


def test_the_papers_figures_stand_beside_its_own_data_sets_alone():
    assert figures_of("Known-truth clips", "sec2sec-sa-ca") == {}
    assert figures_of("LIRIS-ACCEDE, random 7:1:2 split, films leak", "cma")["valence"]["f1"] == 0.7033
    assert figures_of("First Impressions V1", "sec2sec-vision")["extraversion"]["mean_accuracy"] == 0.879


# Cost


def test_multiply_accumulates_are_counted_by_hand():
    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
            self.lstm = nn.LSTM(8, 6, batch_first=True)
            self.leave = nn.Linear(6, 3)

        def forward(self, x):
            return self.leave(self.lstm(self.attend(x, x, x, need_weights=False)[0])[0])

    model = Small().eval()
    x = torch.randn(2, 5, 8)
    attend = 2 * 5 * 8 * 8 * 4 + 2 * 2 * (5 * 5 * 4) * 2  # in and out projections; scores and weighted sums of 2 heads
    lstm, leave = 2 * 5 * 4 * 6 * (8 + 6), 2 * 5 * 6 * 3
    assert macs(lambda: model(x), model, torch.device("cpu")) == attend + lstm + leave


def test_the_cost_of_a_checkpoint_grows_with_its_parts(tmp_path):
    small, large = (cost(load_checkpoint(save_tiny(tmp_path / kind, kind), "cpu")) for kind in ("audio", "SA-CA"))
    assert 0 < small["parameters"] < large["parameters"]
    assert 0 < small["macs"] < large["macs"]
    assert small["encoder_macs"] > 10 * small["macs"]
    assert all(small[name] > 0 for name in ("ms", "encoder_ms", "encoder_parameters"))


def test_a_system_is_charged_for_the_encoders_that_it_uses_alone(tmp_path):
    bundles = {kind: load_checkpoint(save_tiny(tmp_path / kind, kind), "cpu") for kind in ("audio", "vision", "SA-CA")}
    costs = {kind: cost(bundle) for kind, bundle in bundles.items()}
    encoders = bundles["SA-CA"].encoders
    sizes = {name: sum(p.numel() for p in getattr(encoders, name).parameters()) for name in ("audio", "video")}
    assert costs["audio"]["encoder_parameters"] == sizes["audio"]
    assert costs["vision"]["encoder_parameters"] == sizes["video"]
    assert costs["SA-CA"]["encoder_parameters"] == sum(sizes.values())
    assert costs["SA-CA"]["encoder_macs"] == costs["audio"]["encoder_macs"] + costs["vision"]["encoder_macs"]


def test_no_median_is_printed_of_times_that_differ_more_than_twofold(run_once):
    results = json.loads(json.dumps(run_once[3].results))
    steady, busy = {"median": 1.0, "low": 0.9, "high": 1.1}, {"median": None, "low": 1.0, "high": 300.0}
    results["systems"][0]["cost"] |= {"epoch_seconds": busy, "ms": steady, "encoder_ms": steady}
    results["systems"][1]["cost"] |= {"epoch_seconds": steady, "ms": steady, "encoder_ms": steady}
    text = as_markdown(results)
    assert "unsteady, 1.0–300.0" in text
    assert "Times of Sec2Sec Audio differ more than twofold" in text
    assert _spread([1.0, 1.9]) == {"median": 1.45, "low": 1.0, "high": 1.9}
    assert _spread([1.0, 2.1])["median"] is None


# Plans


def test_all_systems_come_in_the_papers_order_seed_by_seed():
    request = requested({"data": "x"}, "all", 2)
    assert request.systems[: len(ORDER)] == ORDER
    assert set(request.systems) == set(SYSTEMS)
    trials = plan(request, Path("out"))
    assert [trial.differs["seed"] for trial in trials] == sorted([0, 1] * len(SYSTEMS))
    assert {trial.config.seed for trial in trials} == {0, 1}


def test_a_system_that_the_paper_has_not_comes_after_its_rows(monkeypatch, tmp_path):
    monkeypatch.setattr("sec2sec.benchmark.plan.SYSTEMS", {"mine": SYSTEMS["cma"], **SYSTEMS})
    request = requested({"data": "x"}, "mine,avm,cma", 1)
    assert request.systems == ("cma", "avm", "mine")
    same = {"data_sha256": "0", "code": "1"}
    begin(request, tmp_path, [], same)
    assert begin(requested({"data": "x"}, "vit", 1), tmp_path, [], same).systems == ("vit", "cma", "avm", "mine")
    assert figures_of("LIRIS-ACCEDE", "mine") == {}


def test_a_system_can_have_settings_of_its_own():
    values = {"data": "x", "epochs": 7, "systems": {"sec2sec-audio": {"epochs": 9}}}
    one, other = plan(requested(values, TWO, 1), Path("out"))
    assert (one.config.epochs, other.config.epochs) == (9, 7)
    assert one.differs == {"system": "sec2sec-audio", "seed": 0, "epochs": 9}


@pytest.mark.parametrize(
    ("values", "systems", "seeds", "said"),
    [
        ({}, "sec2sec-sa-ca,bert", 1, "no system is called bert"),
        ({"systems": {"bert": {}}}, "all", 1, "no system is called bert"),
        ({"systems": ["x"]}, "all", 1, "names with settings"),
        ({"seed": 3}, "all", 1, "seed cannot be set"),
        ({}, "all", 0, "at least one"),
        ({}, ",", 1, "at least one"),
        ({"speed": 3}, "all", 1, "there is no setting speed"),
    ],
)
def test_a_benchmark_that_cannot_be_planned_is_refused_in_words(values, systems, seeds, said):
    with pytest.raises(SettingsError, match=said):
        plan(requested(values, systems, seeds), Path("out"))


# A whole benchmark, of two systems and two seeds


def asked(made, **other):
    settings = {"data": str(made / "data"), "init": str(made / "tiny"), "width": 16, "heads": 2, "epochs": 2}
    return requested(settings | {"batch": 4} | other, TWO, 2)


@pytest.fixture(scope="module")
def run_once(made, machine):
    """The folder of a benchmark that was stopped in its second trial and went on, and what each run said."""
    out = made / "benchmark"
    first: list[Progress] = []

    def in_the_second() -> bool:
        return sum(step.epoch is not None for step in first) >= 3

    assert drain(benchmark_steps(asked(made), out, machine, jobs=0, stop=in_the_second), first.append).stopped
    done = (out / "trials" / "sec2sec-audio-0" / "checkpoint" / "model.safetensors").stat().st_mtime_ns
    second: list[Progress] = []
    end = drain(benchmark_steps(asked(made), out, machine, jobs=0), second.append)
    assert (out / "trials" / "sec2sec-audio-0" / "checkpoint" / "model.safetensors").stat().st_mtime_ns == done
    return out, first, second, end


def test_a_benchmark_that_was_stopped_goes_on_with_the_trial_it_was_at(run_once):
    _, first, second, end = run_once
    assert [step.epoch["epoch"] for step in first if step.epoch] == [1, 2, 1]
    assert [step.epoch["epoch"] for step in second if step.epoch] == [2, 1, 2, 1, 2]
    assert not end.stopped
    assert [step.done for step in second if step.stage == "trials"] == [0, 1, 2]


def test_results_hold_every_system_beside_trivial_rows_and_all_pairs(run_once):
    results = run_once[3].results
    assert [row["name"] for row in results["systems"]] == TWO.split(",")
    assert results["targets"] == {"arousal": "binary", "calm": "score"}
    for row in results["systems"]:
        assert row["done"] == 2
        assert len(row["targets"]["arousal"]["accuracy"]["seeds"]) == 2
        assert row["cost"]["parameters"] > 0
        assert row["cost"]["epoch_seconds"]["low"] > 0
        assert row["paper"] == {}
    assert set(results["trivial"]["arousal"]) == {"majority", "always_positive"}
    assert [(p["a"], p["b"]) for p in results["comparisons"]["calm"]] == [
        ("sec2sec-audio", "sec2sec-sa-ca"),
        ("sec2sec-audio", results["comparisons"]["calm"][1]["b"]),
        ("sec2sec-sa-ca", results["comparisons"]["calm"][1]["b"]),
    ]
    assert results["comparisons"]["calm"][1]["b"].startswith("trivial: ")
    assert [(p["a"], p["b"]) for p in results["ablation"]["calm"]] == [("sec2sec-sa-ca", "sec2sec-audio")]


def test_tables_are_made_again_from_predictions_alone(run_once, made, tmp_path):
    out = run_once[0]
    before = (out / "results.json").read_text()
    (out / "results.json").unlink()
    (made / "data").rename(tmp_path / "away")
    try:
        write_tables(out)
    finally:
        (tmp_path / "away").rename(made / "data")
    assert (out / "results.json").read_text() == before


def test_a_finished_benchmark_trains_nothing_and_takes_more_seeds(run_once, made, machine):
    out = run_once[0]
    began = time.monotonic()
    steps: list[Progress] = []
    end = drain(benchmark_steps(asked(made), out, machine, jobs=0), steps.append)
    assert not steps
    assert time.monotonic() - began < 60
    assert end.results


def test_another_benchmark_or_a_folder_of_something_else_is_refused(run_once, made, machine, tmp_path):
    with pytest.raises(TrainingError, match="other settings"):
        next(benchmark_steps(asked(made, epochs=3), run_once[0], machine, jobs=0))
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(TrainingError, match="not empty"):
        next(benchmark_steps(asked(made), tmp_path, machine, jobs=0))
    with pytest.raises(TrainingError, match="no benchmark"):
        collect(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]


def test_a_trial_whose_loss_diverges_is_named_and_the_others_are_compared(made, machine):
    values = {"sec2sec-audio": {"rate": 1e30, "clip_norm": 1e30, "warmup": 0, "epochs": 3}}
    end = drain(benchmark_steps(asked(made, systems=values), made / "diverges", machine, jobs=0))
    audio, other = end.results["systems"]
    assert set(audio["failed"]) == {"0", "1"}
    assert "no number" in audio["failed"]["0"]
    assert (audio["done"], other["done"]) == (0, 2)
    assert "diverged" in as_markdown(end.results)
    assert "seed 0: the loss is no number" in as_markdown(end.results)


def test_documents_say_what_was_run_on_what_and_what_came_out(run_once):
    out, *_, end = run_once
    results = end.results
    text = (out / "RESULTS.md").read_text()
    assert text == as_markdown(results)
    note = noted(out)
    for told in (note["data"]["sha256"], note["hardware"]["processor"], note["versions"]["torch"], note["command"]):
        assert told
        assert told in text
    assert "6 train, 2 validation, 2 test clips" in text
    assert "Seeds 0 to 1" in text
    assert "2 systems on data" in text
    assert "The paper's figures are of other data" in text
    assert findings(results)[0].startswith("arousal, accuracy.")
    widths = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    head = next(each for each in target_tables(results) if "arousal" in each.caption).head
    assert widths[0] == len(head) + 1
    assert all(len(row) in (1, len(each.head)) for each in target_tables(results) for row in each.rows)
    cells = cost_table(results)
    assert all(len(row) == len(cells.head) for row in cells.rows)


def test_documents_say_what_each_system_began_with(run_once):
    results = json.loads(json.dumps(run_once[3].results))
    start = "encoders from the checkpoint tiny (Random weights, for tests), frozen; the rest from random weights"
    assert [row["start"] for row in results["systems"]] == [start, start]
    assert f"- Sec2Sec Audio, Sec2Sec SA-CA: {start}." in as_markdown(results)
    assert "Systems of different beginnings" not in as_markdown(results), "both began alike"
    results["systems"][0]["start"] = "small size, whole from random weights"
    assert "- Sec2Sec Audio: small size, whole from random weights." in as_markdown(results)
    assert "Systems of different beginnings" in as_page(results)


def test_the_page_is_whole_and_needs_no_network(run_once):
    results = run_once[3].results
    text = as_page(results)
    page = Page(text)
    assert page.open == []
    assert not re.search(r"(?:src|href)=|https?://|@import|url\(", text)
    charts = [attributes for tag, attributes in page.seen if tag == "svg"]
    assert len(charts) == len(results["targets"])


def test_the_csv_holds_every_figure_once(run_once):
    results = run_once[3].results
    rows = list(csv.DictReader(io.StringIO(as_csv(results, "binary"))))
    assert len(rows) == 4 * 5  # two systems and two baselines, five metrics
    row = next(row for row in rows if row["system"] == "sec2sec-sa-ca" and row["metric"] == "accuracy")
    assert float(row["value"]) == results["systems"][1]["targets"]["arousal"]["accuracy"]["value"]
    assert (run_once[0] / "table-1.csv").read_text() == as_csv(results, "binary")


def test_on_the_papers_data_its_figures_stand_beside_ours(run_once):
    results = json.loads(json.dumps(run_once[3].results))
    for row in results["systems"]:
        row["paper"] = figures_of("LIRIS-ACCEDE", row["name"])
    (arousal,) = [each for each in target_tables(results) if "arousal" in each.caption]
    assert "accuracy (paper)" in arousal.head
    place = list(arousal.head).index("accuracy (paper)")
    assert [row[place] for row in arousal.rows if len(row) > 1] == ["0.7832", "0.7949", "", ""]
    (calm,) = [each for each in target_tables(results) if "calm" in each.caption]
    assert not any("paper" in cell for cell in calm.head)
    assert cost_table(results).rows[1][1] == "2:14, 2:15"
    assert "other data" not in as_markdown(results)


def test_trials_in_processes_of_their_own_end_with_the_same_predictions(run_once, made, machine):
    out, two = made / "processes", asked(made)
    request = type(two)(two.settings, ("sec2sec-sa-ca",), 1, {})
    end = drain(benchmark_steps(request, out, machine, jobs=2))
    name = "trials/sec2sec-sa-ca-0/predictions.json"
    ours, theirs = (json.loads((folder / name).read_text()) for folder in (out, run_once[0]))
    assert ours["id"] == theirs["id"]
    assert np.allclose(ours["probability"], theirs["probability"], atol=1e-5)
    assert end.results["systems"][0]["cost"]["peak_memory"] > 50e6


def test_the_commands_help_names_its_options_and_a_wrong_system_is_one_line(tmp_path):
    done = run("benchmark", "--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("--systems", "--seeds", "--epochs", "--jobs", "--tables"))
    assert "--system " not in done.stdout
    done = run("benchmark", "--data", tmp_path, "--out", tmp_path / "out", "--systems", "bert")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "no system is called bert" in done.stderr
    assert not (tmp_path / "out").exists()


def test_tables_are_made_by_the_command_line_and_a_folder_without_a_benchmark_is_one_line(run_once, tmp_path):
    done = run("benchmark", "--tables", "--out", run_once[0])
    assert done.returncode == 0, done.stderr
    assert "arousal, accuracy." in done.stdout
    done = run("benchmark", "--tables", "--out", tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "holds no benchmark" in done.stderr


def test_excerpts_are_named_where_the_data_are(run_once):
    results = json.loads(json.dumps(run_once[3].results))
    results["data"]["planted"] = {"seed": 5, "level": "cluttered", "excerpts_of": "../whole"}
    assert "Generated with seed 5, level cluttered; each decisive second" in as_markdown(results)
