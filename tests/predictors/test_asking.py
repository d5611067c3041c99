"""A command and a service as predictors: what they are given, and what becomes of those that misbehave."""

from __future__ import annotations

import csv
import json
import os
import shlex
import socket
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sec2sec.errors import UserError
from sec2sec.predictors.command import MAX_OUTPUT, CommandPredictor
from sec2sec.predictors.predictor import Failure, import_function
from sec2sec.predictors.service import ServicePredictor
from tests.helpers import predictors
from tests.helpers.clips import make_clip, tone
from tests.helpers.commands import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    sound = np.concatenate([tone(1, level=level) for level in (0.1, 0.6, 0.2)])
    return make_clip(tmp_path_factory.mktemp("asked") / "clip.mp4", 3, fps=8, sound=sound)


def script(folder: Path, *lines: str) -> str:
    """A command that runs these lines of Python, quickly."""
    file = folder / "my model.py"
    file.write_text("\n".join(lines))
    return f"{shlex.quote(sys.executable)} -I -S {shlex.quote(str(file))} {{clip}}"


def asked(command: str, clip: Path, **more) -> object:
    return CommandPredictor(command, **more).ask([clip])[0]


def test_a_command_gets_the_path_as_one_word_and_no_shell_sees_it(tmp_path):
    odd = tmp_path / "a $(touch hacked); b 'c.mp4"
    odd.write_bytes(b"12345")
    answer = asked(
        script(tmp_path, "import json, os, sys", "print(json.dumps({'size': os.path.getsize(sys.argv[1]) / 10}))"), odd
    )
    assert answer == {"size": 0.5}
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("import sys", "print('no weights', file=sys.stderr)", "sys.exit(3)"), "exit code 3: no weights"),
        (("print('loading …')", "print('{}')"), "it printed 'loading …"),
        (("pass",), "it printed nothing"),
        (("import os", "os.kill(os.getpid(), 9)"), "ended by signal 9"),
        ((f"print('x' * {MAX_OUTPUT + 2})", "import time", "time.sleep(60)"), "it printed more than 1 MB"),
        (("print('[' * 100_000)",), "it printed '[[["),
    ],
)
def test_a_command_that_gives_no_answer_is_a_failure_with_its_reason(tmp_path, clip, lines, reason):
    began = time.monotonic()
    answer = asked(script(tmp_path, *lines), clip)
    assert isinstance(answer, Failure)
    assert answer.reason.startswith(reason)
    assert time.monotonic() - began < 20


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path, clip):
    command = script(
        tmp_path,
        "import os, signal, sys, time",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if os.name == "posix" else "",
        "if os.fork() == 0: open(sys.argv[1] + '.pid', 'w').write(str(os.getpid()))",
        "time.sleep(600)",
    )
    own = tmp_path / "clip.mp4"
    own.write_bytes(b"")
    assert asked(command, own, limit=0.5) == Failure("no answer within 0.5 s")
    child = int((tmp_path / "clip.mp4.pid").read_text())
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child of the command still runs")


def test_stopping_ends_a_command_at_once(tmp_path, clip):
    predictor = CommandPredictor(script(tmp_path, "import time", "time.sleep(600)"))
    threading.Timer(0.3, predictor.stop).start()
    began = time.monotonic()
    assert isinstance(predictor.ask([clip])[0], Failure)
    assert time.monotonic() - began < 20
    assert predictor.ask([clip]) == [Failure("stopped")]


@pytest.mark.parametrize(
    ("command", "words"),
    [("python 'my model.py", "quotes"), ("python my_model.py", "put {clip} there"), ("no-such-thing {clip}", "PATH")],
)
def test_a_command_that_cannot_be_is_refused_before_the_work(command, words):
    with pytest.raises(UserError, match=words):
        CommandPredictor(command)


def test_the_version_of_a_command_is_that_of_the_files_it_names(tmp_path):
    command = script(tmp_path, "print(1)")
    first = CommandPredictor(command).identity
    assert first.version
    assert CommandPredictor(command).identity == first
    script(tmp_path, "print(2)")
    assert CommandPredictor(command).identity.version != first.version
    assert CommandPredictor(command, version="7").identity.version == "7"
    assert CommandPredictor("cat {clip}").identity.version == ""


@pytest.mark.parametrize("sends", ["file", "path"])
def test_a_service_gets_the_clip_or_its_path(clip, sends):
    with predictors.service(predictors.loudness) as url:
        answer = ServicePredictor(url, sends=sends).ask([clip])[0]
    assert answer == predictors.loudness([clip])[0]


def test_a_service_that_is_not_there_slow_or_wrong_is_a_failure(clip):
    with predictors.service(predictors.loudness) as url:
        gone = url
    assert "cannot be reached" in ServicePredictor(gone).ask([clip])[0].reason
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        slow = ServicePredictor(f"http://127.0.0.1:{deaf.getsockname()[1]}/", limit=0.2)
        assert slow.ask([clip]) == [Failure("no answer within 0.2 s")]
    with predictors.service(lambda clips: ["high"]) as url:
        assert ServicePredictor(url).ask([clip]) == ["high"]  # JSON, though no prediction
    with pytest.raises(UserError, match="no address"):
        ServicePredictor("file:///etc/passwd")


def test_a_function_is_imported_from_the_folder_where_the_command_is_run(tmp_path, monkeypatch):
    (tmp_path / "meters_of_mine.py").write_text("def half(clips):\n    return [{'half': 0.5} for _ in clips]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert import_function("meters_of_mine:half")(["a", "b"]) == [{"half": 0.5}] * 2
    for name, words in (
        ("meters_of_mine", "package.module:function"),
        ("meters_of_mine:third", "cannot be imported"),
        ("no_such_module:f", "cannot be imported"),
        ("os:sep", "is a str"),
    ):
        with pytest.raises(UserError, match=words):
            import_function(name)


def test_audit_of_a_command_prints_costs_and_answers_and_writes_what_explain_writes(tmp_path, clip):
    command = f"{shlex.quote(sys.executable)} -m tests.helpers.predictors loudness {{clip}}"
    out, table, page = (tmp_path / f"out.{suffix}" for suffix in ("json", "csv", "html"))
    options = ["--reference", "silence-black", "--workers", 3, "--json", out, "--csv", table, "--report", page]
    done = run("audit", clip, "--command", command, "--learned-from", "Nothing at all.", *options)
    assert done.returncode == 0, done.stderr
    assert "16 predictions are needed: 4 of the clip as it is, 12 of edited copies." in done.stderr
    assert "The first prediction took" in done.stderr
    assert done.stdout.startswith("Loudness 0.0")
    assert "1–2 s raised it most" in done.stdout
    assert "Nothing at all." in done.stdout
    written = json.loads(out.read_text())
    assert written["schema"] == "sec2sec.explanation/1"
    assert written["checkpoint"]["name"] == command
    assert written["checkpoint"]["sha256"] == ""
    assert written["targets"]["loudness"]["attention"] is None
    assert written["audit"]["questions"] == 16
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["second"] for row in rows] == ["0", "1", "2"]
    assert max(rows, key=lambda row: float(row["effect"]))["second"] == "1"
    assert "silence and black" in page.read_text()


def test_audit_of_a_service_and_of_a_function(clip):
    with predictors.service(predictors.loudness) as url:
        of_service = run("audit", clip, "--url", url, "--budget", 30)
    of_function = run("audit", clip, "--python", "tests.helpers.predictors:loudness", "--budget", 30)
    for done in (of_service, of_function):
        assert done.returncode == 0, done.stderr
        assert "1–2 s raised it most" in done.stdout
    answers = [done.stdout.partition("predictor:")[0] for done in (of_service, of_function)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "one of the arguments --command --url --python is required"),
        (["--command", "cat {clip}", "--scale", "a"], "--scale a: is no scale"),
        (["--command", "cat {clip}", "--budget", "much"], "no budget"),
        (["--command", "cat {clip}", "--workers", "0"], "--workers 0"),
        (["--command", "cat {clip}", "--reference", "grey"], "no such reference"),
        (["--command", "cat {clip}", "--inputs", "arrays"], "needs --python"),
        (["--command", "cat {clip}"], "gave no answer about the clip itself"),
        (["--python", "tests.helpers.predictors:sleeping", "--limit", "0.1"], "no answer within 0.1 s"),
    ],
)
def test_what_cannot_be_asked_is_one_line(clip, options, words):
    done = run("audit", clip, *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
