"""Devices and precisions, with a GPU pretended where there is none."""

from __future__ import annotations

import pytest
import torch

from sec2sec.device import inference_dtype, pass_size, pick_device, training_dtype


@pytest.mark.parametrize(
    ("name", "available", "expected"),
    [
        ("auto", False, "cpu"),
        ("auto", True, "cuda"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_the_device_is_the_one_asked_for(
    monkeypatch: pytest.MonkeyPatch, name: str, available: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)  # given back afterwards
    assert pick_device(name).type == expected


def test_cuda_that_is_not_there_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"^device cuda .* use --device auto or cpu$"):
        pick_device("cuda")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match="auto, cpu or cuda, not 'tpu'"):
        pick_device("tpu")


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((6, 1), (torch.float32, torch.float32)),
        ((7, 5), (torch.float16, torch.float32)),
        ((8, 0), (torch.float16, torch.bfloat16)),
        ((12, 0), (torch.float16, torch.bfloat16)),
    ],
)
def test_a_gpu_infers_in_float16_and_trains_in_bfloat16_where_it_computes_in_them_natively(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: tuple[torch.dtype, torch.dtype]
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    device = torch.device("cuda")
    assert (inference_dtype(device), training_dtype(device)) == expected


def test_a_cpu_computes_in_float32() -> None:
    device = torch.device("cpu")
    assert (inference_dtype(device), training_dtype(device)) == (torch.float32, torch.float32)


def test_picking_a_gpu_switches_tf32_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    pick_device("cpu")
    assert torch.backends.cudnn.allow_tf32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    pick_device("auto")
    assert not torch.backends.cudnn.allow_tf32


def test_one_of_several_gpus_is_picked_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match=r"^device cuda:2 was asked for, but torch sees 2 GPUs, from cuda:0 on$"):
        pick_device("cuda:2")


def test_a_gpu_takes_more_in_a_pass_than_a_cpu() -> None:
    assert pass_size(32, torch.device("cpu")) == 32
    assert pass_size(32, torch.device("cuda")) == 512
    assert pass_size(16, torch.device("cuda"), 4) == 64
