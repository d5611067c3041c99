"""Which device of several a visitor's clip goes to, whose turn it is there, and what is warm before anybody comes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch

from sec2sec.clip import EncodedClip
from sec2sec.progress import Progress, Steps, drain
from sec2sec.ui import about, analysis, app, devices, models, warm, work
from sec2sec.ui.devices import WAITING, Devices, all_devices_words, device_names, device_words, with_device_lock
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.visit import Visit
from sec2sec.ui.work import Channel, stream_from_thread
from tests.helpers import clips
from tests.helpers.handlers import by_name, find_handler, last_answer
from tests.helpers.models import save_tiny

ENCODING = Progress(0, 1, "Encoding", "encoding")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Pretends that torch sees so many."""

    def see(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"NVIDIA H{index}00")

    return see


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Models:
    """A model on two devices, which are one CPU by two names."""
    monkeypatch.setattr(models, "device_names", lambda setting: ["cpu", "cpu:1"])
    monkeypatch.setattr(models, "pick_device", torch.device)
    save_tiny(tmp_path / "checkpoints" / "tiny")
    return Models(tmp_path / "checkpoints", "auto")


# ---- which there are


@pytest.mark.parametrize(
    ("setting", "count", "expected"),
    [
        ("auto", 0, ["cpu"]),
        ("cpu", 2, ["cpu"]),
        ("auto", 1, ["cuda:0"]),
        ("cuda", 1, ["cuda:0"]),
        ("auto", 3, ["cuda:0", "cuda:1", "cuda:2"]),
    ],
)
def test_every_gpu_is_used_where_there_is_one(
    gpus: Callable[[int], None], setting: str, count: int, expected: list[str]
) -> None:
    gpus(count)
    assert device_names(setting) == expected


def test_a_gpu_that_is_not_there_is_said_before_anything_is_built(gpus: Callable[[int], None]) -> None:
    gpus(0)
    with pytest.raises(ValueError, match=r"^device cuda .* use --device auto or cpu$"):
        device_names("cuda")


def test_devices_have_words_for_people(gpus: Callable[[int], None]) -> None:
    gpus(2)
    assert device_words(torch.device("cpu")) == "the CPU"
    assert device_words(torch.device("cuda")) == "cuda:0 (NVIDIA H000)"
    assert device_words(torch.device("cuda:1")) == "cuda:1 (NVIDIA H100)"
    assert all_devices_words(Devices(["cpu"])) == "Clips are encoded on the CPU."
    assert all_devices_words(Devices(["cuda:0", "cuda:1"])).endswith("cuda:0 (NVIDIA H000), cuda:1 (NVIDIA H100).")


# ---- whose turn it is


def test_a_clip_goes_where_fewest_are() -> None:
    three = Devices(["a", "b", "c"])
    with three.least_busy() as first, three.least_busy() as second:
        assert [first.name, second.name] == ["a", "b"]
        with three.least_busy() as third:
            assert third.name == "c"
            with three.least_busy() as fourth:
                assert fourth.name == "a"
        with pytest.raises(KeyError), three.least_busy():
            raise KeyError
    assert [device.clips for device in three.devices] == [0, 0, 0]


def test_clips_on_two_devices_are_encoded_at_once_and_a_third_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SECONDS_OF_SILENCE", 60)
    at_once = Devices(["a", "b"])
    encoding, go_on = threading.Barrier(3), threading.Event()

    ran_on: list[str] = []

    def held(device: str) -> Steps[None]:
        ran_on.append(device)
        yield ENCODING
        encoding.wait(10)  # both of them are here at the same time
        go_on.wait(10)

    def waiting(device: str) -> Steps[str]:
        yield ENCODING
        return device

    threads = [
        threading.Thread(target=with_device_lock(at_once, held), args=(Channel(),), daemon=True) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    encoding.wait(10)
    third = stream_from_thread(with_device_lock(at_once, waiting))
    assert [next(third), next(third)] == [ENCODING, WAITING]
    go_on.set()
    waits: list[Progress] = []
    assert drain(third, waits.append) in ("a", "b")
    assert set(waits) <= {WAITING}
    for thread in threads:
        thread.join(10)
    assert set(ran_on) == {"a", "b"}
    for device in at_once.devices:
        assert device.lock is not None
        assert not device.lock.locked()
        assert device.clips == 0


def test_a_clip_that_is_slow_to_read_holds_no_device_while_it_is_read() -> None:
    one = Devices(["a"])
    decoding, go_on = threading.Event(), threading.Event()

    def slow(device: str) -> Steps[str]:
        yield ENCODING
        yield Progress(1, 3, "Decoded", "decoding")
        decoding.set()
        go_on.wait(10)
        yield ENCODING
        return "slow"

    def quick(device: str) -> Steps[str]:
        yield ENCODING
        return "quick"

    thread = threading.Thread(target=with_device_lock(one, slow), args=(Channel(),), daemon=True)
    thread.start()
    assert decoding.wait(10)
    assert with_device_lock(one, quick)(Channel()) == "quick"
    go_on.set()
    thread.join(10)
    assert one.devices[0].lock is not None
    assert not one.devices[0].lock.locked()


# ---- the models on them


def test_a_model_is_read_once_and_copied_to_the_other_devices(two: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    load = models.load_checkpoint

    def counted(folder: Path, device: str) -> Any:
        read.append(folder)
        return load(folder, device)

    monkeypatch.setattr(models, "load_checkpoint", counted)
    first, other = two.get("tiny"), two.get("tiny", "cpu:1")
    assert len(read) == 1
    assert two.get("tiny", "cpu") is first
    assert two.get("tiny", "cpu:1") is other
    assert str(other.device) == "cpu:1"
    assert other.model is not first.model
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, other.model.state_dict()[name])


def test_two_visitors_are_served_by_two_devices_and_each_is_told_which(
    two: Models, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(analysis, "device_words", str)
    monkeypatch.setattr(app, "models_in", lambda *_: two)
    both = threading.Barrier(2)
    steps = analysis.explain_steps

    def together(path: str, bundle: Any, **options: Any) -> Iterator[Any]:
        both.wait(30)
        return (yield from steps(path, bundle, **options))

    monkeypatch.setattr(analysis, "explain_steps", together)
    monkeypatch.setattr(app, "warm_up_once_served", lambda *_: None)
    settings = Settings(checkpoints=two.folder, examples=tmp_path / "none", data_sets=tmp_path, training=False)
    demo = app.build(settings)
    choose, run = (find_handler(demo, "inspect_tab", name) for name in ("choose", "explain"))
    visit = Visit()
    path = clips.make_clip(tmp_path / "clip.mp4", 2)
    choice = by_name(choose, choose(visit, str(path), None, "tiny", False))
    last: list[str] = []

    def visitor() -> None:
        shown = last_answer(run(visit, choice["number"], Visit(), choice["chosen"], None, None, "tiny"))
        last.append(by_name(run, shown)["status"])

    threads = [threading.Thread(target=visitor) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    where = [re.search(r"Explained 2 s in [0-9.]+ s on (.*)\.<", said) for said in last]
    assert sorted(found[1] for found in where if found) == ["cpu", "cpu:1"]


# ---- warm before anybody comes


def test_the_first_model_has_explained_on_each_device_in_its_turn(two: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    explained: list[str] = []
    explain, backward = EncodedClip.explain, torch.autograd._engine_run_backward
    gradients: list[int] = []

    def counted(clip: EncodedClip) -> Any:
        device = next(device for device in two.own_devices.devices if device.name == str(clip.model.device))
        assert device.lock is not None
        assert device.lock.locked()
        explained.append(device.name)
        return explain(clip)

    def went_backward(*arguments: Any, **options: Any) -> Any:
        gradients.append(1)
        return backward(*arguments, **options)

    monkeypatch.setattr(EncodedClip, "explain", counted)
    monkeypatch.setattr(torch.autograd, "_engine_run_backward", went_backward)
    warm.warm_up(two)
    assert explained == ["cpu", "cpu:1"]
    assert gradients
    assert set(two._loaded["tiny"]) == {"cpu", "cpu:1"}


def test_a_model_that_cannot_be_loaded_ends_no_warm_up(two: Models, caplog: pytest.LogCaptureFixture) -> None:
    (two.folder / "tiny" / "model.safetensors").write_bytes(b"no")
    warm.warm_up(two)
    assert two._loaded == {}
    assert not caplog.records  # whoever asks for it is told


def test_about_says_where_clips_are_encoded(two: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "device_words", str)
    with gr.Blocks() as demo:
        about.tab(two)
    words = [block.value for block in demo.blocks.values() if block.elem_id == "devices"]
    assert words == ["<p>Clips are encoded on cpu, cpu:1.</p>"]
