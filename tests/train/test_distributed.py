"""Several processes compute what one computes; they are real ones, on the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributed import HashStore

from kaggle_face.data.loading.samplers import Shard
from kaggle_face.errors import ConfigError, InputError, OtherProcessError
from kaggle_face.train import distributed as distributed
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext, _Group, joined, launch_id
from tests.support.processes import Processes
from tests.support.shared_training import (
    WITH_BATCH_NORM,
    Numbers,
    Settings,
    SharedTraining,
    farthest,
    fresh_weights,
    spread,
    trained,
)

CLOSE = 1e-5
"""Sums of a few thousand float32 products in another order differ by some 1e-6 of their size; a step
multiplies that by a rate of 0.05."""
CASES: tuple[Settings, ...] = (
    ("model.head=arcface", "augment.cutmix.probability=0.5", "augment.mixup.probability=0.5"),
    ("model.head=adaface", "train.accumulate_steps=2", "train.clip_grad_norm=0.5"),
    ("model.head=curricularface", "margin.sampled_classes=0.7"),
    ("loss.metric=triplet", "sampler.name=identities", "sampler.images_per_identity=2"),
    ("loss.metric=center", "loss.metric_weight=0.1", "train.freeze_backbone_epochs=1"),
    ("loss.metric=supcon", "loss.classification_weight=0.0", "sampler.name=balanced"),
)


def test_processes_end_where_one_ends(processes: Processes) -> None:
    # Of eight images three processes take two, three and three.
    states, alone = processes(3, trained, CASES, 3), trained(SINGLE_PROCESS, CASES, 3)
    for settings, expected, found, *others in zip(CASES, alone, *states, strict=True):
        assert farthest(found, expected) < CLOSE, settings
        assert all(farthest(found, other) == 0.0 for other in others), settings
        fresh = fresh_weights(settings)
        assert max(float((expected[name] - fresh[name]).abs().max()) for name in fresh) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 4])
def test_twenty_steps_of_processes_end_where_those_of_one_end(processes: Processes, count: int) -> None:
    alone = trained(SINGLE_PROCESS, CASES, 20)
    for settings, expected, *found in zip(CASES, alone, *processes(count, trained, CASES, 20), strict=True):
        difference = farthest(found[0], expected)
        # Rounding grows with the steps, as in one process (triplets at this rate: 1.8e-5 after twenty).
        assert difference < CLOSE or difference < 3.0 * spread(settings, 20), settings
        assert all(farthest(found[0], other) == 0.0 for other in found[1:]), settings


def test_with_batch_norm_the_running_statistics_are_those_of_all_processes(processes: Processes) -> None:
    case = (*WITH_BATCH_NORM, "optim.lr=1e-12")
    (first,), (second,) = processes(2, trained, [case], 3)
    (alone,) = trained(SINGLE_PROCESS, [case], 3)
    assert farthest(first, second) == 0.0
    name = next(name for name in first if name.endswith("running_mean"))
    # The mean over two halves is the mean over the whole; at the first norm both saw the same.
    torch.testing.assert_close(first[name], alone[name])


def _spoilt(group: DistributedContext) -> Numbers:
    training = SharedTraining.of((), group)
    if group.share.rank == 1:
        bias = training.network.neck.bias
        assert isinstance(bias, Tensor)
        bias.register_hook(lambda gradient: gradient * torch.inf)
    return training.train(3).numbers()


def test_a_gradient_that_is_not_finite_in_one_process_skips_the_update_in_all(processes: Processes) -> None:
    states, fresh = processes(2, _spoilt), fresh_weights(())
    for state in states:
        assert float(state["counts"][2]) == 3.0
        assert float(state["scale"]) == 256.0 / 2**3
        assert all(torch.equal(state[name], tensor) for name, tensor in fresh.items())


def _averaged_norms(group: DistributedContext) -> list[float]:
    network = SharedTraining.of(WITH_BATCH_NORM, group).network.eval()
    variances = [buffer for name, buffer in network.named_buffers() if name.endswith("running_var")]
    for buffer in variances:
        buffer.fill_(1.0 + 2.0 * group.share.rank)
    group.average_batch_norms(network)
    return sorted({value for buffer in variances for value in buffer.tolist()})


def test_norms_are_averaged_over_processes(processes: Processes) -> None:
    assert processes(2, _averaged_norms) == [[2.0], [2.0]]


def _acting(group: DistributedContext) -> tuple[object, list[int]]:
    acted: list[int] = []

    def act(word: str) -> dict[str, object]:
        acted.append(group.share.rank)
        return {word: [1, 0.1 + 0.2, float("inf"), None, "ü"]}

    return group.on_rank_zero(act, "of"), acted


def test_only_the_first_process_acts_and_all_get_its_answer(processes: Processes) -> None:
    answer = {"of": [1, 0.1 + 0.2, float("inf"), None, "ü"]}
    assert processes(3, _acting) == [(answer, [0]), (answer, []), (answer, [])]


def test_one_process_is_alone() -> None:
    for environment in ({}, {"WORLD_SIZE": "1", "RANK": "0"}):
        with joined(environment) as group:
            assert group is SINGLE_PROCESS


def test_half_an_environment_is_refused() -> None:
    with (
        pytest.raises(InputError, match="WORLD_SIZE=2 is set and MASTER_ADDR is not"),
        joined({"WORLD_SIZE": "2", "RANK": "0"}),
    ):
        pass


@pytest.mark.parametrize(
    ("setting", "rank", "device"), [("auto", 0, "cuda:0"), ("cuda", 1, "cuda:1"), ("cpu", 1, "cpu")]
)
def test_each_process_takes_a_gpu_of_its_own(
    setting: str, rank: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert _Group(Shard(rank, 2), rank, None).device_setting(setting) == device
    assert chosen == ([rank] if device.startswith("cuda") else [])


def test_without_a_gpu_processes_take_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _Group(Shard(1, 2), 1, None).device_setting("auto") == "cpu"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("cuda:1", "device=cuda:1 names one device for 3 processes"),
        ("mps", "device=mps names one device"),
        ("cuda", r"there is no GPU for process 2 \(from 0\) of this machine, which has 2"),
    ],
)
def test_devices_that_processes_cannot_share_are_refused(
    setting: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=message):
        _Group(Shard(2, 3), 2, None).device_setting(setting)


def test_the_process_that_fails_first_says_why_and_the_others_are_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = HashStore()
    monkeypatch.setattr(
        distributed._Group, "join", classmethod(lambda cls, share, rank, wait: cls(share, rank, store))
    )
    environment = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    with pytest.raises(ConfigError, match="mine"), joined({**environment, "RANK": "1"}):
        raise ConfigError("mine")
    with pytest.raises(OtherProcessError), joined({**environment, "RANK": "0"}):
        raise ConfigError("also mine")


def test_a_launch_is_known_by_the_id_that_torchrun_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch_id({}) is None
    assert launch_id({"TORCHELASTIC_RUN_ID": "7f3a"}) == "7f3a"
    # Without a rendezvous there is no id; the parent stays when workers are started again.
    monkeypatch.setattr(distributed.socket, "gethostname", lambda: "node1")
    monkeypatch.setattr(distributed.os, "getppid", lambda: 41)
    assert launch_id({"TORCHELASTIC_RUN_ID": "none"}) == "node1:41"


def test_a_single_process_makes_no_process_group(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object, **__: object) -> None:
        raise AssertionError("a process group was made")

    monkeypatch.setattr(torch.distributed, "init_process_group", made)
    for environment in ({}, {"WORLD_SIZE": "1", "RANK": "0", "TORCHELASTIC_RUN_ID": "7f3a"}):
        with joined(environment) as alone:
            assert alone is SINGLE_PROCESS and not torch.distributed.is_initialized()
