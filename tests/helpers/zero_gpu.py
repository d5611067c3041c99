"""Run as a process: the app on a ZeroGPU Space, with the real package `spaces`, asked for one thing after the other.

    SPACES_ZERO_GPU=true SPACES_ZERO_DEVICE_API_URL=http://… python -m tests.helpers.zero_gpu FOLDER

FOLDER holds what tests/ui/test_zero_gpu.py puts there. The answer to each question goes to FOLDER/answers.json, and
what the forked processes did, line by line, to FOLDER/forked.jsonl. There is no GPU: where the package would touch one
nothing happens, and the device that a forked process finds is "cpu:0", to which a model is copied as to any other.
"""

from __future__ import annotations

import contextvars
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import spaces.utils
import spaces.zero.torch
import torch
from gradio.context import LocalContext
from safetensors.torch import load_file

from sec2sec.ui import analysis, app, models
from sec2sec.ui.models import models_in, on_cpu
from sec2sec.ui.settings import Settings
from tests.helpers.handlers import by_name, find_handler, last_answer

PATIENCE = 60.0  # s after which a question counts as never answered
EMPTY = "e30"  # {} in base64
FOLDER = Path(sys.argv[1])
PARENT = os.getpid()


def note(**fields: Any) -> None:
    """Write down what this process did."""
    with (FOLDER / "forked.jsonl").open("a") as file:
        file.write(json.dumps({"process": os.getpid(), "parent": os.getpid() == PARENT, **fields}) + "\n")


# ---- the GPU that is not there

spaces.zero.torch.init = lambda uuid: None
spaces.zero.torch.move = lambda callback=None: None
models.pick_device = lambda name: torch.device("cpu:0")

# ---- what the processes do, written down

forked_with: set[str] = set()
went_backward: set[int] = set()  # processes
os.register_at_fork(after_in_child=lambda: forked_with.update(sys.modules))
explain_steps, put, run_backward = (
    analysis.explain_steps,
    spaces.utils.SimpleQueue.put,
    torch.autograd._engine_run_backward,
)
load_checkpoint = models.load_checkpoint


def observed_steps(path: str, bundle: Any, **options: Any) -> Any:
    if "mistake" in path:
        raise KeyError("planted")
    if "killed" in path:
        os.kill(os.getpid(), signal.SIGKILL)
    clip = yield from explain_steps(path, bundle, **options)
    imported = sorted(set(sys.modules) - forked_with) if os.getpid() != PARENT else []
    note(explained=Path(path).name, device=str(bundle.device), bundle=id(bundle), imported=imported)
    return clip


def observed_put(self: Any, value: Any) -> None:
    put(self, value)
    what = getattr(value, "value", None)
    if os.getpid() != PARENT and what is not None:
        note(crossed=type(getattr(what, "value", what)).__name__, bytes=len(ForkingPickler.dumps(value)))


def observed_backward(*arguments: Any, **options: Any) -> Any:
    if os.getpid() not in went_backward:
        went_backward.add(os.getpid())
        note(gradient=True)
    return run_backward(*arguments, **options)


def slow_load(folder: Path, device: str) -> Any:
    if folder.name == "slow":
        time.sleep(1.5)
    return load_checkpoint(folder, device)


analysis.explain_steps, models.load_checkpoint = observed_steps, slow_load
spaces.utils.SimpleQueue.put, torch.autograd._engine_run_backward = observed_put, observed_backward


# ---- visitors


def stream_from_thread(question: Callable[[], Any]) -> Callable[[], Any]:
    """Begins to ask as a visitor, in a thread with a request of its own; the returned function waits for the answer."""
    came: list[Any] = []
    request = SimpleNamespace(headers=Headers({"x-ip-token": f"a.{EMPTY}.c", "x-gradio-user": "app"}))

    def ask() -> None:
        LocalContext.request.set(request)  # type: ignore[arg-type]
        try:
            came.append(question())
        except BaseException as error:
            came.append(f"raised {type(error).__name__}: {error}")

    thread = threading.Thread(target=contextvars.copy_context().run, args=(ask,), daemon=True)
    thread.start()

    def answer() -> Any:
        thread.join(PATIENCE)
        return came[0] if came else "never answered"

    return answer


class Headers(dict[str, str]):
    """Of a request."""


def ask(question: Callable[[], Any]) -> Any:
    return stream_from_thread(question)()


def call(module: str, name: str, *inputs: Any) -> dict[str, Any]:
    """What an event of the app returns, of several answers the last one: by the names of components."""
    handler = find_handler(demo, module, name)
    updates = handler(*inputs)
    if not isinstance(updates, dict):
        updates = last_answer(updates)
    return by_name(handler, updates)


def explained(clip: str, model: str = "a", start: float | None = None, spoilt: bool = False) -> dict[str, Any]:
    """Choose a clip and press Explain. spoilt: its file is overwritten in between."""
    visit = Visit()
    choice = call("inspect_tab", "choose", visit, str(FOLDER / clip), None, model, False)
    if spoilt:
        (FOLDER / clip).write_bytes(b"x" * 5000)
    last = call("inspect_tab", "explain", visit, choice["number"], visit, choice["chosen"], start, None, model)
    return {"status": last["status"], "key": last["clip_id"], "drawn": json.loads(last["view"] or "null")}


def left(clip: str) -> str:
    """Press Explain, and leave as soon as the clip is being encoded."""
    visit = Visit()
    choice = call("inspect_tab", "choose", visit, str(FOLDER / clip), None, "a", False)
    explain = find_handler(demo, "inspect_tab", "explain")
    steps = explain(visit, choice["number"], visit, choice["chosen"], None, None, "a")
    lines = (by_name(explain, step)["status"] for step in steps)
    line = next(line for line in lines if "Encoding" in line)
    steps.close()
    return line


def compared(clip: str) -> dict[str, Any]:
    board = call("compare.tab", "choose", Visit(), Board(), str(FOLDER / clip), "A")["board"]
    last = call("compare.tab", "compare", Visit(), 0, Visit(), board, "a", "b", [], None, None, None)
    return {"status": last["status"], "answers": len(last["board"].results) if "board" in last else 0}


def edited(key: str) -> dict[str, Any]:
    """Open the lab, freeze two seconds (which are decoded and encoded), blank another (black is encoded once)."""
    opened = call("lab.tab", "open", key)
    frozen = call("lab.tab", "edit_slowly", key, Event({"edit": {"edit": "freeze", "seconds": [1, 2]}}))
    blank = call("lab.tab", "edit_at_once", key, Event({"edit": {"edit": "blank", "seconds": [0]}}))
    states = {"opened": opened, "frozen": frozen, "blank": blank}
    return {
        **{name: state["view"] for name, state in states.items()},
        "status": [state["status"] for state in states.values()],
    }


def evaluated() -> list[str]:
    """Press Evaluate → status and report."""
    last = call("evaluate", "evaluate", None, "a", "set", None, "all", False, False)
    return [last["status"], last["report"]]


class Event:
    def __init__(self, data: Any) -> None:
        self._data = data


def weights_of(name: str) -> dict[str, Any]:
    """How far a loaded model is from its file, and its copy for the lab, as this thread sees them."""
    model = shared.get(name).model
    file = load_file(settings.checkpoints / name / "model.safetensors")

    def off(state: dict[str, torch.Tensor]) -> float:
        return max(
            float(abs(tensor.cpu().numpy() - file[f"model.{key}"].numpy()).max()) for key, tensor in state.items()
        )

    parameter = next(model.parameters())
    return {"device": str(parameter.device), "off": off(model.state_dict()), "lab": off(on_cpu(model).state_dict())}


def answer_next(what: str) -> None:
    httpx.post(f"{os.environ['SPACES_ZERO_DEVICE_API_URL']}/answer", params={"next": what})


if __name__ == "__main__":
    from sec2sec.ui.compare.board import Board
    from sec2sec.ui.visit import Visit

    settings = Settings(
        checkpoints=FOLDER / "checkpoints", examples=FOLDER / "none", data_sets=FOLDER / "data", training=False
    )
    (FOLDER / "forked.jsonl").touch()
    shared = models_in(settings.checkpoints, settings.device, None)
    before = threading.active_count()
    demo = app.build(settings)
    answers: dict[str, Any] = {
        "warm": {
            "loaded": list(shared._loaded),
            "threads": threading.active_count() - before,
            "about": [block.value for block in demo.blocks.values() if block.elem_id == "devices"],
        }
    }
    demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)

    answers["weights"] = [ask(lambda name=name: weights_of(name)) for name in ("a", "b")]
    answers["good"] = ask(lambda: explained("good.mp4"))
    key = answers["good"]["key"] if isinstance(answers["good"], dict) else None
    answers["again"] = ask(lambda: explained("good.mp4"))
    answers["spoilt"] = ask(lambda: explained("spoilt.mp4", spoilt=True))
    answers["late"] = ask(lambda: explained("other.mp4", start=60.0))
    answers["mistake"] = ask(lambda: explained("mistake.mp4"))
    answers["left"] = ask(lambda: left("long.mp4"))
    answers["after"] = ask(lambda: explained("good.mp4"))
    answers["long"] = ask(lambda: explained("long.mp4"))
    answers["stable"] = ask(lambda: call("inspect_tab", "check_stability", Visit(), 0, key)["status"])
    answers["compared"] = ask(lambda: compared("good.mp4"))

    answer_next("lent")  # marks in the lender's record that nothing is asked of it from here on
    answers["evaluated"] = ask(evaluated)
    answers["edited"] = ask(lambda: edited(key))
    view = next(block for block in demo.blocks.values() if block.elem_id == "view")
    answers["places"] = ask(lambda: view.server_fns[0]({"key": key, "second": 1}))
    answers["unknown"] = ask(lambda: explained("good.mp4", "nowhere"))
    answer_next("lent")  # and until here

    both = [stream_from_thread(lambda clip=clip: explained(clip)) for clip in ("good.mp4", "other.mp4")]
    answers["both"] = [answer() for answer in both]

    # a process is forked while another thread loads a model; later it is asked for that very model
    loading = stream_from_thread(lambda: shared.get("slow").summary.name)
    time.sleep(0.3)
    answer_next("new")
    answers["while loading"] = ask(lambda: explained("good.mp4"))
    answers["loaded"] = loading()
    answers["later"] = ask(lambda: explained("good.mp4", "slow"))

    for refusal in ("refused", "timeout"):
        answer_next(refusal)
        answers[refusal] = ask(lambda: explained("good.mp4"))
    answers["killed"] = ask(lambda: explained("killed.mp4"))
    answers["at last"] = ask(lambda: explained("good.mp4"))
    answers["shared memory"] = [
        line.split()[-2] for line in Path("/proc/self/maps").read_text().splitlines() if "/dev/shm/torch" in line
    ]
    answers["weights"].append(weights_of("a"))  # in the main thread, where the package emulates a GPU
    (FOLDER / "answers.json").write_text(json.dumps(answers, default=str))
    for process in multiprocessing.active_children():
        process.kill()
    os._exit(0)  # a question that was never answered is not waited for
