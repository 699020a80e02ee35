"""Threads on the CPU."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.model import threads
from kaggle_face.model.threads import use_granted_cores

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("cores", "before", "device", "after"), [(2, 4, CPU, 2), (4, 3, CPU, 3), (2, 4, GPU, 4)], ids=str
)
def test_no_more_threads_than_granted_cores_compute(
    cores: int, before: int, device: torch.device, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "available_cores", lambda: cores)
    torch.set_num_threads(before)  # conftest puts it back
    use_granted_cores(device)
    assert torch.get_num_threads() == after
