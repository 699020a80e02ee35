"""Unpacking an archive from elsewhere: every name is checked before the first byte is written.

Refused are absolute names and names that climb out, links and devices, encrypted files, folders with content,
names that are one on this disk or none on Windows, a file that is a folder too, and archives that unpack to
more than the limits or to other sizes than they state. A backslash in a name parts folders as a slash does:
archives of some Windows programs have it.
"""

from __future__ import annotations

import secrets
import shutil
import stat
import sys
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from kaggle_face.artifacts.files.archives import FREE_GROWTH_BYTES, GROWTH, growth, opened_archive
from kaggle_face.artifacts.files.renaming import patiently
from kaggle_face.errors import DataError, naming_first
from kaggle_face.file_names import is_windows_device
from kaggle_face.progress import Progress

_BLOCK = 1 << 20
_ENCRYPTED = 0x1
_ON_WINDOWS = sys.platform == "win32"
_PLAIN = (0, stat.S_IFREG, stat.S_IFDIR)
"""Kinds of a member: not given, a file, a folder."""


@dataclass(frozen=True)
class Folding:
    """Names that are one name to a disk: those that differ in case, in Unicode form, in dots at the end."""

    case: bool = False
    form: bool = False
    dots: bool = False

    def key(self, parts: Sequence[str]) -> tuple[str, ...]:
        """The part that all names of one file have in common.

        >>> Folding(case=True).key(["Train", "A.jpg"]) == Folding(case=True).key(["train", "a.JPG"])
        True
        """
        names = list(parts)
        if self.form or self.case:
            names = [unicodedata.normalize("NFC", name) for name in names]
        if self.case:
            names = [unicodedata.normalize("NFC", name.casefold()) for name in names]
        return tuple(name.rstrip(". ") if self.dots else name for name in names)


@dataclass(frozen=True)
class UnpackLimits:
    """The most bytes that may be unpacked, and the most times that they may exceed a large archive."""

    total_bytes: int
    ratio: float = GROWTH


def unpack(archive: Path, folder: Path, limits: UnpackLimits, progress: Progress) -> int:
    """Unpacks a zip archive into a folder that appears when everything is in it; the number of files.

    Raises:
        DataError: The archive is damaged, unsafe or too large; the first bad name is shown.
    """
    try:
        with opened_archive(archive) as source:
            members = check_members(source, limits, folding_of(folder.parent))
            temporary = folder.parent / f".{secrets.token_hex(6)}.{folder.name}"
            try:
                temporary.mkdir(parents=True)
                with progress.track("unpacking", len(members), "files") as counter:
                    for member in members:
                        path = temporary.joinpath(*_parts(member))
                        (path if _is_folder(member) else path.parent).mkdir(parents=True, exist_ok=True)
                        if not _is_folder(member):
                            with source.open(member) as stream, path.open("wb") as target:
                                shutil.copyfileobj(stream, target, _BLOCK)
                                if target.tell() != member.file_size:
                                    raise zipfile.BadZipFile(f"'{member.filename}' has another size in it")
                        counter.advance()
                take_place(temporary, folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise DataError(f"{archive} cannot be unpacked to {folder}: {error.strerror or error}") from error
    return sum(not _is_folder(member) for member in members)


def check_members(source: zipfile.ZipFile, limits: UnpackLimits, folding: Folding) -> list[zipfile.ZipInfo]:
    """The members of an archive, all of them safe to unpack.

    Raises:
        DataError: One is not; the count and the first are named.
    """
    members = source.infolist()
    name = source.filename
    for what, is_bad in (
        ("lead out of the folder", _leads_out),
        ("are a link or a device", lambda member: stat.S_IFMT(member.external_attr >> 16) not in _PLAIN),
        ("are encrypted", lambda member: bool(member.flag_bits & _ENCRYPTED)),
        ("have data and the name of a folder", lambda member: _is_folder(member) and member.file_size > 0),
        ("have a name that Windows gives to no file", lambda member: _ON_WINDOWS and _is_odd(member)),
    ):
        bad = [member.filename for member in members if is_bad(member)]
        if bad:
            raise DataError(
                f"{name} is not unpacked: {naming_first(len(bad), len(members), 'member', what, bad[0])}"
            )
    _check_names(name, members, folding)
    unpacked, times = growth(source, members)
    if unpacked > limits.total_bytes:
        raise DataError(
            f"{name} unpacks to {gigabytes(unpacked)}, more than the "
            f"{gigabytes(limits.total_bytes)} that there is room for"
        )
    if unpacked > FREE_GROWTH_BYTES and times > limits.ratio:
        raise DataError(
            f"{name} is not unpacked: it would grow {times:.0f} times to "
            f"{gigabytes(unpacked)}, more than {limits.ratio:.0f} times is taken for an attack"
        )
    return members


def name_inside(member: zipfile.ZipInfo) -> str:
    """The path of a member in its archive, parted by slashes."""
    return "/".join(_parts(member))


def folding_of(folder: Path) -> Folding:
    """The names that a folder takes for one: `A` and `a` on disks of Windows and macOS."""
    return Folding(
        ignores_case(folder), _is_one_name(folder, "\u00e9", "e\u0301"), _is_one_name(folder, "e", "e.")
    )


def ignores_case(folder: Path) -> bool:
    """Whether a folder takes `A` and `a` for the same name, as disks of Windows and macOS do."""
    return _is_one_name(folder, "e", "E")


def _is_one_name(folder: Path, name: str, other: str) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    token = f".{secrets.token_hex(6)}."
    probe = folder / f"{token}{name}"
    probe.touch()
    try:
        return (folder / f"{token}{other}").exists()
    finally:
        probe.unlink()


def _parts(member: zipfile.ZipInfo) -> tuple[str, ...]:
    return PurePosixPath(member.filename.replace("\\", "/")).parts


def _is_folder(member: zipfile.ZipInfo) -> bool:
    return member.filename.endswith(("/", "\\"))


def _leads_out(member: zipfile.ZipInfo) -> bool:
    raw = member.orig_filename
    windows = PureWindowsPath(raw)
    return bool(
        "\0" in raw
        or raw.startswith(("/", "\\"))
        or windows.drive
        or windows.root
        or ".." in windows.parts
        or not _parts(member)
    )


def _is_odd(member: zipfile.ZipInfo) -> bool:
    """Whether Windows would write a member to a device, or behind the colon of another file's name."""
    return any(":" in part or is_windows_device(part) for part in _parts(member))


def _check_names(archive: str | None, members: Sequence[zipfile.ZipInfo], folding: Folding) -> None:
    """Refuses two files of one name, and a file whose name is a folder of another."""
    files: dict[tuple[str, ...], str] = {}
    for member in members:
        key, name = folding.key(_parts(member)), member.filename
        if not _is_folder(member):
            if key in files:
                raise DataError(f"{archive} is not unpacked: '{files[key]}' and '{name}' are one name here")
            files[key] = name
    for member in members:
        key = folding.key(_parts(member))
        folders = [key[:depth] for depth in range(1, len(key) + _is_folder(member))]
        for folder in folders:
            if folder in files:
                raise DataError(
                    f"{archive} is not unpacked: '{files[folder]}' is a file and a folder at once"
                )


def take_place(temporary: Path, folder: Path) -> None:
    """Gives an unpacked folder its final name, which may be that of an empty folder."""
    if folder.is_dir():
        folder.rmdir()
    patiently(lambda: temporary.rename(folder))


def gigabytes(size: int) -> str:
    """A size for people.

    >>> gigabytes(5_460_000_000), gigabytes(12_300_000)
    ('5.46 GB', '12.3 MB')
    """
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
