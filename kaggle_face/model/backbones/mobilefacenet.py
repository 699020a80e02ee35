"""MobileFaceNet (Chen et al. 2018, arXiv:1804.07573, table 1), up to its last 1x1 convolution.

The paper's head is `model.pooling=gdc` (a depthwise convolution over the whole map) and
`model.neck=linear_bn` with `model.embedding_size=128`.
"""

from __future__ import annotations

from torch import Tensor, nn

from kaggle_face.model.backbones.body import Body

# Expansion, output channels, repetitions, stride of the first: the rows "bottleneck" of the paper's table 1.
_BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
_STEM_CHANNELS = 64
_OUTPUT_CHANNELS = 512


def create_mobilefacenet() -> Body:
    """A MobileFaceNet with fresh weights; the map is 1/16 of the image: 7x7 at 112 pixels, 512 channels."""
    return Body(MobileFaceNet(), first_convs=("stem.conv",), native_size=112)


class MobileFaceNet(nn.Module):
    """Images (B, 3, H, W) to maps (B, 512, H/16, W/16), rounded up."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, _STEM_CHANNELS, kernel=3, stride=2)
        self.depthwise = _conv(_STEM_CHANNELS, _STEM_CHANNELS, kernel=3, groups=_STEM_CHANNELS)
        blocks: list[nn.Module] = []
        channels = _STEM_CHANNELS
        for expansion, outputs, repetitions, stride in _BOTTLENECKS:
            for repetition in range(repetitions):
                blocks.append(
                    _Bottleneck(channels, outputs, expansion * channels, stride if repetition == 0 else 1)
                )
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = _conv(channels, _OUTPUT_CHANNELS, kernel=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """The feature map (B, 512, h, w)."""
        features: Tensor = self.head(self.blocks(self.depthwise(self.stem(images_BCHW))))
        return features


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, outputs: int, hidden: int, stride: int) -> None:
        super().__init__()
        self.expand = _conv(inputs, hidden, kernel=1)
        self.depthwise = _conv(hidden, hidden, kernel=3, stride=stride, groups=hidden)
        self.project = _conv(hidden, outputs, kernel=1, activated=False)
        self.has_shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.has_shortcut else y


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activated: bool = True
) -> nn.Sequential:
    """Convolution and batch norm, with a PReLU unless it projects linearly."""
    block = nn.Sequential()
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    block.add_module("conv", conv)
    block.add_module("bn", nn.BatchNorm2d(outputs))
    if activated:
        block.add_module("act", nn.PReLU(outputs))
    return block
