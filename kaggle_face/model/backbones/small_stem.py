"""Stems for small images: the first reductions of a network made for 224 pixels are taken out.

A ResNet halves its input twice before its first unit and turns 32 pixels into a single cell. With a small
stem its first convolution keeps the resolution and the max-pool is dropped, as in its authors' own network
for 32 pixels (He et al. 2016, arXiv:1512.03385, section 4.2). The rules, for every family:

- A first convolution of stride 2 gets stride 1. A fresh 7x7 kernel becomes 3x3. A kernel with foreign
  weights stays as it is: then every second output equals what the published network computes, while a
  cropped kernel would compute something else everywhere.
- A patch stem of stride 4 (ConvNeXt) gets stride 2 and is padded further behind the image, so that the map is
  half of it: again every second output equals what the published network computes. Stride 1 would make every
  later layer 16 times as expensive.
- Poolings up to 1/4 of the image that stand before any other strided convolution become the identity.
- Networks that never pad (Inception) pad their 3x3 kernels, without which 64 pixels end in nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones.body import NETWORK_REFUSALS, Body, run_body

_PROBE_SIZE = 128
_LARGEST_STEM_REDUCTION = 4
_FRESH_KERNEL = 3


@dataclass(frozen=True, eq=False)
class _Change:
    """An attribute or submodule of `owner` and its new value."""

    owner: nn.Module
    attribute: str
    value: Any

    def apply(self) -> _Change:
        """Sets the value and returns the change that undoes it."""
        old = getattr(self.owner, self.attribute)
        setattr(self.owner, self.attribute, self.value)
        return _Change(self.owner, self.attribute, old)


class HalvedPatchConv(nn.Conv2d):
    """A convolution of stride 4 at stride 2, with the same weights; the map is half of the image.

    The image is padded before as it was, so that every second output is the old one, and behind as far as is
    missing for the half.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type] # a pair, whose length torch's types leave open
            stride=2,
            groups=conv.groups,
            bias=conv.bias is not None,
        )
        self.weight, self.bias = conv.weight, conv.bias
        padding = conv.padding
        assert not isinstance(padding, str)
        height, width = (
            (before, max(0, size - 2 - before))
            for before, size in zip(padding, conv.kernel_size, strict=True)
        )
        self.margins = (*width, *height)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """The map (B, C, H/2, W/2)."""
        return super().forward(nn.functional.pad(images_BCHW, self.margins))


def make_stem_small(body: Body, name: str, image_size: int, keep_kernel: bool) -> None:
    """Takes the first reductions out of a network, in place; nothing happens where there are none.

    Args:
        body: The network; its `first_convs` are where the image enters.
        name: Its name, for the message.
        image_size: Pixels; the changed network must run at this size.
        keep_kernel: Whether the first convolution has, or will get, foreign weights.

    Raises:
        ConfigError: The stem cannot be changed.
    """
    module = body.module
    convs = [_submodule(module, conv) for conv in body.first_convs]
    if not convs or not all(isinstance(conv, nn.Conv2d) for conv in convs) or not body.takes_any_size:
        raise _cannot(name)
    first = [conv for conv in convs if isinstance(conv, nn.Conv2d)]
    if any(conv.stride not in ((1, 1), (2, 2), (4, 4)) for conv in first):
        raise _cannot(name)
    early = _early_pools(body, first)
    if early is None:
        raise _cannot(name)
    path_of = {candidate: path for path, candidate in module.named_modules()}
    pools = [_Change(*_owner(module, path_of[pool]), nn.Identity()) for pool in early]
    strides = [change for path in body.first_convs for change in _unstride(module, path, keep_kernel)]
    paddings = _pad_unpadded(module, first)
    for extra in ([*paddings, *pools], paddings, pools, []):
        if not strides and not extra:
            return
        undo = [change.apply() for change in (*strides, *extra)]
        if _runs(body, image_size):
            return
        for change in reversed(undo):
            change.apply()
    raise _cannot(name)


def _cannot(name: str) -> ConfigError:
    return ConfigError(
        f"backbone '{name}' has no stem that can be made small; set model.small_stem=off "
        "or choose another model.backbone"
    )


def _submodule(module: nn.Module, path: str) -> nn.Module | None:
    try:
        return module.get_submodule(path)
    except AttributeError:
        return None


def _owner(module: nn.Module, path: str) -> tuple[nn.Module, str]:
    parent, _, attribute = path.rpartition(".")
    return module.get_submodule(parent), attribute


def _unstride(module: nn.Module, path: str, keep_kernel: bool) -> list[_Change]:
    conv = module.get_submodule(path)
    assert isinstance(conv, nn.Conv2d)
    if conv.stride == (1, 1):
        return []
    if conv.stride == (4, 4):
        if type(conv) is not nn.Conv2d or isinstance(conv.padding, str):
            return [_Change(conv, "stride", (2, 2))]  # it finds its padding by itself
        return [_Change(*_owner(module, path), HalvedPatchConv(conv))]
    if conv.kernel_size == (7, 7) and type(conv) is nn.Conv2d and not keep_kernel:
        return [_Change(*_owner(module, path), _fresh_first_conv(conv))]
    # Blocks that can be fused (RepVGG, MobileOne) remember the stride of their convolutions.
    parents = (
        module.get_submodule(path.rsplit(".", depth)[0]) for depth in (1, 2) if path.count(".") >= depth
    )
    remembered = [_Change(parent, "stride", 1) for parent in parents if getattr(parent, "stride", None) == 2]
    return [_Change(conv, "stride", (1, 1)), *remembered]


def _fresh_first_conv(old: nn.Conv2d) -> nn.Conv2d:
    new = nn.Conv2d(
        old.in_channels,
        old.out_channels,
        _FRESH_KERNEL,
        padding=_FRESH_KERNEL // 2,
        bias=old.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    return new


def _pad_unpadded(module: nn.Module, first: Sequence[nn.Conv2d]) -> list[_Change]:
    """The changes that pad every unpadded 3x3 kernel, where the first convolution is one."""
    if not all(_is_unpadded(conv) for conv in first):
        return []
    return [_Change(each, "padding", 1) for each in module.modules() if _is_unpadded(each)]


def _is_unpadded(module: nn.Module) -> bool:
    if type(module) is nn.Conv2d:
        return module.kernel_size == (3, 3) and module.padding in ((0, 0), 0)
    return (
        type(module) is nn.MaxPool2d and module.kernel_size in (3, (3, 3)) and module.padding in (0, (0, 0))
    )


class _SeenEnoughError(Exception):
    pass


class _StemWatch:
    """Sees the layers of one run in their order, up to the first strided convolution behind the stem."""

    def __init__(self, first: Sequence[nn.Conv2d]) -> None:
        self._first = first
        self.pools: list[nn.Module] = []
        self.image_size_at_first_conv = 0

    def __call__(self, layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not inputs or not all(isinstance(it, Tensor) and it.ndim == 4 for it in (inputs[0], output)):
            return
        if layer in self._first:
            self.image_size_at_first_conv = inputs[0].shape[-1]
            return
        if output.shape[-1] >= inputs[0].shape[-1] - 2:  # an unpadded 3x3 kernel loses two cells
            return
        reduction = _PROBE_SIZE / output.shape[-1]
        if isinstance(layer, nn.Conv2d) or reduction > _LARGEST_STEM_REDUCTION + 0.5:
            raise _SeenEnoughError
        self.pools.append(layer)


def _early_pools(body: Body, first: Sequence[nn.Conv2d]) -> list[nn.Module] | None:
    """The parameter-free layers that reduce the map to not less than 1/4, up to the next strided convolution.

    The network is run once, only as far as needed, since only a run shows the order of the layers. None means
    that the image is already reduced where it meets the first convolution (TResNet).
    """
    watch = _StemWatch(first)
    leaves = [layer for layer in body.module.modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(watch) for layer in leaves]
    # A network that refuses this size is judged at its own size afterwards.
    with contextlib.suppress(_SeenEnoughError, *NETWORK_REFUSALS):
        run_body(body, _blank_image(_PROBE_SIZE))
    for hook in hooks:
        hook.remove()
    return watch.pools if watch.image_size_at_first_conv == _PROBE_SIZE else None


def _runs(body: Body, image_size: int) -> bool:
    try:
        run_body(body, _blank_image(image_size))
    except NETWORK_REFUSALS:
        return False
    return True


def _blank_image(size: int) -> Tensor:
    return torch.zeros(1, 3, size, size)
