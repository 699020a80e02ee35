"""The file of a gallery: its tables, its transactions, and what can be wrong with it.

Every change is one transaction in a write-ahead log that is flushed to the disk: a kill at any moment leaves
all that was committed and nothing else, and several processes may read and write at once. What is deleted is
overwritten in the file.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kaggle_face.artifacts.files.disk import disk_error, state_of
from kaggle_face.artifacts.files.private import make_private_file, make_private_folder, tighten
from kaggle_face.errors import GalleryError, KaggleFaceError
from kaggle_face.hints import command_line
from kaggle_face.recognition.gallery.copies import remove_copies
from kaggle_face.recognition.gallery.integrity import (
    SUMS_TABLE,
    find_damage,
    find_other_rows,
    keep_sums,
    register,
    write_sums,
)

Connection = sqlite3.Connection
FactName = Literal["identity", "revision", "token", "model"]
AuditAction = Literal[
    "enroll",
    "add",
    "replace",
    "rename",
    "remove",
    "remove-picture",
    "re-embed",
    "export",
    "import",
    "verify",
    "identify",
]

_APPLICATION = 0x4B466731  # "KFg1" in the file's header marks the database as ours
_VERSION = 2
_VERSION_WITHOUT_SUMS = 1
_SMALL_BYTES = 64 * 2**20  # a file up to this size is verified to its last page when opened
_SECONDS_FOR_A_LOCK = 30.0
_MOST_DIGITS = 19
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE people (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    added TEXT NOT NULL
);
CREATE TABLE images (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    person INTEGER NOT NULL REFERENCES people (number) ON DELETE CASCADE,
    source TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE,
    added TEXT NOT NULL
);
CREATE INDEX images_of_person ON images (person);
CREATE TABLE embeddings (
    image INTEGER PRIMARY KEY REFERENCES images (number) ON DELETE CASCADE,
    vector BLOB NOT NULL
);
CREATE TABLE pictures (
    image INTEGER PRIMARY KEY REFERENCES images (number) ON DELETE CASCADE,
    png BLOB NOT NULL
);
CREATE TABLE renewed (
    image INTEGER PRIMARY KEY REFERENCES images (number) ON DELETE CASCADE,
    model TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    action TEXT NOT NULL,
    person INTEGER,
    name TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX audit_of_person ON audit (person);
"""
_STATEMENTS = (*(text.rstrip(";") for text in _SCHEMA.strip().split(";\n")), SUMS_TABLE)
_REMEDY = "put back a copy, or import an earlier export: kaggle-face people import EXPORT.zip --gallery NEW"


class GalleryFile:
    """A gallery's SQLite file.

    Raises:
        GalleryError: There is no such file and it is not to be made, it is not a gallery, or it is damaged.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self.path = path
        if not create and not path.exists():
            raise GalleryError(
                f"there is no gallery at {path}; enroll somebody first: "
                f"{command_line('enroll', 'NAME', 'IMAGE', '--gallery', str(path))}"
            )
        if path.is_dir():
            raise GalleryError(f"{path} is a folder, not a gallery file; name a file with --gallery")
        with self._explained():
            if create:
                make_private_folder(path.parent)
                make_private_file(path)
            self._open_first()
            tighten_gallery(path)
            # Whoever closes the last connection writes the whole log back; this one is kept to be the last.
            last = self._connect(any_thread=True)
            weakref.finalize(self, last.close)
            last.execute("SELECT count(*) FROM facts")
            self._verify()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment of the gallery."""
        with self._explained(), closing(self._connect()) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self, flushed: bool = True) -> Iterator[Connection]:
        """A connection whose changes are kept together, or none of them; a writer waits for the others.

        Changes survive a kill in any case, and a power failure if they are `flushed` to the disk.
        """
        with self._explained(), closing(self._connect()) as connection:
            if not flushed:
                connection.execute("PRAGMA synchronous = NORMAL")
            keep_sums(connection)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def require_written(self, connection: Connection, table: str) -> None:
        """Compares a table that is not verified when a large gallery is opened.

        Raises:
            GalleryError: It holds other rows than were written.
        """
        if (damage := find_other_rows(connection, table)) is not None:
            raise self.damaged(damage)

    def damaged(self, what: str) -> GalleryError:
        """The error for a gallery that is not as it was written."""
        return GalleryError(f"{self.path} is damaged ({what}); {_REMEDY}")

    def forget_deleted(self) -> None:
        """Leaves what was deleted in no file: brings the log into the database, and removes its copies."""
        with self._explained(), closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        remove_copies(self.path)

    def _connect(self, any_thread: bool = False) -> Connection:
        connection = sqlite3.connect(
            self.path, timeout=_SECONDS_FOR_A_LOCK, isolation_level=None, check_same_thread=not any_thread
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA recursive_triggers = ON")  # else REPLACE deletes without a trigger
            register(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _open_first(self) -> None:
        """Checks that a file is a gallery, and makes an empty one a gallery."""
        with closing(self._connect()) as connection:
            connection.execute("BEGIN")  # its facts of one moment: another process may be making the tables
            is_ours = self._is_ours(connection)
            connection.execute("COMMIT")
            if is_ours:
                self._add_sums(connection)
                return
            with suppress(sqlite3.OperationalError):  # another process is at it: one of the two succeeds
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if not self._is_ours(connection):  # nobody was faster
                for statement in _STATEMENTS:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                write_fact(connection, "identity", secrets.token_hex(8))
                write_fact(connection, "revision", "0")
                _finish_tables(connection)
            connection.execute("COMMIT")

    def _add_sums(self, connection: Connection) -> None:
        """Gives a gallery of the first version its sums; what it holds now is taken for what was written."""
        if _version_of(connection) != _VERSION_WITHOUT_SUMS:
            return
        connection.execute("BEGIN IMMEDIATE")
        if _version_of(connection) == _VERSION_WITHOUT_SUMS:  # no other process was faster
            connection.execute(SUMS_TABLE)
            _finish_tables(connection)
        connection.execute("COMMIT")

    def _verify(self) -> None:
        """Compares everything with its checksums; of a large gallery all that answers are made of."""
        is_small = self.path.stat().st_size <= _SMALL_BYTES
        with closing(self._connect()) as connection:
            connection.execute("BEGIN")
            try:
                damage = find_damage(connection, _STATEMENTS, everything=is_small)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_ERROR:
                    raise
                damage = " ".join(str(error).split())  # such as a damaged text
        if damage is not None:
            raise self.damaged(damage)

    def _is_ours(self, connection: Connection) -> bool:
        """Whether the file is a gallery already; False for an empty file."""
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = _version_of(connection)
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == 0 and version == 0 and tables == 0:
            return False
        if application != _APPLICATION:
            raise GalleryError(f"{self.path} is the database of another program; name another with --gallery")
        if version > _VERSION:
            raise GalleryError(f"{self.path} was made by a newer kaggle-face; install that version")
        if version < _VERSION_WITHOUT_SUMS:
            raise self.damaged("its version is none")
        return True

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if (state := state_of(error)) is not None:
                raise disk_error(state, self.path) from error
            raise GalleryError(f"{self.path} {_explanation(error)}") from error
        except KaggleFaceError:
            raise
        except UnicodeDecodeError as error:
            raise self.damaged("a text in it is damaged") from error
        except OSError as error:
            raise GalleryError(f"{self.path} cannot be made: {error.strerror or error}") from error


def tighten_gallery(path: Path) -> bool:
    """Takes the rights of all others from a gallery's files; whether there were any.

    Any other file is left as it is. SQLite gives new files beside the database, as its log, its rights.
    """
    if not _is_gallery(path):
        return False
    files = [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))]
    return sum(tighten(file) for file in files) > 0


def _is_gallery(path: Path) -> bool:
    """Whether the header of a file is that of a gallery."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            header = stream.read(100)
    except OSError:
        return False
    return header.startswith(b"SQLite format 3\0") and header[68:72] == _APPLICATION.to_bytes(4, "big")


def read_fact(connection: Connection, name: FactName) -> str | None:
    """A fact of the whole gallery, or None."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def write_fact(connection: Connection, name: FactName, value: str) -> None:
    """Sets a fact of the whole gallery."""
    connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))


def read_revision(connection: Connection) -> int:
    """The number that grows with each change of people or embeddings."""
    text = read_fact(connection, "revision") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS):
        raise GalleryError(f"the gallery is damaged: its revision is {text[:40]!r}; put back a copy")
    return int(text)


def raise_revision(connection: Connection) -> None:
    """Says that people or embeddings have changed.

    Where a copy of the file is put back, a revision comes a second time with other people, a token does not.
    """
    write_fact(connection, "revision", str(read_revision(connection) + 1))
    write_fact(connection, "token", secrets.token_hex(8))


def read_state(connection: Connection) -> str:
    """The name of what the gallery holds now; no other contents have it, also after a copy was put back."""
    identity, token = read_fact(connection, "identity") or "", read_fact(connection, "token") or ""
    return f"{identity}-{read_revision(connection)}-{token}"


def add_audit(
    connection: Connection,
    action: AuditAction,
    person: int | None,
    name: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Writes down who was changed or looked for, when and with what result."""
    connection.execute(
        "INSERT INTO audit (time, action, person, name, details) VALUES (?, ?, ?, ?, ?)",
        (now_text(), action, person, name, json.dumps(dict(details or {}), ensure_ascii=False)),
    )


def now_text() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _finish_tables(connection: Connection) -> None:
    write_sums(connection)
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _version_of(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _explanation(error: sqlite3.Error) -> str:
    """The meaning of an SQLite error for the person at the keyboard."""
    words = " ".join(str(error).split())
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return "is not a gallery: it is not an SQLite database; name another file with --gallery"
        case sqlite3.SQLITE_CORRUPT:
            return f"is damaged ({words}); {_REMEDY}"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"is in use: another process has been writing for {_SECONDS_FOR_A_LOCK:.0f} s; try later"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return f"cannot be written ({words}); it and its folder must be writable, also to search it"
        case _:
            return f"cannot be used: {words}"
