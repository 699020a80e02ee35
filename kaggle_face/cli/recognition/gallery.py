"""`kaggle-face enroll`, `verify`, `identify` and `app`: one-shot recognition on the command line.

Exit codes: 0 enrolled, same person, or everyone known; 3 a picture was left out, another person, or somebody
unknown; 2 the input is wrong.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.cli.arguments import CommandParser, progress_of
from kaggle_face.cli.recognition.options import (
    add_conflict_arguments,
    add_gallery_argument,
    add_model_arguments,
    add_picture_arguments,
    one_shot_of,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.extras import require_extra

_REJECTED = 3


def add_arguments_enroll(parser: CommandParser) -> None:
    """Declares the options of `enroll`."""
    parser.add_argument(
        "words",
        nargs="+",
        metavar="NAME IMAGE... | FOLDER",
        help="a name and that person's pictures (or their folder), or a folder of <name>/<picture>",
    )
    add_gallery_argument(parser)
    parser.add_flag(
        "--no-pictures",
        "keep embeddings alone: the faces cannot be looked at again, nor another model take the gallery",
    )
    add_conflict_arguments(parser)
    add_picture_arguments(parser)
    add_model_arguments(parser)


def run_enroll(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Adds people to the gallery, which is made where there is none."""
    from kaggle_face.summaries.gallery import describe_enrolled, describe_enrolled_folder

    one_shot, progress = one_shot_of(arguments), progress_of(arguments, terminal)
    name, *pictures = arguments.words
    if pictures:
        enrolled = one_shot.enroll(name, list(map(Path, pictures)), progress, arguments.on_conflict)
        terminal.result(arguments.json, enrolled.as_json, lambda: describe_enrolled(enrolled))
        return 0
    if not Path(name).is_dir():
        raise InputError(
            f"'{name}' is not a folder of people, and a name needs pictures: enroll NAME IMAGE..."
        )
    report = one_shot.enroll_folder(Path(name), progress, arguments.on_conflict)
    terminal.result(arguments.json, report.as_json, lambda: describe_enrolled_folder(report))
    return _REJECTED if report.left_out else 0


def add_arguments_verify(parser: CommandParser) -> None:
    """Declares the options of `verify`."""
    parser.add_argument("first", metavar="NAME | IMAGE", help="an enrolled person, or a picture")
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the picture to compare with")
    _add_common_arguments(parser)


def run_verify(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints whether a picture shows the named person, or the person of another picture."""
    from kaggle_face.summaries.gallery import describe_verified

    found = one_shot_of(arguments).verify(
        arguments.first, arguments.image, progress_of(arguments, terminal), arguments.threshold
    )
    terminal.result(arguments.json, found.as_json, lambda: describe_verified(found))
    return 0 if found.decision.accepted else _REJECTED


def add_arguments_identify(parser: CommandParser) -> None:
    """Declares the options of `identify`."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="pictures of one face each")
    parser.add_argument("-k", type=int, default=5, help="how many candidates to show (default: 5)")
    parser.add_flag("--exact", "exact search also among more than a million")
    _add_common_arguments(parser)


def run_identify(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints the identity of each picture among the enrolled people."""
    from kaggle_face.summaries.gallery import describe_identified

    found = one_shot_of(arguments).identify(
        arguments.images,
        progress_of(arguments, terminal),
        arguments.threshold,
        arguments.k,
        arguments.exact,
    )
    if found.faces:
        terminal.result(arguments.json, found.as_json, lambda: describe_identified(found))
    for problem in found.problems:
        terminal.error(problem)
    if found.problems:
        return 2
    return 0 if all(answer.known for answer in found.answers) else _REJECTED


def add_arguments_app(parser: CommandParser) -> None:
    """Declares the options of `app`."""
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8642, help="0 takes a free one (default: 8642)")
    parser.add_flag("--token", "require a token on this machine too; beyond it always")
    parser.add_flag("--aligned-only", "take cropped faces only, find none")
    add_gallery_argument(parser)
    add_model_arguments(parser)


def run_app(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Serves the page until it is stopped."""
    require_extra("app")
    if not arguments.aligned_only:
        require_extra("align")
    from kaggle_face.recognition.app.server import open_page

    recognizer = one_shot_of(arguments).open_recognizer(terminal)
    page = open_page(recognizer, arguments.host, arguments.port, not arguments.aligned_only, arguments.token)
    if page.is_public:
        terminal.warn("the page is open to the network, unencrypted; cameras work on this machine only")
    terminal.log(f"{page.address} (stop with Ctrl+C)")
    page.serve()


def _add_common_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "--threshold",
        default="fpr-1e-3",
        metavar="NAME_OR_NUMBER",
        help="fpr-1e-2, fpr-1e-3 or eer, as measured on the run's held-out pairs, or a score "
        "(default: fpr-1e-3, one of 1000 pairs of different people is accepted)",
    )
    add_gallery_argument(parser)
    add_picture_arguments(parser)
    add_model_arguments(parser)
