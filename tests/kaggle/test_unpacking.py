"""Unpacking refuses whatever an archive should not do, before the first byte is written."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
from pathlib import Path

import pytest

from kaggle_face.errors import DataError
from kaggle_face.kaggle import unpacking
from kaggle_face.kaggle.unpacking import Folding, UnpackLimits, unpack
from kaggle_face.progress import SilentProgress

LIMITS = UnpackLimits(total_bytes=10_000_000)


def archive_of(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def refusal(archive: Path, folder: Path, limits: UnpackLimits = LIMITS) -> str:
    with pytest.raises(DataError) as caught:
        unpack(archive, folder, limits, SilentProgress())
    assert not folder.exists()
    return str(caught.value)


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o644) << 16
    return info


def test_a_good_archive_is_unpacked_whole(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("train/", b""), ("train/0/x.jpg", b"xx"), ("list.txt", b"yy"))
    assert unpack(archive, tmp_path / "out", LIMITS, SilentProgress()) == 2
    assert (tmp_path / "out" / "train" / "0" / "x.jpg").read_bytes() == b"xx"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "C:evil", "a\\..\\..\\evil", "\\\\host\\share\\x"],
)
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    archive = archive_of(tmp_path / "a.zip", ("good", b"1"), (name, b"2"))
    assert "1 of 2 members leads out of the folder, first: " in refusal(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = archive_of(tmp_path / "a.zip", ("good", b"1"), (special("link", kind), b"/etc/passwd"))
    assert "1 of 2 members is a link or a device, first: link" in refusal(archive, tmp_path / "out")


def test_more_than_the_room_is_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("big", b"x" * 5000))
    message = refusal(archive, tmp_path / "out", UnpackLimits(total_bytes=4999))
    assert "unpacks to 0.005 MB, more than the 0.005 MB that there is room for" in message


def test_an_archive_that_grows_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FREE_GROWTH_BYTES", 1000)
    archive = archive_of(tmp_path / "a.zip", ("zeros", b"\0" * 1_000_000))
    message = refusal(archive, tmp_path / "out")
    assert "more than 100 times is taken for an attack" in message


def test_a_small_archive_and_one_of_text_may_grow(tmp_path, monkeypatch):
    zeros, text = b"\0" * 1_000_000, b"train/0/0001.jpg 17\n" * 20 + bytes(range(256))
    small = archive_of(tmp_path / "small.zip", ("zeros", zeros))
    assert unpack(small, tmp_path / "small", LIMITS, SilentProgress()) == 1
    monkeypatch.setattr(unpacking, "FREE_GROWTH_BYTES", 100)
    lists = archive_of(tmp_path / "lists.zip", ("list.txt", text))
    assert unpack(lists, tmp_path / "lists", LIMITS, SilentProgress()) == 1
    assert (tmp_path / "lists" / "list.txt").read_bytes() == text


def test_an_encrypted_file_is_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("list.txt", b"yy"))
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # the flags of the file, and those of its entry in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    assert "encrypted" in refusal(archive, tmp_path / "out")


def test_a_name_with_a_zero_byte_is_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("list_.txt", b"yy"))
    archive.write_bytes(archive.read_bytes().replace(b"list_.txt", b"list\0.txt"))
    assert "leads out of the folder" in refusal(archive, tmp_path / "out")


def test_a_size_that_lies_is_found_out(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("file", b"x" * 50_000))
    content = archive.read_bytes()
    # the uncompressed size in both headers: 50,000 becomes 10
    archive.write_bytes(content.replace((50_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    assert "is damaged" in refusal(archive, tmp_path / "out")


def test_a_size_that_is_never_reached_is_found_out(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("list.txt", b"x" * 50_000))
    content = archive.read_bytes()
    content = content.replace((50_000).to_bytes(4, "little"), (90_000).to_bytes(4, "little"))
    archive.write_bytes(content)
    assert "'list.txt' has another size in it" in refusal(archive, tmp_path / "out")


def test_a_folder_that_holds_data_is_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("train/", b"data"), ("train/x.jpg", b"2"))
    assert "1 of 2 members has data and the name of a folder" in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize("name", ["a/aux.jpg", "NUL", "con /x.jpg", "a/LPT\u00b9.png", "train/ab:c.jpg"])
def test_a_name_that_windows_gives_to_no_file_is_refused_there(tmp_path, monkeypatch, name):
    archive = archive_of(tmp_path / "a.zip", ("console.jpg", b"1"), (name, b"2"))
    assert unpack(archive, tmp_path / "elsewhere", LIMITS, SilentProgress()) == 2
    monkeypatch.setattr(unpacking, "_ON_WINDOWS", True)
    message = refusal(archive, tmp_path / "out")
    assert f"1 of 2 members has a name that Windows gives to no file, first: {name}" in message


def test_a_folder_that_a_virus_scanner_has_open_takes_its_place_later(tmp_path, monkeypatch):
    archive = archive_of(tmp_path / "a.zip", ("x.jpg", b"1"))
    rename, tries = os.rename, []

    def refuse_once(source, target, **more):
        tries.append(target)
        if len(tries) == 1:
            error = PermissionError(errno.EACCES, "Permission denied", str(source))
            error.winerror = 32
            raise error
        rename(source, target, **more)

    monkeypatch.setattr(os, "rename", refuse_once)
    assert unpack(archive, tmp_path / "out", LIMITS, SilentProgress()) == 1
    assert len(tries) == 2 and (tmp_path / "out" / "x.jpg").is_file()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("x.jpg", b"1"), ("x.jpg", b"2"))
    assert "'x.jpg' and 'x.jpg' are one name here" in refusal(archive, tmp_path / "out")


def test_names_that_differ_in_case_are_refused_where_the_disk_ignores_it(tmp_path, monkeypatch):
    archive = archive_of(tmp_path / "a.zip", ("A.jpg", b"1"), ("a.jpg", b"2"))
    monkeypatch.setattr(unpacking, "ignores_case", lambda folder: True)
    assert "'A.jpg' and 'a.jpg' are one name here" in refusal(archive, tmp_path / "out")


def test_names_that_differ_in_case_are_two_files_elsewhere(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("A.jpg", b"1"), ("a.jpg", b"2"))
    if unpacking.ignores_case(tmp_path):
        pytest.skip("this disk ignores case")
    assert unpack(archive, tmp_path / "out", LIMITS, SilentProgress()) == 2


def test_a_file_that_is_also_a_folder_is_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("train", b"1"), ("train/x.jpg", b"2"))
    assert "'train' is a file and a folder at once" in refusal(archive, tmp_path / "out")


def test_a_folder_that_is_also_a_file_is_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("train", b"1"), ("train/", b""))
    assert "'train' is a file and a folder at once" in refusal(archive, tmp_path / "out")


def test_backslashes_part_folders(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("train\\0\\x.jpg", b"1"), ("train/0/y.jpg", b"2"), ("b\\", b""))
    assert unpack(archive, tmp_path / "out", LIMITS, SilentProgress()) == 2
    assert sorted(path.name for path in (tmp_path / "out" / "train" / "0").iterdir()) == ["x.jpg", "y.jpg"]
    assert (tmp_path / "out" / "b").is_dir()


def test_names_that_are_one_with_backslashes_are_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("a\\x.jpg", b"1"), ("a/x.jpg", b"2"))
    assert "'a\\x.jpg' and 'a/x.jpg' are one name here" in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize(
    ("folding", "names"),
    [
        (Folding(case=True), ("Train/A.jpg", "train/a.jpg")),
        (Folding(case=True), ("stra\u00dfe", "STRASSE")),
        (Folding(form=True), ("\u00e9.jpg", "e\u0301.jpg")),
        (Folding(dots=True), ("x.jpg", "x.jpg. .")),
    ],
)
def test_names_that_are_one_to_the_disk_are_refused(tmp_path, monkeypatch, folding, names):
    archive = archive_of(tmp_path / "a.zip", *((name, b"1") for name in names))
    monkeypatch.setattr(unpacking, "folding_of", lambda folder: folding)
    assert "are one name here" in refusal(archive, tmp_path / "out")


def test_a_folder_in_another_spelling_of_a_file_is_refused(tmp_path, monkeypatch):
    archive = archive_of(tmp_path / "a.zip", ("Train", b"1"), ("train/x.jpg", b"1"))
    monkeypatch.setattr(unpacking, "folding_of", lambda folder: Folding(case=True))
    assert "'Train' is a file and a folder at once" in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_whatever_a_damaged_archive_raises_is_one_line(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("x.bin", bytes(range(256)) * 2)
    content = (tmp_path / "a.zip").read_bytes()
    refused = 0
    places = range(0, len(content), 5)
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 0xFF
        (tmp_path / "a.zip").write_bytes(changed)
        try:
            unpack(tmp_path / "a.zip", tmp_path / f"out{place}", LIMITS, SilentProgress())
        except DataError as error:
            refused += 1
            assert "a.zip" in str(error) and "\n" not in str(error)
    assert refused > len(places) / 2


def test_packed_sizes_that_lie_do_not_hide_how_far_an_archive_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FREE_GROWTH_BYTES", 1000)
    archive = archive_of(tmp_path / "a.zip", ("zeros", b"\0" * 1_000_000))
    content = bytearray(archive.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 20 : entry + 24] = (900_000).to_bytes(4, "little")
    archive.write_bytes(content)
    assert "more than 100 times is taken for an attack" in refusal(archive, tmp_path / "out")


def test_a_damaged_archive_leaves_nothing(tmp_path):
    archive = archive_of(tmp_path / "a.zip", ("x.bin", bytes(range(256)) * 40))
    content = bytearray(archive.read_bytes())
    content[60] ^= 0xFF
    archive.write_bytes(content)
    assert "is damaged" in refusal(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_what_is_no_archive_is_told(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"<html>sign in</html>")
    assert "is damaged: File is not a zip file" in refusal(path, tmp_path / "out")
