"""Averages of weights against torch's own, and the greedy soup on numbers that can be followed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.train.averaging.weights import Ingredient, WeightMean, greedy_soup, measure_norms


def network(seed: int) -> FaceNetwork:
    torch.manual_seed(seed)
    model = ModelConfig(backbone="shufflenetv2_x0_5", embedding_size=8, neck="linear_bn")
    return create_network(model, MarginConfig(), num_classes=3, image_size=32)


def images(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 256, (6, 32, 32, 3), generator=generator).to(torch.uint8) for _ in range(3)]


class Normalized(nn.Module):
    """A network that takes bytes, for torch's own functions."""

    def __init__(self, inner: FaceNetwork) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images_BHWC: Tensor) -> Tensor:
        result: Tensor = self.inner(self.inner.normalize(images_BHWC))
        return result


def test_the_mean_of_weights_equals_torchs_average_of_models() -> None:
    networks = [network(seed) for seed in range(3)]
    expected = AveragedModel(networks[0])
    for each in networks:
        expected.update_parameters(each)
    mean = WeightMean()
    for each in networks:
        mean.add(each.state_dict())
    for name, parameter in expected.module.named_parameters():
        torch.testing.assert_close(mean.tensors[name], parameter.data, rtol=1e-5, atol=1e-6)


def test_measured_norms_equal_torchs_own() -> None:
    ours, theirs = network(0), network(0)
    measure_norms(ours, images(1), torch.device("cpu"))
    wrapped = Normalized(theirs).train()
    update_bn(images(1), wrapped)
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], tensor)


def test_measuring_norms_keeps_momentum_and_leaves_evaluation_mode() -> None:
    ours = network(0)
    before = [m.momentum for m in ours.modules() if isinstance(m, nn.BatchNorm2d)]
    measure_norms(ours, images(1), torch.device("cpu"))
    assert [m.momentum for m in ours.modules() if isinstance(m, nn.BatchNorm2d)] == before
    assert not any(module.training for module in ours.modules())


def test_a_mean_goes_on_from_its_saved_state() -> None:
    values = [{"w": torch.tensor([float(number)])} for number in (1, 2, 6)]
    first = WeightMean()
    first.add(values[0])
    first.add(values[1])
    second = WeightMean()
    second.load_state_dict(first.state_dict())
    second.add(values[2])
    assert second.tensors["w"].item() == pytest.approx(3.0)  # (1 + 2 + 6) / 3


def soup_of(weights: dict[str, float], target: float) -> tuple[str, ...]:
    """The soup of one-number networks that are judged by their distance from a target."""

    def judge(names: tuple[str, ...], tensors: dict[str, Tensor]) -> float:
        return -abs(float(tensors["w"]) - target)

    ingredients = [
        Ingredient(name, -abs(value - target), lambda value=value: {"w": torch.tensor([value])})  # type: ignore[misc]
        for name, value in weights.items()
    ]
    soup = greedy_soup(ingredients, judge)  # type: ignore[arg-type]
    assert soup.score >= soup.best_alone
    return soup.names


def test_a_soup_starts_with_the_best_and_keeps_what_helps() -> None:
    # Best alone: 2 (off by 1). With 4: mean 3, off by 0. With 9 after that: mean 5, off by 2: left out.
    assert soup_of({"nine": 9.0, "four": 4.5, "two": 2.0}, target=3.0) == ("two", "four")


def test_a_soup_of_one_is_that_one() -> None:
    assert soup_of({"one": 1.0}, target=3.0) == ("one",)


def test_a_checkpoint_without_a_score_comes_last() -> None:
    ingredients = [
        Ingredient("broken", float("nan"), lambda: {"w": torch.zeros(1)}),
        Ingredient("fine", 0.5, lambda: {"w": torch.ones(1)}),
    ]
    soup = greedy_soup(ingredients, lambda names, weights: 0.0)
    assert soup.names == ("fine",)
