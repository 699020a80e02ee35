"""Enrolled people: adding, listing, renaming and removing them, and their embeddings for a search.

Letters: P people, N images, D embedding size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_face.artifacts.files.reading import json_object
from kaggle_face.errors import GalleryError
from kaggle_face.hints import command_line
from kaggle_face.recognition.detection.pictures import is_whole_png
from kaggle_face.recognition.gallery.database import (
    AuditAction,
    GalleryFile,
    add_audit,
    raise_revision,
    read_revision,
    read_state,
)
from kaggle_face.recognition.gallery.model_card import ModelCard
from kaggle_face.recognition.gallery.names import checked_name, folded_name
from kaggle_face.recognition.gallery.tables import (
    AuditRow,
    EnrolledImage,
    NewPerson,
    OnConflict,
    Outcome,
    Person,
    Snapshot,
    Vector,
    checked_row,
    damaged,
    delete_person,
    embedding_blocks,
    enroll_person,
    find_person,
    other_model_error,
    read_model,
    require_model,
    select_people,
    vector_from,
)


class Gallery:
    """The enrolled people in a file.

    Raises:
        GalleryError: See `GalleryFile`.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self._file = GalleryFile(path, create)

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self._file.path

    def model(self) -> ModelCard | None:
        """The network of the embeddings; None in an empty gallery."""
        with self._file.reading() as connection:
            return read_model(connection)

    def revision(self) -> int:
        """The number that grows with each change of people or embeddings."""
        with self._file.reading() as connection:
            return read_revision(connection)

    def state(self) -> str:
        """The name of what is enrolled now; see `read_state`."""
        with self._file.reading() as connection:
            return read_state(connection)

    def enroll(
        self, people: Sequence[NewPerson], model: ModelCard, on_conflict: OnConflict = "refuse"
    ) -> list[Outcome]:
        """Adds people with their images: all of them, or after an error none.

        Raises:
            GalleryError: A name is taken or not allowed, a face belongs to somebody else, or the gallery was
                made by another model.
        """
        with self._file.writing() as connection:
            require_model(connection, model, self.path)
            outcomes = [enroll_person(connection, person, on_conflict) for person in people]
            raise_revision(connection)
        if on_conflict == "replace":
            self._file.forget_deleted()
        return outcomes

    def people(self) -> list[Person]:
        """Everyone, by name."""
        with self._file.reading() as connection:
            return sorted(select_people(connection), key=lambda person: folded_name(person.name))

    def count_people(self) -> int:
        """The number of enrolled people."""
        with self._file.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM people").fetchone()[0])

    def person(self, name: str) -> Person:
        """The person of a name.

        Raises:
            GalleryError: Nobody is called so; the nearest names are offered.
        """
        with self._file.reading() as connection:
            return find_person(connection, name)

    def find(self, name: str) -> Person | None:
        """The person of a name, or None."""
        with self._file.reading() as connection:
            found = select_people(connection, "WHERE folded = ?", (folded_name(name),))
            return found[0] if found else None

    def images(self, person: Person) -> list[EnrolledImage]:
        """The images of a person, oldest first."""
        query = (
            "SELECT images.number, source, fingerprint, added, pictures.image IS NOT NULL FROM images "
            "LEFT JOIN pictures ON pictures.image = images.number WHERE person = ? ORDER BY images.number"
        )
        with self._file.reading() as connection:
            rows = connection.execute(query, (person.number,)).fetchall()
        checked = [checked_row(row, int, str, str, str, int) for row in rows]
        return [
            EnrolledImage(number, source, fingerprint, added, bool(has_picture))
            for number, source, fingerprint, added, has_picture in checked
        ]

    def picture(self, image: int) -> bytes | None:
        """The PNG file of an image's crop, or None where it was not kept.

        Raises:
            GalleryError: It is not what was written.
        """
        with self._file.reading() as connection:
            row = connection.execute("SELECT png FROM pictures WHERE image = ?", (image,)).fetchone()
        if row is None:
            return None
        png = bytes(checked_row(row, bytes)[0])
        if not is_whole_png(png):
            raise self._file.damaged(f"the picture of image {image} is not what was written")
        return png

    def embeddings_of(self, person: Person, wanted: ModelCard | None = None) -> Vector:
        """The embeddings (n, D) of a person's images, oldest first.

        Raises:
            GalleryError: They are of another model than the wanted one.
        """
        query = "SELECT vector FROM embeddings JOIN images ON number = image WHERE person = ? ORDER BY image"
        with self._file.reading() as connection:
            rows = connection.execute(query, (person.number,)).fetchall()
            model = read_model(connection)
        if model is None or not rows:
            raise damaged(f"{person.name} has no embedding")
        if wanted is not None and model.fingerprint != wanted.fingerprint:
            raise other_model_error(self.path, model, wanted)
        return np.stack([vector_from(row[0], model.embedding_size) for row in rows])

    def rename(self, name: str, new_name: str) -> Person:
        """Gives a person another name.

        Raises:
            GalleryError: Nobody is called so, or the new name is taken or not allowed.
        """
        wanted = checked_name(new_name)
        with self._file.writing() as connection:
            person = find_person(connection, name)
            taken = select_people(connection, "WHERE folded = ?", (folded_name(wanted),))
            if taken and taken[0].number != person.number:
                raise GalleryError(f"'{taken[0].name}' is enrolled already; choose another name")
            connection.execute(
                "UPDATE people SET name = ?, folded = ? WHERE number = ?",
                (wanted, folded_name(wanted), person.number),
            )
            add_audit(connection, "rename", person.number, wanted, {"before": person.name})
            raise_revision(connection)
            return find_person(connection, wanted)

    def remove(self, name: str) -> Person:
        """Removes a person, with pictures, embeddings and the name in the audit; only the number stays there.

        Raises:
            GalleryError: Nobody is called so.
        """
        return self._removed([name])[0]

    def remove_all(self, names: Sequence[str]) -> list[str]:
        """Removes people, all of them or after an unknown name none; their names as they were enrolled.

        Raises:
            GalleryError: Nobody is called so.
        """
        return [person.name for person in self._removed(names)]

    def _removed(self, names: Sequence[str]) -> list[Person]:
        """Removes people in one transaction; each of them once, also where two spellings name them."""
        with self._file.writing() as connection:
            found = [find_person(connection, name) for name in names]
            people = list({person.number: person for person in found}.values())
            for person in people:
                delete_person(connection, person)
                add_audit(connection, "remove", person.number, "")
            raise_revision(connection)
        self._file.forget_deleted()
        return people

    def write_down(
        self, action: AuditAction, rows: Sequence[tuple[Person | None, Mapping[str, Any]]]
    ) -> None:
        """Adds audit rows: the person of a decision, and its details.

        The last of them may be lost in a power failure: a search need not wait for the disk.
        """
        with self._file.writing(flushed=False) as connection:
            for person, details in rows:
                number, name = (person.number, person.name) if person else (None, "")
                add_audit(connection, action, number, name, details)

    def audit(self) -> list[AuditRow]:
        """The audit log, oldest first."""
        query = "SELECT time, action, person, name, details FROM audit ORDER BY number"
        with self._file.reading() as connection:
            self._file.require_written(connection, "audit")
            rows = connection.execute(query).fetchall()
        return [_audit_row(checked_row(row, str, str, None, str, str)) for row in rows]

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """All embeddings of one moment, grouped by person in ascending order of their numbers.

        Raises:
            GalleryError: Nobody is enrolled.
        """
        with self._file.reading() as connection:
            model = read_model(connection)
            num_people = connection.execute("SELECT count(*) FROM people").fetchone()[0]
            if model is None or num_people == 0:
                raise GalleryError(
                    f"nobody is enrolled in {self.path}; enroll somebody first: "
                    f"{command_line('enroll', 'NAME', 'IMAGE', '--gallery', str(self.path))}"
                )
            blocks = embedding_blocks(connection, model.embedding_size)
            yield Snapshot(read_state(connection), model, num_people, blocks)

    def names_of(self, numbers: Iterable[int]) -> dict[int, Person]:
        """The people of some numbers, without those removed meanwhile."""
        with self._file.reading() as connection:
            found = [
                person
                for number in set(numbers)
                for person in select_people(connection, "WHERE people.number = ?", (number,))
            ]
        return {person.number: person for person in found}

    def file(self) -> GalleryFile:
        """The file itself, for work on all images at once."""
        return self._file


def _audit_row(row: Sequence[Any]) -> AuditRow:
    time, action, person, name, text = row
    try:
        return AuditRow(time, action, person, name, json_object(text))
    except (ValueError, RecursionError) as error:
        raise damaged(f"the details of the audit: {error}") from error
