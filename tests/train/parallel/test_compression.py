"""What PowerSGD keeps of the gradients: saved, taken up again, and free of what is not finite."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.train.distributed import DistributedContext
from kaggle_face.train.parallel.engine import DataParallelEngine
from kaggle_face.train.state import load_resume_state, save_resume_state
from tests.support.processes import Processes
from tests.support.shared_training import CPU, Numbers, Settings, SharedTraining, farthest, trained

CASE: Settings = ("train.gradient_compression=powersgd", "model.head=arcface", "optim.momentum=0.9")


def errors_of(training: SharedTraining) -> dict[int, Tensor]:
    engine = training.context.engine
    assert isinstance(engine, DataParallelEngine) and engine._feedback is not None
    return {index: error.clone() for index, error in engine._feedback._state.error_dict.items()}


def _part(group: DistributedContext, folder: str, steps: int) -> tuple[Numbers, dict[int, Tensor]]:
    """Goes on from the state in a folder, where there is one; what it begins with is not sent yet."""
    training, place = SharedTraining.of(CASE, group), FoldFolder(Path(folder))
    engine, begun = training.context.engine, dict[int, Tensor]()
    if place.resume_file.is_file():
        load_resume_state(training.state, place, CPU, engine)
        save_resume_state(training.state, place, group, engine)  # before a batch has come
        assert isinstance(engine, DataParallelEngine)
        engine._prepare(torch.zeros(1, 3, 16, 16))
        begun = errors_of(training)
    training.train(steps)
    save_resume_state(training.state, place, group, engine)
    return training.numbers(), begun


@pytest.mark.slow
@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.ci), 3])
def test_a_training_goes_on_to_the_same_bits(processes: Processes, count: int, tmp_path: Path) -> None:
    whole = [numbers for (numbers,) in processes(count, trained, [CASE], 4)]
    processes(count, _part, str(tmp_path), 2)
    saved = torch.load(tmp_path / "resume.pt", weights_only=True)["engine"]["errors"]
    assert (
        max(float(errors_NL.abs().max()) for errors_NL in saved.values()) > 1e-4
    )  # there is something to keep
    found = processes(count, _part, str(tmp_path), 2)
    assert all(farthest(one, other) == 0.0 for (one, _), other in zip(found, whole, strict=True))
    # Of another number of processes each begins with the mean.
    saved = torch.load(tmp_path / "resume.pt", weights_only=True)["engine"]["errors"]
    for _, begun in processes(5 - count, _part, str(tmp_path), 1):
        assert begun.keys() == saved.keys()
        assert all(torch.equal(begun[index], saved[index].mean(0)) for index in begun)


def _spoilt(group: DistributedContext) -> tuple[float, bool, bool]:
    """Skipped steps of five of which one is spoilt; whether it left what was there; whether all is finite."""
    training = SharedTraining.of(CASE, group)
    training.train(2)
    before, bias = errors_of(training), training.network.neck.bias
    assert isinstance(bias, Tensor)
    hook = bias.register_hook(lambda gradient: gradient * (torch.inf if group.share.rank == 1 else 1.0))
    training.train(1)
    hook.remove()
    is_kept = all(torch.equal(error, before[index]) for index, error in errors_of(training).items())
    training.train(2)
    finite = all(bool(torch.isfinite(error).all()) for error in errors_of(training).values())
    return training.state.accumulator.read().skipped_steps, is_kept, finite


def test_a_gradient_that_is_not_finite_leaves_nothing(processes: Processes) -> None:
    assert processes(2, _spoilt) == [(1, True, True)] * 2
