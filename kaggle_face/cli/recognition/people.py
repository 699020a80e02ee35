"""`kaggle-face people`: the enrolled people, and the accuracy of the gallery's model."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.cli.arguments import options_of, progress_of, split_list
from kaggle_face.cli.recognition.options import (
    add_conflict_arguments,
    add_gallery_argument,
    add_model_arguments,
    add_picture_arguments,
    one_shot_of,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError, counted

if TYPE_CHECKING:
    from kaggle_face.recognition.compared_models import ComparedModel

Action = Callable[[argparse.Namespace, Terminal], None]


def add_arguments_people(parser: argparse.ArgumentParser) -> None:
    """Declares the actions of `people` and their options."""
    add_gallery_argument(parser)
    parser.set_defaults(work=_list)
    actions = parser.add_subparsers(title="actions (default: list)", dest="action", metavar="ACTION")

    def action(name: str, work: Action, meaning: str, *words: str) -> argparse.ArgumentParser:
        own: argparse.ArgumentParser = actions.add_parser(name, help=meaning, description=f"{meaning}.")
        own.set_defaults(work=work)
        for word in words:
            own.add_argument(word, metavar=word.upper())
        add_gallery_argument(own, default=argparse.SUPPRESS)
        return own

    action("list", _list, "everyone")
    show = action("show", _show, "a person's images", "name")
    show.add_argument("--save-faces", type=Path, metavar="DIR", help="write the faces there, as PNG")
    action("rename", _rename, "give a person another name", "name", "new")
    remove = action("remove", _remove, "remove people with pictures, embeddings and names in the audit")
    remove.add_argument("names", nargs="+", metavar="NAME")
    removed = action("remove-picture", _remove_pictures, "remove pictures of a person (see show)", "name")
    removed.add_argument("numbers", nargs="+", type=int, metavar="NUMBER")
    action("export", _export, "everyone as a ZIP file, to carry to another machine", "file")
    imported = action("import", _import, "add the people of an export", "file")
    add_conflict_arguments(imported)
    add_model_arguments(imported)
    add_model_arguments(action("re-embed", _re_embed, "make the gallery one of another model (see --model)"))
    action("audit", _audit, "what was done and decided, and when")
    evaluate = action(
        "evaluate",
        _evaluate,
        "how well a model knows the people of <name>/<picture> from one picture each",
        "folder",
    )
    add_evaluation_arguments(evaluate)


def run_people(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Does the action."""
    arguments.work(arguments, terminal)


def _list(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.summaries.gallery import describe_people

    gallery = one_shot_of(arguments).open_gallery(terminal)
    people, model = gallery.people(), gallery.model()
    rows = [{"name": one.name, "images": one.num_images, "added": one.added} for one in people]
    terminal.result(
        arguments.json,
        lambda: {"model": model.name if model else None, "people": rows},
        lambda: describe_people(gallery.path, people, model),
    )


def _show(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.recognition.gallery.images import summarize_images
    from kaggle_face.summaries.gallery import pictures_table

    one_shot = one_shot_of(arguments)
    gallery = one_shot.open_gallery(terminal)
    person, images = summarize_images(gallery, arguments.name)
    one_shot.save_pictures(gallery, person)
    rows = [one.as_json() for one in images]
    terminal.result(
        arguments.json,
        lambda: {"name": person.name, "added": person.added, "images": rows},
        lambda: [f"{person.name}, enrolled {person.added}", pictures_table(rows)],
    )


def _rename(arguments: argparse.Namespace, terminal: Terminal) -> None:
    person = one_shot_of(arguments).open_gallery(terminal).rename(arguments.name, arguments.new)
    _done(arguments, terminal, f"{arguments.name} is called {person.name} now", {"name": person.name})


def _remove(arguments: argparse.Namespace, terminal: Terminal) -> None:
    names = one_shot_of(arguments).open_gallery(terminal).remove_all(arguments.names)
    _done(arguments, terminal, f"removed: {', '.join(names)}", {"removed": names})


def _remove_pictures(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.recognition.gallery.images import remove_images

    gallery, numbers = one_shot_of(arguments).open_gallery(terminal), set(arguments.numbers)
    person = remove_images(gallery, arguments.name, numbers)
    line = f"{person.name}: pictures removed: {len(numbers)}, {person.num_images} left"
    _done(arguments, terminal, line, {**person.as_json(), "removed": sorted(numbers)})


def _export(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.recognition.gallery.export import export_gallery

    target = Path(arguments.file)
    count = export_gallery(one_shot_of(arguments).open_gallery(terminal), target)
    line = f"{target}: {counted(count, 'person')}"
    _done(arguments, terminal, line, {"file": str(target), "people": count})


def _import(arguments: argparse.Namespace, terminal: Terminal) -> None:
    outcomes = one_shot_of(arguments).import_people(
        Path(arguments.file), progress_of(arguments, terminal), arguments.on_conflict
    )
    images = sum(outcome.num_added for outcome in outcomes)
    line = f"{counted(len(outcomes), 'person')} with {counted(images, 'new image')}"
    _done(arguments, terminal, line, {"people": len(outcomes), "images": images})


def _re_embed(arguments: argparse.Namespace, terminal: Terminal) -> None:
    images, model = one_shot_of(arguments).re_embed(progress_of(arguments, terminal))
    line = f"{counted(images, 'image')} embedded by {model.name}"
    _done(arguments, terminal, line, {"images": images, "model": model.name})


def _audit(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.summaries.gallery import audit_table

    rows = one_shot_of(arguments).open_gallery(terminal).audit()
    terminal.result(arguments.json, lambda: list(map(asdict, rows)), lambda: [audit_table(rows)])


def _done(arguments: argparse.Namespace, terminal: Terminal, line: str, values: dict[str, Any]) -> None:
    terminal.result(arguments.json, lambda: values, lambda: [line])


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `people evaluate`."""
    add_picture_arguments(parser, saves_faces=False)
    add_model_arguments(parser)
    group = parser.add_argument_group("evaluate")
    for name, default, meaning in (
        ("--sizes", None, "people of a gallery (default: all with two pictures)"),
        ("--shots", (1, 2, 5), "pictures enrolled (default: 1,2,5)"),
        ("--ways", (5, 20), "people of an episode (default: 5,20)"),
    ):
        group.add_argument(name, type=_counts, default=default, metavar="N,...", help=meaning)
    group.add_argument("--draws", type=int, default=10, metavar="N", help="galleries of a size (default: 10)")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")
    group.add_argument("--compare", choices=["dlib"], help=argparse.SUPPRESS)
    group.add_argument("--keep", type=Path, metavar="DIR", help="keep embeddings there for the next time")


def evaluate_folder(
    arguments: argparse.Namespace, terminal: Terminal, others: Sequence[ComparedModel] = ()
) -> None:
    """Prints the one-shot accuracy of the chosen model, and others, on a folder."""
    from kaggle_face.recognition.evaluation_report import EvaluationOptions
    from kaggle_face.summaries.gallery import describe_recognition

    options, progress = options_of(EvaluationOptions, arguments), progress_of(arguments, terminal)
    report = one_shot_of(arguments).evaluate(Path(arguments.folder), options, progress, others)
    terminal.result(arguments.json, report.as_json, lambda: describe_recognition(report))


def _evaluate(arguments: argparse.Namespace, terminal: Terminal) -> None:
    if arguments.compare:
        raise InputError(
            "--compare is a script now; in a checkout run: python -m benchmarks.recognition --help"
        )
    evaluate_folder(arguments, terminal)


def _counts(text: str) -> tuple[int, ...]:
    """Numbers from 1, separated by commas."""
    refusal = "numbers from 1, separated by commas, are needed, got '{word}' in '{text}'"
    words = split_list(text, lambda word: word.isdecimal() and int(word) >= 1, refusal)
    return tuple(map(int, words))
