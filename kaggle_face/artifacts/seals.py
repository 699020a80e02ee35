"""Seals: the checksums of a folder's files, and the digests of what the folder was made of.

A seal is `record.json` beside the files. Whoever opens them checks them first, so a changed bit is one line
and never another number. `made_of` says which inputs a record had, by digests of their contents: a later
stage compares them with what lies there today.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.reading import read_json, reading
from kaggle_face.errors import RunError

SEAL_FILE = "record.json"

_FORMAT = 1
_DIGITS = 32  # 128 bits: no two inputs of a project share them by chance
_BLOCK_BYTES = 2**20

_checked_files: dict[tuple[object, ...], str] = {}
"""Digests of files in the state in which this process read them: records are opened many times by a blend."""


@dataclass(frozen=True)
class Seal:
    """What a sealed folder says of itself.

    Attributes:
        digest: Of the files and of `made_of`, in hexadecimal: what a later record quotes.
        made_of: Digest, or short text, of each input by its name.
        made_at: When it was made, UTC, as in ISO 8601.
    """

    digest: str
    made_of: Mapping[str, str]
    made_at: str


def digest_of(*parts: bytes | str) -> str:
    """32 hexadecimal digits of some parts, whose borders count.

    >>> digest_of("ab", "c") == digest_of("a", "bc")
    False
    """
    total = sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()[:_DIGITS]


def digest_of_names(*columns: Iterable[object]) -> str:
    """The digest of columns of text or whole numbers, in order.

    >>> digest_of_names(["a"], [1]) == digest_of_names(["a"], ["1"])
    True
    """
    return digest_of(*(part for column in columns for part in _framed(column)))


def digest_of_values(values: Mapping[str, Any]) -> str:
    """The digest of a JSON object, whatever the order of its keys."""
    return digest_of(json.dumps(values, sort_keys=True, ensure_ascii=True))


def digest_of_file(path: Path) -> str:
    """The digest of a file's bytes.

    A file whose size, number and times of change are those of an earlier call is not read again.

    Raises:
        RunError: The file is missing or cannot be read.
    """
    with reading(path):
        found = path.stat()
        state = (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if state not in _checked_files:
            _checked_files[state] = _read_digest(path)
    return _checked_files[state]


def write_seal(folder: Path, made_of: Mapping[str, str]) -> None:
    """Seals the files of a folder, not those of its subfolders, with what they were made of."""
    files = {path.name: digest_of_file(path) for path in sorted(folder.iterdir()) if _is_sealed(path)}
    values: dict[str, Any] = {
        "format": _FORMAT,
        "files": files,
        "made_of": dict(sorted(made_of.items())),
        "made_at": time_of_now(),
    }
    write_json(folder / SEAL_FILE, {**values, "checksum": digest_of_values(values)})


def read_seal(folder: Path, check_files: bool = True) -> Seal:
    """The seal of a folder, after its own checksum and those of the files were compared.

    Args:
        folder: What `write_seal` sealed.
        check_files: Whether the files are read and compared; without, the seal alone is.

    Raises:
        RunError: The seal or a file is missing, or a bit of one is not what was written.
    """
    path = folder / SEAL_FILE
    if not path.is_file():
        raise RunError(
            f"{folder} does not say what it was made of: it is incomplete, or was made by an earlier version"
        )
    values = read_json(path)
    checksum = values.pop("checksum", None)
    files, made_of = values.get("files"), values.get("made_of")
    if not (isinstance(files, dict) and isinstance(made_of, dict)) or checksum != digest_of_values(values):
        raise _damaged(path)
    if values["format"] != _FORMAT:
        raise RunError(f"{path} is of format {values['format']}, and this version reads format {_FORMAT}")
    for name, digest in files.items() if check_files else ():
        if digest_of_file(folder / name) != digest:
            raise _damaged(folder / name)
    digest = digest_of_values({"files": files, "made_of": made_of})
    return Seal(digest, made_of, str(values["made_at"]))


def has_seal(folder: Path) -> bool:
    """Whether a folder is sealed."""
    return (folder / SEAL_FILE).is_file()


def time_of_now() -> str:
    """The time in UTC, to the second, as in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def in_words(made_at: str) -> str:
    """A time of a seal as people read it.

    >>> in_words("2026-11-29T05:12:31+00:00")
    '2026-11-29 05:12 UTC'
    """
    return f"{made_at[:16].replace('T', ' ')} UTC"


def _framed(column: Iterable[object]) -> tuple[str, str]:
    values = list(map(str, column))
    return str(len(values)), "".join(f"{len(value)}:{value}" for value in values)


def _read_digest(path: Path) -> str:
    total = sha256()
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK_BYTES):
            total.update(block)
    return total.hexdigest()[:_DIGITS]


def _is_sealed(path: Path) -> bool:
    return path.is_file() and path.name != SEAL_FILE and not path.name.startswith(".")


def _damaged(path: Path) -> RunError:
    return RunError(f"{path} is damaged: it is not what was written; copy it again, or make it again")
