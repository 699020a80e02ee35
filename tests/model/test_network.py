"""The whole network: embeddings, input, parameters, determinism."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.network import count_parameters, create_network, enlarged_middle
from tests.support.networks import tiny_network


@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "gdc", "flatten"])
@pytest.mark.parametrize("neck", ["none", "linear_bn"])
def test_embeddings_have_the_announced_size(pooling: str, neck: str) -> None:
    network = tiny_network(pooling=pooling, neck=neck)
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, network.embedding_size)


def test_embeddings_are_float32_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert tiny_network()(torch.rand(2, 3, 32, 32)).dtype == torch.float32


def test_the_neck_is_not_lowered_by_autocast() -> None:
    network, images = tiny_network().eval(), torch.rand(2, 3, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embeddings = network(images)
        features = network.pooling(network.backbone(images))
    assert torch.equal(embeddings, network.neck(features.float()))


def test_normalising_leaves_the_images_alone() -> None:
    images = torch.full((1, 2, 2, 3), 9.0)
    tiny_network().normalize(images)
    assert images.unique().tolist() == [9.0]


def test_pixels_are_normalised_to_minus_one_and_one() -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8).repeat(1, 1, 3).reshape(1, 1, 2, 3)
    images[0, 0, 0] = 0
    images[0, 0, 1] = 255
    normalised = tiny_network().normalize(images)
    assert normalised.shape == (1, 3, 1, 2)
    assert normalised[0, :, 0].tolist() == [[-1.0, 1.0]] * 3


def test_foreign_weights_get_their_own_normalisation() -> None:
    model = ModelConfig(backbone="resnet10t", pretrained=True)
    network = create_network(model, MarginConfig(), 3, 32, load_weights=False)
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), dtype=np.uint8)
    mean, std = np.array(network.input_mean), np.array(network.input_std)
    assert mean == pytest.approx([0.485, 0.456, 0.406])
    expected = ((image / 255.0 - mean) / std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(network.normalize(torch.from_numpy(image)).numpy(), expected, atol=1e-6)


def test_normalised_images_lie_in_channels_last_memory() -> None:
    images = tiny_network().normalize(torch.zeros(2, 8, 8, 3, dtype=torch.uint8))
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_one_seed_gives_one_network() -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(tiny_network(head="arcface").state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["head.weight_CD"], states[2]["head.weight_CD"])


def test_parameters_are_counted_with_and_without_the_head() -> None:
    network = tiny_network()
    head = 7 * 16 + 7  # classes times embedding, and biases
    assert count_parameters(network, with_head=True) - count_parameters(network, with_head=False) == head


def test_resnet18_has_the_size_that_a_calculator_gives() -> None:
    model = ModelConfig(backbone="resnet18", small_stem="off", neck="none")
    network = create_network(model, MarginConfig(), 1000, 64)
    assert count_parameters(network, with_head=True) == 11_689_512  # torchvision's documentation of ResNet-18


def test_weights_and_pretrained_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match=r"model\.pretrained and model\.weights are both set"):
        tiny_network(pretrained=True, weights="x.pth")


def test_the_network_for_a_runs_weights_needs_no_foreign_file(tmp_path: Path) -> None:
    model = ModelConfig(backbone="test_resnet", weights=str(tmp_path / "gone.pth"))
    create_network(model, MarginConfig(), 3, 32, load_weights=False)
    with pytest.raises(ConfigError, match=r"model\.weights: there is no file"):
        create_network(model, MarginConfig(), 3, 32)


def test_a_step_lowers_the_loss() -> None:
    network = tiny_network(head="arcface").train()
    images, labels = torch.rand(14, 3, 32, 32), torch.arange(14) % 7
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        logits = network.head.margin_logits(network.head.similarity(network(images)), labels)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_an_embedding_is_the_mean_over_crops_where_that_is_asked_for() -> None:
    network, images = tiny_network().eval(), torch.rand(3, 3, 32, 32)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2), mode="replicate")  # 32 / 16 pixels
    corners = [(0, 0), (0, 4), (4, 0), (4, 4)]
    crops = [images, *(padded[:, :, top : top + 32, left : left + 32] for top, left in corners)]
    expected = torch.stack([network(crop) for crop in crops]).mean(dim=0)
    assert not torch.allclose(network(images), expected, atol=1e-5)
    network.averages_crops = True
    assert torch.allclose(network(images), expected, atol=1e-5)
    network.train()
    assert network(images).shape == (3, 16)  # in training each image counts once


@pytest.mark.parametrize(
    ("side", "share", "kept"), [(32, 0.65, 20), (32, 0.5, 16), (33, 0.65, 21), (8, 0.25, 2)]
)
def test_the_backbone_sees_the_middle_enlarged(side: int, share: float, kept: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    cut = (side - kept) // 2
    middle = Image.fromarray(image[cut : cut + kept, cut : cut + kept])
    expected = np.asarray(middle.resize((side, side), Image.Resampling.BILINEAR), np.float32)
    found = enlarged_middle(torch.from_numpy(image).permute(2, 0, 1)[None].float(), share)[0]
    assert found.shape == (3, side, side)
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), expected, atol=1.0)  # Pillow rounds


def test_a_center_crop_hides_the_border_and_nothing_else() -> None:
    network, images = tiny_network(center_crop=0.5).eval(), torch.rand(2, 3, 32, 32)
    embeddings = network(images)
    other = images.clone()
    other[:, :, :8], other[:, :, 24:], other[..., :8], other[..., 24:] = 0.0, 1.0, 1.0, 0.0
    assert torch.equal(network(other), embeddings)
    other[:, :, 8, 8] += 1.0
    assert not torch.equal(network(other)[0], embeddings[0])


def test_a_center_crop_is_the_network_of_the_enlarged_picture() -> None:
    torch.manual_seed(0)
    cropped = tiny_network(center_crop=0.65).eval()
    torch.manual_seed(0)
    whole, images = tiny_network().eval(), torch.rand(2, 3, 32, 32)
    middle = torch.nn.functional.interpolate(images[:, :, 6:26, 6:26], (32, 32), mode="bilinear")
    torch.testing.assert_close(cropped(images), whole(middle))


def test_the_middle_of_a_mirror_image_is_mirrored() -> None:
    images = torch.rand(1, 3, 31, 32)
    for share in (0.3, 0.65, 0.8, 0.99):
        torch.testing.assert_close(
            enlarged_middle(images.flip(-1), share).flip(-1), enlarged_middle(images, share)
        )


def test_the_middle_of_images_in_channels_last_memory_stays_there() -> None:
    images = torch.rand(2, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    assert enlarged_middle(images, 0.65).is_contiguous(memory_format=torch.channels_last)
