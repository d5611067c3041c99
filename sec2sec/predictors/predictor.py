"""Who can be asked: a function of Python, a command (command.py) or a service (service.py)."""

from __future__ import annotations

import hashlib
import inspect
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

from sec2sec.predictors.answers import PredictorError
from sec2sec.predictors.arrays import ClipArrays

Inputs = Literal["files", "arrays"]
NOT_SAID = "What it learned from is not said."
LIMIT = 120.0  # s for one clip
DIGITS = 8  # of a hash that stands for a version


@dataclass(frozen=True)
class Identity:
    """Who the predictor is, as its explanations name it."""

    name: str
    version: str = ""  # of what it would answer; empty where nobody knows, and then no answer outlives the run
    learned_from: str = NOT_SAID  # a sentence of its own


@dataclass(frozen=True)
class Failure:
    """A clip that was not answered, and why, in a clause."""

    reason: str


class Predictor(Protocol):
    """What the audit asks."""

    identity: Identity
    inputs: Inputs
    workers: int  # questions at a time
    batch: int  # clips in a question

    def ask(self, clips: Sequence[Any]) -> list[Any]:
        """A raw answer, or a Failure, for each clip: paths, or ClipArrays. Raises nothing else than PredictorError."""
        ...

    def stop(self) -> None:
        """End what is being asked."""
        ...


class FunctionPredictor:
    """A function: a list of clips → a list of dictionaries. It runs here, in a thread that is left if it hangs."""

    def __init__(
        self,
        function: Callable[[list[Any]], Sequence[Mapping[str, Any]]],
        identity: Identity,
        *,
        inputs: Inputs = "files",
        workers: int = 1,
        batch: int = 8,
        limit: float = LIMIT,
    ) -> None:
        """limit: s for one clip."""
        if inputs not in ("files", "arrays"):
            raise PredictorError(f'inputs="{inputs}": choose "files" or "arrays"')
        self.function, self.inputs, self.limit = function, inputs, limit
        self.identity = identity
        self.workers, self.batch = workers, batch

    def ask(self, clips: Sequence[Path] | Sequence[ClipArrays]) -> list[Any]:
        """In a thread of its own, with a limit of time for all of them together."""
        outcome: list[Any] = []

        def call() -> None:
            try:
                outcome.append(self.function(list(clips)))
            except Exception as error:  # of somebody else's code: any
                outcome.append(Failure(_reason(error)))

        limit = self.limit * len(clips)
        thread = threading.Thread(target=call, daemon=True, name="predictor")
        thread.start()
        thread.join(limit)
        if not outcome:
            return [Failure(f"no answer within {limit:g} s")] * len(clips)
        if isinstance(outcome[0], Failure):
            return outcome * len(clips)
        return self._paired(outcome[0], len(clips))

    def stop(self) -> None:
        """A function cannot be ended: it ends with the process at the latest."""

    def _paired(self, answers: Any, clips: int) -> list[Any]:
        if isinstance(answers, Mapping) or not hasattr(answers, "__len__") or len(answers) != clips:
            found = f"{len(answers)} answers" if isinstance(answers, list | tuple) else f"a {type(answers).__name__}"
            raise PredictorError(
                f"{self.identity.name}: was given {clips} {'clip' if clips == 1 else 'clips'} in a list and returned "
                f"{found}; it has to return a list with a dictionary for each clip"
            )
        return list(answers)


def import_function(name: str) -> Callable[[list[Any]], Any]:
    """package.module:function, with the current folder on the path. Raises PredictorError."""
    module, _, function = name.partition(":")
    if not module or not function:
        raise PredictorError(f"{name}: is no function; give package.module:function")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        value: Any = import_module(module)
        for part in function.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise PredictorError(f"{name}: cannot be imported ({error}); give package.module:function") from error
    except Exception as error:  # the module's own
        raise PredictorError(f"{name}: importing it failed ({_reason(error)})") from error
    if not callable(value):
        raise PredictorError(f"{name}: is a {type(value).__name__}, not a function")
    return value  # type: ignore[no-any-return]


def identity_of(function: Callable[..., Any], name: str = "", version: str = "", learned_from: str = "") -> Identity:
    """Of a function: what was said of it, else what can be seen."""
    return Identity(name or name_of(function), version or version_of(function), learned_from or NOT_SAID)


def name_of(function: Callable[..., Any]) -> str:
    """module:function."""
    module = getattr(function, "__module__", None) or type(function).__module__
    return f"{module}:{getattr(function, '__qualname__', type(function).__name__)}"


def version_of(function: Callable[..., Any]) -> str:
    """A hash of the file that the function stands in; empty where there is none, and for what closes over values."""
    if not inspect.isfunction(function) or function.__closure__:
        return ""
    source = inspect.getsourcefile(function)
    return hash_of([Path(source)]) if source and Path(source).is_file() else ""


def hash_of(files: Sequence[Path]) -> str:
    """Of the contents of some files; empty for none."""
    if not files:
        return ""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:DIGITS]


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
