"""An exponential moving average of a network's weights, to evaluate and predict with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kaggle_face.errors import RunError
from kaggle_face.model.network import FaceNetwork


class AveragedNetwork:
    """A copy of a network that holds the moving average of its weights and buffers; integers are copied.

    The n-th update (n = 0, 1, ...) keeps the share d_n of the average. With H = 1 / (1 - decay):

        d_n = 1 - 1 / (1 + (H - 1) * min(1, n / warmup_updates))

    The number of updates that are averaged over thus grows linearly from 1 to H. With warmup_updates = H - 1
    this is the ramp min(decay, 1 - 1 / (n + 1)) of the mean teacher (Tarvainen and Valpola 2017,
    arXiv:1703.01780); with 0 the decay is constant.

    Attributes:
        network: The averaged network, in evaluation mode and without gradients.
        updates: Updates so far.
    """

    def __init__(self, network: FaceNetwork, decay: float, warmup_updates: int = 0) -> None:
        assert 0.0 < decay < 1.0
        self.decay = decay
        self.warmup_updates = warmup_updates
        self.updates = 0
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._pairs: _Pairs | None = None

    def decay_at(self, update: int) -> float:
        """d_n, the share of the average that the n-th update keeps."""
        progress = min(1.0, update / self.warmup_updates) if self.warmup_updates > 0 else 1.0
        horizon = 1.0 / (1.0 - self.decay)
        return 1.0 - 1.0 / (1.0 + (horizon - 1.0) * progress)

    @torch.no_grad()
    def update(self, network: FaceNetwork) -> None:
        """Moves the average towards the network's present weights; to be called after each optimiser step."""
        if self._pairs is None or self._pairs.network is not network:
            self._pairs = _Pairs.of(self.network, network)
        pairs = self._pairs
        torch._foreach_lerp_(pairs.averages, pairs.presents, 1.0 - self.decay_at(self.updates))
        if pairs.whole_averages:
            torch._foreach_copy_(pairs.whole_averages, pairs.whole_presents)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """The count of updates and the average, for a resumed training."""
        return {"updates": self.updates, "network": self.network.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the state of `state_dict`.

        Raises:
            RunError: It belongs to another network, or there is none.
        """
        try:
            self.network.load_state_dict(state["network"])
            self.updates = int(state["updates"])
        except (RuntimeError, KeyError, TypeError) as error:
            raise RunError("the saved moving average belongs to another network") from error


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The tensors of an average beside those of a network, fractions and whole numbers apart.

    They are kept between updates: to list them takes as long as a small network's step.
    """

    network: FaceNetwork
    averages: list[Tensor]
    presents: list[Tensor]
    whole_averages: list[Tensor]
    whole_presents: list[Tensor]

    @classmethod
    def of(cls, average: FaceNetwork, network: FaceNetwork) -> _Pairs:
        """Lists the tensors of both."""
        pairs = list(zip(average.state_dict().values(), network.state_dict().values(), strict=True))
        fractions = [pair for pair in pairs if pair[0].is_floating_point()]
        whole = [pair for pair in pairs if not pair[0].is_floating_point()]
        return cls(
            network,
            [pair[0] for pair in fractions],
            [pair[1] for pair in fractions],
            [pair[0] for pair in whole],
            [pair[1] for pair in whole],
        )
