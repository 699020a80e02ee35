"""The ledger of submissions: an append-only list of events in SQLite, its state as CSV for people and git.

Each row of the ledger is what its events add up to. Nothing is ever changed or deleted (the database refuses
it), so a kill at any moment loses at most the event that was being written. The database keeps SQLite's
default rollback journal, which writes through to the disk and needs no shared memory.
"""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.files.disk import disk_error, state_of
from kaggle_face.artifacts.files.reading import json_object, read_rows, reading
from kaggle_face.errors import RunError
from kaggle_face.kaggle.client.clock import Clock, SystemClock, iso_time
from kaggle_face.progress import Progress
from kaggle_face.submission.ledger.entries import COLUMNS, ON_KAGGLE, Entry, entry_from, from_cells, to_cells

EventKind = Literal["written", "upload_started", "upload_failed", "uploaded", "status", "found", "restored"]

News = tuple[str, EventKind, Mapping[str, Any]]
"""What became known of a row: its key, the kind of event, and the columns that change."""

DATABASE = "ledger.sqlite"
_VERSION = 1
_SECONDS_FOR_A_LOCK = 30.0
_SCHEMA = (
    "CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, entry TEXT NOT NULL, "
    "kind TEXT NOT NULL, changes TEXT NOT NULL)",
    "CREATE TABLE standings (number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, "
    "competition TEXT NOT NULL, standing TEXT NOT NULL)",
    *(
        f"CREATE TRIGGER {table}_{name} BEFORE {action} ON {table} BEGIN "
        "SELECT RAISE(ABORT, 'append-only'); END"
        for table in ("events", "standings")
        for name, action in (("stay", "UPDATE"), ("last", "DELETE"))
    ),
)


@dataclass(frozen=True)
class Event:
    """One line of the history of a row."""

    time: str
    entry: str
    kind: str
    changes: Mapping[str, Any]


class Ledger:
    """The ledger in a folder: `ledger.sqlite`, and `ledger.csv` with one line per row.

    Raises:
        RunError: The database is damaged or was made by a newer version.
    """

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.folder = folder
        self.database = folder / DATABASE
        self.csv = folder / "ledger.csv"
        self._clock = clock or SystemClock()
        folder.mkdir(parents=True, exist_ok=True)
        with self._transaction() as connection:
            self._create(connection)

    def add(self, kind: EventKind, values: Mapping[str, Any]) -> Entry:
        """Begins a new row; `values` hold at least its competition."""
        return self.append(new_key(), kind, values)

    def append(self, key: str, kind: EventKind, changes: Mapping[str, Any]) -> Entry:
        """Updates a row with new values, or begins one, and returns its new state."""
        self.record([(key, kind, changes)])
        return next(entry for entry in self.entries() if entry.key == key)

    def record(self, news: Sequence[News]) -> None:
        """Updates several rows in one transaction. New rows get the time of now."""
        self.update(lambda _: news)

    def update(self, decide: Callable[[list[Entry]], Sequence[News]]) -> None:
        """Applies `decide` to all rows in one transaction."""
        now = iso_time(self._clock.now())
        with self._transaction() as connection:
            rows = self.entries()
            news, known = decide(rows), {row.key for row in rows}
            for key, kind, changes in news:
                unknown = set(changes) - set(COLUMNS)
                assert not unknown, f"columns that a ledger does not have: {unknown}"
                self._insert(connection, key, kind, changes if key in known else {"time": now, **changes})
        if news:
            self.export()

    def entries(self, competition: str | None = None) -> list[Entry]:
        """All rows in the order in which they began, of one competition or of all."""
        state: dict[str, dict[str, Any]] = {}
        for event in self.events():
            state.setdefault(event.entry, {"key": event.entry}).update(event.changes)
        with self._explained():
            entries = [entry_from(values) for values in state.values()]
        return [entry for entry in entries if competition in (None, entry.competition)]

    def uploads_today(self, competition: str, now: datetime) -> int:
        """Uploads to a competition since 00:00 UTC of the day of `now` (UTC), when Kaggle's day begins."""
        began = {event.entry: event.time for event in self.events() if event.kind == "upload_started"}
        day = now.strftime("%Y-%m-%d")
        listed = [entry for entry in self.entries(competition) if entry.status in ON_KAGGLE]
        return sum(began.get(entry.key, entry.time).startswith(day) for entry in listed)

    def events(self) -> list[Event]:
        """The whole history, oldest first."""
        with self._transaction(write=False) as connection:
            rows = connection.execute("SELECT time, entry, kind, changes FROM events ORDER BY number")
            with self._explained():
                return [
                    Event(_text(time), _text(entry), _text(kind), json_object(changes))
                    for time, entry, kind, changes in rows
                ]

    def export(self) -> None:
        """Writes `ledger.csv`; of two writers the later one, who sees all rows, writes last."""
        with self._transaction() as _:
            rows = [to_cells(entry) for entry in self.entries()]
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows)
            write_text(self.csv, text.getvalue())

    def add_standing(self, competition: str, standing: Mapping[str, Any]) -> None:
        """Keeps a look at the leaderboard."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO standings (time, competition, standing) VALUES (?, ?, ?)",
                (iso_time(self._clock.now()), competition, json.dumps(dict(standing))),
            )

    def standings(self, competition: str) -> list[dict[str, Any]]:
        """The leaderboard at each look, oldest first; `time` is the time of the look."""
        query = "SELECT time, standing FROM standings WHERE competition = ? ORDER BY number"
        with self._transaction(write=False) as connection:
            rows = connection.execute(query, (competition,))
            with self._explained():
                return [{**json_object(text), "time": time} for time, text in rows]

    def _insert(
        self, connection: sqlite3.Connection, key: str, kind: EventKind, changes: Mapping[str, Any]
    ) -> None:
        text = json.dumps(dict(changes), ensure_ascii=False)
        # Bytes that are not text, as the command line passes them, become escapes. The backslash before the
        # code is escaped, so that JSON reads six letters and not half a letter again.
        text = re.sub("[\ud800-\udfff]", lambda found: f"\\\\u{ord(found[0]):04x}", text)
        connection.execute(
            "INSERT INTO events (time, entry, kind, changes) VALUES (?, ?, ?, ?)",
            (iso_time(self._clock.now()), key, kind, text),
        )

    def _create(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise RunError(f"{self.database} was made by a newer kaggle-face; install that version")
        if version == _VERSION:
            return
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        if not self.csv.is_file():
            return
        # The rows of a `ledger.csv` that came without its database, as through git.
        header, rows = read_rows(self.csv)
        with reading(self.csv):
            found = [from_cells(dict(zip(header, cells, strict=True))) for cells in rows if any(cells)]
            keys = [entry_from(row).key for row in found]
            if twice := next((key for key in keys if keys.count(key) > 1), None):
                raise ValueError(f"the key '{twice}' appears twice")
        for values in found:
            self._insert(connection, values.pop("key"), "restored", values)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, RecursionError) as error:
            raise RunError(
                f"a row of {self.database} is damaged ({error}); move it away, and its rows come back from "
                f"{self.csv.name}"
            ) from error

    @contextmanager
    def _transaction(self, write: bool = True) -> Iterator[sqlite3.Connection]:
        """All or nothing; a writer waits for the others."""
        try:
            with closing(_connect(self.database, _SECONDS_FOR_A_LOCK)) as connection:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            state = state_of(error)
            if state is not None:
                raise disk_error(state, self.database) from error
            raise RunError(
                f"{self.database} cannot be used: {error}; if it is damaged, move it away, "
                f"and its rows come back from {self.csv.name}"
            ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a value is not text")
    return value


def new_key() -> str:
    """The key of a new row."""
    return secrets.token_hex(8)


@contextmanager
def upload_turn(folder: Path, clock: Clock, progress: Progress, seconds: float = 1800.0) -> Iterator[None]:
    """Lets one process at a time upload from this folder; the others wait until it ends or dies.

    The turn is the exclusive lock of an empty database, which the operating system takes back from a
    process that is killed.

    Raises:
        RunError: The other upload goes on for longer than `seconds`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with closing(_connect(folder / ".upload-turn.sqlite", 0.0)) as connection:
        waited = 0.0
        while not _is_locked(connection):
            if waited == 0.0:
                progress.log("another upload from this folder is under way; waiting for it")
            if waited >= seconds:
                raise RunError(f"another upload from {folder} has been under way for {waited / 60:.0f} min")
            clock.sleep(1.0)
            waited += 1.0
        yield


def _is_locked(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return False
        raise RunError(f"the uploads of this folder cannot take turns: {error}") from error
    return True


def _connect(path: Path, seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=seconds, isolation_level=None)
