"""The whole network: backbone, pooling, neck and head.

Letters: B images, C channels, H and W of an image, F pooled features, D embedding size.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones.build import Backbone, create_backbone
from kaggle_face.model.heads.head import Head, in_full_precision
from kaggle_face.model.heads.margin_heads import create_head
from kaggle_face.model.pooling import create_neck, create_pooling
from kaggle_face.model.weights.foreign import WeightsReport, load_backbone_weights

_LARGEST_PIXEL = 255.0
_SHARE_MOVED = 16
"""A crop is moved by the side of the image divided by this, at least by a pixel."""


class FaceNetwork(nn.Module):
    """Images to embeddings; the head turns embeddings into logits.

    Attributes:
        backbone: Images to feature maps; it holds the constants of the input.
        pooling: Maps to vectors.
        neck: Vectors to embeddings.
        head: Embeddings to logits, called by the loss and by inference, not by `forward`.
        embedding_size: D.
        num_classes: C, the classes of the head.
        weights_report: What `model.weights` brought, where it is set.
        averages_crops: Whether an embedding is the mean over `crops_of` the image, when not training.
        center_crop: The share of each side of an image that the backbone sees.
    """

    def __init__(
        self,
        backbone: Backbone,
        pooling: nn.Module,
        neck: nn.Module,
        head: Head,
        embedding_size: int,
        center_crop: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling = pooling
        self.neck = neck
        self.head = head
        self.embedding_size = embedding_size
        self.num_classes = head.num_classes
        self.weights_report: WeightsReport | None = None
        self.averages_crops = False
        self.center_crop = center_crop

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Embeddings (B, D) of normalised images, not scaled to length 1.

        Autocast lowers backbone and pooling; the neck is float32, since bf16 keeps but three digits.
        """
        if self.averages_crops and not self.training:
            crops = crops_of(images_BCHW)
            return torch.stack([self._embed(crop_BCHW) for crop_BCHW in crops]).mean(dim=0)
        return self._embed(images_BCHW)

    def _embed(self, images_BCHW: Tensor) -> Tensor:
        features_BF = self.pooling(self.backbone(enlarged_middle(images_BCHW, self.center_crop)))
        with torch.autocast(images_BCHW.device.type, enabled=False):
            embeddings: Tensor = self.neck(in_full_precision(features_BF))
        return embeddings

    def normalize(self, images_BHWC: Tensor) -> Tensor:
        """uint8 images, red first, as the float32 input of `forward`, on the device where they lie.

        The result is (B, C, H, W) in channels-last memory, so no pixel is moved.
        """
        mean_C, std_C = self.backbone.input_mean, self.backbone.input_std
        scaled_BHWC = images_BHWC.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        # By rows of pixels: a CPU takes eight times as long for rows of three numbers.
        mean, factor = _LARGEST_PIXEL * mean_C, 1.0 / (_LARGEST_PIXEL * std_C)
        width = images_BHWC.shape[2]
        scaled_BHWC.view(*images_BHWC.shape[:2], -1).sub_(mean.repeat(width)).mul_(factor.repeat(width))
        return scaled_BHWC.permute(0, 3, 1, 2)

    @property
    def input_mean(self) -> tuple[float, ...]:
        """Mean of red, green and blue in [0, 1] that `normalize` subtracts."""
        return tuple(self.backbone.input_mean.tolist())

    @property
    def input_std(self) -> tuple[float, ...]:
        """Divisor of red, green and blue in [0, 1] in `normalize`."""
        return tuple(self.backbone.input_std.tolist())


def crops_of(images_BCHW: Tensor) -> list[Tensor]:
    """The images, and four crops of the same size moved towards the corners; the border is repeated.

    >>> crops = crops_of(torch.arange(9.0).reshape(1, 1, 3, 3))
    >>> len(crops), crops[1][0, 0].tolist()  # moved up and left by one pixel
    (5, [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [3.0, 3.0, 4.0]])
    """
    height, width = images_BCHW.shape[2:]
    moved_H, moved_W = max(1, height // _SHARE_MOVED), max(1, width // _SHARE_MOVED)
    corners = [(down, right) for down in (-moved_H, moved_H) for right in (-moved_W, moved_W)]
    crops = [images_BCHW]
    for shifts in corners:
        rows, columns = (
            (torch.arange(side, device=images_BCHW.device) + shift).clamp(0, side - 1)
            for side, shift in zip((height, width), shifts, strict=True)
        )
        crops.append(images_BCHW.index_select(2, rows).index_select(3, columns))
    return crops


def border_px(side_px: int, share: float) -> int:
    """The pixels at each border that a network does not see of which `share` is the center crop.

    >>> border_px(112, 1.0), border_px(112, 0.65), border_px(112, 0.5)
    (0, 20, 28)
    """
    return round(side_px * (1.0 - share) / 2.0)


def enlarged_middle(images_BCHW: Tensor, share: float) -> Tensor:
    """The middle of images, enlarged to their size, linearly between pixels.

    As many pixels are left out on each side, so that a mirror image has the mirrored middle.

    Args:
        images_BCHW: Images as floating point numbers.
        share: The part of each side that is kept, in (0, 1]; 1 gives the images as they are.

    >>> ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    >>> enlarged_middle(ramp, 0.5)[0, 0, 0].tolist()  # the pixels 1 and 2, twice as large
    [1.0, 1.25, 1.75, 2.0]
    """
    if share == 1.0:
        return images_BCHW
    height, width = (int(side) for side in images_BCHW.shape[2:])  # numbers in an exported graph too
    cut_H, cut_W = (border_px(side, share) for side in (height, width))
    middle_BCHW = images_BCHW[:, :, cut_H : height - cut_H, cut_W : width - cut_W]
    return interpolate(middle_BCHW, size=(height, width), mode="bilinear", align_corners=False)


def create_network(
    model: ModelConfig,
    margin: MarginConfig,
    num_classes: int,
    image_size: int,
    class_counts: Tensor | None = None,
    load_weights: bool = True,
) -> FaceNetwork:
    """The network of the settings; fresh weights follow from torch's random state, which the caller seeds.

    Input constants: those of the published weights where `model.pretrained` or `model.weights` is set, else
    mean 0.5 and standard deviation 0.5. They are kept with the weights.

    Args:
        model: Backbone, pooling, neck and head.
        margin: Margin and scale of the head.
        num_classes: C, > 0.
        image_size: Pixels of height and width.
        class_counts: Training images of each class (C); `margin.by_class_size` needs them for training.
        load_weights: Whether `model.weights` and `model.pretrained` are loaded; a network that is to hold the
            weights of a run is built without.

    Raises:
        ConfigError: The settings contradict each other or the weights, or name something unknown.
    """
    if model.pretrained and model.weights is not None:
        raise ConfigError("model.pretrained and model.weights are both set; keep one of them")
    if model.weights_key is not None and model.weights is None:
        raise ConfigError(f"model.weights_key={model.weights_key} needs a file: set model.weights")
    backbone = create_backbone(model, image_size, load_weights)
    pooling, num_features = create_pooling(model.pooling, backbone.num_features, backbone.map_size)
    neck, embedding_size = create_neck(model, num_features)
    head = create_head(model, margin, embedding_size, num_classes, class_counts)
    network = FaceNetwork(backbone, pooling, neck, head, embedding_size, model.center_crop)
    if model.weights is not None and load_weights:
        network.weights_report = load_backbone_weights(backbone, Path(model.weights), model.weights_key)
    return network


def count_parameters(network: FaceNetwork, with_head: bool) -> int:
    """The number of parameters, with the head's or without; of a divided head those of all classes."""
    of_head = network.head.parameters()
    below = sum(parameter.numel() for parameter in network.parameters()) - sum(p.numel() for p in of_head)
    return below + (network.head.num_parameters if with_head else 0)
