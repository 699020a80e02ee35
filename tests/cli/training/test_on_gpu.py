"""Several folds one after the other on one device."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from kaggle_face.cli.main import main
from kaggle_face.train import fold as fold_training
from tests.support.devices import ON_BOTH


@pytest.mark.slow
@ON_BOTH
def test_nothing_of_a_fold_is_in_memory_when_the_next_one_begins(
    device: torch.device, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks: list[weakref.ref[Any]] = []
    allocated: list[int] = []
    create = fold_training.create_fold_network

    def creating(*arguments: Any) -> Any:
        gc.collect()
        assert [network() for network in networks] == [None] * len(networks)
        allocated.append(torch.cuda.memory_allocated(device) if device.type == "cuda" else 0)
        network = create(*arguments)
        networks.append(weakref.ref(network))
        return network

    monkeypatch.setattr(fold_training, "create_fold_network", creating)
    assert main(["train", "--run", "main", f"device={device}", "train.epochs=1"]) == 0
    assert len(networks) == 3
    assert allocated[2] == allocated[1]  # what libraries keep for good is there after the first fold
