"""`competitions`: what is known of each; `init`: detects the layout of a folder and writes settings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.hints import command_line, settings_command, settings_given_as

_LONG_NAME = 24
"""A longer name is offered to be shortened."""

if TYPE_CHECKING:
    from kaggle_face.competitions.own_data.answers import Answers


_REPEATED: dict[str, Any] = {"action": "append", "default": []}
_ANSWERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("image-column", "the column that names images", {"metavar": "COLUMN"}),
    ("identity-column", "the column of the people", {"metavar": "COLUMN"}),
    (
        "split-column",
        "the column of the splits; SPLIT is train, dev, test or skip",
        {"metavar": "COLUMN[:WORD=SPLIT,...]"},
    ),
    (
        "pairs",
        "a list of pairs, its columns, and the label of same pairs; may be repeated",
        {"metavar": "FILE:FIRST,SECOND[,LABEL[=SAME]]", **_REPEATED},
    ),
    (
        "folder",
        "where the images of a table lie; may be repeated",
        {"metavar": "FILE:FOLDER", **_REPEATED},
    ),
    ("pattern", "file names, such as '{identity}_{n}.jpg'", {"metavar": "PATTERN"}),
    ("test", "the images to submit: their folder, or a table", {"metavar": "FOLDER|FILE"}),
    ("sample", "the sample submission, or none", {"metavar": "FILE"}),
    ("id-column", "the column of the sample submission with the ids", {"metavar": "COLUMN"}),
    (
        "row-order",
        "what ids count that are numbers from 0 or 1: the test images sorted by name, or by their number",
        {"choices": ("name", "number")},
    ),
    ("without-identity", "what rows of a table without an identity are", {"choices": ("test", "skip")}),
    (
        "identity-folder",
        "which of nested folders is called like the person: the first or the last before the file",
        {"choices": ("first", "last")},
    ),
    (
        "submitted",
        "what the CSV holds: names, or their places from 0 among the sorted names",
        {"choices": ("name", "index")},
    ),
    ("unknown", "the label of people whom nobody knows, in rankings and galleries", {"metavar": "LABEL"}),
)
"""The options on own data: name, meaning, and how argparse takes them."""


def add_arguments_competitions(parser: argparse.ArgumentParser) -> None:
    """Adds the words `show NAME`."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="show NAME",
        help="'show NAME' prints all of one competition, or of one layout with its files; without: a list",
    )


def run_competitions(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lists the competitions, or prints all that is known of one or of a layout."""
    match arguments.words:
        case []:
            _list_competitions(terminal)
        case ["show", name]:
            from kaggle_face.competitions.catalogue.descriptions import describe

            terminal.lines(describe(name).lines)
        case ["show"]:
            raise InputError("'competitions show' needs a name: kaggle-face competitions show SLUG")
        case words:
            raise InputError(
                f"'competitions {' '.join(words)}' is not a command; "
                f"write 'competitions' or 'competitions show SLUG'"
            )


def _list_competitions(terminal: Terminal) -> None:
    from kaggle_face.competitions.catalogue.known import competition_spec, known_slugs

    rows = [
        (
            spec.slug,
            spec.layout if spec.variant == "auto" else f"{spec.layout} {spec.variant}",
            spec.tasks[0] if len(spec.tasks) == 1 else "both",
            spec.metric,
            str(spec.image_size),
        )
        for spec in map(competition_spec, known_slugs())
    ]
    legend = {
        "competition": "the name in its address",
        "layout": "of its files (see 'competitions show LAYOUT') and its variant, where there are several",
        "task": "what is answered",
        "metric": "of the leaderboard",
        "pixels": "side of its images",
    }
    terminal.table(tuple(legend), rows, legend)


def add_arguments_init(parser: argparse.ArgumentParser) -> None:
    """Adds SLUG, `--data`, `--name` and the answers on own data."""
    parser.add_argument("slug", metavar="SLUG", help="the competition's name in its address, or the address")
    parser.add_argument("--data", metavar="DIR", required=True, type=Path, help="the unpacked files")
    parser.add_argument("--force", action="store_true", help="replace settings that are there already")
    parser.add_argument(
        "--name", metavar="NAME", help="a short name for the settings and the folder of their runs"
    )
    _add_answers(parser)


def _add_answers(parser: argparse.ArgumentParser) -> None:
    """Adds what a person knows of own data and its files do not show."""
    own = parser.add_argument_group(
        "own data", "for files of no known layout, where their meaning is not clear"
    )
    own.add_argument(
        "--own", action="store_true", help="own data, even if the files look like a known layout"
    )
    for name, meaning, how in _ANSWERS:
        own.add_argument(f"--{name}", help=meaning, **how)


def run_init(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Detects the layout below `--data` and writes `configs/<slug>.yaml`."""
    from kaggle_face.competitions.own_data.summary import describe_data
    from kaggle_face.config.loading import word_for
    from kaggle_face.pipeline.inputs.init import estimate_on_gpus, init_competition

    answers = answers_of(arguments)
    chosen = answers if arguments.own or answers.are_given else None
    written = init_competition(
        arguments.slug, arguments.data, replace=arguments.force, answers=chosen, name=arguments.name
    )
    inspection = written.inspection
    detection = inspection.detection
    if inspection.guess is None:
        terminal.log(f"layout {detection.layout}, variant {inspection.variant}: {detection.reason}")
    else:
        terminal.log(f"layout {detection.layout}: own data, whose files are taken for")
        terminal.lines([*inspection.guess.lines, *inspection.guess.alternatives])
        terminal.lines(describe_data(inspection.data))
    shown = () if inspection.guess is None else inspection.guess.lines
    for note in dict.fromkeys(inspection.notes):
        if note not in shown:
            terminal.warn(note)
    terminal.log(f"wrote {written.path}")
    if estimate := estimate_on_gpus(written):
        terminal.log(estimate)
    with settings_given_as(word_for(written.path)):
        terminal.log(f"next: {settings_command('check')}; {settings_command('train')}")
    if arguments.name is None and len(written.path.stem) > _LONG_NAME:
        again = command_line("init", arguments.slug, "--data", str(arguments.data), "--name", "faces")
        terminal.log(f"for a shorter name in commands and folders, such as faces: {again}")


def answers_of(arguments: argparse.Namespace) -> Answers:
    """What the options say of own data."""
    from kaggle_face.competitions.own_data.answers import Answers

    return Answers(
        image_column=arguments.image_column,
        identity_column=arguments.identity_column,
        split_column=arguments.split_column,
        pairs=tuple(arguments.pairs),
        folders=tuple(arguments.folder),
        pattern=arguments.pattern,
        test=arguments.test,
        sample=arguments.sample,
        id_column=arguments.id_column,
        row_order=arguments.row_order,
        without_identity=arguments.without_identity,
        identity_folder=arguments.identity_folder,
        submitted=arguments.submitted,
        unknown=arguments.unknown,
    )
