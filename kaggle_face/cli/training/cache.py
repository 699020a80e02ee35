"""`kaggle-face cache`: decodes and resizes all images of a competition once."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import counted

if TYPE_CHECKING:
    from kaggle_face.pipeline.inputs.preparing import PreparedImages

_MOST_NAMED = 20


def add_arguments_cache(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `cache`."""
    add_config_arguments(parser)


def run_cache(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Builds the image cache of the settings, and prints what it holds."""
    from kaggle_face.pipeline.inputs.preparing import prepare_images

    print_images(prepare_images(load_settings(arguments), terminal), terminal)


def print_images(prepared: PreparedImages, terminal: Terminal) -> None:
    """Prints the size of an image cache, the rate, the folder and broken images."""
    cache, seconds, broken = prepared.cache, prepared.seconds, prepared.broken
    what = f"{counted(len(cache), 'image')} of {cache.size_px}x{cache.size_px} px, "
    what += f"{cache.images.nbytes / 1e6:.0f} MB"
    rate = f"{len(cache) / seconds:.0f} images/s"
    how = "built before" if prepared.was_built_before else f"built in {seconds:.1f} s ({rate})"
    terminal.log(f"{cache.folder}: {what}, {how}")
    for image_id in sorted(broken)[:_MOST_NAMED]:
        terminal.log(f"left out: {image_id} ({broken[image_id]})")
    if len(broken) > _MOST_NAMED:
        terminal.log(f"left out: {len(broken) - _MOST_NAMED} more, listed in {cache.folder}/pack.json")
