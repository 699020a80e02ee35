from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.errors import GalleryError, InputError
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.detection.pictures import Face
from kaggle_face.recognition.gallery.export import export_gallery, import_gallery
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.gallery_stubs import PIXEL_CARD, PixelEmbedder, invented_face, random_person

NAMES = ["Ann", "Béla", 'O\'Neil, "Q"']


def no_model() -> PixelEmbedder:
    raise AssertionError("the embeddings must be taken over")


@pytest.fixture
def exported(recognizer: Recognizer, tmp_path: Path) -> Path:
    for person, name in enumerate(NAMES):
        faces = [Face(invented_face(person, picture, 112), f"{picture}.png") for picture in range(2)]
        recognizer.enroll(name, faces)
    export_gallery(recognizer.gallery, tmp_path / "export.zip")
    return tmp_path / "export.zip"


@pytest.fixture
def other(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path / "other.sqlite", create=True)


def test_everyone_arrives_with_pictures_and_embeddings(
    exported: Path, gallery: Gallery, other: Gallery
) -> None:
    outcomes = import_gallery(other, exported, no_model, "refuse", SilentProgress())
    assert sum(outcome.num_added for outcome in outcomes) == 6
    assert [person.name for person in other.people()] == [person.name for person in gallery.people()]
    assert other.model() == PIXEL_CARD
    for name in NAMES:
        there, here = other.person(name), gallery.person(name)
        assert other.embeddings_of(there) == pytest.approx(gallery.embeddings_of(here), abs=1e-6)
        pictures = [
            [place.picture(one.number) for one in place.images(who)]
            for place, who in ((other, there), (gallery, here))
        ]
        assert pictures[0] == pictures[1]


def test_another_model_embeds_the_pictures_anew(exported: Path, other: Gallery) -> None:
    card = replace(PIXEL_CARD, fingerprint="c" * 32)
    other.enroll([random_person("First", 1)], card)
    import_gallery(other, exported, lambda: PixelEmbedder(card), "refuse", SilentProgress())
    assert other.count_people() == 4
    assert other.model() == card


def test_taken_names_stop_the_import_before_it_begins(exported: Path, other: Gallery) -> None:
    other.enroll([random_person("béla", 1)], PIXEL_CARD)
    with pytest.raises(GalleryError, match="1 of 3 people is enrolled already, first: béla; use --add"):
        import_gallery(other, exported, no_model, "refuse", SilentProgress())
    assert other.count_people() == 1


def test_an_import_twice_can_be_skipped(exported: Path, other: Gallery) -> None:
    import_gallery(other, exported, no_model, "refuse", SilentProgress())
    outcomes = import_gallery(other, exported, no_model, "skip", SilentProgress())
    assert sum(outcome.num_added for outcome in outcomes) == 0


def npy_of(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def rewritten(source: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """The archive with one member changed."""
    target = source.with_name("changed.zip")
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name == member else data)
    return target


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("gallery.json", lambda _: b"[]"),
        ("gallery.json", lambda _: b'{"format": 99}'),
        ("embeddings.npy", lambda data: data[:-40]),
        ("images.csv", lambda data: data + b"Eve,e.png,abc,\n"),
        ("images.csv", lambda data: data.replace(b"faces/0000002.png", b"../../etc/passwd")),
        ("faces/0000001.png", lambda data: data[:50]),
        ("images.csv", lambda data: data.replace(b"Ann", b"../Ann")),
        ("images.csv", lambda data: data.replace(b"Ann", b'"O\'Neil, ""Q"""')),
        ("images.csv", lambda data: data.replace(b"faces/0000002.png", b"faces/0000001.png")),
        ("images.csv", lambda data: data.replace(b"person,", b"who,")),
        ("images.csv", lambda data: data.replace(b",faces/0000002.png", b"")),
        ("images.csv", lambda data: data + b'"'),
        ("gallery.json", lambda data: data.replace(b'"fold": 0', b'"fold": "0"')),
        ("gallery.json", lambda data: data.replace(b'"embedding_size": 256', b'"embedding_size": 0')),
        ("gallery.json", lambda data: b"[" * 100_000),
        ("embeddings.npy", lambda data: b"PK\x03\x04" + data),
        ("embeddings.npy", lambda data: npy_of(np.zeros(6, object))),
        ("embeddings.npy", lambda data: npy_of(np.zeros((6, 255), np.float32))),
        ("embeddings.npy", lambda data: npy_of(np.zeros((6, 256), np.float32))),
        ("embeddings.npy", lambda data: npy_of(np.full((6, 256), "a"))),
        ("embeddings.npy", lambda data: npy_of(np.full((6, 256), 1e300))),
        ("embeddings.npy", lambda data: npy_of(np.full((6, 256), 1e30, np.float32))),
        ("embeddings.npy", lambda data: npy_of(np.full((6, 256), 1e-30, np.float32))),
        ("embeddings.npy", lambda data: data + b"\0" * 10_000_000),
    ],
)
def test_a_damaged_or_forged_export_is_refused_and_nobody_comes_in(
    exported: Path, other: Gallery, member: str, change: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(InputError) as caught:
        import_gallery(other, rewritten(exported, member, change), no_model, "refuse", SilentProgress())
    assert "\n" not in str(caught.value)
    assert other.count_people() == 0


def test_embeddings_that_are_no_numbers_are_refused(exported: Path, other: Gallery) -> None:
    def spoil(data: bytes) -> bytes:
        return data[:-4] + np.array([np.nan], "<f4").tobytes()

    with pytest.raises(GalleryError, match="not finite"):
        import_gallery(
            other, rewritten(exported, "embeddings.npy", spoil), no_model, "refuse", SilentProgress()
        )


def test_whatever_a_damaged_export_raises_is_one_line(exported: Path, other: Gallery) -> None:
    content = exported.read_bytes()
    for place in range(0, len(content), len(content) // 60):
        exported.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            import_gallery(other, exported, no_model, "skip", SilentProgress())
        except InputError as error:
            assert "\n" not in str(error)


def test_an_export_that_grows_too_far_is_refused(exported: Path, other: Gallery) -> None:
    bomb = exported.with_name("bomb.zip")
    with zipfile.ZipFile(exported) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("zeros", bytes(80 << 20))
    with pytest.raises(
        GalleryError, match=r"bomb\.zip is not an export .* times, which is taken for an attack"
    ):
        import_gallery(other, bomb, no_model, "refuse", SilentProgress())


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, other: Gallery) -> None:
    path = tmp_path / "letter.zip"
    path.write_text("a letter")
    with pytest.raises(GalleryError, match=r"letter\.zip is not an export of a gallery"):
        import_gallery(other, path, no_model, "refuse", SilentProgress())


def test_a_name_that_no_disk_takes_is_refused_in_one_line(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="cannot be written: File name too long"):
        export_gallery(gallery, tmp_path / f"{'a' * 300}.zip")


def test_an_empty_gallery_has_nothing_to_export_and_leaves_no_file(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="nothing to export"):
        export_gallery(gallery, tmp_path / "empty.zip")
    assert not (tmp_path / "empty.zip").exists()


def test_a_file_that_is_no_export_is_not_written_over(
    exported: Path, gallery: Gallery, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a photo")
    with pytest.raises(GalleryError, match=r"photo\.jpg is there already and is not an earlier export"):
        export_gallery(gallery, photo)
    assert photo.read_bytes() == b"a photo"
    assert export_gallery(gallery, exported) == len(NAMES)
