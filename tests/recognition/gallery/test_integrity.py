"""A gallery holds what was written, or one line names it and says what to do."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.errors import GalleryError
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.detection.pictures import png_of
from kaggle_face.recognition.gallery import database
from kaggle_face.recognition.gallery.copies import cache_folder
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.reembedding import re_embed
from kaggle_face.recognition.gallery.tables import NewPerson
from kaggle_face.recognition.search import read_prototypes
from tests.support.gallery_stubs import PIXEL_CARD, PixelEmbedder, random_person

FLIPS = int(os.environ.get("KAGGLE_FACE_FLIPS", "80"))
"""Bits of a gallery that are flipped, one at a time; raise it in the environment to search longer."""
NAMES = ("Ann", "Bob", "Çağrı", "Dee")


def person(name: str, seed: int) -> NewPerson:
    """A person with a picture that is kept."""
    plain = random_person(name, seed)
    crop = np.random.default_rng(seed).integers(0, 256, (112, 112, 3), np.uint8)
    return replace(plain, images=tuple(replace(image, png=png_of(crop)) for image in plain.images))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A gallery of four people that nobody has open."""
    gallery = Gallery(tmp_path / "gallery.sqlite", create=True)
    gallery.enroll([person(name, seed) for seed, name in enumerate(NAMES)], PIXEL_CARD)
    return closed(gallery)


def closed(gallery: Gallery) -> Path:
    path = gallery.path
    gallery.file().forget_deleted()
    return path


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def contents(path: Path) -> list[object]:
    gallery = Gallery(path)
    found: list[object] = [gallery.model(), gallery.revision(), gallery.audit()]
    for one in gallery.people():
        images = gallery.images(one)
        pictures = [gallery.picture(image.number) for image in images]
        found.append((one, gallery.find(one.name), images, pictures, gallery.embeddings_of(one).tobytes()))
    return found


def test_a_bit_that_flips_anywhere_gives_the_same_gallery_or_one_line(path: Path) -> None:
    right, content = contents(path), path.read_bytes()
    told = 0
    for bit in np.random.default_rng(0).choice(8 * len(content), FLIPS, replace=False).tolist():
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        for file in path.parent.glob("gallery.sqlite*"):
            file.unlink()
        path.write_bytes(changed)
        try:
            assert contents(path) == right
        except GalleryError as error:
            told += 1
            assert str(error).startswith(str(path)) and "\n" not in str(error)
    assert told > FLIPS / 2


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE people SET name = 'Eve' WHERE name = 'Bob'", "people"),
        ("UPDATE images SET person = 2 WHERE number = 1", "images"),
        ("DELETE FROM embeddings WHERE image = 2", "embeddings"),
        ("UPDATE embeddings SET vector = zeroblob(1024) WHERE image = 1", "embeddings"),
        ("UPDATE facts SET value = '7' WHERE name = 'revision'", "facts"),
        ("UPDATE pictures SET png = x'00' WHERE image = 3", "pictures"),
        ("DELETE FROM audit", "audit"),
        ("UPDATE sums SET num_rows = 3 WHERE name = 'people'", "people"),
        ("DELETE FROM sums WHERE name = 'images'", "images"),
    ],
)
def test_a_row_that_changed_behind_our_back_is_told_with_its_table(
    path: Path, statement: str, table: str
) -> None:
    change(path, statement)
    with pytest.raises(GalleryError) as caught:
        Gallery(path)
    assert str(caught.value) == (
        f"{path} is damaged (the table {table} holds other rows than were written); put back a copy, "
        "or import an earlier export: kaggle-face people import EXPORT.zip --gallery NEW"
    )


def test_a_table_that_is_not_as_it_was_made_is_told(path: Path) -> None:
    change(path, "DROP INDEX images_of_person")
    with pytest.raises(GalleryError, match=r"is damaged \(its tables are not those that were made\)"):
        Gallery(path)


def test_whatever_is_done_to_a_gallery_it_stays_verified(path: Path) -> None:
    gallery = Gallery(path)
    gallery.rename("Bob", "Bobby")
    gallery.remove("Ann")
    gallery.enroll([person("Bobby", 7)], PIXEL_CARD, "replace")
    gallery.enroll([person("Dee", 8)], PIXEL_CARD, "add")
    gallery.write_down("identify", [(None, {"score": 0.5})])
    with pytest.raises(GalleryError, match="enrolled already"):
        gallery.enroll([person("Fay", 9), person("Dee", 10)], PIXEL_CARD)
    re_embed(gallery, PixelEmbedder(replace(PIXEL_CARD, fingerprint="f" * 32)), SilentProgress())
    names = [one.name for one in gallery.people()]
    del gallery
    again = Gallery(closed(Gallery(path)))
    assert [one.name for one in again.people()] == names == ["Bobby", "Dee", "Çağrı"]


def test_of_a_large_gallery_pictures_and_audit_are_verified_when_they_are_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_SMALL_BYTES", 0)
    png = bytearray(Gallery(path).picture(1) or b"")
    png[len(png) // 2] ^= 1
    change(path, f"UPDATE pictures SET png = x'{png.hex()}' WHERE image = 1")
    change(path, "UPDATE audit SET name = 'Eve' WHERE number = 1")
    gallery = Gallery(path)
    assert gallery.picture(2) is not None
    with pytest.raises(GalleryError, match=r"damaged \(the picture of image 1 is not what was written\)"):
        gallery.picture(1)
    with pytest.raises(GalleryError, match=r"damaged \(the table audit holds other rows"):
        gallery.audit()
    with pytest.raises(GalleryError, match=r"the picture .* in the gallery is not what was written"):
        re_embed(gallery, PixelEmbedder(replace(PIXEL_CARD, fingerprint="f" * 32)), SilentProgress())


def test_a_gallery_of_the_first_version_gets_its_sums(path: Path) -> None:
    right = contents(path)
    change(path, "DROP TABLE sums")
    change(path, "PRAGMA user_version = 1")
    assert contents(path) == right
    change(path, "UPDATE people SET name = 'Eve' WHERE name = 'Bob'")
    with pytest.raises(GalleryError, match="the table people holds other rows"):
        Gallery(path)


@pytest.mark.parametrize("file", ["vectors.npy", "numbers.npy", "impostor_scores.npy", "sums.json"])
def test_a_bit_that_flips_in_the_copy_for_searching_changes_no_answer(path: Path, file: str) -> None:
    gallery = Gallery(path)
    before = read_prototypes(gallery)
    right = [np.array(values) for values in (before.numbers, before.vectors, before.impostor_scores)]
    (copy,) = (folder for folder in cache_folder(path).iterdir())
    content = (copy / file).read_bytes()
    for bit in np.random.default_rng(0).choice(8 * len(content), 8, replace=False).tolist():
        changed = bytearray((copy / file).read_bytes())
        changed[bit // 8] ^= 1 << bit % 8
        (copy / file).write_bytes(changed)
        found = read_prototypes(gallery)
        for now, then in zip((found.numbers, found.vectors, found.impostor_scores), right, strict=True):
            assert np.array_equal(now, then)
