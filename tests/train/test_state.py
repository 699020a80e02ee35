"""The state of a training on disk: it comes back whole, or one line says why not."""

from __future__ import annotations

import math
import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.errors import DiskError, RunError
from kaggle_face.train import state as state_module
from kaggle_face.train.state import TrainingState, load_resume_state, save_resume_state

CPU = torch.device("cpu")
FLIPS = int(os.environ.get("KAGGLE_FACE_FLIPS", "150"))
"""Bits of a state that are flipped, one at a time; raise it in the environment to search longer."""


class Network(nn.Sequential):
    """Layers whose head no other process shares."""

    head = SimpleNamespace(shard=None)


def new_state(seed: int = 0, width: int = 8) -> TrainingState:
    torch.manual_seed(seed)
    network = Network(nn.Linear(width, width), nn.BatchNorm1d(width))
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return TrainingState(network, optimizer, scaler, None)  # type: ignore[arg-type]


def trained_state() -> TrainingState:
    state = new_state()
    state.network(torch.randn(4, 8)).square().sum().backward()
    state.optimizer.step()
    state.epoch, state.step, state.seconds = 3, 7, 12.5
    state.history, state.best_scores = [{"epoch": 1, "loss": 0.5}], {"last": 0.25}
    return state


def contents(state: TrainingState) -> list[object]:
    tensors = [tensor.numpy().tobytes() for tensor in state.network.state_dict().values()]
    momenta = [
        tensor.numpy().tobytes()
        for values in state.optimizer.state.values()
        for tensor in values.values()
        if isinstance(tensor, torch.Tensor)
    ]
    plain = [
        state.epoch,
        state.step,
        state.seconds,
        state.history,
        state.best_scores,
        state.accumulator.read(),
    ]
    return [tensors, momenta, plain]


@pytest.fixture
def folder(tmp_path: Path) -> FoldFolder:
    save_resume_state(trained_state(), FoldFolder(tmp_path))
    return FoldFolder(tmp_path)


def loaded(folder: FoldFolder) -> list[object]:
    state = new_state(seed=1)
    load_resume_state(state, folder, CPU)
    return contents(state)


def test_a_state_comes_back_with_the_same_bits(folder: FoldFolder) -> None:
    assert loaded(folder) == contents(trained_state())


def test_a_bit_that_flips_anywhere_gives_the_same_state_or_one_line(folder: FoldFolder) -> None:
    content, right = folder.resume_file.read_bytes(), contents(trained_state())
    told = 0
    for bit in np.random.default_rng(0).choice(8 * len(content), FLIPS, replace=False).tolist():
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        folder.resume_file.write_bytes(changed)
        try:
            assert loaded(folder) == right
        except RunError as error:
            told += 1
            assert "resume.pt cannot be resumed from (" in str(error) and "\n" not in str(error)
    assert told > FLIPS / 2


def other_types(path: Path) -> None:
    torch.save([1, 2, 3], path)


def other_values(path: Path) -> None:
    values = torch.load(path, weights_only=True)
    torch.save({**values, "epoch": "3"}, path)


def other_network(path: Path) -> None:
    save_resume_state(new_state(width=9), FoldFolder(path.parent))


def foreign_objects(path: Path) -> None:
    torch.save({"network": Path("x")}, path)


def no_torch_file(path: Path) -> None:
    path.write_bytes(pickle.dumps({"network": 1}))


def empty_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w"):
        pass


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def old_format(path: Path) -> None:
    torch.save({"network": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    "spoil",
    [
        other_types,
        other_values,
        other_network,
        foreign_objects,
        no_torch_file,
        empty_archive,
        cut,
        old_format,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("a letter"),
    ],
)
def test_what_is_no_state_of_this_training_is_one_line(folder: FoldFolder, spoil: object) -> None:
    spoil(folder.resume_file)  # type: ignore[operator]
    with pytest.raises(
        RunError, match=r"resume\.pt cannot be resumed from \(.+\); put back a copy, or train it anew"
    ) as caught:
        loaded(folder)
    assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epoch", -1, "epoch must be greater than or equal to 0, got -1"),
        ("step", True, "step must be a whole number"),
        ("seconds", float("nan"), "seconds must"),
        ("history", [5], "history.0 must"),
        ("history", [{"loss": "low"}], "history.0.loss must be a number"),
        ("best_scores", {"last": None}, "best_scores.last must be a number"),
        ("best_epochs", {"last": 0.5}, "best_epochs.last must be a whole number"),
        ("pace", [1.0], "pace.0 must be a list"),
    ],
)
def test_a_place_in_the_training_of_a_wrong_type_is_named(
    folder: FoldFolder, name: str, value: object, message: str
) -> None:
    values = torch.load(folder.resume_file, weights_only=True)
    torch.save({**values, name: value}, folder.resume_file)
    with pytest.raises(RunError, match=r"resume\.pt cannot be resumed from") as caught:
        loaded(folder)
    assert message in str(caught.value)


def test_a_measured_value_that_is_not_a_number_is_no_fault(folder: FoldFolder) -> None:
    values = torch.load(folder.resume_file, weights_only=True)
    torch.save({**values, "history": [{"epoch": 1, "eer": float("nan")}]}, folder.resume_file)
    state = new_state()
    load_resume_state(state, folder, CPU)
    assert state.history[0]["epoch"] == 1 and math.isnan(state.history[0]["eer"])


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_want_of_memory_says_nothing_against_the_file(
    folder: FoldFolder, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(DiskError, match=r"resume\.pt cannot be read: .*not enough memory"):
        loaded(folder)


def test_a_full_disk_keeps_the_state_before_and_says_how_much_is_needed(
    folder: FoldFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(values: object, stream: object) -> None:
        stream.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_module.torch, "save", fail)
    state = trained_state()
    # 8x8 + 8 weights and 8 + 8 of the norm with as many momenta, its two statistics of 8, and a counter
    needed = 4 * (2 * (72 + 16) + 16) + 8
    with pytest.raises(
        DiskError, match=rf"the disk of .* is full; free some room \({needed / 1e6:.3g} MB are needed, "
    ):
        save_resume_state(state, folder)
    assert loaded(folder) == contents(state)
    assert [path.name for path in folder.path.iterdir()] == ["resume.pt"]
