"""Gradients of convolution weights as one matrix product, where a processor computes them so faster.

A convolution of many channels over a small map has more weights than outputs. oneDNN divides its work by
outputs, so the gradient of the weights spends its time on moving them: 9.0 ms for 256 to 256 channels on the
3x3 maps of 64 images, where their columns and one product take 1.4 ms (bf16, two cores of an Intel Xeon with
AMX, torch 2.14). For 128 channels at 6x6 it is 4.2 and 1.9 ms, for 64 at 12x12 1.6 and 2.5.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import grad

_LEAST_WEIGHTS_AN_OUTPUT = 32
"""Weights of a convolution for each place of a batch's map from which on the product is faster."""


def quicken_weight_gradients(network: nn.Module) -> None:
    """Lets the plain convolutions of a network compute their weights' gradients as products where that pays.

    Names, weights and outputs stay. It is for CPUs and bf16; whatever else comes is computed as before.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and _is_plain(module):
            module.__class__ = _QuickConv2d


def _is_plain(conv: nn.Conv2d) -> bool:
    """Whether kernel and stride are square, with zeros around, and all inputs go to all outputs."""
    height, width = conv.kernel_size
    return (
        conv.groups == 1
        and conv.bias is None
        and height == width
        and conv.stride[0] == conv.stride[1]
        and conv.dilation == (1, 1)
        and conv.padding == (height // 2, width // 2)
        and conv.padding_mode == "zeros"
    )


class _QuickConv2d(nn.Conv2d):
    """A convolution whose `_conv_forward` is ours while it learns in bf16 on a CPU."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
        is_lowered = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        if input.device.type == "cpu" and is_lowered and torch.is_grad_enabled() and weight.requires_grad:
            with torch.autocast("cpu", enabled=False):
                found: Tensor = _Convolution.apply(
                    input.to(torch.bfloat16), weight.to(torch.bfloat16), self.stride[0], self.padding[0]
                )
            return found
        other: Tensor = super()._conv_forward(input, weight, bias)
        return other


class _Convolution(torch.autograd.Function):
    """Images (B, I, H, W) and weights (O, I, k, k) to maps (B, O, h, w)."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weights: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(images, weights)
        ctx.stride, ctx.padding = stride, padding
        return nn.functional.conv2d(images, weights, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        images, weights = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        of_images = None
        if ctx.needs_input_grad[0]:
            of_images = grad.conv2d_input(  # type: ignore[no-untyped-call]
                images.shape, weights, gradient, stride, padding
            )
        batch, _, height, width = gradient.shape
        if weights.numel() >= _LEAST_WEIGHTS_AN_OUTPUT * batch * height * width:
            of_weights = _product(images, gradient, weights.shape[2], stride, padding)
        else:
            of_weights = grad.conv2d_weight(  # type: ignore[no-untyped-call]
                images, weights.shape, gradient, stride, padding
            )
        return of_images, of_weights, None, None


def _product(images: Tensor, gradient: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """The gradient of the weights (O, I, k, k): outputs' gradients times the pixels that each one saw."""
    batch, outputs, height, width = gradient.shape
    inputs = images.shape[1]
    padded_BHWI = nn.functional.pad(images.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    seen = [
        padded_BHWI[
            :,
            down : down + stride * (height - 1) + 1 : stride,
            right : right + stride * (width - 1) + 1 : stride,
        ]
        for down in range(kernel)
        for right in range(kernel)
    ]
    columns = torch.stack(seen, 3).view(batch * height * width, kernel * kernel * inputs)
    rows = gradient.permute(0, 2, 3, 1).reshape(batch * height * width, outputs)
    return (rows.t() @ columns).view(outputs, kernel, kernel, inputs).permute(0, 3, 1, 2)
