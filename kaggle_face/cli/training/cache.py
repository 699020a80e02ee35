"""`kaggle-face pack`: decodes and resizes all images of a competition once."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from kaggle_face.cli.arguments import add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal

_MOST_NAMED = 20


def add_arguments_pack(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `pack`."""
    add_config_arguments(parser)


def run_pack(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Packs the images of the settings, and prints their number, the rate, the folder and broken images."""
    from kaggle_face.data.cache.image_cache import broken_images
    from kaggle_face.pipeline.preparing import open_competition, open_images

    config = load_settings(arguments).config
    data = open_competition(config, terminal)
    before = set(Path(config.paths.packs).glob("*"))
    began = time.monotonic()
    pack = open_images(config, data, terminal)
    seconds = time.monotonic() - began
    what = f"{len(pack)} images of {pack.size_px}x{pack.size_px} px, {pack.images.nbytes / 1e6:.0f} MB"
    if pack.folder in before:
        terminal.log(f"{pack.folder}: {what}, packed before")
    else:
        terminal.log(f"{pack.folder}: {what}, packed in {seconds:.1f} s ({len(pack) / seconds:.0f} images/s)")
    broken = broken_images(pack)
    for image_id in sorted(broken)[:_MOST_NAMED]:
        terminal.log(f"left out: {image_id} ({broken[image_id]})")
    if len(broken) > _MOST_NAMED:
        terminal.log(f"left out: {len(broken) - _MOST_NAMED} more, listed in {pack.folder}/pack.json")
