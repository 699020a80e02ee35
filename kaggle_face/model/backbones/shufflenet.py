"""ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164); the only file that imports torchvision."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision.models import ShuffleNetV2 as TorchvisionShuffleNetV2
from torchvision.models import get_model

from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones.body import Body

ShuffleNetName = Literal["shufflenetv2_x0_5", "shufflenetv2_x1_0", "shufflenetv2_x1_5", "shufflenetv2_x2_0"]

# torchvision's ImageNet recipe normalises with these (its `ImageClassification` preset).
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


def create_shufflenet(name: ShuffleNetName, pretrained: bool) -> Body:
    """A ShuffleNetV2 without its classifier; the map is 1/32 of the image, 1024 or 2048 channels.

    Raises:
        ConfigError: The ImageNet weights could not be fetched.
    """
    theirs = name.replace("shufflenetv2", "shufflenet_v2")
    try:
        model = get_model(theirs, weights="DEFAULT" if pretrained else None)
    except OSError as error:
        raise ConfigError(
            f"the pretrained weights of backbone '{name}' could not be fetched ({error}); "
            "fetch them elsewhere and set model.weights=FILE, or model.pretrained=false"
        ) from error
    return Body(ShuffleNetV2(model), first_convs=("conv1.0",), mean=_IMAGENET_MEAN, std=_IMAGENET_STD)


class ShuffleNetV2(nn.Module):
    """Images (B, 3, H, W) to maps (B, C, H/32, W/32), with torchvision's names for its weights."""

    def __init__(self, model: TorchvisionShuffleNetV2) -> None:
        super().__init__()
        self.conv1, self.maxpool = model.conv1, model.maxpool
        self.stage2, self.stage3, self.stage4 = model.stage2, model.stage3, model.stage4
        self.conv5 = model.conv5

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """The feature map (B, C, h, w)."""
        x = self.maxpool(self.conv1(images_BCHW))
        features: Tensor = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        return features
