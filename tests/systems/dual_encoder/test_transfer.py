"""Samples on their way to the device; the GPU is a record of what it was asked to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from systems.dual_encoder import transfer
from systems.dual_encoder.transfer import on_device

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


@pytest.mark.parametrize("dtype", [torch.int16, torch.float32])
def test_samples_become_float32(dtype: torch.dtype) -> None:
    samples = torch.tensor([-32768, 0, 16384]) if dtype == torch.int16 else torch.tensor([-1.0, 0.0, 0.5])
    found = on_device(samples.to(dtype), CPU)
    assert found.dtype == torch.float32
    assert found.tolist() == [-1, 0, 0.5]


@dataclass
class Stream:
    name: str
    asked: list[str]

    def wait_stream(self, other: "Stream") -> None:
        self.asked.append(f"{self.name} waits for {other.name}")


def test_to_a_gpu_they_are_copied_from_pinned_memory_in_a_stream_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    computing = Stream("computing", asked)
    current = [computing]

    @contextmanager
    def streaming(stream: Stream) -> Iterator[None]:
        current.append(stream)
        yield
        current.pop()

    def pinned(samples: Tensor) -> Tensor:
        asked.append("pinned")
        return samples

    def moved(samples: Tensor, device: torch.device, *, non_blocking: bool) -> Tensor:
        asked.append(f"to {device} in {current[-1].name}, {non_blocking=}")
        return samples

    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: current[-1])
    monkeypatch.setattr(torch.cuda, "stream", streaming)
    monkeypatch.setattr(transfer, "_copy_stream", lambda device: Stream(f"copying to {device}", asked))
    monkeypatch.setattr(Tensor, "pin_memory", pinned)
    monkeypatch.setattr(Tensor, "to", moved)
    monkeypatch.setattr(Tensor, "record_stream", lambda _, stream: asked.append(f"kept until {stream.name} is done"))
    on_device(torch.ones(2, 3), GPU)
    assert asked == [
        "pinned",
        "to cuda:1 in copying to cuda:1, non_blocking=True",
        "computing waits for copying to cuda:1",
        "kept until computing is done",
    ]
