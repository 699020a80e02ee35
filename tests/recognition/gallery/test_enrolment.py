from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.errors import DataError, GalleryError
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
from kaggle_face.recognition.detection.pictures import PictureReader
from kaggle_face.recognition.gallery.enrolment import FolderReport, enroll_folder
from kaggle_face.recognition.gallery.export import export_gallery, import_gallery
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import OnConflict
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.gallery_stubs import PIXEL_CARD, invented_face, jpeg_of, random_person

CROPS = PictureReader(None, 112)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three people with two crops each."""
    root = tmp_path / "people"
    for person, name in enumerate(["Ann", "Béla", "Chi"]):
        (root / name).mkdir(parents=True)
        for picture in range(2):
            data = jpeg_of(invented_face(person, picture, 112))
            (root / name / f"{picture}.jpg").write_bytes(data)
    return root


def test_each_folder_becomes_a_person_with_its_pictures(recognizer: Recognizer, people: Path) -> None:
    report = enroll_folder(recognizer, people, CROPS, "refuse", SilentProgress())
    assert (report.num_people, report.num_images, report.left_out) == (3, 6, [])
    assert [(one.name, one.num_images) for one in recognizer.gallery.people()] == [
        ("Ann", 2),
        ("Béla", 2),
        ("Chi", 2),
    ]
    assert recognizer.gallery.images(recognizer.gallery.person("Ann"))[0].source == "Ann/0.jpg"


def test_faces_are_found_in_photos(
    recognizer: Recognizer, write_people: Callable[..., Path], detector: MtcnnDetector
) -> None:
    root = write_people(["Ann", "Bob"], pictures=2)
    report = enroll_folder(recognizer, root, PictureReader(detector, 112), "refuse", SilentProgress())
    assert (report.num_people, report.num_images) == (2, 4)


def test_bad_pictures_and_names_are_left_out_and_told(recognizer: Recognizer, people: Path) -> None:
    (people / "Ann" / "0.jpg").write_text("a letter")
    (people / "Béla" / "1.jpg").write_bytes(b"")
    (people / "Béla" / "0.jpg").unlink()
    (people / "Chi").rename(people / "Ch<i>")
    report = enroll_folder(recognizer, people, CROPS, "refuse", SilentProgress())
    assert [(one.name, one.num_images) for one in recognizer.gallery.people()] == [("Ann", 1)]
    assert len(report.left_out) == 3
    assert any("Ann/0.jpg" in reason for reason in report.left_out)


def test_after_an_interruption_the_rest_is_enrolled(recognizer: Recognizer, people: Path) -> None:
    (people / "Chi").rename(people.parent / "Chi")
    enroll_folder(recognizer, people, CROPS, "refuse", SilentProgress())
    (people.parent / "Chi").rename(people / "Chi")
    report = enroll_folder(recognizer, people, CROPS, "skip", SilentProgress())
    assert (report.num_people, report.num_skipped) == (1, 2)


def test_names_that_are_taken_stop_before_anybody_is_enrolled(recognizer: Recognizer, people: Path) -> None:
    enroll_folder(recognizer, people, CROPS, "refuse", SilentProgress())
    (people / "Aaron").mkdir()
    (people / "Aaron" / "0.jpg").write_bytes(jpeg_of(invented_face(9, 0, 112)))
    with pytest.raises(GalleryError, match="3 of 4 people are enrolled already, first: Ann; use --skip"):
        enroll_folder(recognizer, people, CROPS, "refuse", SilentProgress())
    assert recognizer.gallery.count_people() == 3


def test_a_folder_of_a_known_name_with_other_blanks_is_known(recognizer: Recognizer, people: Path) -> None:
    (people / "Ann").rename(people / "Ann  Bee")
    enroll_folder(recognizer, people, CROPS, "refuse", SilentProgress())
    report = enroll_folder(recognizer, people, CROPS, "skip", SilentProgress())
    assert (report.num_people, report.num_skipped) == (0, 3)
    with pytest.raises(GalleryError, match="3 of 3 people are enrolled already, first: Ann  Bee"):
        enroll_folder(recognizer, people, CROPS, "refuse", SilentProgress())


@pytest.mark.parametrize("on_conflict", ["refuse", "skip", "replace", "add"])
@pytest.mark.parametrize(("name", "other"), [("Ann Bee", "Ann  Bee"), ("Stra\u00dfe", "STRASSE")])
def test_two_folders_of_one_name_are_refused(
    recognizer: Recognizer, people: Path, name: str, other: str, on_conflict: OnConflict
) -> None:
    (people / "Ann").rename(people / name)
    (people / "Chi").rename(people / other)
    with pytest.raises(DataError, match="are of one name; put their pictures into one of them") as caught:
        enroll_folder(recognizer, people, CROPS, on_conflict, SilentProgress())
    assert repr(name) in str(caught.value) and repr(other) in str(caught.value)
    assert recognizer.gallery.count_people() == 0


def test_who_was_skipped_is_not_counted_as_enrolled(recognizer: Recognizer) -> None:
    report = FolderReport()
    for name, seed in (("Ann", 0), ("Bob", 1), ("ann", 2)):
        report.count(recognizer.gallery.enroll([random_person(name, seed)], PIXEL_CARD, "skip"))
    assert (report.num_people, report.num_images, report.num_skipped) == (2, 2, 1)


def test_a_folder_without_people_says_how_it_must_look(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "flat.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="must hold a folder for each"):
        enroll_folder(recognizer, tmp_path, CROPS, "refuse", SilentProgress())


def test_a_face_that_stands_under_two_names_is_enrolled_once_and_told(
    recognizer: Recognizer, people: Path
) -> None:
    (people / "Chi" / "1.jpg").write_bytes((people / "Ann" / "1.jpg").read_bytes())
    report = enroll_folder(recognizer, people, CROPS, "refuse", SilentProgress())
    assert [person.name for person in recognizer.gallery.people()] == ["Ann", "Béla"]
    assert report.left_out == [
        "Chi/: the face in Chi/1.jpg is enrolled already as 'Ann'; remove it there, or rename them"
    ]


ODD_FILES = [b"a\rb.jpg", b"c\nd.jpg", b'e"f,g.jpg', b" =h.jpg", b"\xff\xfe.jpg", "\u202ei.jpg".encode()]
SHOWN_FILES = ["a\rb.jpg", "c\nd.jpg", 'e"f,g.jpg', " =h.jpg", "\\udcff\\udcfe.jpg", "\u202ei.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file name is text")
def test_pictures_of_any_file_name_are_enrolled_exported_and_imported(recognizer, tmp_path: Path) -> None:
    for person, name in enumerate(ODD_FILES):
        folder = tmp_path / "people" / str(person)
        folder.mkdir(parents=True)
        (folder / os.fsdecode(name)).write_bytes(jpeg_of(invented_face(person, 0, 112)))
    report = enroll_folder(recognizer, tmp_path / "people", CROPS, "refuse", SilentProgress())
    assert (report.num_people, report.left_out) == (len(ODD_FILES), [])
    export_gallery(recognizer.gallery, tmp_path / "export.zip")
    other = Gallery(tmp_path / "other.sqlite", create=True)
    import_gallery(other, tmp_path / "export.zip", lambda: recognizer.embedder, "refuse", SilentProgress())
    for gallery in (recognizer.gallery, other):
        sources = [gallery.images(person)[0].source for person in gallery.people()]
        assert sources == [f"{number}/{name}" for number, name in enumerate(SHOWN_FILES)]
