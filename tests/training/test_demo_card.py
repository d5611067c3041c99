"""The bundled checkpoint's card says what its pointing figures must beat."""

from __future__ import annotations

import json

from sec2sec import DEMO
from sec2sec.training.card import demo_card


def test_pointing_stands_beside_what_needs_no_model_with_the_difference_and_its_interval():
    config, metrics = (json.loads((DEMO / f"{name}.json").read_text()) for name in ("config", "metrics"))
    name = next(name for name, report in metrics.items() if isinstance(report, dict) and "targets" in report)
    shares = {"occlusion": 0.9, "chance": 0.2, "last second": 0.21, "loudness + motion": 0.4, "odd one out": 0.75}
    gain = {"metric": "pointing", "over": "odd one out", "value": 0.15, "interval": [0.11, 0.19]}
    card = demo_card("demo", config, {**metrics, name: {**metrics[name], "pointing": shares, "pointing_gains": [gain]}})
    (line,) = [line for line in card.splitlines() if "odd one out 0.750" in line]
    assert ": occlusion 0.900, chance 0.200, last second 0.210, loudness + motion 0.400, odd one out 0.750." in line
    assert "Occlusion: +0.150 [0.110, 0.190] over odd one out." in line
    assert "need no model" in line
