"""IResNet: the residual network of face recognition (Deng et al. 2019, arXiv:1801.07698, section 3.2.2).

Its units are BN-Conv-BN-PReLU-Conv-BN, the first convolution keeps the resolution, and the sum of a unit
passes no activation. The paper's output is BN-Dropout-FC-BN; the first of these BNs ends the body here, and
`model.pooling=flatten` with `model.neck=dropout_linear_bn` adds the rest.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from kaggle_face.model.backbones.body import Body

IResNetName = Literal["iresnet18", "iresnet34", "iresnet50", "iresnet100"]

_UNITS_OF_STAGES: dict[IResNetName, tuple[int, int, int, int]] = {
    "iresnet18": (2, 2, 2, 2),
    "iresnet34": (3, 4, 6, 3),
    "iresnet50": (3, 4, 14, 3),
    "iresnet100": (3, 13, 30, 3),
}
_WIDTHS = (64, 128, 256, 512)


def create_iresnet(name: IResNetName) -> Body:
    """An IResNet with fresh weights; the map is 1/16 of the image: 7x7 at 112 pixels, 512 channels."""
    return Body(IResNet(_UNITS_OF_STAGES[name]), first_convs=("stem.conv",), native_size=112)


class IResNet(nn.Module):
    """Images (B, 3, H, W) to maps (B, 512, H/16, W/16), rounded up."""

    def __init__(self, units_of_stages: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.stem = nn.Sequential()
        self.stem.add_module("conv", nn.Conv2d(3, _WIDTHS[0], 3, padding=1, bias=False))
        self.stem.add_module("bn", nn.BatchNorm2d(_WIDTHS[0]))
        self.stem.add_module("act", nn.PReLU(_WIDTHS[0]))
        inputs = (_WIDTHS[0], *_WIDTHS)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    _Unit(before, width, stride=2), *(_Unit(width, width, stride=1) for _ in range(units - 1))
                )
                for before, width, units in zip(inputs, _WIDTHS, units_of_stages, strict=False)
            )
        )
        self.bn = nn.BatchNorm2d(_WIDTHS[-1])
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.1)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """The feature map (B, 512, h, w)."""
        features: Tensor = self.bn(self.stages(self.stem(images_BCHW)))
        return features


class _Unit(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.act = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1:
            projection = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.bn2(self.conv1(self.bn1(x))))
        total: Tensor = self.bn3(self.conv2(y)) + self.shortcut(x)
        return total
