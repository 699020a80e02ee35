"""`kaggle-face cache`: decodes and resizes all images of a competition once."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import CommandParser, load_settings
from kaggle_face.cli.terminal import Terminal


def add_arguments_cache(parser: CommandParser) -> None:
    """Declares the options of `cache`."""
    parser.add_config_arguments()


def run_cache(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Builds the image cache of the settings, and prints what it holds."""
    from kaggle_face.pipeline.inputs.preparing import prepare_images
    from kaggle_face.summaries.data import describe_images

    terminal.show(describe_images(prepare_images(load_settings(arguments), terminal)))
