"""`kaggle-face cache` and `augment`: the decoded images, and what the settings do to those of a training."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError


def add_arguments_cache(parser: CommandParser) -> None:
    """Declares the options of `cache`."""
    parser.add_config_arguments()


def run_cache(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Builds the image cache of the settings, and prints what it holds."""
    from kaggle_face.pipeline.inputs.preparing import prepare_images
    from kaggle_face.summaries.data import describe_images

    terminal.show(describe_images(prepare_images(load_settings(arguments), terminal)))


def add_arguments_augment(parser: CommandParser) -> None:
    """Declares the options of `augment`."""
    parser.add_config_arguments()
    parser.add_flag(
        "--preview",
        "write a sheet: a row for each image with the image, versions by albumentations one by one, "
        "versions by the batched forms on the device, and mixed ones",
    )
    parser.add_to_argument(
        "FILE",
        "the sheet, .png, .jpg or .webp (default: augmentation.png in the folder of the settings' runs)",
    )
    parser.add_argument("--images", metavar="N", type=int, default=10, help="training images (default: 10)")
    parser.add_argument(
        "--versions", metavar="N", type=int, default=5, help="versions of each in each group (default: 5)"
    )


def run_augment(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the augmentation of the settings, and writes the sheet."""
    from kaggle_face.pipeline.inputs.augmentation import (
        PreviewOptions,
        default_sheet,
        describe,
        write_augmentation,
    )

    if arguments.to is not None and not arguments.preview:
        raise InputError("--to names the file of --preview; add --preview")
    loaded = load_settings(arguments)
    if not arguments.preview:
        terminal.lines(describe(loaded, terminal))
        return
    options = options_of(PreviewOptions, arguments)
    path = write_augmentation(loaded, arguments.to or default_sheet(loaded), options, terminal)
    terminal.log(f"{path}: a row for each image")
