"""`competitions`: what is known of each; `init`: detects the layout of a folder and writes settings."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.hints import settings_command, settings_given_as


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
        (spec.slug, spec.layout, spec.variant, " + ".join(spec.tasks), spec.metric, str(spec.image_size))
        for spec in map(competition_spec, known_slugs())
    ]
    terminal.table(("competition", "layout", "variant", "task", "metric", "pixels"), rows)


def add_arguments_init(parser: argparse.ArgumentParser) -> None:
    """Adds SLUG, `--data` and `--force`."""
    parser.add_argument("slug", metavar="SLUG", help="the competition's name in its address, or the address")
    parser.add_argument("--data", metavar="DIR", required=True, type=Path, help="the unpacked files")
    parser.add_argument("--force", action="store_true", help="replace settings that are there already")


def run_init(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Detects the layout below `--data` and writes `configs/<slug>.yaml`."""
    from kaggle_face.config.loading import word_for
    from kaggle_face.pipeline.init import init_competition

    written = init_competition(arguments.slug, arguments.data, replace=arguments.force)
    inspection = written.inspection
    detection = inspection.detection
    terminal.log(f"layout {detection.layout}, variant {inspection.variant}: {detection.reason}")
    for note in inspection.notes:
        terminal.warn(note)
    terminal.log(f"wrote {written.path}")
    with settings_given_as(word_for(written.path)):
        terminal.log(f"next: {settings_command('check')}; {settings_command('train', '--fold', '0')}")
