"""`kaggle-face enroll`, `verify` and `identify`: one-shot recognition on the command line.

Exit codes: 0 enrolled, same person, or everyone known; 3 a picture was left out, another person, or somebody
unknown; 2 the input is wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.cli.recognition.options import (
    ACCEPTED,
    REJECTED,
    add_gallery_argument,
    add_if_there_arguments,
    add_model_arguments,
    add_picture_arguments,
    add_threshold_argument,
    face_json,
    face_line,
    if_there,
    keep_private,
    open_model,
    open_reader,
    save_faces,
    say_json,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import DataError, InputError

if TYPE_CHECKING:
    from kaggle_face.recognition.detection.pictures import Face
    from kaggle_face.recognition.gallery.enrolment import PictureReader
    from kaggle_face.recognition.gallery.people import Gallery
    from kaggle_face.recognition.gallery.tables import Outcome, Person
    from kaggle_face.recognition.recognizer import Decision, Identification, Recognizer


def add_arguments_enroll(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `enroll`."""
    parser.add_argument(
        "words",
        nargs="+",
        metavar="NAME IMAGE... | FOLDER",
        help="a name and that person's pictures (or their folder), or a folder of <name>/<picture>",
    )
    add_gallery_argument(parser)
    add_if_there_arguments(parser)
    add_picture_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def run_enroll(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Adds people to the gallery, which is made where there is none."""
    from kaggle_face.recognition.gallery.names import checked_name
    from kaggle_face.recognition.gallery.people import Gallery
    from kaggle_face.recognition.recognizer import Recognizer

    folder = _folder_of_people(arguments.words)
    if folder is None:
        checked_name(arguments.words[0])
    keep_private(arguments.gallery, terminal)
    old = Gallery(arguments.gallery) if arguments.gallery.exists() else None
    embedder = open_model(arguments, old, terminal)
    reader = open_reader(arguments, embedder.card.image_size)
    # the pictures come first: where none can be used, no gallery is made
    faces = [] if folder else [reader.read(path) for path in _files_of(arguments.words[1:], terminal)]
    recognizer = Recognizer(embedder, old or Gallery(arguments.gallery, create=True))
    if folder is not None:
        return _enroll_folder(folder, recognizer, reader, arguments, terminal)
    save_faces(faces, arguments.save_faces)
    outcome = recognizer.enroll(arguments.words[0], faces, if_there(arguments))
    _tell_enrolled(outcome, faces, arguments, terminal)
    return ACCEPTED


def _folder_of_people(words: Sequence[str]) -> Path | None:
    if len(words) > 1:
        return None
    if Path(words[0]).is_dir():
        return Path(words[0])
    raise InputError(f"'{words[0]}' is no folder of people, and a name needs pictures: enroll NAME IMAGE...")


def _tell_enrolled(
    outcome: Outcome, faces: Sequence[Face], arguments: argparse.Namespace, terminal: Terminal
) -> None:
    person = outcome.person
    if arguments.json:
        say_json(terminal, {**_person_json(person), "faces": [face_json(face) for face in faces]})
        return
    for face in faces:
        terminal.say(face_line(face))
    known = f" ({outcome.num_known} were there already)" if outcome.num_known else ""
    terminal.say(f"{person.name}: images enrolled: {outcome.num_added}{known}, {person.num_images} in all")


def _enroll_folder(
    folder: Path,
    recognizer: Recognizer,
    reader: PictureReader,
    arguments: argparse.Namespace,
    terminal: Terminal,
) -> int:
    from kaggle_face.recognition.gallery.enrolment import enroll_folder

    report = enroll_folder(recognizer, folder, reader, if_there(arguments), terminal)
    if arguments.json:
        say_json(
            terminal,
            {
                "people": report.num_people,
                "images": report.num_images,
                "skipped_people": report.num_skipped,
                "left_out": report.left_out,
            },
        )
    else:
        skipped = f", {report.num_skipped} were there already" if report.num_skipped else ""
        terminal.say(
            f"{report.num_people} people enrolled with {report.num_images} images{skipped}; "
            f"{len(report.left_out)} left out"
        )
    return REJECTED if report.left_out else ACCEPTED


def add_arguments_verify(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `verify`."""
    parser.add_argument("first", metavar="NAME | IMAGE", help="an enrolled person, or a picture")
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the picture to compare with")
    _add_common_arguments(parser)


def run_verify(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Says whether a picture shows the named person, or the person of another picture."""
    from kaggle_face.recognition.gallery.people import Gallery
    from kaggle_face.recognition.recognizer import Recognizer

    keep_private(arguments.gallery, terminal)
    gallery = Gallery(arguments.gallery) if arguments.gallery.exists() else None
    claimed = _claimed_person(gallery, arguments.first)
    embedder = open_model(arguments, gallery, terminal)
    recognizer = Recognizer(embedder, gallery)
    threshold = recognizer.threshold(arguments.threshold)
    reader = open_reader(arguments, embedder.card.image_size)
    files = [arguments.image] if claimed else [Path(arguments.first), arguments.image]
    faces = [reader.read(path) for path in files]
    save_faces(faces, arguments.save_faces)
    if claimed:
        person, decision = recognizer.verify_person(claimed.name, faces[0], threshold)
        claim = person.name
    else:
        decision, claim = recognizer.verify_faces(faces[0], faces[1], threshold), str(files[0])
    _tell_verified(claim, faces, decision, arguments, terminal)
    return ACCEPTED if decision.accepted else REJECTED


def _claimed_person(gallery: Gallery | None, word: str) -> Person | None:
    """The enrolled person that the first word means; None for a picture.

    Raises:
        InputError: It could be both.
        GalleryError: It is neither.
    """
    person = gallery.find(word) if gallery is not None else None
    if Path(word).is_file():
        if person is not None:
            raise InputError(f"'{word}' is both a person and a file; write ./{word} for the file")
        return None
    if person is None:
        if gallery is None or Path(word).suffix or "/" in word:
            raise DataError(f"{word} is no picture file" + ("" if gallery else ", and nobody is enrolled"))
        return gallery.person(word)
    return person


def _tell_verified(
    claim: str,
    faces: Sequence[Face],
    decision: Decision,
    arguments: argparse.Namespace,
    terminal: Terminal,
) -> None:
    if arguments.json:
        values = {"claim": claim, **decision.as_json(), "faces": [face_json(face) for face in faces]}
        say_json(terminal, values)
        return
    for face in faces:
        terminal.say(face_line(face))
    verdict = "the same person as" if decision.accepted else "NOT the same person as"
    terminal.say(f"{faces[-1].source} shows {verdict} {claim}: {_decision_line(decision)}")


def add_arguments_identify(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `identify`."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="pictures of one face each")
    parser.add_argument("-k", type=int, default=5, help="how many candidates to show (default: 5)")
    parser.add_argument("--exact", action="store_true", help="exact search also among more than a million")
    _add_common_arguments(parser)


def run_identify(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Says who each picture shows, of everyone who is enrolled."""
    from kaggle_face.recognition.gallery.people import Gallery
    from kaggle_face.recognition.recognizer import Recognizer

    keep_private(arguments.gallery, terminal)
    gallery = Gallery(arguments.gallery)
    embedder = open_model(arguments, gallery, terminal)
    recognizer = Recognizer(embedder, gallery, arguments.exact)
    threshold = recognizer.threshold(arguments.threshold)
    reader = open_reader(arguments, embedder.card.image_size)
    faces, problems = _readable_faces(arguments.images, reader, terminal)
    save_faces(faces, arguments.save_faces)
    answers = recognizer.identify(faces, threshold, arguments.k) if faces else []
    if faces:
        _tell_identified(faces, answers, recognizer, arguments, terminal)
    for problem in problems:
        terminal.error(problem)
    if problems:
        return 2
    return ACCEPTED if all(answer.known for answer in answers) else REJECTED


def _readable_faces(
    images: Sequence[Path], reader: PictureReader, terminal: Terminal
) -> tuple[list[Face], list[str]]:
    """The faces of the pictures, and what is wrong with the others."""
    faces, problems = [], []
    for path in _files_of(images, terminal):
        try:
            faces.append(reader.read(path))
        except DataError as error:
            problems.append(str(error))
    return faces, problems


def _tell_identified(
    faces: Sequence[Face],
    answers: Sequence[Identification],
    recognizer: Recognizer,
    arguments: argparse.Namespace,
    terminal: Terminal,
) -> None:
    threshold = answers[0].decision.threshold
    strangers = recognizer.false_alarm_rate(threshold)
    if arguments.json:
        pictures = [_answer_json(face, answer) for face, answer in zip(faces, answers, strict=True)]
        values = {
            "threshold": threshold.as_json(),
            "people": recognizer.num_people(),
            "false_alarm_rate": strangers,
            "pictures": pictures,
        }
        say_json(terminal, values)
        return
    for face, answer in zip(faces, answers, strict=True):
        terminal.say(face_line(face))
        name = answer.known.name if answer.known else "unknown"
        terminal.say(f"{face.source} shows {name}: {_decision_line(answer.decision)}")
        rows = [
            [f"{rank}", candidate.person.name, f"{candidate.score:.4f}", f"{candidate.person.num_images}"]
            for rank, candidate in enumerate(answer.candidates, start=1)
        ]
        terminal.table(["rank", "name", "score", "images"], rows)
    among = f"compared with {recognizer.num_people()} people"
    if strangers == 0:
        among += "; at this threshold none of them is taken for another"
    elif strangers is not None:
        among += f"; at this threshold about {strangers:.1%} of strangers would get one of their names"
    terminal.say(among)


def _add_common_arguments(parser: argparse.ArgumentParser) -> None:
    add_threshold_argument(parser)
    add_gallery_argument(parser)
    add_picture_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def _files_of(words: Sequence[str | Path], terminal: Terminal) -> list[Path]:
    """Picture files; a folder stands for those in it."""
    from kaggle_face.recognition.detection.pictures import picture_files

    files: list[Path] = []
    for path in map(Path, words):
        inside = picture_files(path, terminal) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"the folder {path} holds no pictures")
        files += inside
    return files


def _decision_line(decision: Decision) -> str:
    return f"score {decision.score:.4f}, threshold {decision.threshold}, margin {decision.margin:+.4f}"


def _person_json(person: Person) -> dict[str, Any]:
    return {"name": person.name, "number": person.number, "images": person.num_images}


def _answer_json(face: Face, answer: Identification) -> dict[str, Any]:
    candidates = [
        {**_person_json(candidate.person), "score": round(candidate.score, 6)}
        for candidate in answer.candidates
    ]
    name = answer.known.name if answer.known else None
    return {**face_json(face), "name": name, **answer.decision.as_json(), "candidates": candidates}
