"""An exponential moving average of a network's weights, to evaluate and predict with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
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

    def decay_at(self, update: int) -> float:
        """d_n, the share of the average that the n-th update keeps."""
        progress = min(1.0, update / self.warmup_updates) if self.warmup_updates > 0 else 1.0
        horizon = 1.0 / (1.0 - self.decay)
        return 1.0 - 1.0 / (1.0 + (horizon - 1.0) * progress)

    @torch.no_grad()
    def update(self, network: FaceNetwork) -> None:
        """Moves the average towards the network's present weights; to be called after each optimiser step."""
        averages: list[Tensor] = []
        presents: list[Tensor] = []
        pairs = zip(self.network.state_dict().values(), network.state_dict().values(), strict=True)
        for average, present in pairs:
            if average.is_floating_point():
                averages.append(average)
                presents.append(present)
            else:
                average.copy_(present)
        torch._foreach_lerp_(averages, presents, 1.0 - self.decay_at(self.updates))
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed training needs: the count of updates and the average."""
        return {"updates": self.updates, "network": self.network.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave.

        Raises:
            RunError: It belongs to another network, or there is none.
        """
        try:
            self.network.load_state_dict(state["network"])
            self.updates = int(state["updates"])
        except (RuntimeError, KeyError, TypeError) as error:
            raise RunError("the saved moving average belongs to another network") from error
