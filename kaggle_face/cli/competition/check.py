"""`check`: data, samples, rules and disk of a competition, or the labels of its training images."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import DEFAULT_RUN, CommandParser, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError


def add_arguments_check(parser: CommandParser) -> None:
    """Adds the settings, `--labels`, `--no-images`, `--pictures` and `--to`."""
    parser.add_config_arguments()
    parser.add_argument(
        "--labels",
        nargs="?",
        const="",
        metavar="RUN",
        help="instead: list the training images whose label surprises the networks of a run out of fold "
        f"({DEFAULT_RUN})",
    )
    parser.add_flag("--no-images", "do not decode the images")
    parser.add_flag(
        "--pictures",
        "also write one HTML page of the data: counts, balance, sizes, brightness, near-duplicates, "
        "broken files, contact sheets",
    )
    parser.add_to_argument(
        "FILE", "the file of --pictures (default: data.html in the folder of the settings' runs)"
    )


def run_check(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints problems of a competition's data and settings, or of its labels."""
    if arguments.to is not None and not arguments.pictures:
        raise InputError("--to names the file of --pictures; add --pictures")
    if arguments.labels is not None:
        if arguments.pictures:
            raise InputError("--labels and --pictures are two checks; call them one after the other")
        check_labels(arguments, terminal)
        return
    from kaggle_face.pipeline.inputs.check import check_competition
    from kaggle_face.pipeline.inputs.data_page import default_page
    from kaggle_face.summaries.data import describe_check

    loaded = load_settings(arguments)
    page = (arguments.to or default_page(loaded)) if arguments.pictures else None
    check = check_competition(loaded.config, terminal, not arguments.no_images, page)
    terminal.show(describe_check(check))
    check.require_no_problem()


def check_labels(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the most doubtful labels of a run, and where table, list and contact sheet lie."""
    from kaggle_face.artifacts.run_choice import find_named_run
    from kaggle_face.pipeline.improving.label_noise import find_doubtful_labels
    from kaggle_face.summaries.prediction import describe_doubtful_labels

    loaded = load_settings(arguments)
    run = find_named_run(loaded, arguments.labels or None, terminal.log, "--labels")
    terminal.show(describe_doubtful_labels(find_doubtful_labels(loaded, run, terminal), run))
