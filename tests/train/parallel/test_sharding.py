"""A head that is divided among processes learns what a whole one learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, MarginConfig, OptimConfig
from kaggle_face.data.loading.samplers import Shard
from kaggle_face.errors import ConfigError
from kaggle_face.model.network import FaceNetwork, count_parameters, create_network
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.parallel.sharding import LEAST_WEIGHTS, shard_head
from kaggle_face.train.state import load_resume_state, save_checkpoint, save_resume_state
from tests.support.processes import Processes
from tests.support.shared_training import (
    CLASSES,
    CPU,
    WITH_BATCH_NORM,
    Numbers,
    Settings,
    SharedTraining,
    farthest,
    spread,
    trained,
)

CLOSE_IN_DOUBLE = 1e-10
"""After twenty steps in float64 (1e-14 to 1e-12 are usual)."""
CLOSE = 1e-5
"""After twenty steps in float32, ..."""
_OF_ROUNDING = 3.0
"""... or, where rounding grows faster (CosFace, ArcFace at scale 30: 5e-8 after a step, 1.8e-5 after twenty),
so many times what one process ends apart whose first weights differ in their last bit (the largest of four
tries)."""
DIVIDED: Settings = ("margin.sharded=on", "optim.lr=0.001")
HEADS = ("linear", "cosface", "arcface", "adaface", "curricularface", "subcenter_arcface", "combined_margin")
MIXING: dict[str, Settings] = {
    "plain": (),
    "cutmix": ("augment.cutmix.probability=0.7",),
    "mixup": ("augment.mixup.probability=0.7",),
    "margin on unmixed images alone": (
        "augment.cutmix.probability=0.7",
        "augment.margin_on_mixed=unmixed_only",
    ),
    "sampled classes": ("margin.sampled_classes=0.6", "augment.mixup.probability=0.5"),
}
FEATURES: dict[str, Settings] = {
    "accumulated": ("model.head=adaface", "train.accumulate_steps=2", "train.clip_grad_norm=0.5"),
    "triplets": ("loss.metric=triplet", "sampler.name=identities", "sampler.images_per_identity=2"),
    "centres and a frozen backbone": ("loss.metric=center", "train.freeze_backbone_epochs=1"),
    "head alone": ("loss.metric=supcon", "loss.classification_weight=0.0"),
    "adamw": ("model.head=arcface", "optim.name=adamw"),
    "normalised": ("model.normalize_features=true", "optim.head_lr_factor=3.0"),
    "warm-up": ("model.head=cosface", "margin.warmup_epochs=4", "margin.start_scale=5"),
}


def assert_equal_one_in_double(
    processes: Processes, count: int, cases: list[Settings], steps: int, num_classes: int = CLASSES
) -> None:
    """Float64 shows whether the same is computed: no rounding grows to the bound within these steps."""
    alone = trained(SINGLE_PROCESS, cases, steps, num_classes, torch.float64)
    states = processes(count, trained, cases, steps, num_classes, torch.float64)
    for settings, expected, *found in zip(cases, alone, *states, strict=True):
        assert found[0]["loss"].dtype == torch.float64
        assert farthest(found[0], expected) < CLOSE_IN_DOUBLE, settings
        assert all(farthest(found[0], other) == 0.0 for other in found[1:]), settings


def assert_equal_one(processes: Processes, count: int, cases: list[Settings], steps: int, *more: int) -> None:
    """Trains with so many processes and with one, in two precisions, and compares all numbers."""
    cases = [(*DIVIDED, *settings) for settings in cases]
    assert_equal_one_in_double(processes, count, cases, steps, *more)
    alone = trained(SINGLE_PROCESS, cases, steps, *more)
    states = processes(count, trained, cases, steps, *more)
    for settings, expected, *found in zip(cases, alone, *states, strict=True):
        difference = farthest(found[0], expected)
        if difference >= CLOSE:
            shaken = spread(settings, steps, *more)
            assert difference < _OF_ROUNDING * shaken, (settings, shaken)
        assert all(farthest(found[0], other) == 0.0 for other in found[1:]), settings


def test_divided_heads_learn_what_whole_ones_do(processes: Processes) -> None:
    some = [("model.head=curricularface", *MIXING["cutmix"]), FEATURES["accumulated"]]
    assert_equal_one(processes, 3, some, 4)


def test_more_processes_than_classes_learn_what_one_does(processes: Processes) -> None:
    case = ("model.head=subcenter_arcface", *MIXING["cutmix"])
    assert_equal_one(processes, 3, [case], 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("head", HEADS)
def test_twenty_steps_of_every_head_and_mixing(processes: Processes, count: int, head: str) -> None:
    assert_equal_one(processes, count, [(f"model.head={head}", *mixing) for mixing in MIXING.values()], 20)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 4])
def test_twenty_steps_of_every_feature(processes: Processes, count: int) -> None:
    assert_equal_one(processes, count, list(FEATURES.values()), 20)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("sharded", ["on", "off"])
def test_twenty_steps_with_batch_norm_over_all_processes(
    processes: Processes, count: int, sharded: str
) -> None:
    """An activation next to a ReLU's edge takes a training 4e-4 away in float32, even of one process."""
    norms = (*WITH_BATCH_NORM, *DIVIDED, "train.sync_batchnorm=true", f"margin.sharded={sharded}")
    cases = [(*norms, f"model.head={head}", *mixing) for head in HEADS for mixing in MIXING.values()]
    assert_equal_one_in_double(processes, count, cases, 20)


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_twenty_steps_of_four_processes_with_three_classes(processes: Processes, head: str) -> None:
    cases = [(f"model.head={head}", *mixing) for name, mixing in MIXING.items() if name != "sampled classes"]
    assert_equal_one(processes, 4, cases, 20, 3)


RESUMED: Settings = (*DIVIDED, "model.head=arcface", "augment.cutmix.probability=0.5", "optim.momentum=0.9")


def _part(group: DistributedContext, settings: Settings, folder: str, steps: int) -> Numbers:
    """Goes on from the state in a folder, where there is one, for so many steps, and saves it again."""
    training, place = SharedTraining.of(settings, group), FoldFolder(Path(folder))
    if place.resume_file.is_file():
        load_resume_state(training.state, place, CPU)
    training.train(steps)
    save_resume_state(training.state, place, group)
    save_checkpoint(training.state, place, "last", group)
    return training.numbers()


def parts(processes: Processes, folder: Path, counts: list[int], settings: Settings = RESUMED) -> Numbers:
    """What a training ends with whose parts of two steps have so many processes."""
    for count in counts:
        if count == 1:
            numbers = _part(SINGLE_PROCESS, settings, str(folder), 2)
        else:
            numbers = processes(count, _part, settings, str(folder), 2)[0]
    return numbers


def state_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    values = torch.load(folder / "resume.pt", weights_only=True)
    tensors = {**values["network"], **values["average"]["network"]}
    for index, state in values["optimizer"]["state"].items():
        tensors |= {f"{index}.{key}": value for key, value in state.items() if isinstance(value, Tensor)}
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


@pytest.mark.slow
@pytest.mark.ci
def test_a_training_goes_on_with_other_numbers_of_processes(processes: Processes, tmp_path: Path) -> None:
    changing, alone, alike = (tmp_path / name for name in ("changing", "alone", "alike"))
    for folder in (changing, alone, alike):
        folder.mkdir()
    found = parts(processes, changing, [2, 3, 1, 3])
    expected = parts(processes, alone, [1, 1, 1, 1])
    assert farthest(found, expected) < CLOSE
    assert state_shapes(changing) == state_shapes(alone)
    # With one number of processes it goes on to the same bits as without a break.
    broken = parts(processes, alike, [3, 3])
    (whole,) = processes(3, trained, [RESUMED], 4)[0]
    assert farthest(broken, whole) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("counts", [[1, 4], [4, 2, 3], [3, 4, 1], [2, 2, 4]])
@pytest.mark.parametrize("more", [("optim.name=adamw", "optim.lr=0.001"), ("margin.sampled_classes=0.6",)])
def test_more_numbers_of_processes(
    processes: Processes, counts: list[int], more: Settings, tmp_path: Path
) -> None:
    changing, alone = tmp_path / "changing", tmp_path / "alone"
    changing.mkdir()
    alone.mkdir()
    found = parts(processes, changing, counts, (*RESUMED, *more))
    expected = parts(processes, alone, [1] * len(counts), (*RESUMED, *more))
    assert farthest(found, expected) < CLOSE
    assert state_shapes(changing) == state_shapes(alone)


def _spoilt(group: DistributedContext) -> tuple[list[float], bool]:
    training = SharedTraining.of(("model.head=arcface", *DIVIDED), group)
    before = {name: parameter.clone() for name, parameter in training.network.named_parameters()}
    if group.share.rank == 1:
        weight = training.network.head.weight_CD
        assert isinstance(weight, Tensor)
        weight.register_hook(lambda gradient: gradient * torch.inf)
    training.train(3)
    kept = all(torch.equal(p, before[name]) for name, p in training.network.named_parameters())
    return [training.state.accumulator.read().skipped_steps, training.state.scaler.get_scale()], kept


def test_a_gradient_of_one_part_that_is_not_finite_skips_the_update_in_all(processes: Processes) -> None:
    assert processes(2, _spoilt) == [([3.0, 256.0 / 2**3], True)] * 2


def network_of(num_classes: int) -> FaceNetwork:
    config = Config()
    model = config.model.model_copy(update={"backbone": "test_resnet", "embedding_size": 512})
    return create_network(model, config.margin, num_classes, 32)


def divided(num_classes: int, count: int, sharded: str = "auto", optimiser: str = "sgd") -> bool:
    network = network_of(num_classes)
    margin = MarginConfig(sharded=sharded)  # type: ignore[arg-type]
    before = count_parameters(network, with_head=True)
    shard_head(network, Config(margin=margin, optim=OptimConfig(name=optimiser)), Shard(0, count))
    assert count_parameters(network, with_head=True) == before
    return network.head.shard is not None


def test_large_heads_are_divided_by_themselves() -> None:
    # A linear head has 513 numbers for each class.
    at_two, at_four = -(-2 * LEAST_WEIGHTS // 513), -(-4 * LEAST_WEIGHTS // (3 * 513))
    assert [divided(size, 2) for size in (389, at_two - 1, at_two)] == [False, False, True]
    assert [divided(size, 4) for size in (at_four - 1, at_four)] == [False, True]
    assert not divided(at_two, 1) and not divided(at_two, 2, "off")
    assert divided(2, 4, "on")


def test_optimisers_that_look_at_whole_tensors_keep_the_head_whole() -> None:
    assert not divided(5000, 2, optimiser="lamb") and divided(5000, 2, optimiser="lookahead_adam")
    with pytest.raises(ConfigError, match=r"optim\.name=lamb updates a weight by others of its tensor"):
        divided(5000, 2, "on", "lamb")
