"""`kaggle-face people`: who is enrolled, and how well the gallery's model knows faces apart."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.files.private import make_private_folder, tighten, write_privately
from kaggle_face.cli.recognition.evaluation import add_evaluation_arguments, evaluate_people
from kaggle_face.cli.recognition.options import (
    add_gallery_argument,
    add_if_there_arguments,
    add_model_arguments,
    add_picture_arguments,
    if_there,
    keep_private,
    open_model,
    say_json,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError, nearest_hint

if TYPE_CHECKING:
    from kaggle_face.recognition.gallery.people import Gallery

_ACTIONS = """actions:
  list                  everyone
  show NAME             a person's images; --save-faces DIR writes the faces
  rename NAME NEW       gives another name
  remove NAME...        removes people, with pictures, embeddings and their names in the audit
  export FILE.zip       everyone, to carry to another machine
  import FILE.zip       the people of an export
  re-embed              makes the gallery one of another model (see --model)
  audit                 what was done and decided, and when
  evaluate FOLDER       how well a model knows the people of <name>/<picture> from one picture each
"""


def add_arguments_people(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `people`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _ACTIONS
    parser.add_argument("action", nargs="?", default="list", metavar="ACTION", help="see below")
    parser.add_argument("words", nargs="*", metavar="WORD", help="what the action needs")
    add_gallery_argument(parser)
    add_if_there_arguments(parser)
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    add_picture_arguments(parser)
    add_model_arguments(parser)
    add_evaluation_arguments(parser)


def run_people(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Does the action."""
    actions: dict[str, tuple[int | None, Callable[[argparse.Namespace, Terminal], None]]] = {
        "list": (0, _list),
        "show": (1, _show),
        "rename": (2, _rename),
        "remove": (None, _remove),
        "export": (1, _export),
        "import": (1, _import),
        "re-embed": (0, _renew),
        "audit": (0, _audit),
        "evaluate": (1, evaluate_people),
    }
    if arguments.action not in actions:
        hint = nearest_hint(arguments.action, actions) or f"; there are: {', '.join(actions)}"
        raise InputError(f"people has no action '{arguments.action}'{hint}")
    num_words, action = actions[arguments.action]
    if num_words is not None and len(arguments.words) != num_words:
        raise InputError(
            f"people {arguments.action} takes {num_words} words, got {len(arguments.words)}; "
            "see kaggle-face people --help"
        )
    keep_private(arguments.gallery, terminal)
    action(arguments, terminal)


def _open(arguments: argparse.Namespace, create: bool = False) -> Gallery:
    from kaggle_face.recognition.gallery.people import Gallery

    return Gallery(arguments.gallery, create)


def _list(arguments: argparse.Namespace, terminal: Terminal) -> None:
    gallery = _open(arguments)
    people, model = gallery.people(), gallery.model()
    if arguments.json:
        rows = [{"name": one.name, "images": one.num_images, "added": one.added} for one in people]
        say_json(terminal, {"model": model.name if model else None, "people": rows})
        return
    if not people or model is None:
        terminal.say(f"nobody is enrolled in {gallery.path}")
        return
    terminal.table(
        ["name", "images", "added"], [[one.name, str(one.num_images), one.added] for one in people]
    )
    terminal.say(f"{len(people)} people; model {model.name}")


def _show(arguments: argparse.Namespace, terminal: Terminal) -> None:
    gallery = _open(arguments)
    person = gallery.person(arguments.words[0])
    images = gallery.images(person)
    if arguments.save_faces is not None:
        make_private_folder(arguments.save_faces)
        for image in images:
            png = gallery.picture(image.number)
            if png is not None:
                write_privately(arguments.save_faces / f"{image.number:07}.png", png)
    if arguments.json:
        rows = [{"number": one.number, "source": one.source, "added": one.added} for one in images]
        say_json(terminal, {"name": person.name, "added": person.added, "images": rows})
        return
    terminal.say(f"{person.name}, enrolled {person.added}")
    terminal.table(
        ["number", "source", "added"], [[str(one.number), one.source, one.added] for one in images]
    )


def _rename(arguments: argparse.Namespace, terminal: Terminal) -> None:
    old, new = arguments.words
    person = _open(arguments).rename(old, new)
    _done(arguments, terminal, f"{old} is called {person.name} now", {"name": person.name})


def _remove(arguments: argparse.Namespace, terminal: Terminal) -> None:
    if not arguments.words:
        raise InputError("people remove needs at least one name")
    gallery = _open(arguments)
    people = [gallery.person(name) for name in arguments.words]  # all of them are known before any goes
    for person in people:
        gallery.remove(person.name)
    names = [person.name for person in people]
    _done(arguments, terminal, f"removed: {', '.join(names)}", {"removed": names})


def _export(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.recognition.gallery.export import export_gallery

    target = Path(arguments.words[0])
    count = export_gallery(_open(arguments), target)
    _done(arguments, terminal, f"{target}: {count} people", {"file": str(target), "people": count})


def _import(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.recognition.gallery.export import import_gallery

    source = Path(arguments.words[0])
    if not source.is_file():
        raise InputError(f"there is no export at {source}")
    gallery = _open(arguments, create=True)
    outcomes = import_gallery(
        gallery, source, lambda: open_model(arguments, gallery, terminal), if_there(arguments), terminal
    )
    if tighten(source):
        terminal.warn(f"other users of this machine could read {source}; now its owner alone can")
    images = sum(outcome.num_added for outcome in outcomes)
    _done(
        arguments,
        terminal,
        f"{len(outcomes)} people with {images} new images",
        {"people": len(outcomes), "images": images},
    )


def _renew(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from kaggle_face.recognition.detection.pictures import crop_size
    from kaggle_face.recognition.gallery.reembedding import renew_embeddings

    gallery = _open(arguments)
    asked = (arguments.config, arguments.run, arguments.fold, arguments.model, arguments.checkpoint)
    if all(value is None for value in asked):
        raise InputError("people re-embed needs the new model: --model FOLDER, or -c and --run")
    embedder = open_model(arguments, None, terminal)
    known = gallery.model()
    kept_px = crop_size(known.image_size) if known else 0
    if known and crop_size(embedder.card.image_size) > kept_px:
        terminal.warn(
            f"the faces were kept at {kept_px} pixels, the new model takes {embedder.card.image_size}; "
            "enroll the people again for sharper ones"
        )
    images = renew_embeddings(gallery, embedder, terminal)
    name = embedder.card.name
    _done(arguments, terminal, f"{images} images embedded by {name}", {"images": images, "model": name})


def _audit(arguments: argparse.Namespace, terminal: Terminal) -> None:
    rows = _open(arguments).audit()
    if arguments.json:
        columns = ("time", "action", "person", "name", "details")
        say_json(terminal, [{column: getattr(row, column) for column in columns} for row in rows])
        return
    cells = [
        [row.time, row.action, "-" if row.person is None else str(row.person), row.name, _short(row.details)]
        for row in rows
    ]
    terminal.table(["time", "action", "number", "name", "details"], cells)


def _short(details: object) -> str:
    text = str(details) if details else ""
    return text if len(text) <= 60 else f"{text[:57]}..."


def _done(arguments: argparse.Namespace, terminal: Terminal, line: str, values: dict[str, object]) -> None:
    if arguments.json:
        say_json(terminal, values)
    else:
        terminal.say(line)
