"""Averages of weights: over the last epochs, and over checkpoints that do better together (soups).

The statistics of batch normalisation do not average: they belong to the network that they were measured on,
so they are measured again on training images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from kaggle_face.errors import RunError
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.weights.checkpoints import Tensors

NORM_BATCHES = 100
"""Batches of training images on which an average's norm statistics are measured; more change nothing."""


class WeightMean:
    """The running mean of weights that come one after the other; integers are those of the last."""

    def __init__(self) -> None:
        self.count = 0
        self.tensors: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, weights: Tensors) -> None:
        """Takes one more set of weights into the mean."""
        self.count += 1
        if self.count == 1:
            self.tensors = {name: tensor.detach().clone() for name, tensor in weights.items()}
            return
        for name, mean in self.tensors.items():
            if mean.is_floating_point():
                mean.lerp_(weights[name].to(mean.device), 1.0 / self.count)
            else:
                mean.copy_(weights[name])

    def copy(self) -> WeightMean:
        """A copy of the mean."""
        other = WeightMean()
        other.count = self.count
        other.tensors = {name: tensor.clone() for name, tensor in self.tensors.items()}
        return other

    def state_dict(self) -> dict[str, Any]:
        """The state for a resumed training."""
        return {"count": self.count, "tensors": self.tensors}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the state of `state_dict`."""
        self.count, self.tensors = int(state["count"]), dict(state["tensors"])


@torch.no_grad()
def measure_norms(
    network: FaceNetwork,
    batches: Iterable[Tensor],
    device: torch.device,
    amp_dtype: torch.dtype | None = None,
) -> None:
    """Measures the statistics of batch normalisation anew; each batch weighs the same.

    Everything else is in evaluation mode meanwhile. Source: Izmailov et al. 2018, arXiv:1803.05407, section
    3.2, there with dropout and the like as in training.

    Args:
        network: On `device`; it is left in evaluation mode.
        batches: uint8 images (B, H, W, 3); a pass over part of the training images is enough.
        device: Where to compute.
        amp_dtype: Number format under autocast, or None.
    """
    network.eval()
    norms = [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's sign for the plain mean
        norm.train()
    for images_BHWC in batches:
        images_BCHW = network.normalize(torch.as_tensor(images_BHWC).to(device, non_blocking=True))
        with torch.autocast(device.type, dtype=amp_dtype, enabled=amp_dtype is not None):
            network(images_BCHW)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


@dataclass(frozen=True, eq=False)
class Ingredient:
    """A checkpoint that may enter a soup, with its own score, higher is better."""

    name: str
    score: float
    read: Callable[[], Tensors]


@dataclass(frozen=True, eq=False)
class Soup:
    """The names of a soup's checkpoints, its weights, its score, and that of the best alone."""

    names: tuple[str, ...]
    weights: Tensors
    score: float
    best_alone: float


def greedy_soup(
    ingredients: Sequence[Ingredient], judge: Callable[[tuple[str, ...], Tensors], float]
) -> Soup:
    """The mean of the best checkpoint and of those that do not make it worse, tried from the best down.

    Wortsman et al. 2022, arXiv:2203.05482, recipe 1: an ingredient stays if the score is no lower with it.

    Args:
        ingredients: At least one; a NaN score comes last.
        judge: The score of averaged weights, after the names of what they are of, on data that no ingredient
            was trained on.
    """
    ranked = sorted(ingredients, key=lambda one: (one.score != one.score, -one.score))
    names, best = [ranked[0].name], ranked[0].score
    mean = WeightMean()
    mean.add(ranked[0].read())
    for one in ranked[1:]:
        trial, weights = mean.copy(), one.read()
        if shapes_of(weights) != shapes_of(trial.tensors):
            raise RunError(
                f"{one.name} is another network than {ranked[0].name}; mix checkpoints of one model"
            )
        trial.add(weights)
        score = judge((*names, one.name), trial.tensors)
        if score >= best:
            names, best, mean = [*names, one.name], score, trial
    return Soup(tuple(names), mean.tensors, best, ranked[0].score)


def shapes_of(tensors: Tensors) -> dict[str, torch.Size]:
    """The shape of each tensor, by name."""
    return {name: tensor.shape for name, tensor in tensors.items()}
