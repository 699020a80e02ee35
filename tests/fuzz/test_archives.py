"""Archives to unpack and exports of galleries that hold anything."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from kaggle_face.kaggle.unpacking import UnpackLimits, unpack
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.gallery.export import export_gallery, import_gallery
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import NewImage, NewPerson
from tests.support.fuzzing import holds, sizes
from tests.support.gallery_stubs import PIXEL_CARD, PixelEmbedder, invented_face
from tests.support.mutating import mutated_array, mutated_bytes, mutated_json, mutated_text, mutated_zip

LIMITS = UnpackLimits(total_bytes=50_000_000)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
FILES = {
    "train/0/x.jpg": bytes(range(256)) * 3,
    "train/1/y.jpg": b"\0" * 3000,
    "list.txt": b"train/0/x.jpg 0\n" * 40,
    "empty/": b"",
}


def zip_of(method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tar_of(mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


ZIPS = [zip_of(method) for method in METHODS]
OTHERS = [tar_of("w"), tar_of("w:gz"), tar_of("w:xz")]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def changed_member(random: Random, name: str, content: bytes) -> bytes:
    return mutated_bytes(random, content)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@sizes(short=80, long=16_000)
def test_an_archive_is_unpacked_inside_its_folder_or_refused_in_one_line(count: int, tmp_path: Path) -> None:
    archive, folder = tmp_path / "data.zip", tmp_path / "place" / "out"
    folder.parent.mkdir()

    def try_one(random: Random) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        if random.random() < 0.95:
            archive.write_bytes(mutated_zip(random, random.choice(ZIPS), changed_member))
        else:
            archive.write_bytes(mutated_bytes(random, random.choice(OTHERS)))
        try:
            unpack(archive, folder, LIMITS, SilentProgress())
        finally:
            assert names_in(tmp_path) == ["data.zip", "place"]
            assert names_in(tmp_path / "place") in ([], ["out"])
            assert not any(path.is_symlink() for path in folder.rglob("*"))

    holds("archives", count, try_one)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[bytes]]:
    """An export with pictures, and one without."""
    folder = tmp_path_factory.mktemp("exports")
    made = []
    for with_pictures in (True, False):
        gallery = Gallery(folder / f"{with_pictures}.sqlite", create=True)
        for person, name in enumerate(("Ann", "Béla", 'O\'Neil, "Q"')):
            gallery.enroll([person_of(name, person, with_pictures)], PIXEL_CARD)
        export_gallery(gallery, folder / f"{with_pictures}.zip")
        made.append((folder / f"{with_pictures}.zip").read_bytes())
    yield made


def person_of(name: str, number: int, with_pictures: bool) -> NewPerson:
    from tests.support.gallery_stubs import jpeg_of

    images = []
    for picture in range(2):
        crop = invented_face(number, picture, 32)
        vector = PixelEmbedder().embed([crop])[0]
        png = jpeg_of(crop) if with_pictures else None
        images.append(NewImage(f"{picture}.png", f"{name}-{picture}", vector, png))
    return NewPerson(name, tuple(images))


def changed_export(random: Random, name: str, content: bytes) -> bytes:
    if name.endswith(".json"):
        return mutated_json(random, content.decode())
    if name.endswith(".csv"):
        return mutated_text(random, content.decode(), 2)
    if name.endswith(".npy"):
        return mutated_array(random, np.load(io.BytesIO(content)))
    return mutated_bytes(random, content)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@sizes(short=40, long=8_000)
def test_an_export_is_imported_or_refused_in_one_line(
    count: int, exports: list[bytes], tmp_path: Path
) -> None:
    path, database = tmp_path / "export.zip", tmp_path / "new.sqlite"
    empty = tmp_path / "empty.sqlite"
    Gallery(empty, create=True)
    template = empty.read_bytes()
    assert json.loads(zipfile.ZipFile(io.BytesIO(exports[0])).read("gallery.json"))["format"] == 1

    def try_one(random: Random) -> None:
        for old in tmp_path.glob("new.sqlite*"):
            old.unlink()
        database.write_bytes(template)
        path.write_bytes(mutated_zip(random, random.choice(exports), changed_export))
        gallery = Gallery(database)
        try:
            import_gallery(gallery, path, PixelEmbedder, "refuse", SilentProgress())
        finally:
            people = gallery.people()
            assert all(len(gallery.embeddings_of(person)) for person in people)

    holds("exports", count, try_one)
