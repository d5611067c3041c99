"""The command line. Each subcommand calls one function; nothing heavy is imported before one is chosen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sec2sec import DEMO, __version__
from sec2sec.training.commands import run_benchmark, run_data, run_extract, run_profile, run_search, run_train, show
from sec2sec.training.settings import add_flags

if TYPE_CHECKING:
    from sec2sec.checkpoints import Bundle
    from sec2sec.config import MediaLimits
    from sec2sec.encode import Tokens
    from sec2sec.explanations import Explanation

CACHE = Path("runs/tokens")
USAGE_ERROR = 2  # a clip, a checkpoint or an option that cannot be used


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit code: 0, or 2 with one line on stderr."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except (ValueError, OSError) as error:  # MediaError, CheckpointError, DataError and EncoderError are ValueErrors
        print(f"sec2sec: {' '.join(str(error).split())}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def parser() -> argparse.ArgumentParser:
    """All subcommands and their options."""
    top = argparse.ArgumentParser(
        prog="sec2sec", description="Why a model predicts how a video clip will be perceived, second by second."
    )
    top.add_argument("--version", action="version", version=f"sec2sec {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    def model_options(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--checkpoint", type=Path, default=DEMO, metavar="DIR", help="default: the bundled demo")
        sub.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")

    def data_options(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--liris-rule", default="median", help="what counts as high in LIRIS-ACCEDE (default median)")
        sub.add_argument("--split", default="official", help="of LIRIS-ACCEDE (default official)")
        sub.add_argument("--interview", action="store_true", help="First Impressions: the interview score as well")

    def machine_options(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help=f"of tokens (default {CACHE})")
        sub.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        sub.add_argument("--devices", type=int, default=1, metavar="N", help="GPUs, or processes on a CPU (default 1)")
        sub.add_argument("--nodes", type=int, default=1, metavar="N", help="machines (default 1)")
        sub.add_argument("--workers", type=int, default=None, metavar="N", help="decoding processes (default: cores)")

    sub = command("explain", run_explain, "Predict a clip and say which seconds, sounds and places made it so.")
    sub.add_argument("clip", type=Path, metavar="CLIP", help="a video or sound file")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the explanation there as well")
    sub.add_argument(
        "--maps",
        choices=("none", "mean", "heads"),
        default="mean",
        help="co-attention maps in the JSON: none, averaged over heads (default), or every head",
    )
    sub.add_argument(
        "--annotate", type=Path, metavar="FILE", help="write the clip there, the explanation burnt in (MP4)"
    )
    sub.add_argument("--overlay", action="store_true", help="burn in the co-attention as well")
    sub.add_argument(
        "--token-gradients", action="store_true", help="into the JSON: integrated gradients of every place and sound"
    )
    sub.add_argument(
        "--stability", action="store_true", help="encode with other cuts between the seconds: does the answer stay?"
    )
    sub.add_argument(
        "--seeds", type=Path, nargs="+", default=[], metavar="DIR", help="the same training with other seeds: likewise"
    )
    sub.add_argument("--start", type=float, default=0.0, metavar="S", help="analyse from this second on")
    sub.add_argument("--end", type=float, metavar="S", help="analyse up to this second")
    sub.add_argument("--max-seconds", type=float, metavar="S", help="refuse a longer part (default 900)")
    sub.add_argument(
        "--report",
        type=Path,
        metavar="OUT.html",
        help="write a page that needs no network, with JSON and CSV beside it",
    )
    sub.add_argument(
        "--report-clip",
        type=float,
        default=16.0,
        metavar="MB",
        help="put the clip into that page up to this size (default 16; 0: stills alone)",
    )
    model_options(sub)

    sub = command("evaluate", run_evaluate, "Measure a checkpoint on a data set, beside the trivial baselines.")
    sub.add_argument("--data", type=Path, required=True, metavar="DIR", help="a folder with clips.csv")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the metrics there as well")
    sub.add_argument("--report", type=Path, metavar="FILE", help="write a page with tables and curves (HTML) there")
    sub.add_argument("--worst", type=int, default=20, metavar="N", help="clips farthest off to list (default 20)")
    sub.add_argument("--split", choices=("all", "train", "validation", "test"), default="all")
    sub.add_argument("--workers", type=int, default=None, metavar="N", help="decoding processes (default: cores)")
    model_options(sub)

    sub = command("data", run_data, "Say what a data set holds, and what is wrong with it.")
    sub.add_argument(
        "directory", type=Path, metavar="DIR", help="LIRIS-ACCEDE, First Impressions or a folder with clips.csv"
    )
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    sub.add_argument("--workers", type=int, default=None, metavar="N", help="threads (default: cores)")
    sub.add_argument("--no-probe", action="store_true", help="look at the table alone; leave the clips unopened")
    data_options(sub)

    sub = command("extract", run_extract, "Encode the clips of a data set once, for all trainings to come.")
    sub.add_argument("--part", default="1/1", metavar="I/N", help="this process's share of the clips, e.g. 2/4")
    add_flags(sub)
    machine_options(sub)

    sub = command("train", run_train, "Train a model on a data set; its folder says how it goes and keeps all of it.")
    sub.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder of the training, e.g. runs/first")
    sub.add_argument("--config", type=Path, metavar="FILE", help="settings as JSON or YAML; options overrule them")
    sub.add_argument("--resume", action="store_true", help="go on with the training of that folder")
    sub.add_argument(
        "--queue",
        type=Path,
        metavar="DIR",
        help="wait for the other trainings of this queue first (the app's: runs/app/queue); without it, none waits",
    )
    add_flags(sub)
    machine_options(sub)

    sub = command("search", run_search, "Train with every combination of some settings; the test clips are used once.")
    sub.add_argument("file", type=Path, metavar="FILE", help="JSON or YAML: base: settings, grid: settings with lists")
    sub.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the trials; goes on if it is there"
    )
    machine_options(sub)

    sub = command(
        "benchmark", run_benchmark, "Train and compare all systems of the paper's tables, one command a table."
    )
    sub.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the benchmark; goes on if it is there"
    )
    sub.add_argument("--systems", default="all", metavar="A,B", help="names, or all (default)")
    sub.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each system (default 3)")
    sub.add_argument(
        "--config", type=Path, metavar="FILE", help="settings as JSON or YAML, and systems: {NAME: its own settings}"
    )
    sub.add_argument("--jobs", type=int, default=1, metavar="N", help="trials at a time, sharing the cores (default 1)")
    sub.add_argument("--tables", action="store_true", help="make the tables again from what was predicted; no training")
    sub.add_argument(
        "--explanations",
        action="store_true",
        help="instead of systems, compare methods of explanation: which finds what was planted in known-truth clips?",
    )
    sub.add_argument(
        "--checkpoint", type=Path, default=DEMO, metavar="DIR", help="of --explanations (default: the bundled demo)"
    )
    sub.add_argument(
        "--others", type=Path, nargs="*", default=[], metavar="DIR", help="of --explanations: the same, trained again"
    )
    sub.add_argument("--clips", type=int, metavar="N", help="of --explanations: the first N test clips (default: all)")
    add_flags(sub, without=("system", "seed"))
    machine_options(sub)

    sub = command("profile", run_profile, "The mean attention over seconds of a data set (paper, Fig. 2).")
    sub.add_argument("--data", type=Path, required=True, metavar="DIR", help="a data set")
    sub.add_argument("--split", choices=("all", "train", "validation", "test"), default="all", dest="part_of")
    sub.add_argument("--save", action="store_true", help="keep it in the checkpoint's metrics.json, for the app")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the profile there as well")
    sub.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help=f"of tokens (default {CACHE})")
    sub.add_argument("--workers", type=int, default=None, metavar="N", help="decoding processes (default: cores)")
    model_options(sub)

    sub = command("make-clips", run_make_clips, "Make video clips whose truth is known, for training and tests.")
    sub.add_argument("directory", type=Path, metavar="DIR")
    what = sub.add_mutually_exclusive_group(required=True)
    what.add_argument("--clips", type=int, metavar="N")
    what.add_argument(
        "--excerpts-of",
        type=Path,
        metavar="SOURCE",
        help="the clips of SOURCE, and each decisive second of its training clips as a clip of its own",
    )
    sub.add_argument("--seed", type=int, default=0, metavar="S")
    sub.add_argument(
        "--level", choices=("plain", "cluttered"), default="plain", help="cluttered: noisy neutral seconds and decoys"
    )
    sub.add_argument(
        "--neutral", type=float, default=0.0, metavar="SHARE", help="of clips without a decisive second (default 0)"
    )
    sub.add_argument("--splits", type=shares, default=(8, 1, 1), metavar="A:B:C", help="training : validation : test")
    sub.add_argument("--workers", type=int, default=None, metavar="N", help="processes (default: cores)")
    return top


def shares(text: str) -> tuple[int, ...]:
    """ "8:1:1" → (8, 1, 1)."""
    parts = tuple(int(part) for part in text.split(":"))
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"expected three numbers such as 8:1:1, not {text!r}")
    return parts


def run_explain(options: argparse.Namespace) -> None:
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.config import MediaLimits
    from sec2sec.explanations import Explained, explain_steps, to_json
    from sec2sec.explanations.as_text import as_text
    from sec2sec.files import check_writable, write_json

    for path in (options.json, options.report, options.annotate):
        if path:
            check_writable(path)  # before the work, not after it
    if options.report and options.report.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{options.report}: a report is a page; give a name that ends in .html")
    limits = MediaLimits(max_seconds=options.max_seconds) if options.max_seconds else MediaLimits()
    bundle = load_checkpoint(options.checkpoint, options.device)
    for step in explain_steps(options.clip, bundle, start=options.start, end=options.end, limits=limits):
        if isinstance(step, Explained):
            if options.stability or options.seeds:
                step = replace(step, explanation=steadied(options, step.explanation, bundle, limits))
            show("", last=True)
            print(as_text(step.explanation))
            if options.report:
                from sec2sec.report import write_report

                part = options.start, options.end
                size = options.report_clip
                write_report(options.report, step, bundle, options.clip, part=part, max_megabytes=size, limits=limits)
            if options.json:  # last: it may be the very file beside the report, with maps
                value = to_json(step.explanation, options.maps)
                if options.token_gradients:
                    add_token_gradients(value["targets"], bundle, step.tokens)
                write_json(options.json, value, indent=None)
            if options.annotate:
                from sec2sec.render.annotate import annotate  # moviepy takes half a second to import

                annotate(
                    options.clip,
                    step.explanation,
                    options.annotate,
                    overlay=options.overlay,
                    limits=limits,
                    progress=lambda share: show(f"{share:4.0%}  Writing the annotated clip"),
                )
                show("", last=True)
        else:
            show(f"{step.fraction:4.0%}  {step.message}")


def add_token_gradients(targets: dict[str, Any], bundle: Bundle, tokens: Tokens) -> None:
    """Put {"video": (T, V), "audio": (T, A), "gap"} of each target beside its other figures, in logits."""
    from sec2sec.explanations.as_json import plain
    from sec2sec.explanations.gradients import token_gradients
    from sec2sec.model import Sec2Sec

    if not isinstance(bundle.model, Sec2Sec):
        raise ValueError(f"{bundle.summary.name}: {bundle.system.title} reads no tokens; leave --token-gradients out")
    for index, name in enumerate(bundle.model.config.targets):
        show(f"      Gradients on tokens, {name}")
        targets[name]["token_gradients"] = plain(token_gradients(bundle.model, tokens, index))
    show("", last=True)


def steadied(options: argparse.Namespace, explanation: Explanation, bundle: Bundle, limits: MediaLimits) -> Explanation:
    """The explanation with its bands over shifted cuts, and over the checkpoints of --seeds."""
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.explanations.stability import Stable, stability_steps, with_stability

    bundles = [bundle, *(load_checkpoint(folder, options.device) for folder in options.seeds)]
    for step in stability_steps(options.clip, bundles, start=options.start, end=options.end, limits=limits):
        if isinstance(step, Stable):
            return with_stability(explanation, step)
        show(f"{step.fraction:4.0%}  {step.message}")
    raise AssertionError("stability_steps ended without its bands")


def run_evaluate(options: argparse.Namespace) -> None:
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.datasets.open import open_data
    from sec2sec.files import check_writable, write_atomically, write_json
    from sec2sec.training.evaluate import Evaluated, as_text, evaluate_steps
    from sec2sec.training.pages.evaluated import as_page

    for file in (options.json, options.report):
        if file:
            check_writable(file)
    table = open_data(options.data)
    bundle = load_checkpoint(options.checkpoint, options.device)
    for step in evaluate_steps(bundle, table, split=options.split, workers=options.workers, listed=options.worst):
        if isinstance(step, Evaluated):
            show("", last=True)
            print(as_text(step.report))
            for message in step.unusable:
                print(f"not usable: {message}", file=sys.stderr)
            if options.json:
                write_json(options.json, step.report)
            if options.report:
                write_atomically(options.report, as_page(step.report).encode())
        else:
            show(f"{step.done} of {step.total} clips")


def run_make_clips(options: argparse.Namespace) -> None:
    from sec2sec.datasets.known_truth import make_clips, make_excerpts

    if options.excerpts_of:
        for step in make_excerpts(options.excerpts_of, options.directory, options.workers):
            show(f"{step.done} of {step.total} excerpts", last=step.done == step.total)
        print(f"{options.directory}: the clips of {options.excerpts_of} and {step.total} excerpts of one second")
        return
    for step in make_clips(
        options.directory,
        options.clips,
        options.seed,
        options.level,
        options.neutral,
        options.workers,
        options.splits,
    ):
        show(f"{step.done} of {step.total} clips", last=step.done == step.total)
    print(f"{options.directory}: {options.clips} {options.level} clips, clips.csv and planted.csv")


if __name__ == "__main__":
    sys.exit(main())
