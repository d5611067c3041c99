"""`benchmark`: all systems with all seeds, and the tables; or all methods of explanation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sec2sec.cli.options import add_machine, machine_of
from sec2sec.cli.steps import print_progress
from sec2sec.cli.terminal import drain_to_terminal
from sec2sec.errors import SettingsError
from sec2sec.extras import require_extra
from sec2sec.fields import add_flags, fields_of, flag_values
from sec2sec.outputs import Outputs
from sec2sec.paths import program_paths
from sec2sec.progress import drain
from sec2sec.training.settings import TrainConfig, read_mapping
from sec2sec.training.signals import stop_on_signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The systems, or the methods of explanation, and every setting of a training."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings as JSON or YAML, and systems: {NAME: its own settings}; for "
        "--tune also space: settings with lists of values, or with ranges as {low: 1e-5, high: 1e-2, scale: log}",
    )
    systems = parser.add_argument_group("systems")
    systems.add_argument(
        "--systems", default="all", metavar="A,B", help="names of systems as in train --system, or all (default)"
    )
    systems.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="number of trainings of each system (default: 3)"
    )
    systems.add_argument(
        "--tune",
        type=int,
        default=0,
        metavar="N",
        help="choose settings of each system by N trainings, the first with the settings as given and the others with "
        "random ones, by validation score alone; rate, weight_decay and dropout unless --config has a space "
        "(default: 0, which keeps the settings)",
    )
    systems.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="number of trainings that run at the same time and share the cores (default: 1)",
    )
    systems.add_argument(
        "--tables", action="store_true", help="make the tables again from saved predictions, without training"
    )
    explanations = parser.add_argument_group("methods of explanation")
    explanations.add_argument(
        "--explanations",
        action="store_true",
        help="compare methods of explanation instead of systems: which one finds the planted seconds of clips?",
    )
    explanations.add_argument(
        "--checkpoint",
        "--model",
        dest="checkpoint",
        type=Path,
        default=program_paths().demo,
        metavar="DIR",
        help="checkpoint that --explanations explains, a folder or a name on the Hub (default: the bundled demo)",
    )
    explanations.add_argument(
        "--others",
        type=Path,
        nargs="*",
        default=[],
        metavar="DIR",
        help="checkpoints of the same training with other seeds, for --explanations",
    )
    explanations.add_argument(
        "--clips", type=int, metavar="N", help="number of test clips that --explanations uses (default: all)"
    )
    explanations.add_argument(
        "--overwrite",
        action="store_true",
        help="replace output files of --explanations that exist and were not written by sec2sec",
    )
    groups = add_flags(parser, TrainConfig, [name for name in fields_of(TrainConfig) if name not in ("system", "seed")])
    groups["output"].add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the benchmark; an unfinished benchmark in it is resumed",
    )
    add_machine(parser)


def run(options: argparse.Namespace) -> int:
    """Train what is not done and write the tables; or compare methods of explanation."""
    if options.explanations:
        compare_explanations(options)
        return 0
    require_extra("train", "benchmark")
    from sec2sec.benchmark.document import findings
    from sec2sec.benchmark.plan import requested
    from sec2sec.benchmark.run import benchmark_steps, write_tables

    if options.tables:
        print_results(options.out, findings(write_tables(options.out)))
        return 0
    values = (read_mapping(options.config) if options.config else {}) | flag_values(options, TrainConfig)
    request = requested(values, options.systems, options.seeds, str(options.config or ""), options.tune)
    with stop_on_signals() as stop:
        steps = benchmark_steps(request, options.out, machine_of(options), jobs=options.jobs, stop=stop)
        result = drain(steps, print_progress)
    if result.stopped:
        print("stopped; the same command resumes")
    else:
        print_results(options.out, findings(result.results))
    return 0


def compare_explanations(options: argparse.Namespace) -> None:
    """Every method of explanation on known-truth clips, and the table in the folder."""
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.datasets.open import open_data
    from sec2sec.evaluation.scoreboard import as_markdown, scoreboard_files, scoreboard_steps, write_scoreboard

    if not getattr(options, "data", ""):
        raise SettingsError("--data is missing: give a folder of known-truth clips, as make-clips makes them")
    options.out.mkdir(parents=True, exist_ok=True)
    outputs = Outputs([Path(options.data), options.checkpoint, *options.others], options.overwrite)
    for file in scoreboard_files(options.out):
        outputs.claim(file)
    table = open_data(options.data)
    bundle, *others = [load_checkpoint(folder, options.device) for folder in (options.checkpoint, *options.others)]
    steps = scoreboard_steps(bundle, table, others=others, clips=options.clips, workers=options.workers)
    scored = drain_to_terminal(steps)
    write_scoreboard(options.out, scored.report)
    print(as_markdown(scored.report))
    for message in scored.unusable:
        print(f"not usable: {message}", file=sys.stderr)


def print_results(out: Path, findings: list[str]) -> None:
    """What the benchmark says, and where its tables are."""
    beside = "results.html, results.json, table-*.csv; for a paper tables.tex, figure-*.svg and .pdf, references.bib"
    print("\n".join([*findings, f"tables: {out / 'RESULTS.md'}; beside it {beside}"]))
