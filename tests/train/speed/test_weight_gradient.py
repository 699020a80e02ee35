"""Gradients of convolution weights as products: the same numbers, on the layers where that pays."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from kaggle_face.config import MarginConfig, ModelConfig, TrainConfig
from kaggle_face.model.network import create_network
from kaggle_face.train.speed import weight_gradient
from kaggle_face.train.speed.preparing import prepare_for_training
from kaggle_face.train.speed.weight_gradient import quicken_weight_gradients

COMBINATIONS = [
    *(
        (inputs, outputs, kernel, stride)
        for inputs, outputs in ((8, 16), (3, 5))
        for kernel in (1, 3, 7)
        for stride in (1, 2)
    ),
    (4, 6, 5, 3),
]


def gradients(conv: nn.Conv2d, images: Tensor, in_bf16: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """A convolution's output, and the gradients of its input and weights."""
    images = images.clone().requires_grad_()
    conv.weight.grad = None
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
        output = conv(images)
    generator = torch.Generator().manual_seed(1)
    (output.float() * torch.randn(output.shape, generator=generator)).sum().backward()
    assert images.grad is not None and conv.weight.grad is not None
    return output.detach().float(), images.grad, conv.weight.grad


@pytest.mark.parametrize("takes_product", [True, False])
@pytest.mark.parametrize(("inputs", "outputs", "kernel", "stride"), COMBINATIONS)
def test_numbers_are_those_of_float32(
    inputs: int, outputs: int, kernel: int, stride: int, takes_product: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_gradient, "_LEAST_WEIGHTS_AN_OUTPUT", 0 if takes_product else 1 << 30)
    torch.manual_seed(0)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    images = torch.randn(3, inputs, 9, 11).contiguous(memory_format=torch.channels_last)
    conv.weight.data = conv.weight.data.bfloat16().float()
    images = images.bfloat16().float()
    exact = gradients(conv, images, in_bf16=False)
    quicken_weight_gradients(conv)
    for found, expected in zip(gradients(conv, images), exact, strict=True):
        scale = float(expected.abs().max())
        torch.testing.assert_close(found, expected, rtol=0.0, atol=0.02 * scale)


def test_only_layers_with_many_weights_for_their_map_take_the_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = []
    real = weight_gradient._product
    monkeypatch.setattr(
        weight_gradient,
        "_product",
        lambda images, *rest: taken.append(images.shape[1]) or real(images, *rest),
    )
    network = nn.Sequential(nn.Conv2d(4, 8, 3, 1, 1, bias=False), nn.Conv2d(8, 64, 3, 4, 1, bias=False))
    quicken_weight_gradients(network)
    images = torch.randn(2, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        network(images).float().sum().backward()
    assert taken == [8], "64 x 8 x 9 weights for 2 x 2 x 2 places, against 8 x 4 x 9 for 2 x 8 x 8"


def test_float32_and_evaluation_are_computed_as_before() -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 16, 3, padding=1, bias=False)
    quick = nn.Conv2d(8, 16, 3, padding=1, bias=False)
    quick.load_state_dict(plain.state_dict())
    quicken_weight_gradients(quick)
    images = torch.randn(2, 8, 6, 6)
    for one, other in zip(gradients(quick, images, False), gradients(plain, images, False), strict=True):
        assert torch.equal(one, other)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(quick(images), plain(images))


def test_a_training_on_a_cpu_has_them() -> None:
    model = ModelConfig(backbone="resnet10t", backbone_options={"channels": [8, 8, 16, 16], "stem_width": 8})
    network = create_network(model, MarginConfig(), num_classes=3, image_size=32)
    prepared = prepare_for_training(network, TrainConfig())
    convs = [module for module in prepared.modules() if isinstance(module, nn.Conv2d)]
    assert convs and all(type(conv) is not nn.Conv2d for conv in convs)


def test_names_and_frozen_weights_stay() -> None:
    network = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.Conv2d(4, 4, 3, padding=1, bias=False)
    )
    names = list(network.state_dict())
    quicken_weight_gradients(network)
    assert list(network.state_dict()) == names
    network[0].weight.requires_grad_(False)
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.randn(1, 4, 5, 5)).float().sum().backward()
    assert network[0].weight.grad is None and network[1].weight.grad is not None


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
        nn.Conv2d(4, 4, 3, padding=0, bias=False),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, bias=False),
        nn.Conv2d(4, 4, (1, 3), padding=(0, 1), bias=False),
        nn.Conv2d(4, 4, 3, stride=(1, 2), padding=1, bias=False),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect", bias=False),
        nn.Conv2d(4, 4, 3, padding="same", bias=False),
    ],
)
def test_others_are_left_alone(conv: nn.Conv2d) -> None:
    quicken_weight_gradients(conv)
    assert type(conv) is nn.Conv2d
