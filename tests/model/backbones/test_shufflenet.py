"""ShuffleNetV2 against the parameter counts that torchvision's documentation gives with 1000 classes."""

from __future__ import annotations

import pytest

from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones import shufflenet
from kaggle_face.model.backbones.shufflenet import ShuffleNetName, create_shufflenet


@pytest.mark.parametrize(
    ("name", "channels", "published"),
    [
        ("shufflenetv2_x0_5", 1024, 1_366_792),
        ("shufflenetv2_x1_0", 1024, 2_278_604),
        ("shufflenetv2_x1_5", 1024, 3_503_624),
        ("shufflenetv2_x2_0", 2048, 7_393_996),
    ],
)
def test_the_parameter_count_is_the_published_one(
    name: ShuffleNetName, channels: int, published: int
) -> None:
    body = create_shufflenet(name, pretrained=False).module
    classifier = channels * 1000 + 1000
    assert sum(parameter.numel() for parameter in body.parameters()) + classifier == published


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(shufflenet, "get_model", unreachable)
    with pytest.raises(ConfigError, match=r"no route to host.*set model\.weights=FILE"):
        create_shufflenet("shufflenetv2_x0_5", pretrained=True)
