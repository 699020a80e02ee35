"""How deep each parameter of a backbone lies, for learning rates that fall towards the image."""

from __future__ import annotations

from torch import nn

from kaggle_face.model.backbones import Backbone
from kaggle_face.model.timm_library import group_by_depth


def depths_of_parameters(backbone: Backbone) -> dict[str, int]:
    """The depth of each parameter, by its name within the backbone: 0 at the image, without gaps.

    Networks of timm are divided as their makers did for fine-tuning; others by blocks, in their order.
    """
    depth_of = group_by_depth(backbone.body)
    if depth_of is None:
        depth_of = _depth_by_block(backbone.body)
    return {f"body.{name}": depth for name, depth in depth_of.items()}


def _depth_by_block(body: nn.Module) -> dict[str, int]:
    blocks = {name: _block_of(body, name) for name, _ in body.named_parameters()}
    order = {block: depth for depth, block in enumerate(dict.fromkeys(blocks.values()))}
    return {name: order[block] for name, block in blocks.items()}


def _block_of(body: nn.Module, parameter_name: str) -> str:
    """The first part of a name, and the numbers that follow it as long as they name modules with parts."""
    words = parameter_name.split(".")[:-1]
    block = words[0]
    for word in words[1:]:
        longer = f"{block}.{word}"
        if not word.isdecimal() or not any(True for _ in body.get_submodule(longer).children()):
            break
        block = longer
    return block
