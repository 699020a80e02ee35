"""A gallery as one ZIP file to carry to another machine or another gallery.

`gallery.json` (the model's card), `images.csv` (person, source, fingerprint, picture), `embeddings.npy`
(N, D) in the same order, and `faces/<n>.png`. What comes in is checked as if a stranger had typed it.

Letters: N images, D embedding size.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.files.archives import (
    FREE_GROWTH_BYTES,
    GROWTH,
    DamagedArchiveError,
    growth,
    opened_archive,
)
from kaggle_face.artifacts.files.cells import csv_quoting
from kaggle_face.artifacts.files.private import replacing_privately
from kaggle_face.artifacts.files.reading import array_from_bytes, json_object
from kaggle_face.errors import GalleryError, naming_first
from kaggle_face.metrics.similarity import normalized
from kaggle_face.pictures import decode_photo
from kaggle_face.progress import Progress
from kaggle_face.recognition.detection.pictures import Face
from kaggle_face.recognition.embedder import Embedder
from kaggle_face.recognition.gallery.database import read_fact
from kaggle_face.recognition.gallery.model_card import card_from_text
from kaggle_face.recognition.gallery.names import checked_name, folded_name
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import NewImage, NewPerson, OnConflict, Outcome, checked_row

_FORMAT = 1
_COLUMNS = ("person", "source", "fingerprint", "picture")
_LARGEST_CROP_PX = 1024
_MAX_FACE_BYTES = 8 * 2**20
_MAX_TABLE_BYTES = 2**30
_MAX_NPY_HEADER_BYTES = 2**16
_LONGEST_EMBEDDING = 1e6
_PEOPLE_AT_ONCE = 500


@dataclass(frozen=True, eq=False)
class _Row:
    """An image of the table; `picture` is the member of the archive, or empty."""

    person: str
    source: str
    fingerprint: str
    picture: str
    embedding: npt.NDArray[np.float32]


def export_gallery(gallery: Gallery, target: Path) -> int:
    """Writes all people with their pictures and embeddings as they are at one moment; the number of people.

    Raises:
        GalleryError: Nobody is enrolled, the file cannot be written, or there is one that is not a ZIP file.
    """
    try:
        if target.exists() and not (target.is_file() and zipfile.is_zipfile(target)):
            raise GalleryError(f"{target} is there already and is not an earlier export; choose another name")
        with replacing_privately(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            rows = _write_archive(gallery, archive)
    except OSError as error:
        raise GalleryError(f"{target} cannot be written: {error.strerror or error}") from error
    num_people = len({row[0] for row in rows})
    gallery.write_down("export", [(None, {"people": num_people, "images": len(rows)})])
    return num_people


def _write_archive(gallery: Gallery, archive: zipfile.ZipFile) -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    vectors: list[bytes] = []
    query = (
        "SELECT people.name, source, fingerprint, vector, png FROM images "
        "JOIN people ON people.number = person JOIN embeddings ON embeddings.image = images.number "
        "LEFT JOIN pictures ON pictures.image = images.number ORDER BY person, images.number"
    )
    with gallery.file().reading() as connection:
        card = read_fact(connection, "model")
        for row in connection.execute(query):
            name, source, fingerprint, vector, png = checked_row(row, str, str, str, bytes, None)
            picture = f"faces/{len(rows) + 1:07}.png" if png is not None else ""
            if picture:
                archive.writestr(picture, png)
            rows.append((name, source, fingerprint, picture))
            vectors.append(vector)
    if card is None or not rows:
        raise GalleryError(f"nobody is enrolled in {gallery.path}, so there is nothing to export")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n", quoting=csv_quoting(cell for row in rows for cell in row))
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    archive.writestr("images.csv", table.getvalue(), zipfile.ZIP_DEFLATED)
    numbers = io.BytesIO()
    np.save(numbers, np.frombuffer(b"".join(vectors), "<f4").reshape(len(rows), -1), allow_pickle=False)
    archive.writestr("embeddings.npy", numbers.getvalue())
    archive.writestr("gallery.json", json.dumps({"format": _FORMAT, "model": json.loads(card)}))
    return rows


def import_gallery(
    gallery: Gallery,
    source: Path,
    open_embedder: Callable[[], Embedder],
    on_conflict: OnConflict,
    progress: Progress,
    chosen: Embedder | None = None,
) -> list[Outcome]:
    """Adds the people of an export.

    Embeddings of the gallery's own model are taken over; those of another are made anew from the pictures.
    A gallery without people becomes one of the chosen model, or without a choice one of the export's.

    Raises:
        GalleryError: The file is not an export, or is damaged; a name is taken; or another model made it and
            it holds no pictures.
    """
    with _explained(source), opened_archive(source) as archive:
        unpacked, times = growth(archive, archive.infolist())
        if unpacked > FREE_GROWTH_BYTES and times > GROWTH:
            raise ValueError(f"it would grow {times:.0f} times, which is taken for an attack")
        described = json_object(_read(archive, "gallery.json", _MAX_FACE_BYTES))
        if described.get("format") != _FORMAT:
            raise ValueError(f"gallery.json is not of format {_FORMAT}")
        exported = card_from_text(json.dumps(described["model"]))
        model = chosen.card if chosen else gallery.model() or exported
        table = _table_of(archive)
        vectors = normalized(_vectors_of(archive, (len(table), exported.embedding_size)))
        rows = [_Row(*cells, vector) for cells, vector in zip(table, vectors, strict=True)]
        people = [(name, list(images)) for name, images in groupby(rows, key=lambda row: row.person)]
        _check_names(gallery, [name for name, _ in people], on_conflict)
        embedder = None if model.fingerprint == exported.fingerprint else chosen or open_embedder()
        outcomes: list[Outcome] = []
        with progress.track("importing", len(people), "people") as counter:
            for start in range(0, len(people), _PEOPLE_AT_ONCE):
                batch = [
                    NewPerson(name, tuple(_image_from(archive, row, embedder) for row in images))
                    for name, images in people[start : start + _PEOPLE_AT_ONCE]
                ]
                outcomes += gallery.enroll(batch, embedder.card if embedder else model, on_conflict)
                counter.advance(len(batch))
    gallery.write_down("import", [(None, {"people": len(people), "images": len(rows)})])
    return outcomes


@contextmanager
def _explained(source: Path) -> Iterator[None]:
    try:
        yield
    except DamagedArchiveError as error:
        raise _no_export(source, error.reason) from error
    except csv.Error as error:
        raise _no_export(source, f"images.csv: {error}") from error
    except OSError as error:
        raise _no_export(source, error.strerror or str(error)) from error


def _no_export(source: Path, reason: str) -> GalleryError:
    return GalleryError(f"{source} is not an export of a gallery, or is damaged: {reason}; export it again")


def _check_names(gallery: Gallery, names: Sequence[str], on_conflict: OnConflict) -> None:
    """Refuses bad and taken names before any import."""
    wanted = {folded_name(checked_name(name)): name for name in names}
    if len(wanted) != len(names):
        raise ValueError("the images of a person do not stand together, or two people have one name")
    taken = [person.name for person in gallery.people() if folded_name(person.name) in wanted]
    if taken and on_conflict == "refuse":
        what = naming_first(len(taken), len(names), "person", "are enrolled already", taken[0])
        raise GalleryError(f"{what}; use --add, --replace or --skip")


def _image_from(archive: zipfile.ZipFile, row: _Row, embedder: Embedder | None) -> NewImage:
    if not row.picture:
        if embedder is not None:
            raise GalleryError(f"the export holds no picture of {row.source}, so no other model can embed it")
        return NewImage(row.source, row.fingerprint, row.embedding)
    png = _read(archive, row.picture, _MAX_FACE_BYTES)
    face = Face(decode_photo(png, _LARGEST_CROP_PX, row.source)[0], row.source)
    embedding = row.embedding if embedder is None else embedder.embed([face.crop])[0]
    return NewImage(row.source, face.fingerprint, embedding, png)


def _table_of(archive: zipfile.ZipFile) -> list[tuple[str, str, str, str]]:
    """Person, source, fingerprint and picture of each image."""
    text = _read(archive, "images.csv", _MAX_TABLE_BYTES).decode("utf-8")
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    if tuple(header) != _COLUMNS:
        raise ValueError(f"images.csv has the columns {', '.join(header)}, expected {', '.join(_COLUMNS)}")
    pictures = [row[-1] for row in rows if len(row) == len(_COLUMNS) and row[-1]]
    if len(set(pictures)) != len(pictures):
        raise ValueError("a picture appears twice in images.csv")
    for name in pictures:
        if archive.getinfo(name).file_size > _MAX_FACE_BYTES:
            raise ValueError(f"{name} is larger than {_MAX_FACE_BYTES:,} bytes")
    return [(person, source, fingerprint, picture) for person, source, fingerprint, picture in rows]


def _vectors_of(archive: zipfile.ZipFile, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The embeddings, which are as many as the images, of the model's size, finite and not all zero."""
    most_bytes = _MAX_NPY_HEADER_BYTES + 8 * shape[0] * shape[1]
    vectors = array_from_bytes(_read(archive, "embeddings.npy", most_bytes))
    if vectors.dtype.kind != "f" or vectors.shape != shape:
        raise ValueError(f"embeddings.npy does not hold {shape[0]} embeddings of {shape[1]} numbers")
    with np.errstate(over="ignore"):  # a length that overflows is infinite, and refused
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    if not ((lengths >= 1 / _LONGEST_EMBEDDING) & (lengths <= _LONGEST_EMBEDDING)).all():
        raise ValueError("an embedding is not finite, or zero, or far too long")
    return vectors.astype(np.float32)


def _read(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    """A member of the archive, which must not unpack to more than it may."""
    if name not in archive.NameToInfo:
        raise ValueError(f"it has no {name}")
    if archive.getinfo(name).file_size > most_bytes:
        raise ValueError(f"{name} is larger than {most_bytes:,} bytes")
    with archive.open(name) as stream:
        return stream.read(most_bytes)
