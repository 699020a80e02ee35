"""Downloading a competition: listed, checked against the free disk, resumed, verified, unpacked."""

from __future__ import annotations

import os
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kaggle_face.artifacts.files.archives import opened_archive
from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.locking import lock_or_refuse
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.errors import DataError, InputError, counted, naming_first
from kaggle_face.file_names import why_not_portable
from kaggle_face.kaggle.client.answers import FileList
from kaggle_face.kaggle.client.client import KaggleClient
from kaggle_face.kaggle.unpacking import UnpackLimits, gigabytes, name_inside, take_place, unpack
from kaggle_face.progress import Progress

RECEIPT = ".downloaded.json"
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?kaggle\.com/(?:competitions|c)/([^/?#]+)(?:[/?#].*)?$")
_SECONDS_BETWEEN_LOOKS = 0.5
_LONGEST_SLUG = 100
_MEGABYTE = 1_000_000
_SPARE_BYTES = 200 * _MEGABYTE


def download(slug: str, target: Path, client: KaggleClient, progress: Progress) -> int:
    """Downloads all files of a competition and unpacks them into `target`; the number of files.

    The archive lies beside `target` until it is unpacked; a download that stopped goes on from there. Where
    `target` is a symbolic link, it is the folder to which that leads.

    Raises:
        DataError: `target` holds something else, the disk is too small, or the archive is damaged or unsafe.
        RemoteError: Kaggle refuses, or the connection stayed broken.
        RunError: Another process downloads to `target`.
    """
    if target.is_symlink():
        target = target.resolve()
    waiting = target.parent / f".{target.name}.download"
    with lock_or_refuse(target.parent / f".{target.name}.lock", str(target)):
        done = _receipt_of(target, slug)
        if done is not None:
            shutil.rmtree(waiting, ignore_errors=True)  # left there by a process that was killed
            progress.log(
                f"{target} holds {counted(done, 'file')} of '{slug}' already; delete it to download again"
            )
            return done
        _require_free_place(target)
        listed = client.files(slug)
        more = "" if listed.is_complete else " and more"
        progress.log(f"'{slug}' has {counted(len(listed.files), 'file')}{more}, {gigabytes(listed.size)}")
        _remove_all_but_archive(waiting, slug)
        there = _bytes_of_archive(waiting, slug)
        needed, free = max(listed.size, 2 * listed.size - there), _free_bytes(target)
        if needed > free:
            raise DataError(
                f"{target} has {gigabytes(free)} of free disk, but the archive and its files need "
                f"{gigabytes(needed)}{' more' if there else ''}; free some, or choose another disk with --to"
            )
        waiting.mkdir(parents=True, exist_ok=True)
        with _shown(waiting, slug, listed, progress):
            archive = client.download(slug, waiting)
        unpacked = waiting / "unpacked"
        files = _unpack(archive, unpacked, listed, progress)
        write_json(unpacked / RECEIPT, {"competition": slug, "files": files})
        take_place(unpacked, target)
        shutil.rmtree(waiting)
        return files


def _receipt_of(target: Path, slug: str) -> int | None:
    """The number of files that an earlier download of the same competition left there."""
    from kaggle_face.artifacts.json_types import ReceiptShape

    path = target / RECEIPT
    if not path.is_file():
        return None
    values = read_json(path, ReceiptShape)
    return int(values["files"]) if values["competition"] == slug else None


def _require_free_place(target: Path) -> None:
    """Checks that the unpacked folder can take the place of `target`: that of nothing, or of an empty folder.

    Raises:
        DataError: It cannot.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target} is there and not empty; choose another folder with --to, or move it away")
    if os.path.ismount(target):
        raise DataError(f"{target} is where a disk is mounted; choose a folder on that disk with --to")


def _free_bytes(path: Path) -> int:
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    return shutil.disk_usage(existing).free


def _unpack(archive: Path, folder: Path, listed: FileList, progress: Progress) -> int:
    """Unpacks an archive that holds every listed file in its listed size; the number of files."""
    if not zipfile.is_zipfile(archive):
        if archive.suffix == ".zip":
            archive.unlink()
            raise DataError(f"{archive.name} is not a zip archive; it was deleted, download it again")
        folder.mkdir()
        shutil.copy2(archive, folder / archive.name)
        return 1
    with opened_archive(archive) as source:
        sizes = {name_inside(member): member.file_size for member in source.infolist()}
    names = [file.name for file in listed.files]
    others = [file.name for file in listed.files if file.size != sizes.get(file.name)]
    for what, wrong in (
        ("are not in the archive", [name for name in names if name not in sizes]),
        ("have another size than Kaggle lists", others),
    ):
        if wrong:
            counted = naming_first(len(wrong), len(names), "listed file", what, wrong[0])
            raise DataError(f"{counted}; delete {archive} and download it again")
    return unpack(archive, folder, UnpackLimits(_free_bytes(folder) - _SPARE_BYTES), progress)


@contextmanager
def _shown(folder: Path, slug: str, listed: FileList, progress: Progress) -> Iterator[None]:
    """Shows the growth of the archive while the client, which only prints, writes it."""
    stop = threading.Event()

    def watch() -> None:
        shown = _bytes_of_archive(folder, slug) // _MEGABYTE
        total = max(1, listed.size // _MEGABYTE)
        with progress.track(f"downloading {slug}", total, "MB", done=shown) as counter:
            while not stop.wait(_SECONDS_BETWEEN_LOOKS):
                now = _bytes_of_archive(folder, slug) // _MEGABYTE
                counter.advance(max(0, now - shown))
                shown = max(shown, now)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def _bytes_of_archive(folder: Path, slug: str) -> int:
    try:
        return max((path.stat().st_size for path in folder.glob(f"{slug}.*")), default=0)
    except FileNotFoundError:  # it got its final name between two looks
        return 0


def _remove_all_but_archive(folder: Path, slug: str) -> None:
    """Removes what a process that was killed while it unpacked left."""
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif not path.name.startswith(f"{slug}."):
            path.unlink()


def plain_slug(slug: str) -> str:
    """The slug, which becomes the name of a file or folder; an address of Kaggle's gives the slug in it.

    >>> plain_slug("https://www.kaggle.com/competitions/faces-2026/data?select=a"), plain_slug("faces-2026")
    ('faces-2026', 'faces-2026')

    Raises:
        InputError: It leads to another folder, or is the address of something else.
    """
    if "kaggle.com/" in slug:
        found = _ADDRESS.match(slug.strip())
        if found is None:
            raise InputError(
                f"'{slug}' is not the address of a competition, as in "
                "https://www.kaggle.com/competitions/NAME"
            )
        slug = found[1]
    if len(slug) > _LONGEST_SLUG:
        raise InputError(f"a competition's name has at most {_LONGEST_SLUG} letters, got {len(slug)}")
    if not slug or Path(slug).name != slug or slug.startswith("."):
        raise InputError(f"a competition's name has no folders in it, got '{slug}'")
    reason = why_not_portable(slug) or (":" in slug and "has a colon, which Windows does not take")
    if reason:
        raise InputError(f"'{slug}' {reason}; a competition is called as in its address")
    return slug
