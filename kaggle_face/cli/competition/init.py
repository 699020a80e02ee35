"""`competitions`: what is known of them; `init`: recognises a data folder and writes its settings."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.cli.arguments import plain_slug
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import ConfigError, InputError
from kaggle_face.hints import settings_command, settings_given_as


def add_arguments_competitions(parser: argparse.ArgumentParser) -> None:
    """Adds the words `show SLUG`."""
    parser.add_argument(
        "words", nargs="*", metavar="show SLUG", help="'show SLUG' tells all of one; without: all of them"
    )


def run_competitions(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lists the competitions, or tells all that is known of one."""
    match arguments.words:
        case []:
            _list_competitions(terminal)
        case ["show", slug]:
            _show_competition(slug, terminal)
        case ["show"]:
            raise InputError("'competitions show' needs a name: kaggle-face competitions show SLUG")
        case words:
            raise InputError(
                f"'competitions {' '.join(words)}' is no command; "
                f"write 'competitions' or 'competitions show SLUG'"
            )


def add_arguments_init(parser: argparse.ArgumentParser) -> None:
    """Adds SLUG, `--data` and `--force`."""
    parser.add_argument("slug", metavar="SLUG", help="the competition's name in its address")
    parser.add_argument("--data", metavar="DIR", required=True, type=Path, help="the unpacked files")
    parser.add_argument("--force", action="store_true", help="replace settings that are there already")


def run_init(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Recognises the layout below `--data` and writes `configs/<slug>.yaml`."""
    from kaggle_face.artifacts.files.atomic import write_text
    from kaggle_face.competitions.inspection import settings_text, study_folder
    from kaggle_face.config import parse_config
    from kaggle_face.config.loading import word_for

    path = Path("configs") / f"{plain_slug(arguments.slug)}.yaml"
    if path.exists() and not arguments.force:
        raise ConfigError(f"{path} exists already; --force replaces it")
    study = study_folder(arguments.slug, arguments.data)
    text = settings_text(study)
    parse_config(text.replace("extends: base\n", ""), str(path))  # what is written can be read
    write_text(path, text)
    terminal.log(f"family {study.family.key}, variant {study.variant}: {study.recognition.reason}")
    for note in study.notes:
        terminal.warn(note)
    terminal.log(f"wrote {path}")
    with settings_given_as(word_for(path)):
        terminal.log(f"next: {settings_command('check')}; {settings_command('train', '--fold', '0')}")


def _list_competitions(terminal: Terminal) -> None:
    from kaggle_face.competitions.catalogue.known import competition_facts, known_slugs

    rows = [
        (
            facts.slug,
            facts.family,
            facts.variant,
            " + ".join(facts.tasks),
            facts.metric,
            str(facts.image_size),
        )
        for facts in map(competition_facts, known_slugs())
    ]
    terminal.table(("competition", "family", "variant", "task", "metric", "pixels"), rows)


def _show_competition(slug: str, terminal: Terminal) -> None:
    from kaggle_face.competitions.catalogue.descriptions import (
        csv_example,
        describe_metric,
        describe_rules,
        expected_files,
    )
    from kaggle_face.competitions.catalogue.known import competition_facts
    from kaggle_face.competitions.reading import family_of

    facts = competition_facts(slug)
    family = family_of(facts.family)
    variant = family.variants[0] if facts.variant == "auto" else facts.variant
    terminal.log(f"{facts.slug}: {facts.title}")
    terminal.log(f"family {family.key} ({family.title})")
    terminal.log(f"variant {facts.variant}; known: {', '.join(family.variants)}")
    terminal.log(f"identities: {facts.identities}; {facts.image_size} x {facts.image_size} pixels")
    terminal.log(f"metric: {describe_metric(facts.metric)}")
    terminal.lines(["", "files:"])
    terminal.lines(_indented(expected_files(facts.family, variant).splitlines()))
    for task in facts.tasks:
        terminal.lines(["", f"{task} CSV:"])
        terminal.lines(_indented(csv_example(facts, task, family.formats(variant).of_task(task))))
    terminal.lines(["", "rules:"])
    terminal.lines(_indented(describe_rules(facts.rules) or ["none known here; read the competition's page"]))
    if facts.cutoffs:
        grades = ", ".join(f"{name} {score:g}" for name, score in facts.cutoffs.items())
        terminal.lines(["", f"cut-offs of the leaderboard: {grades}"])
    if facts.notes:
        terminal.lines(["", "notes:"])
        terminal.lines(_indented(facts.notes))


def _indented(lines: list[str] | tuple[str, ...]) -> list[str]:
    return [f"  {line}" for line in lines]
