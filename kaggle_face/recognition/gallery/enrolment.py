"""Enrolling a folder of `<name>/<image>`: many people, a batch at a time, each batch kept for good.

After a kill the same command with `on_conflict="skip"` goes on with those who are not enrolled yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kaggle_face.competitions.files.listing import PictureLister
from kaggle_face.errors import DataError, GalleryError, naming_first
from kaggle_face.progress import Counter, Progress
from kaggle_face.recognition.detection.pictures import Face, PictureReader, write_faces
from kaggle_face.recognition.gallery.names import checked_name, folded_name
from kaggle_face.recognition.gallery.tables import NewPerson, OnConflict, Outcome, Person, TakenError
from kaggle_face.recognition.recognizer import Recognizer

_IMAGES_AT_ONCE = 64


@dataclass
class FolderReport:
    """The result of enrolling a folder: people and images added, people already there, pictures left out."""

    num_people: int = 0
    num_images: int = 0
    num_skipped: int = 0
    left_out: list[str] = field(default_factory=list)

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Counts a batch that was kept."""
        skipped = sum(outcome.is_skipped for outcome in outcomes)  # another process was faster
        self.num_people += len(outcomes) - skipped
        self.num_skipped += skipped
        self.num_images += sum(outcome.num_added for outcome in outcomes)

    def as_json(self) -> dict[str, Any]:
        """The counts, and the reason for each picture that was left out."""
        counts = {"people": self.num_people, "images": self.num_images, "skipped_people": self.num_skipped}
        return {**counts, "left_out": self.left_out}


def enroll_folder(
    recognizer: Recognizer,
    root: Path,
    reader: PictureReader,
    on_conflict: OnConflict,
    progress: Progress,
    faces_folder: Path | None = None,
) -> FolderReport:
    """Enrolls each person of a folder; pictures and people that cannot be used are left out and named.

    A person's images are kept together or not at all. The faces that are used are written to a folder for
    each person in `faces_folder`.

    Raises:
        DataError: The folder holds no folders with pictures, or two of them for one name.
        GalleryError: A name is taken and `on_conflict` is "refuse"; nobody is enrolled then.
    """
    report = FolderReport()
    people = _wanted(_people_of(root, report, progress), recognizer.gallery.people(), on_conflict, report)
    with progress.track("enrolling", len(people), "people") as counter:
        batch: list[tuple[str, list[Face]]] = []
        for name, faces in _read_people(root, people, reader, report, progress, counter):
            batch.append((name, faces))
            if faces_folder is not None:
                write_faces(faces_folder / name, faces)
            if sum(len(faces) for _, faces in batch) >= _IMAGES_AT_ONCE:
                _keep(recognizer, batch, on_conflict, report, progress, counter)
                batch = []
        _keep(recognizer, batch, on_conflict, report, progress, counter)
    return report


def _people_of(root: Path, report: FolderReport, progress: Progress) -> list[tuple[str, list[str]]]:
    """Each person's folder and pictures, below the root; what is not a picture is left out with a warning."""
    lister = PictureLister(root)
    people = [(name, files) for name, files in lister.of_classes("", may_be_empty=True).items() if files]
    for note in lister.notes():
        progress.warn(note)
    report.left_out += [f"{name} is not a picture of a person's folder" for name in lister.left_out]
    if not people:
        raise DataError(
            f"{root} holds no people: it must hold a folder for each, named like the person, with pictures"
        )
    return people


def _wanted(
    people: list[tuple[str, list[str]]],
    enrolled: Sequence[Person],
    on_conflict: OnConflict,
    report: FolderReport,
) -> list[tuple[str, list[str]]]:
    """The people of a folder to enroll."""
    folders: dict[str, str] = {}
    for name, _ in people:
        if (other := folders.setdefault(_key_of(name), name)) != name:
            raise DataError(
                f"the folders {other!r} and {name!r} are of one name; put their pictures into one of "
                "them, or give one another name"
            )
    known = {folded_name(person.name) for person in enrolled}
    there = [name for key, name in folders.items() if key in known]
    if there and on_conflict == "refuse":
        what = naming_first(len(there), len(people), "person", "are enrolled already", there[0])
        raise GalleryError(
            f"{what}; use --skip to go on after an "
            "interruption, --add for more images, or --replace for others"
        )
    if on_conflict != "skip":
        return people
    report.num_skipped = len(there)
    return [(name, files) for name, files in people if _key_of(name) not in known]


def _key_of(folder_name: str) -> str:
    """Equal for all folders of one person; a name that nobody can have stays itself and is left out later."""
    try:
        return folded_name(checked_name(folder_name))
    except GalleryError:
        return folder_name


def _read_people(
    root: Path,
    people: Sequence[tuple[str, list[str]]],
    reader: PictureReader,
    report: FolderReport,
    progress: Progress,
    counter: Counter,
) -> Iterator[tuple[str, list[Face]]]:
    """The names and faces of the people with a usable picture."""
    for folder_name, files in people:
        faces: list[Face] = []
        try:
            name = checked_name(folder_name)
            faces = _read_faces(root, files, reader, report, progress)
        except GalleryError as error:
            _leave_out(report, f"{folder_name}/: {error}", progress)
        if faces:
            yield name, faces
        else:
            counter.advance()


def _read_faces(
    root: Path, files: Sequence[str], reader: PictureReader, report: FolderReport, progress: Progress
) -> list[Face]:
    faces = []
    for name in files:
        try:
            faces.append(reader.read(root / name, name))
        except DataError as error:
            _leave_out(report, str(error), progress)
    return faces


def _leave_out(report: FolderReport, reason: str, progress: Progress) -> None:
    report.left_out.append(reason)
    progress.warn(f"left out: {reason}")


def _keep(
    recognizer: Recognizer,
    batch: Sequence[tuple[str, list[Face]]],
    on_conflict: OnConflict,
    report: FolderReport,
    progress: Progress,
    counter: Counter,
) -> None:
    """Embeds a batch and enrolls it in one transaction; people that cannot be enrolled are left out."""
    if not batch:
        return
    images = recognizer.new_images([face for _, faces in batch for face in faces])
    people = []
    for name, faces in batch:
        people.append(NewPerson(name, images[: len(faces)]))
        images = images[len(faces) :]
    try:
        report.count(recognizer.gallery.enroll(people, recognizer.embedder.card, on_conflict))
    except TakenError:
        for person in people:
            try:
                report.count(recognizer.gallery.enroll([person], recognizer.embedder.card, on_conflict))
            except TakenError as error:
                _leave_out(report, f"{person.name}/: {error}", progress)
    counter.advance(len(batch), note=batch[-1][0])
