"""`check`: data, samples, rules and disk of a competition, or the labels of its training images."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.cli.arguments import DEFAULT_RUN, add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError

_SIGNS = {"problem": "problem:", "note": "note:   ", "good": "ok:     "}


def add_arguments_check(parser: argparse.ArgumentParser) -> None:
    """Adds the settings, `--labels`, `--no-images`, `--pictures` and `--to`."""
    add_config_arguments(parser)
    parser.add_argument(
        "--labels",
        nargs="?",
        const="",
        metavar="RUN",
        help="instead: list the training images whose label surprises the networks of a run out of fold "
        f"({DEFAULT_RUN})",
    )
    parser.add_argument("--no-images", action="store_true", help="do not decode the images")
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="also write one HTML page of the data: counts, balance, sizes, brightness, near-duplicates, "
        "broken files, contact sheets",
    )
    parser.add_argument(
        "--to",
        metavar="FILE",
        type=Path,
        help="the file of --pictures (default: data.html in the folder of the settings' runs)",
    )


def run_check(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints what is wrong with a competition's data and settings, or with its labels."""
    if arguments.to is not None and not arguments.pictures:
        raise InputError("--to names the file of --pictures; add --pictures")
    if arguments.labels is not None:
        if arguments.pictures:
            raise InputError("--labels and --pictures are two checks; call them one after the other")
        from kaggle_face.cli.blending.labels import check_labels

        check_labels(arguments, terminal)
        return
    from kaggle_face.pipeline.inputs.check import check_competition
    from kaggle_face.pipeline.inputs.data_page import default_page

    loaded = load_settings(arguments)
    page = (arguments.to or default_page(loaded)) if arguments.pictures else None
    check = check_competition(loaded.config, terminal, not arguments.no_images, page)
    rows = [(each.split, str(each.images), str(each.labelled), str(each.classes)) for each in check.counts]
    legend = {
        "split": "part of the data",
        "images": "in it",
        "labelled": "those whose identity is known",
        "classes": "different identities among these",
    }
    terminal.table(tuple(legend), rows, legend)
    for result in check.results:
        terminal.log(f"{_SIGNS[result.level]} {result.text}")
    if check.page is not None:
        terminal.log(f"{check.page.path}: {check.page.num_bytes / 1e6:.1f} MB")
    check.require_no_problem()
