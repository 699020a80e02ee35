"""A convolutional network without its classifier, as the makers of backbones hand it over."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

Channels = tuple[float, float, float]

NETWORK_REFUSALS = (
    RuntimeError,
    AssertionError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
)
"""What networks raise when an option or the size of the image does not suit them."""

PLAIN_MEAN: Channels = (0.5, 0.5, 0.5)
"""Mean of red, green and blue in [0, 1] that a network without foreign weights subtracts."""

PLAIN_STD: Channels = (0.5, 0.5, 0.5)
"""What a network without foreign weights divides by; together with the mean, pixels lie in [-1, 1]."""


@dataclass(frozen=True, eq=False)
class Body:
    """A network that turns images into feature maps, with its properties.

    Attributes:
        module: Images (B, 3, H, W) in, features out: (B, C, h, w), (B, h, w, C), (B, N, C) or (B, C).
        first_convs: Names of the convolutions that see the image; several where branches run in parallel.
        mean: What its published weights expect to be subtracted from red, green and blue in [0, 1].
        std: What they expect to be divided by.
        native_size: Pixels of the images it was designed for.
        takes_any_size: Whether the image size is free after it was built.
        features_only: Whether `forward_features` is to be called instead of `forward`.
    """

    module: nn.Module
    first_convs: tuple[str, ...] = ()
    mean: Channels = PLAIN_MEAN
    std: Channels = PLAIN_STD
    native_size: int = 224
    takes_any_size: bool = True
    features_only: bool = False


def call_body(body: Body, images_BCHW: Tensor) -> Tensor:
    """The features of images, in whatever form the network gives them."""
    call = body.module.forward_features if body.features_only else body.module
    features: Tensor = call(images_BCHW)  # type: ignore[operator]
    return features


def run_body(body: Body, images_BCHW: Tensor) -> Tensor:
    """The features of images in evaluation mode and without gradients; the network's mode is kept."""
    modes = [(module, module.training) for module in body.module.modules()]
    body.module.eval()
    try:
        with torch.no_grad():
            return call_body(body, images_BCHW)
    finally:
        for module, mode in modes:
            module.training = mode
