"""Seals: JSON objects that carry a digest of themselves, and the checksums and inputs of a folder's files.

The seal of a folder is `record.json` beside its files. A reader checks the files first, so a changed bit is
one line and never another number. `made_of` names the inputs of a record by digests of their contents: a
later stage compares them with what lies there today.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.hashing import short_digest
from kaggle_face.artifacts.files.reading import json_object, read_json, reading, size_of_regular
from kaggle_face.errors import RunError

SEAL_FILE = "record.json"

_FORMAT = 1
_DIGITS = 32  # 128 bits: no two inputs of a project share them by chance

_checked_files: dict[tuple[object, ...], str] = {}
"""Digests of files in the state in which this process read them: records are opened many times by a blend."""


@dataclass(frozen=True)
class Seal:
    """The seal of a folder.

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
    parts: list[str] = []
    for column in columns:
        values = list(map(str, column))
        parts += [str(len(values)), "".join(f"{len(value)}:{value}" for value in values)]
    return digest_of(*parts)


def digest_of_values(values: Mapping[str, Any]) -> str:
    """The digest of a JSON object, whatever the order of its keys."""
    return digest_of(_canonical(values))


@dataclass(frozen=True)
class JsonSeal:
    """A digest of a JSON object that is kept in the object itself, under a key of its own."""

    key: str
    digest: Callable[[str], str]

    def sealed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values, and their digest."""
        return {**values, self.key: self.digest(_canonical(values))}

    def opened(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that were sealed.

        Raises:
            ValueError: There is no seal, or the values were changed.
        """
        found = {key: value for key, value in values.items() if key != self.key}
        if self.digest(_canonical(found)) != values.get(self.key):
            raise ValueError("it is not what was written")
        return found


_RECORD_SEAL = JsonSeal("checksum", digest_of)
_SHORT_SEAL = JsonSeal("seal", lambda text: short_digest(text.encode()))


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and under `seal` a short digest of them."""
    return _SHORT_SEAL.sealed(values)


def unsealed(text: str) -> dict[str, Any]:
    """The values given to `sealed`, from the JSON text of its result.

    Raises:
        ValueError: The text is not such a result, or was changed.
    """
    try:
        values = json_object(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return _SHORT_SEAL.opened(values)


def digest_of_file(path: Path) -> str:
    """The digest of a file's bytes.

    A file whose size, number and times of change are those of an earlier call is not read again.

    Raises:
        RunError: The file is missing or cannot be read.
    """
    with reading(path):
        size_of_regular(path)
        found = path.stat()
        state = (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if state not in _checked_files:
            with path.open("rb", buffering=0) as stream:
                _checked_files[state] = file_digest(stream, "sha256").hexdigest()[:_DIGITS]
    return _checked_files[state]


def write_seal(folder: Path, made_of: Mapping[str, str]) -> None:
    """Seals the files of a folder, not those of its subfolders, with digests of their inputs."""
    own = (path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith("."))
    files = {path.name: digest_of_file(path) for path in own if path.name != SEAL_FILE}
    values: dict[str, Any] = {
        "format": _FORMAT,
        "files": files,
        "made_of": dict(sorted(made_of.items())),
        "made_at": time_of_now(),
    }
    write_json(folder / SEAL_FILE, _RECORD_SEAL.sealed(values))


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
    try:
        values = _RECORD_SEAL.opened(read_json(path))
    except ValueError as error:
        raise _damaged(path) from error
    files, made_of = values.get("files"), values.get("made_of")
    if not (isinstance(files, dict) and isinstance(made_of, dict)):
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


def _canonical(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


def _damaged(path: Path) -> RunError:
    return RunError(f"{path} is damaged: it is not what was written; copy it again, or make it again")
