"""Integrity of a gallery's tables: a checksum for all rows of each table, kept beside them.

SQLite notices a page that it cannot read, not a letter that changed in one. So each of our writing
connections adds the checksum of a row to its table's sum as the row comes, and takes it away as the row goes;
the sums are compared when a gallery is opened.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any

SUMS_TABLE = (
    "CREATE TABLE sums (name TEXT PRIMARY KEY, total INTEGER NOT NULL, num_rows INTEGER NOT NULL) "
    "WITHOUT ROWID"
)
_COLUMNS = {
    "facts": ("name", "value"),
    "people": ("number", "name", "folded", "added"),
    "images": ("number", "person", "source", "fingerprint", "added"),
    "embeddings": ("image", "vector"),
    "renewed": ("image", "model", "vector"),
    "pictures": ("image", "png"),
    "audit": ("number", "time", "action", "person", "name", "details"),
}
_ANSWERS = ("facts", "people", "images", "embeddings", "renewed")
"""The tables that answers are made of; pictures and audit are far larger."""


def register(connection: Connection) -> None:
    """Lets a connection compute checksums of rows."""
    connection.create_function("row_checksum", -1, _row_checksum, deterministic=True)


def keep_sums(connection: Connection) -> None:
    """Lets a connection keep the sums right whatever it changes."""
    for table, columns in _COLUMNS.items():
        new, old = (_checksum_of(columns, f"{which}.") for which in ("new", "old"))
        for event, change in (
            ("INSERT", f"total = total + {new}, num_rows = num_rows + 1"),
            ("DELETE", f"total = total - {old}, num_rows = num_rows - 1"),
            ("UPDATE", f"total = total - {old} + {new}"),
        ):
            connection.execute(
                f"CREATE TEMP TRIGGER keep_{table}_{event} AFTER {event} ON main.{table} "
                f"BEGIN UPDATE sums SET {change} WHERE name = '{table}'; END"
            )


def write_sums(connection: Connection) -> None:
    """Sets the checksums of the tables' present rows."""
    connection.execute("DELETE FROM sums")
    for table in _COLUMNS:
        connection.execute("INSERT INTO sums VALUES (?, ?, ?)", (table, *_sum_of(connection, table)))


def find_damage(connection: Connection, schema: Sequence[str], everything: bool) -> str | None:
    """The damage of a gallery, in a few words; None where it holds what was written.

    Args:
        connection: Sees one moment of the gallery.
        schema: The statements that made its tables and indexes, in any order.
        everything: Whether to read pictures, audit and free pages too.
    """
    tables = tuple(_COLUMNS) if everything else _ANSWERS
    for argument in ("1",) if everything else (*tables, "sums"):
        answer = str(connection.execute(f"PRAGMA integrity_check({argument})").fetchone()[0])
        if answer != "ok":
            return " ".join(answer.split())
    query = "SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'"
    if sorted(row[0] for row in connection.execute(query)) != sorted(schema):
        return "its tables are not those that were made"
    return next((what for table in tables if (what := find_other_rows(connection, table))), None)


def find_other_rows(connection: Connection, table: str) -> str | None:
    """Says so where a table holds other rows than were written."""
    query = "SELECT total, num_rows FROM sums WHERE name = ?"
    if connection.execute(query, (table,)).fetchone() == _sum_of(connection, table):
        return None
    return f"the table {table} holds other rows than were written"


def _sum_of(connection: Connection, table: str) -> tuple[int, int]:
    checksum = _checksum_of(_COLUMNS[table], "")
    query = f"SELECT coalesce(sum({checksum}), 0), count(*) FROM {table}"
    total, num_rows = connection.execute(query).fetchone()
    return total, num_rows


def _checksum_of(columns: Sequence[str], prefix: str) -> str:
    return f"row_checksum({', '.join(prefix + column for column in columns)})"


def _row_checksum(*values: Any) -> int:
    """The CRC-32 of a row's values."""
    total = 0
    for value in values:
        total = zlib.crc32(value if isinstance(value, bytes) else repr(value).encode(), total)
        total = zlib.crc32(b"\0", total)
    return total
