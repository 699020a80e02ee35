"""Unpacking an archive from elsewhere: every name is checked before the first byte is written.

Refused are absolute names and names that climb out, links and devices, encrypted files, names that stand
twice (on this disk: that differ in case only), and archives that unpack to more than the limits.
"""

from __future__ import annotations

import secrets
import shutil
import stat
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from kaggle_face.errors import DataError, naming_first
from kaggle_face.progress import Progress

_BLOCK = 1 << 20
_FREE_RATIO_BYTES = 64 << 20
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class UnpackLimits:
    """The most bytes that may be unpacked, and the most times that they may exceed the archive.

    JPEG does not shrink, and text rarely by more than 20; small archives may shrink as they like.
    """

    total_bytes: int
    ratio: float = 100.0


def unpack(archive: Path, folder: Path, limits: UnpackLimits, progress: Progress) -> int:
    """Unpacks a zip archive into a folder that appears when everything is in it; the number of files.

    Raises:
        DataError: The archive is damaged, unsafe or too large; the first bad name is shown.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = check_members(source, limits, ignores_case(folder.parent))
            temporary = folder.parent / f".{secrets.token_hex(6)}.{folder.name}"
            try:
                temporary.mkdir(parents=True)
                _write_members(source, members, temporary, progress)
                take_place(temporary, folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as error:
        raise DataError(f"{archive} is damaged: {error}; delete it and download it again") from error
    except OSError as error:
        raise DataError(f"{archive} cannot be unpacked to {folder}: {error.strerror or error}") from error
    return sum(not member.is_dir() for member in members)


def check_members(
    source: zipfile.ZipFile, limits: UnpackLimits, case_is_ignored: bool
) -> list[zipfile.ZipInfo]:
    """The members of an archive, all of them safe to unpack.

    Raises:
        DataError: One is not; the count and the first are named.
    """
    members = source.infolist()
    name = source.filename
    for what, is_bad in (
        ("lead out of the folder", _leads_out),
        ("are links or devices", _is_special),
        ("are encrypted", lambda member: bool(member.flag_bits & _ENCRYPTED)),
    ):
        bad = [member.filename for member in members if is_bad(member)]
        if bad:
            raise DataError(f"{name} is not unpacked: {naming_first(len(bad), len(members), what, bad[0])}")
    _check_names(name, [member.filename for member in members], case_is_ignored)
    _check_size(name, members, limits)
    return members


def ignores_case(folder: Path) -> bool:
    """Whether a folder takes `A` and `a` for the same name, as disks of Windows and macOS do."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".{secrets.token_hex(6)}.case"
    probe.touch()
    try:
        return probe.with_name(probe.name.upper()).exists()
    finally:
        probe.unlink()


def _leads_out(member: zipfile.ZipInfo) -> bool:
    raw = member.orig_filename
    windows = PureWindowsPath(raw)
    return bool(
        "\0" in raw
        or raw.startswith(("/", "\\"))
        or windows.drive
        or windows.root
        or ".." in windows.parts
        or ".." in PurePosixPath(raw).parts
        or not PurePosixPath(member.filename).parts
    )


def _is_special(member: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(member.external_attr >> 16)
    return kind not in (0, stat.S_IFREG, stat.S_IFDIR)


def _check_names(archive: str | None, names: Sequence[str], case_is_ignored: bool) -> None:
    """Refuses two files of one name, and a file whose name is a folder of another."""
    files: dict[str, str] = {}
    for name in names:
        key = _key(name.rstrip("/"), case_is_ignored)
        if not name.endswith("/"):
            if key in files:
                raise DataError(f"{archive} is not unpacked: '{files[key]}' and '{name}' are one name here")
            files[key] = name
    for name in names:
        for parent in PurePosixPath(name.rstrip("/")).parents:
            if _key(str(parent), case_is_ignored) in files:
                raise DataError(f"{archive} is not unpacked: '{parent}' is a file and a folder at once")


def _key(name: str, case_is_ignored: bool) -> str:
    return unicodedata.normalize("NFC", name).casefold() if case_is_ignored else name


def _check_size(archive: str | None, members: Sequence[zipfile.ZipInfo], limits: UnpackLimits) -> None:
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.total_bytes:
        raise DataError(
            f"{archive} unpacks to {gigabytes(unpacked)}, more than the {gigabytes(limits.total_bytes)} that "
            f"there is room for"
        )
    if unpacked > _FREE_RATIO_BYTES and unpacked > limits.ratio * packed:
        raise DataError(
            f"{archive} is not unpacked: it would grow {unpacked / max(1, packed):.0f} times to "
            f"{gigabytes(unpacked)}, more than {limits.ratio:.0f} times is taken for an attack"
        )


def _write_members(
    source: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], folder: Path, progress: Progress
) -> None:
    with progress.count("unpacking", len(members), "files") as counter:
        for member in members:
            path = folder.joinpath(*PurePosixPath(member.filename).parts)
            if member.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                with source.open(member) as stream, path.open("wb") as target:
                    shutil.copyfileobj(stream, target, _BLOCK)
            counter.advance()


def take_place(temporary: Path, folder: Path) -> None:
    """Gives an unpacked folder its final name, which may be that of an empty folder."""
    if folder.is_dir():
        folder.rmdir()
    temporary.rename(folder)


def gigabytes(size: int) -> str:
    """A size for people.

    >>> gigabytes(5_460_000_000), gigabytes(12_300_000)
    ('5.46 GB', '12.3 MB')
    """
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
