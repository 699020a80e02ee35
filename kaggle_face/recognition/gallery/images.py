"""The images of one person: listing and removing them.

Letters: N images, D embedding size.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kaggle_face.artifacts.files.reading import json_object
from kaggle_face.errors import GalleryError
from kaggle_face.hints import command_line
from kaggle_face.metrics.similarity import mean_directions, normalized
from kaggle_face.recognition.gallery.database import Connection, add_audit, raise_revision
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import (
    EnrolledImage,
    Person,
    Vector,
    checked_row,
    damaged,
    find_person,
    read_model,
    vector_from,
)


@dataclass(frozen=True)
class ImageSummary:
    """An enrolled image, and how much it resembles the person's others.

    Attributes:
        image: The image as it was enrolled.
        similarity: The cosine of its embedding and the mean direction of the person's other images, in
            [-1, 1]; None for an only image. The lowest of a person may show somebody else.
    """

    image: EnrolledImage
    similarity: float | None

    def as_json(self) -> dict[str, Any]:
        """Number, file name, time, whether the picture was kept, and the similarity."""
        rounded = None if self.similarity is None else round(self.similarity, 6)
        return {
            "number": self.image.number,
            "source": self.image.source,
            "added": self.image.added,
            "kept": self.image.has_picture,
            "similarity": rounded,
        }


def summarize_images(gallery: Gallery, name: str) -> tuple[Person, list[ImageSummary]]:
    """The person of a name with their images, oldest first, all of one moment.

    Raises:
        GalleryError: Nobody is called so, or a row is damaged.
    """
    query = (
        "SELECT images.number, source, fingerprint, added, pictures.image IS NOT NULL, vector FROM images "
        "JOIN embeddings ON embeddings.image = images.number "
        "LEFT JOIN pictures ON pictures.image = images.number WHERE person = ? ORDER BY images.number"
    )
    with gallery.file().reading() as connection:
        person = find_person(connection, name)
        rows = connection.execute(query, (person.number,)).fetchall()
        model = read_model(connection)
    if model is None or len(rows) != person.num_images or not rows:
        raise damaged(f"{person.name} has an image without an embedding")
    checked = [checked_row(row, int, str, str, str, int, bytes) for row in rows]
    embeddings_ND = np.stack([vector_from(row[-1], model.embedding_size) for row in checked])
    images = [
        EnrolledImage(number, source, fingerprint, added, bool(kept))
        for number, source, fingerprint, added, kept, _ in checked
    ]
    return person, list(map(ImageSummary, images, similarities_to_others(embeddings_ND)))


def similarities_to_others(embeddings_ND: Vector) -> list[float | None]:
    """The cosine of each embedding and the mean direction of all others; None where there is no other.

    >>> similarities_to_others(np.array([[1, 0], [1, 0], [0, 2]], np.float32))
    [0.7071067690849304, 0.7071067690849304, 0.0]
    >>> similarities_to_others(np.array([[1, 0]], np.float32))
    [None]
    """
    unit_ND = normalized(embeddings_ND)
    count = len(unit_ND)
    if count < 2:
        return [None] * count
    rows_N = np.arange(count)
    return [
        float(unit_ND[row] @ mean_directions(unit_ND[rows_N != row], np.zeros(count - 1, np.int64), 1)[0])
        for row in rows_N
    ]


def remove_images(gallery: Gallery, name: str, numbers: Collection[int]) -> Person:
    """Removes images of a person with pictures, embeddings and their file names in the audit.

    Args:
        gallery: Where they are enrolled.
        name: The person.
        numbers: The images, as `summarize_images` numbers them: all of them are removed, or after an error
            none.

    Raises:
        GalleryError: Nobody is called so, an image is not that person's, or none would be left.
    """
    wanted = set(map(operator.index, numbers))  # SQLite takes an integer of NumPy for bytes
    with gallery.file().writing() as connection:
        person = find_person(connection, name)
        rows = connection.execute("SELECT number, source FROM images WHERE person = ?", (person.number,))
        sources = {int(number): str(source) for number, source in rows}
        _require_removable(gallery, person, sources, wanted)
        connection.executemany("DELETE FROM images WHERE number = ?", [(number,) for number in wanted])
        left = {source for number, source in sources.items() if number not in wanted}
        _forget_sources(connection, person, {sources[number] for number in wanted} - left)
        add_audit(connection, "remove-picture", person.number, person.name, {"images": len(wanted)})
        raise_revision(connection)
        changed = find_person(connection, person.name)
    gallery.file().forget_deleted()
    return changed


def _require_removable(
    gallery: Gallery, person: Person, sources: Mapping[int, str], wanted: Collection[int]
) -> None:
    path = str(gallery.path)
    if not wanted:
        raise GalleryError("no picture is named; give the number of one at least")
    for number in sorted(wanted):
        if number not in sources:
            hint = command_line("people", "show", person.name, "--gallery", path)
            raise GalleryError(f"{person.name} has no picture number {number}; see the numbers: {hint}")
    if len(wanted) == len(sources):
        hint = command_line("people", "remove", person.name, "--gallery", path)
        raise GalleryError(f"no picture of {person.name} would be left; remove the person instead: {hint}")


def _forget_sources(connection: Connection, person: Person, sources: set[str]) -> None:
    """Takes file names out of the audit of a person."""
    rows = connection.execute("SELECT number, details FROM audit WHERE person = ?", (person.number,))
    for number, text in rows.fetchall():
        try:
            details = json_object(text)
        except (ValueError, RecursionError) as error:
            raise damaged(f"the details of the audit: {error}") from error
        named = details.get("images")
        if isinstance(named, list) and not sources.isdisjoint(named):
            details["images"] = [source for source in named if source not in sources]
            new_text = json.dumps(details, ensure_ascii=False)
            connection.execute("UPDATE audit SET details = ? WHERE number = ?", (new_text, number))
