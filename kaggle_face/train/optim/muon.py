"""Muon: momentum that is made orthogonal, matrix by matrix, before it is applied.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/), scaled as Liu et al. 2025 (arXiv:2502.16982)
do it, by which rates and decay are those of AdamW, with the Newton-Schulz coefficients of Cesista et al. 2025
(https://leloykun.github.io/ponder/muon-opt-coeffs/). timm's and torch's compute the iteration in bf16 alone.
A CPU without bf16 instructions takes 55 times as long for that as for float32: 2.5 s and 46 ms a step for a
network of 1.9 M parameters, on two cores of an Intel Xeon whose libraries were limited to AVX2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from kaggle_face.config import OptimConfig
from kaggle_face.errors import ConfigError
from kaggle_face.train.speed.precision import computes_bf16

_COEFFICIENTS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
_SCALE = 0.2
"""The root mean square of AdamW's updates, which those of matrices are given too."""
_LEAST_SIDE, _LARGEST_RATIO = 4, 128
"""A matrix with a shorter side, or one so much longer than wide, is treated as a vector."""


class Muon(torch.optim.Optimizer):
    """Muon for matrices and convolutions, AdamW for all else.

    A convolution (O, I, h, w) counts as the matrix (O, I*h*w). AdamW takes vectors and depthwise
    convolutions.

    Args:
        params: Parameters or groups.
        lr: The rate of both, > 0.
        weight_decay: Decoupled, times the rate.
        momentum: Of the matrices, in [0, 1).
        nesterov: Whether the momentum looks ahead.
        ns_steps: Newton-Schulz iterations, 1 to 5.
        betas: Of AdamW.
        eps: Of AdamW.

    Raises:
        ValueError: `ns_steps` is out of range.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 3,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        if type(ns_steps) is not int or not 1 <= ns_steps <= len(_COEFFICIENTS):
            raise ValueError(
                f"ns_steps must be a whole number from 1 to {len(_COEFFICIENTS)}, got {ns_steps!r}"
            )
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_steps": ns_steps,
                "betas": betas,
                "eps": eps,
            },
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            vectors = []
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                if is_matrix(parameter):
                    self._update_matrix(parameter, group)
                else:
                    vectors.append(parameter)
            if vectors:
                self._update_vectors(vectors, group)
        return loss

    def _update_matrix(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        mean: Tensor = state["momentum_buffer"]
        mean.lerp_(gradient, 1.0 - group["momentum"])
        update = gradient.lerp(mean, group["momentum"]) if group["nesterov"] else mean
        matrix = update.reshape(len(update), -1)
        scale = _SCALE * math.sqrt(max(matrix.shape))
        turned = orthogonalised(matrix, group["ns_steps"]).view_as(update)
        parameter.add_(turned, alpha=-group["lr"] * scale)

    def _update_vectors(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101); its count lies on the device: no step waits."""
        first, second = group["betas"]
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["step"] = torch.zeros((), device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
        states = [self.state[parameter] for parameter in parameters]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        counts = [state["step"] for state in states]
        means, squares = [state["exp_avg"] for state in states], [state["exp_avg_sq"] for state in states]
        torch._foreach_add_(counts, 1.0)
        torch._foreach_lerp_(means, gradients, 1.0 - first)
        torch._foreach_mul_(squares, second)
        torch._foreach_addcmul_(squares, gradients, gradients, 1.0 - second)
        for parameter, count, mean, square in zip(parameters, counts, means, squares, strict=True):
            spread = (square / (1.0 - second**count)).sqrt_().add_(group["eps"])
            parameter.sub_(mean / spread * (group["lr"] / (1.0 - first**count)))


def create_muon(groups: Iterable[nn.Parameter] | Iterable[dict[str, Any]], config: OptimConfig) -> Muon:
    """Muon as the settings want it.

    Raises:
        ConfigError: It does not take an option.
    """
    given = {"nesterov": config.nesterov, **config.options}
    if config.betas is not None:
        given["betas"] = config.betas
    try:
        return Muon(groups, config.lr, config.weight_decay, config.momentum, **given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimiser 'muon' cannot be built: {error}") from error


def is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter is updated as a matrix."""
    if parameter.ndim < 2 or min(parameter.shape[:2]) == 1:
        return False
    rows, columns = len(parameter), parameter[0].numel()
    shorter, longer = min(rows, columns), max(rows, columns)
    return shorter >= _LEAST_SIDE and longer <= _LARGEST_RATIO * shorter


def orthogonalised(matrix: Tensor, iterations: int) -> Tensor:
    """A matrix whose singular vectors are those of another and whose singular values are about 1.

    >>> turned = orthogonalised(torch.tensor([[3.0, 1.0], [0.0, 0.1]]), 5)
    >>> bool(((turned @ turned.T - torch.eye(2)).abs() < 0.3).all())
    True
    """
    is_tall = len(matrix) > matrix.shape[1]
    x = matrix.mT if is_tall else matrix
    if matrix.dtype == torch.float32 and (matrix.device.type != "cpu" or computes_bf16()):
        x = x.to(torch.bfloat16)
    x = x / x.norm().clamp_(min=1e-7)
    for linear, cubic, quintic in _COEFFICIENTS[:iterations]:
        square = x @ x.mT
        x = torch.addmm(x, torch.addmm(square, square, square, beta=cubic, alpha=quintic), x, beta=linear)
    return (x.mT if is_tall else x).to(matrix.dtype)
