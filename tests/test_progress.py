"""Long work yields how far it is, returns its result, and can be stopped between two steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sec2sec.clip import encode_steps, explain_steps
from sec2sec.progress import Progress, Steps, drain, relay, timed, until
from tests.helpers import clips
from tests.helpers.models import tiny_bundle


@pytest.mark.parametrize(
    ("done", "total", "fraction"),
    [(0, 4, 0.0), (1, 4, 0.25), (4, 4, 1.0), (5, 4, 1.0), (-1, 4, 0.0), (3, 0, 0.0), (0.95, 2, 0.475)],
)
def test_the_fraction_is_the_share_that_is_done_and_0_where_the_total_is_not_known(done, total, fraction):
    assert Progress(done, total, "Encoding").fraction == pytest.approx(fraction)


def counting(to: int) -> Steps[str]:
    for done in range(to):
        yield Progress(done, to, f"step {done}")
    return f"{to} done"


def nested(to: int) -> Steps[str]:
    yield Progress(0, 1, "before")
    inner = yield from counting(to)
    return f"outer of {inner}"


def test_draining_passes_every_step_on_in_its_order_and_gives_the_result():
    steps: list[Progress] = []
    assert drain(counting(3), steps.append) == "3 done"
    assert steps == [Progress(done, 3, f"step {done}") for done in range(3)]
    assert drain(counting(3)) == "3 done"


def test_work_without_a_step_still_gives_its_result():
    steps: list[Progress] = []
    assert drain(counting(0), steps.append) == "0 done"
    assert steps == []


def test_steps_inside_other_steps_are_one_sequence_with_the_outer_result():
    steps: list[Progress] = []
    assert drain(nested(2), steps.append) == "outer of 2 done"
    assert [step.message for step in steps] == ["before", "step 0", "step 1"]


def test_an_error_of_the_work_reaches_whoever_drains_it():
    def failing() -> Steps[str]:
        yield Progress(0, 1, "still well")
        raise ValueError("broken")

    steps: list[Progress] = []
    with pytest.raises(ValueError, match="broken"):
        drain(failing(), steps.append)
    assert [step.message for step in steps] == ["still well"]


def test_steps_are_closed_after_the_one_at_which_somebody_stops_them_and_have_no_result():
    closed: list[bool] = []

    def working() -> Steps[str]:
        try:
            return (yield from counting(3))
        finally:
            closed.append(True)

    steps: list[Progress] = []
    assert drain(until(lambda: len(steps) == 2, working()), steps.append) is None
    assert [step.done for step in steps] == [0, 1]
    assert closed == [True]
    assert drain(until(lambda: False, working())) == "3 done"


def test_relayed_steps_are_changed_keep_their_result_and_close_with_whoever_relays_them():
    steps: list[Progress] = []
    assert drain(relay(counting(2), lambda step: replace(step, message=f"A: {step.message}")), steps.append) == "2 done"
    assert [step.message for step in steps] == ["A: step 0", "A: step 1"]
    inner = counting(2)
    outer = relay(inner, lambda step: step)
    next(outer)
    outer.close()
    assert list(inner) == []


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 10, fps=8, size=(64, 48))


def test_closing_between_two_steps_ends_the_work(clip, bundle, monkeypatch):
    import sec2sec.clip as module

    encoded: list[int] = []
    whole = module.encode_seconds
    monkeypatch.setattr(
        module, "encode_seconds", lambda batch, *more: encoded.append(len(batch)) or whole(batch, *more)
    )
    steps = explain_steps(clip, bundle)
    while not encoded:
        next(steps)
    steps.close()
    assert encoded == [8], "the last two seconds were not encoded"
    with pytest.raises(StopIteration):
        next(steps)


def test_steps_that_are_timed_take_what_they_worked_and_not_what_lay_between(monkeypatch):
    times = iter([0.0, 1.0, 10.0, 12.0, 50.0, 53.0])
    monkeypatch.setattr("sec2sec.progress.time.perf_counter", lambda: next(times))
    assert drain(timed(counting(2))) == ("2 done", 1.0 + 2.0 + 3.0)


def test_between_two_parts_of_an_explanation_nothing_of_its_mode_is_left(clip, bundle):
    encoded = drain(encode_steps(clip, bundle))
    for _ in encoded.explain_steps():
        assert not torch.is_inference_mode_enabled()
    steps = encoded.explain_steps()
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value is encoded.explain()


def test_explaining_is_encoding_and_then_one_part_after_the_other(clip, bundle):
    encoding: list[Progress] = []
    whole: list[Progress] = []
    drain(encode_steps(clip, bundle), encoding.append)
    drain(explain_steps(clip, bundle), whole.append)
    assert whole[: len(encoding)] == encoding
    parts = whole[len(encoding) :]
    assert {part.stage for part in parts} == {"explaining"}
    assert [part.fraction for part in parts] == pytest.approx([0.9, 0.905, 0.91, 0.92, 0.94, 0.96, 0.98])
    assert len({part.message for part in parts}) == 5
    assert [step.message for step in encoding][::2] == [
        "Opening the clip", "Decoded and encoded 8 s", "Decoded and encoded 10 s",
    ]  # fmt: skip
    assert [step.stage for step in encoding] == ["decoding", "encoding", "decoding", "encoding", "decoding"]
    assert encoding[-1].fraction == pytest.approx(0.9)
