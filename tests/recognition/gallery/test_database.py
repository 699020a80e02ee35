from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.errors import GalleryError
from kaggle_face.recognition.gallery.people import Gallery
from tests.support.gallery_stubs import PIXEL_CARD, random_person

PROJECT = Path(__file__).parents[3]
NUM_IMAGES = 2
KILLS = int(os.environ.get("KAGGLE_FACE_KILLS", "3"))
"""How often a bulk enrolment is killed at a random moment; raise it in the environment to search longer."""


def test_a_missing_gallery_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match=r"there is no gallery at .*kaggle-face enroll"):
        Gallery(tmp_path / "none.sqlite")


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(
    "content", [b"this is a letter", b"\x00" * 5000, b"SQLite format 3\x00" + b"\x07" * 5000]
)
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes, create: bool) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    with pytest.raises(GalleryError, match=r"letter\.txt (is not a gallery|is damaged)") as caught:
        Gallery(path, create)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE cats (name TEXT)")
    with pytest.raises(GalleryError, match="is the database of another program"):
        Gallery(path, create=True)


def test_a_folder_is_no_gallery(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="is a folder"):
        Gallery(tmp_path)


def test_a_gallery_of_a_newer_version_is_refused(gallery: Gallery) -> None:
    with closing(sqlite3.connect(gallery.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(GalleryError, match="newer kaggle-face"):
        Gallery(gallery.path)


def test_a_damaged_gallery_says_so_in_one_line(gallery: Gallery) -> None:
    gallery.enroll([random_person(f"p{number}", number) for number in range(200)], PIXEL_CARD)
    gallery.file().forget_deleted()  # the log is in the file now
    size = gallery.path.stat().st_size
    with gallery.path.open("r+b") as stream:
        stream.seek(size // 4)
        stream.write(b"\xa5" * (size // 2))
    with (
        pytest.raises(GalleryError, match=r"is damaged \(.*people import") as caught,
        gallery.snapshot() as moment,
    ):
        list(moment.blocks)
    assert "\n" not in str(caught.value)


def test_an_empty_file_becomes_a_gallery(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    path.touch()
    assert Gallery(path).count_people() == 0


def test_a_removed_face_is_neither_in_the_file_nor_in_its_log(gallery: Gallery) -> None:
    person = random_person("Gone Forever", 5)
    mark = person.images[0].embedding.astype("<f4").tobytes()
    gallery.enroll([person, random_person("Still Here", 6)], PIXEL_CARD)
    assert mark in all_bytes(gallery.path)
    gallery.remove("Gone Forever")
    left = all_bytes(gallery.path)
    assert mark not in left
    assert b"Gone Forever" not in left
    assert b"Still Here" in left


def all_bytes(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*") if file.is_file())


# ---- processes


def write_crops(root: Path, num_people: int, name: str = "p") -> Path:
    rng = np.random.default_rng([*name.encode()])
    for person in range(num_people):
        folder = root / f"{name}{person:04}"
        folder.mkdir(parents=True)
        for image in range(NUM_IMAGES):
            pixels = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{image}.png")
    return root


def start(
    gallery: Path, folder: Path, statement: int = 0, on_conflict: str = "skip"
) -> subprocess.Popen[str]:
    words = [
        sys.executable,
        "-m",
        "tests.support.enrolling",
        str(gallery),
        str(folder),
        on_conflict,
        str(statement),
    ]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)


def check_whole(path: Path, folder: Path, told: set[str]) -> int:
    """Everyone up to the last name that was told is enrolled, nobody by halves; how many there are."""
    Gallery(path, create=True)  # a kill may have come before the tables were made
    query = (
        "SELECT name, count(images.number), count(vector), count(png) FROM people "
        "LEFT JOIN images ON person = people.number LEFT JOIN embeddings ON embeddings.image = images.number "
        "LEFT JOIN pictures ON pictures.image = images.number GROUP BY people.number"
    )
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        counts = {name: numbers for name, *numbers in connection.execute(query)}
    assert all(numbers == [NUM_IMAGES] * 3 for numbers in counts.values())
    told = told - {"ready", "done"}
    promised = {person.name for person in folder.iterdir() if told and person.name <= max(told)}
    assert promised <= counts.keys()
    return len(counts)


@pytest.mark.parametrize(
    "statement", [2, 24, *(pytest.param(number, marks=pytest.mark.slow) for number in (9, 61, 118, 175))]
)
def test_a_kill_at_any_statement_loses_no_committed_person(tmp_path: Path, statement: int) -> None:
    path, folder = tmp_path / "gallery.sqlite", write_crops(tmp_path / "people", 12)
    first = start(path, folder, statement)
    told = set(first.communicate(timeout=600)[0].split())
    assert first.returncode == -signal.SIGKILL
    check_whole(path, folder, told)
    second = start(path, folder)
    assert "done" in second.communicate(timeout=600)[0]
    assert check_whole(path, folder, told) == 12


def test_kills_at_random_moments_lose_no_committed_person(tmp_path: Path) -> None:
    num_people, draw = 40 * KILLS, random.Random(7)
    path, folder = tmp_path / "gallery.sqlite", write_crops(tmp_path / "people", num_people)
    told: set[str] = set()
    for _ in range(KILLS):
        process = start(path, folder)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0.0, 0.2))  # the moment of the kill; what follows holds for every moment
        process.kill()
        told |= set(process.communicate(timeout=600)[0].split())
        check_whole(path, folder, told)
    assert "done" in start(path, folder).communicate(timeout=600)[0]
    assert check_whole(path, folder, told) == num_people


def test_two_processes_enroll_at_once_and_nobody_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"
    folders = [write_crops(tmp_path / name, 30, name) for name in ("ann", "bob")]
    processes = [start(path, folder, on_conflict="refuse") for folder in folders]
    assert all("done" in process.communicate(timeout=600)[0] for process in processes)
    assert check_whole(path, folders[0], {"bob"}) == 60


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_a_gallery_and_its_log_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        gallery = Gallery(tmp_path / "new" / "gallery.sqlite", create=True)
        gallery.enroll([random_person("Ann", 1)], PIXEL_CARD)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    finally:
        os.umask(old)
    assert "gallery.sqlite-wal" in modes
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_a_gallery_that_others_could_read_is_tightened_with_its_log(tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"
    gallery = Gallery(path, create=True)
    gallery.enroll([random_person("Ann", 1)], PIXEL_CARD)
    files = sorted(tmp_path.iterdir())
    for file in files:
        file.chmod(0o644)
    Gallery(path)
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * len(files)
