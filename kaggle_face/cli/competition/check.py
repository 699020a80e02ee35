"""`check`: data, samples, rules and disk of a competition, or the labels of its training images."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import DEFAULT_RUN, add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal

_SIGNS = {"problem": "problem:", "note": "note:   ", "good": "ok:     "}


def add_arguments_check(parser: argparse.ArgumentParser) -> None:
    """Adds the settings, `--labels` and `--no-images`."""
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


def run_check(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints what is wrong with a competition's data and settings, or with its labels."""
    if arguments.labels is not None:
        from kaggle_face.cli.blending.labels import check_labels

        check_labels(arguments, terminal)
        return
    from kaggle_face.pipeline.inputs.check import check_competition

    check = check_competition(load_settings(arguments).config, terminal, not arguments.no_images)
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
    check.require_no_problem()
