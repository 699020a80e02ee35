"""The depth of each backbone parameter below the classes, for learning rates that fall towards the image."""

from __future__ import annotations

from torch import nn

from kaggle_face.model.backbones.build import Backbone
from kaggle_face.model.backbones.timm_library import layers_above


def layers_above_parameters(backbone: Backbone) -> dict[str, int]:
    """The layers between each parameter of a backbone and the classes, by name; neck and head would have 0.

    Networks of timm are divided as timm does it for fine-tuning (`timm.optim.param_groups_layer_decay`); the
    few that it does not divide, and our own, by blocks in their order.
    """
    above = layers_above(backbone.body)
    if above is None:
        blocks = {name: _block_of(backbone.body, name) for name, _ in backbone.body.named_parameters()}
        order = list(dict.fromkeys(blocks.values()))
        above_block = {block: len(order) - place for place, block in enumerate(order)}
        above = {name: above_block[block] for name, block in blocks.items()}
    return {f"body.{name}": count for name, count in above.items()}


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
