"""Downloads through the command line and the official client: resumed, verified, refused."""

from __future__ import annotations

import io
import json
import random
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.locking import lock_or_refuse
from kaggle_face.cli.main import main
from kaggle_face.kaggle import download as downloading
from tests.support.kaggle_server import SLUG, Competition, Fault, KaggleServer

FILES = {"train/0/a.jpg": random.Random(0).randbytes(60_000), "pairs.txt": b"a.jpg b.jpg\n"}


def archive_of(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.fixture
def faces(kaggle: KaggleServer) -> Competition:
    kaggle.competition.files = dict(FILES)
    kaggle.competition.archive = archive_of(FILES)
    return kaggle.competition


def unpacked(folder: str = "data/faces") -> dict[str, bytes]:
    root = Path(folder)
    files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_the_files_are_unpacked_and_nothing_else_is_left(faces, clock, capsys):
    assert main(["download"]) == 0
    assert unpacked() == FILES
    assert [path.name for path in Path("data").iterdir()] == ["faces"]
    out = capsys.readouterr().out
    assert f"'{SLUG}' has 2 files, 0.06 MB" in out and f"data/faces: 2 files of '{SLUG}'" in out


def test_a_second_download_asks_nothing(faces, kaggle, clock, capsys):
    assert main(["download"]) == 0
    asked = len(kaggle.requests)
    assert main(["download"]) == 0
    assert "holds 2 files" in capsys.readouterr().out
    # logging in, at most
    assert {name for name, _ in kaggle.requests[asked:]} <= {"IntrospectToken"}


CHUNK = 1 << 20
"""The client writes whole chunks of this size; of a chunk that is cut nothing is kept."""


@pytest.fixture
def large(faces: Competition) -> Competition:
    faces.files = {"train/0/a.jpg": random.Random(0).randbytes(3 * CHUNK)}
    faces.archive = archive_of(faces.files)
    return faces


def test_a_cut_download_goes_on_where_it_stopped(large, kaggle, clock):
    kaggle.cut_downloads_after.append(2 * CHUNK + 5000)
    assert main(["download"]) == 0
    assert kaggle.ranges == [None, f"bytes={2 * CHUNK}-"]
    assert unpacked() == large.files


def test_the_next_command_goes_on_where_the_last_one_gave_up(large, kaggle, clock, capsys):
    # the client tries 6 times, and is called 6 times
    kaggle.cut_downloads_after.extend([CHUNK + 5000, *[1000] * 41])
    assert main(["download"]) == 2
    message = capsys.readouterr().err
    assert "Kaggle could not be reached, the connection was cut; run the same command again" in message
    kaggle.cut_downloads_after.clear()
    assert next(Path("data/.faces.download").glob("*.zip")).stat().st_size == CHUNK
    kaggle.ranges.clear()
    assert main(["download"]) == 0
    assert f"bytes={CHUNK}-" in kaggle.ranges
    assert unpacked() == large.files


def test_what_is_there_of_the_archive_needs_no_room_again(large, kaggle, clock, monkeypatch, capsys):
    kaggle.cut_downloads_after.extend([2 * CHUNK + 5000, *[1000] * 41])
    assert main(["download"]) == 2
    kaggle.cut_downloads_after.clear()
    # what a process left that was killed while it unpacked takes up the room
    left = Path("data/.faces.download/.0123456789ab.unpacked")
    left.mkdir()
    (left / "a.jpg").write_bytes(b"half")
    usage = namedtuple("usage", "total used free")
    chunks = lambda: 1 if left.exists() else 5  # noqa: E731
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, chunks() * CHUNK))
    monkeypatch.setattr(downloading, "_SPARE_BYTES", 0)
    assert main(["download"]) == 0, capsys.readouterr().err
    assert unpacked() == large.files
    assert [path.name for path in Path("data").iterdir()] == ["faces"]


def test_a_link_to_an_empty_folder_stays_one(faces, clock, capsys):
    Path("disk/faces").mkdir(parents=True)
    Path("data").mkdir()
    Path("data/faces").symlink_to(Path("disk/faces").absolute())
    assert main(["download"]) == 0
    assert Path("data/faces").is_symlink() and unpacked("disk/faces") == FILES
    assert [path.name for path in Path("disk").iterdir()] == ["faces"]
    assert main(["download"]) == 0
    assert "holds 2 files" in capsys.readouterr().out


def test_a_folder_where_a_disk_is_mounted_is_refused_before_the_download(
    faces, kaggle, clock, monkeypatch, capsys
):
    Path("data/faces").mkdir(parents=True)
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path) == Path("data/faces"))
    assert main(["download"]) == 2
    assert "data/faces is where a disk is mounted; choose a folder on that disk with --to" in (
        capsys.readouterr().err
    )
    assert kaggle.asked("DownloadDataFiles") == []


def test_a_listed_file_that_is_not_in_the_archive_is_told(faces, clock, capsys):
    faces.files["test/lost.jpg"] = b"12345"
    assert main(["download"]) == 2
    message = capsys.readouterr().err
    assert "1 of 3 listed files is not in the archive, first: test/lost.jpg" in message
    assert not Path("data/faces").exists()


def test_a_file_of_another_size_is_told(faces, clock, capsys):
    faces.files["pairs.txt"] = b"longer than what the archive holds"
    assert main(["download"]) == 2
    assert (
        "1 of 2 listed files has another size than Kaggle lists, first: pairs.txt" in capsys.readouterr().err
    )


def test_a_disk_that_is_too_small_is_told_before_the_download(faces, kaggle, clock, monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 100_000))
    assert main(["download"]) == 2
    assert "0.1 MB of free disk, but the archive and its files need 0.12 MB" in capsys.readouterr().err
    assert kaggle.asked("DownloadDataFiles") == []


def test_a_folder_with_other_files_is_left_alone(faces, clock, capsys):
    Path("data/faces").mkdir(parents=True)
    Path("data/faces/mine.txt").write_text("mine")
    assert main(["download"]) == 2
    assert "data/faces is there and not empty; choose another folder with --to" in capsys.readouterr().err
    assert main(["download", "--to", "elsewhere"]) == 0
    assert unpacked("elsewhere") == FILES


def test_rules_that_were_not_accepted_are_named_with_their_page(faces, clock, capsys):
    faces.accepted = False
    assert main(["download"]) == 2
    assert f"accept the rules at https://www.kaggle.com/competitions/{SLUG}/rules" in capsys.readouterr().err


def test_a_wrong_slug_is_told_with_the_nearest_one(faces, clock, capsys):
    assert main(["download", "face-in-class-2026"]) == 2
    assert f"did you mean '{SLUG}'?" in capsys.readouterr().err


def test_an_unsafe_archive_is_not_unpacked(faces, clock, capsys):
    faces.files = {"../evil": b"1"}
    faces.archive = archive_of({"../evil": b"1"})
    assert main(["download"]) == 2
    assert "leads out of the folder, first: ../evil" in capsys.readouterr().err
    assert not Path("data/evil").exists()


def test_both_competitions_of_a_semester_are_downloaded_side_by_side(faces, kaggle, clock):
    kaggle.competitions["classes-2026"] = Competition(
        "classes-2026", files={"c.txt": b"c"}, archive=archive_of({"c.txt": b"c"})
    )
    assert main(["download", "submit.classification.slug=classes-2026"]) == 0
    assert unpacked(f"data/faces/{SLUG}") == FILES
    assert unpacked("data/faces/classes-2026") == {"c.txt": b"c"}


def test_a_competition_that_is_named_goes_to_a_folder_of_its_name(faces, clock):
    assert main(["download", SLUG, "-c", "demo"]) == 0
    assert unpacked(f"data/{SLUG}") == FILES


def test_a_busy_server_is_waited_for(faces, kaggle, clock):
    kaggle.fail("DownloadDataFiles", Fault(429, "busy", {"Retry-After": "12"}))
    assert main(["download"]) == 0
    assert clock.slept == [12.0]


def test_many_files_are_listed_page_by_page(faces, kaggle, clock, capsys):
    many = {f"train/{number}.jpg": b"x" for number in range(450)}
    faces.files, faces.archive = many, archive_of(many)
    assert main(["download"]) == 0
    assert len(kaggle.asked("ListDataFiles")) == 3
    assert len(unpacked()) == 450


def test_the_demo_has_nothing_to_download(kaggle, clock, capsys):
    assert main(["download", "competition.slug=demo"]) == 0
    assert kaggle.requests == []


def test_the_receipt_names_the_competition(faces, clock):
    assert main(["download"]) == 0
    assert json.loads(Path("data/faces/.downloaded.json").read_text()) == {"competition": SLUG, "files": 2}


def test_a_process_killed_before_the_files_took_their_place_leaves_none_of_them(faces, clock, monkeypatch):
    class KilledError(BaseException):
        pass

    def killed(unpacked: Path, target: Path) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(downloading, "take_place", killed)
        with pytest.raises(KilledError):
            main(["download"])
    assert not Path("data/faces").exists()
    assert main(["download"]) == 0
    assert unpacked() == FILES
    assert [path.name for path in Path("data").iterdir()] == ["faces"]


def test_what_a_process_killed_at_the_very_end_left_is_removed(faces, clock):
    assert main(["download"]) == 0
    Path("data/.faces.download").mkdir()
    Path("data/.faces.download/faces.zip").write_bytes(b"left")
    assert main(["download"]) == 0
    assert [path.name for path in Path("data").iterdir()] == ["faces"]


@pytest.mark.parametrize("slug", ["../evil", "a/b", ".hidden"])
def test_a_name_that_leads_to_another_folder_is_refused(faces, kaggle, clock, capsys, slug):
    assert main(["download", slug]) == 2
    assert f"a competition's name has no folders in it, got '{slug}'" in capsys.readouterr().err
    assert kaggle.requests == []


def test_two_downloads_to_one_folder_are_one_line(faces, clock, capsys):
    with lock_or_refuse(Path("data/.faces.lock"), "it"):
        assert main(["download"]) == 2
    assert "error: data/faces is being written by another process (" in capsys.readouterr().err
    assert main(["download"]) == 0 and unpacked() == FILES


def test_a_download_that_falls_silent_is_given_up_and_goes_on_later(large, kaggle, clock, capsys):
    kaggle.silent.add("GET")
    assert main(["download", "submit.silent_seconds=0.3"]) == 2
    assert "Kaggle could not be reached, it was silent for 0.3 s" in capsys.readouterr().err
    kaggle.silent.clear()
    assert main(["download"]) == 0
    assert kaggle.ranges[-1] is not None, "from where it stopped"
