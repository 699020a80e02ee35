"""The tables of a gallery: records of people and images, and the statements that change them.

Letters: N images, D embedding size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, assert_never

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import GalleryError, nearest_hint
from kaggle_face.hints import command_line
from kaggle_face.recognition.gallery.database import (
    AuditAction,
    Connection,
    add_audit,
    now_text,
    read_fact,
    write_fact,
)
from kaggle_face.recognition.gallery.model_card import ModelCard, card_from_text
from kaggle_face.recognition.gallery.names import checked_name, folded_name

Vector = npt.NDArray[np.float32]
OnConflict = Literal["refuse", "add", "replace", "skip"]
"""What becomes of a name that is enrolled already: an error, more images, other images, or nothing."""

_ROWS_AT_ONCE = 4096


class TakenError(GalleryError):
    """A name or a face belongs to another enrolled person."""


@dataclass(frozen=True, eq=False)
class NewImage:
    """An image to enroll: its name, the fingerprint of its pixels, embedding (D,) and crop as PNG."""

    source: str
    fingerprint: str
    embedding: Vector
    png: bytes | None = None


@dataclass(frozen=True, eq=False)
class NewPerson:
    """A person to enroll with at least one image."""

    name: str
    images: tuple[NewImage, ...]


@dataclass(frozen=True)
class Person:
    """An enrolled person; `added` is the time in UTC."""

    number: int
    name: str
    num_images: int
    added: str

    def as_json(self) -> dict[str, Any]:
        """Name, number and number of images as JSON values."""
        return {"name": self.name, "number": self.number, "images": self.num_images}


@dataclass(frozen=True)
class EnrolledImage:
    """An enrolled image of a person."""

    number: int
    source: str
    fingerprint: str
    added: str
    has_picture: bool


@dataclass(frozen=True)
class AuditRow:
    """An entry of the audit log."""

    time: str
    action: str
    person: int | None
    name: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The result for one person of an enrolment: images added, and those that were enrolled before."""

    person: Person
    num_added: int
    num_known: int
    is_skipped: bool = False


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One moment of a gallery; its blocks are (numbers of the people (n,), embeddings (n, D))."""

    state: str
    model: ModelCard
    num_people: int
    blocks: Iterable[tuple[npt.NDArray[np.int64], Vector]]


def require_model(connection: Connection, model: ModelCard, path: Path) -> None:
    """The model of the first enrolment is the gallery's; another is refused."""
    known = read_model(connection)
    has_images = connection.execute("SELECT 1 FROM images LIMIT 1").fetchone() is not None
    if known is None or not has_images:
        write_fact(connection, "model", model.to_text())
    elif known.fingerprint != model.fingerprint:
        raise other_model_error(path, known, model)


def other_model_error(path: Path, known: ModelCard, wanted: ModelCard) -> GalleryError:
    """Says that a gallery's embeddings cannot be compared with those of a model, and the ways out."""
    return GalleryError(
        f"{path} was made by {known.name}, not by {wanted.name}, and their scores cannot be compared; use "
        f"the first, or re-embed the gallery: {wanted.re_embed_command(path)}"
    )


def read_model(connection: Connection) -> ModelCard | None:
    """The network that made the embeddings."""
    text = read_fact(connection, "model")
    return None if text is None else card_from_text(text)


def enroll_person(connection: Connection, new: NewPerson, on_conflict: OnConflict) -> Outcome:
    """Adds a person with their images; `on_conflict` chooses what becomes of one of that name."""
    assert new.images, "a person is enrolled with at least one image"
    name = checked_name(new.name)
    found = select_people(connection, "WHERE folded = ?", (folded_name(name),))
    if not found:
        values = (name, folded_name(name), now_text())
        connection.execute("INSERT INTO people (name, folded, added) VALUES (?, ?, ?)", values)
        return _add_images(connection, find_person(connection, name), new.images, "enroll")
    person = found[0]
    match on_conflict:
        case "refuse":
            raise TakenError(
                f"'{person.name}' is enrolled already (images: {person.num_images}); "
                "use --add for more images, --replace for others, or choose another name"
            )
        case "skip":
            return Outcome(person, 0, len(new.images), is_skipped=True)
        case "replace":
            connection.execute("DELETE FROM images WHERE person = ?", (person.number,))
            return _add_images(connection, person, new.images, "replace")
        case "add":
            return _add_images(connection, person, new.images, "add")
        case _:
            assert_never(on_conflict)


def _add_images(
    connection: Connection, person: Person, images: Sequence[NewImage], action: AuditAction
) -> Outcome:
    added = sum(_add_image(connection, person, image) for image in images)
    sources = [image.source for image in images]
    add_audit(connection, action, person.number, person.name, {"images": sources})
    return Outcome(find_person(connection, person.name), added, len(images) - added)


def _add_image(connection: Connection, person: Person, image: NewImage) -> bool:
    """Adds an image unless the very same face is there; False if it is."""
    owner = connection.execute(
        "SELECT person, name, images.number FROM images JOIN people ON people.number = person "
        "WHERE fingerprint = ?",
        (image.fingerprint,),
    ).fetchone()
    if owner is not None:
        if owner[0] == person.number:
            if image.png is not None:  # it may have been enrolled without
                connection.execute("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (owner[2], image.png))
            return False
        raise TakenError(
            f"the face in {image.source} is enrolled already as '{owner[1]}'; remove it there, or rename them"
        )
    if not np.isfinite(image.embedding).all():
        raise GalleryError(f"the embedding of {image.source} is not finite; the model's weights are broken")
    number = connection.execute(
        "INSERT INTO images (person, source, fingerprint, added) VALUES (?, ?, ?, ?)",
        (person.number, image.source, image.fingerprint, now_text()),
    ).lastrowid
    connection.execute("INSERT INTO embeddings VALUES (?, ?)", (number, vector_bytes(image.embedding)))
    if image.png is not None:
        connection.execute("INSERT INTO pictures VALUES (?, ?)", (number, image.png))
    return True


def delete_person(connection: Connection, person: Person) -> None:
    """Deletes a person with images, embeddings, pictures, and their name in the audit."""
    connection.execute("DELETE FROM people WHERE number = ?", (person.number,))
    connection.execute("UPDATE audit SET name = '', details = '{}' WHERE person = ?", (person.number,))


def find_person(connection: Connection, name: str) -> Person:
    """The person of a name.

    Raises:
        GalleryError: Nobody is called so; the nearest names are offered.
    """
    found = select_people(connection, "WHERE folded = ?", (folded_name(name),))
    if found:
        return found[0]
    known = [str(row[0]) for row in connection.execute("SELECT name FROM people LIMIT 20000")]
    path = str(connection.execute("PRAGMA database_list").fetchone()[2])
    hint = nearest_hint(name, known) or f"; see who is: {command_line('people', 'list', '--gallery', path)}"
    raise GalleryError(f"nobody is enrolled as '{name}'{hint}")


def select_people(connection: Connection, where: str = "", values: tuple[Any, ...] = ()) -> list[Person]:
    """The people of a condition, or everyone."""
    query = (
        "SELECT people.number, name, (SELECT count(*) FROM images WHERE person = people.number), added "
        f"FROM people {where}"
    )
    rows = connection.execute(query, values)
    return [Person(*checked_row(row, int, str, int, str)) for row in rows]


def embedding_blocks(
    connection: Connection, embedding_size: int
) -> Iterator[tuple[npt.NDArray[np.int64], Vector]]:
    """Numbers of people (n,) and embeddings (n, D) of all images, by person, a block at a time."""
    rows = connection.execute(
        "SELECT person, vector FROM images JOIN embeddings ON image = number ORDER BY person, number"
    )
    while block := rows.fetchmany(_ROWS_AT_ONCE):
        numbers = np.asarray([row[0] for row in block], np.int64)
        vectors = [row[1] for row in block]
        if any(type(data) is not bytes or len(data) != 4 * embedding_size for data in vectors):
            raise damaged(f"an embedding does not hold {embedding_size} numbers")
        yield numbers, vector_from(b"".join(vectors), len(block) * embedding_size).reshape(len(block), -1)


def vector_bytes(vector: Vector) -> bytes:
    """An embedding as it lies in the file: little-endian float32."""
    return np.asarray(vector, "<f4").tobytes()


def vector_from(data: object, embedding_size: int) -> Vector:
    """The vector that `vector_bytes` wrote.

    Raises:
        GalleryError: It is something else.
    """
    if not isinstance(data, bytes) or len(data) != 4 * embedding_size:
        raise damaged(f"an embedding does not hold {embedding_size} numbers")
    vector = np.frombuffer(data, "<f4").astype(np.float32)
    if not np.isfinite(vector).all():
        raise damaged("an embedding is not finite")
    return vector


def checked_row(row: Sequence[Any], *types: type | None) -> Sequence[Any]:
    """A row of the gallery whose values are of these types; SQLite itself would keep any.

    Raises:
        GalleryError: One is of another type.
    """
    for value, kind in zip(row, types, strict=True):
        if kind is not None and type(value) is not kind:
            raise damaged(f"expected {kind.__name__}, got {type(value).__name__}")
    return row


def damaged(reason: str) -> GalleryError:
    """The error for a row of the gallery that this package did not write."""
    return GalleryError(
        f"a row of the gallery is damaged ({reason}); put back a copy, or import an earlier export: "
        "kaggle-face people import EXPORT.zip --gallery NEW"
    )
