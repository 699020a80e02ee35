"""Backbones by name: images in, feature maps (B, C, h, w) out.

Names are timm's and our own: `iresnet18/34/50/100`, `mobilefacenet`, `shufflenetv2_x0_5/x1_0/x1_5/x2_0`.
"""

from __future__ import annotations

import math
from typing import get_args

import torch
from torch import Tensor, nn

from kaggle_face.config import ModelConfig
from kaggle_face.errors import ConfigError, nearest_hint
from kaggle_face.model.backbones import iresnet, mobilefacenet, shufflenet, timm_library
from kaggle_face.model.backbones.body import NETWORK_REFUSALS, PLAIN_MEAN, PLAIN_STD, Body, run_body
from kaggle_face.model.backbones.small_stem import HalvedPatchConv, make_stem_small

OWN_BACKBONES: tuple[str, ...] = (
    *get_args(iresnet.IResNetName),
    "mobilefacenet",
    *get_args(shufflenet.ShuffleNetName),
)


def known_backbones() -> list[str]:
    """Every name that `model.backbone` takes, our own first."""
    return [*OWN_BACKBONES, *timm_library.backbone_names()]


class Backbone(nn.Module):
    """Images (B, 3, H, W) to feature maps (B, C, h, w).

    Token networks are turned into maps: their class and register tokens are left out and the patch tokens
    are put back onto their grid. A network that pools by itself gives a map of 1x1.

    Attributes:
        name: The name it was chosen by.
        num_features: C, the channels of the map.
        map_size: h and w of the map at the image size it was built for.
        first_convs: Names of the convolutions that see the image, within `body`.
        input_mean: Buffer (3): mean of red, green and blue in [0, 1] that the input had subtracted.
        input_std: Buffer (3): what the input was divided by.
        stem_margins: Buffer (4), where a patch stem was made small: the pixels that its input is padded by.
    """

    input_mean: Tensor
    input_std: Tensor

    def __init__(self, name: str, body: Body, image_size: int, uses_foreign_weights: bool) -> None:
        super().__init__()
        self.name = name
        self.first_convs = body.first_convs
        self.body = body.module
        self._features_only = body.features_only
        mean, std = (body.mean, body.std) if uses_foreign_weights else (PLAIN_MEAN, PLAIN_STD)
        self.register_buffer("input_mean", torch.tensor(mean))
        self.register_buffer("input_std", torch.tensor(std))
        halved = [each for each in body.module.modules() if isinstance(each, HalvedPatchConv)]
        if halved:  # kept with the weights: those that learnt with another padding are refused
            self.register_buffer("stem_margins", torch.tensor(halved[0].margins))
        features = _probe(name, body, image_size)
        channels = getattr(body.module, "num_features", None)
        self._is_channels_last = features.ndim == 4 and features.shape[3] == channels != features.shape[1]
        self._prefix_tokens = int(getattr(body.module, "num_prefix_tokens", 0))
        map_BCHW = self._as_map(features)
        self.num_features = map_BCHW.shape[1]
        self.map_size = (map_BCHW.shape[2], map_BCHW.shape[3])

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """The feature map (B, C, h, w)."""
        if self._features_only:
            return self._as_map(self.body.forward_features(images_BCHW))  # type: ignore[operator]
        return self._as_map(self.body(images_BCHW))

    def _as_map(self, features: Tensor) -> Tensor:
        match features.ndim:
            case 4:
                return features.permute(0, 3, 1, 2) if self._is_channels_last else features
            case 3:
                return _tokens_to_map(features[:, self._prefix_tokens :], self.name)
            case 2:
                return features[:, :, None, None]
            case _:
                raise ConfigError(
                    f"backbone '{self.name}' gives features of shape {tuple(features.shape)}, no map; "
                    "choose another model.backbone"
                )


def _tokens_to_map(tokens_BNC: Tensor, name: str) -> Tensor:
    count = tokens_BNC.shape[1]
    side = math.isqrt(count)
    if side == 0 or side * side != count:
        raise ConfigError(
            f"backbone '{name}' gives {count} tokens, which are no square map; choose another model.backbone"
        )
    batch, _, channels = tokens_BNC.shape
    return tokens_BNC.transpose(1, 2).reshape(batch, channels, side, side)


def _probe(name: str, body: Body, image_size: int) -> Tensor:
    """The features of one blank image, or the reason why there are none.

    Raises:
        ConfigError: The network cannot take images of this size.
    """
    try:
        features = run_body(body, torch.zeros(1, 3, image_size, image_size))
    except NETWORK_REFUSALS as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise _too_small(name, image_size, reason) from error
    if features.numel() == 0:
        raise _too_small(name, image_size, "its feature map would be smaller than 1x1")
    return features


def _too_small(name: str, image_size: int, reason: str) -> ConfigError:
    return ConfigError(
        f"backbone '{name}' cannot take images of {image_size} pixels ({reason}); "
        "set model.small_stem=on, another data.image_size or another model.backbone"
    )


def create_backbone(config: ModelConfig, image_size: int, load_weights: bool = True) -> Backbone:
    """The backbone of the settings, built for square images.

    `model.small_stem=auto` makes the stem small at up to half of the size that the network was designed for:
    112 pixels for networks made for 224, 56 for `iresnet*` and `mobilefacenet`, never for networks whose
    image size is fixed (transformers).

    Args:
        config: The part `model` of the settings.
        image_size: Pixels of height and width.
        load_weights: Whether `model.pretrained` fetches weights now; without, the same network stays
            untrained, ready for the weights of a run. `model.weights` is not this function's.

    Raises:
        ConfigError: The backbone is unknown or does not fit the other settings.
    """
    uses_foreign_weights = config.pretrained or config.weights is not None
    body = _create_body(config, image_size, pretrained=config.pretrained and load_weights)
    is_small = body.takes_any_size and 2 * image_size <= body.native_size
    if config.small_stem == "on" or (config.small_stem == "auto" and is_small):
        make_stem_small(body, config.backbone, image_size, keep_kernel=uses_foreign_weights)
    return Backbone(config.backbone, body, image_size, uses_foreign_weights)


def _create_body(config: ModelConfig, image_size: int, pretrained: bool) -> Body:
    name = config.backbone
    if name in OWN_BACKBONES:
        _refuse_foreign_options(config)
    match name:
        case "iresnet18" | "iresnet34" | "iresnet50" | "iresnet100":
            return iresnet.create_iresnet(name)
        case "mobilefacenet":
            return mobilefacenet.create_mobilefacenet()
        case "shufflenetv2_x0_5" | "shufflenetv2_x1_0" | "shufflenetv2_x1_5" | "shufflenetv2_x2_0":
            return shufflenet.create_shufflenet(name, pretrained)
    if not timm_library.is_backbone(name):
        raise ConfigError(f"unknown backbone '{name}'{nearest_hint(name, known_backbones())}")
    return timm_library.create_body(name, config.backbone_options, config.drop_path, image_size, pretrained)


def _refuse_foreign_options(config: ModelConfig) -> None:
    name = config.backbone
    if config.backbone_options:
        option = next(iter(config.backbone_options))
        raise ConfigError(f"backbone '{name}' does not take the option '{option}' (model.backbone_options)")
    if config.drop_path > 0.0:
        raise ConfigError(
            f"backbone '{name}' has no stochastic depth; set model.drop_path=0 or choose another backbone"
        )
    if config.pretrained and name not in get_args(shufflenet.ShuffleNetName):
        raise ConfigError(
            f"backbone '{name}' has no published weights here; "
            "set model.weights=FILE or model.pretrained=false"
        )
