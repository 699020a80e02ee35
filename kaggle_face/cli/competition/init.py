"""`competitions`: what is known of each; `init`: detects the layout of a folder and writes settings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.cli.arguments import CommandParser, options_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError

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
        {"metavar": "FILE:FOLDER", "dest": "folders", **_REPEATED},
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
    ("unknown", "the label of unknown people, in rankings and galleries", {"metavar": "LABEL"}),
)
"""The options on own data: name, meaning, and how argparse takes them."""


def add_arguments_competitions(parser: CommandParser) -> None:
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
            from kaggle_face.summaries.data import competitions_table

            terminal.show([competitions_table()])
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


def add_arguments_init(parser: CommandParser) -> None:
    """Adds SLUG, `--data`, `--name` and the answers on own data."""
    parser.add_argument("slug", metavar="SLUG", help="the competition's name in its address, or the address")
    parser.add_argument("--data", metavar="DIR", required=True, type=Path, help="the unpacked files")
    parser.add_flag("--force", "replace settings that are there already")
    parser.add_argument(
        "--name", metavar="NAME", help="a short name for the settings and the folder of their runs"
    )
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
    from kaggle_face.pipeline.inputs.init import init_competition
    from kaggle_face.summaries.data import describe_detection, describe_written

    answers = answers_of(arguments)
    chosen = answers if arguments.own or answers.are_given else None
    written = init_competition(
        arguments.slug, arguments.data, replace=arguments.force, answers=chosen, name=arguments.name
    )
    terminal.show(describe_detection(written))
    guess = written.inspection.guess
    shown = () if guess is None else guess.lines
    for note in dict.fromkeys(written.inspection.notes):
        if note not in shown:
            terminal.warn(note)
    terminal.show(describe_written(written, arguments.slug, arguments.data, arguments.name is not None))


def answers_of(arguments: argparse.Namespace) -> Answers:
    """The answers on own data that the options give."""
    from kaggle_face.competitions.own_data.answers import Answers

    return options_of(Answers, arguments, pairs=tuple(arguments.pairs), folders=tuple(arguments.folders))
