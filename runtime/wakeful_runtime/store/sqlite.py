"""The one connection that writes, and what SQLite's errors mean for a request."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from wakeful.errors import NodeError

BUSY_MS = 250
"""How long a lock of somebody else (a person's sqlite3 shell, say) is waited for before clients are told to wait."""

PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Errors that say nothing about the request: the same one may succeed later."""

WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another process holds the store's database locked",
    sqlite3.SQLITE_LOCKED: "another process holds the store's database locked",
    sqlite3.SQLITE_IOERR: "the disk fails (full, over a limit, or broken)",
    sqlite3.SQLITE_READONLY: "the store's database is read-only",
}


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its extension; 0 where Python's own layer raised."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_passing(error: sqlite3.Error) -> bool:
    """Whether the same request may succeed later."""
    return primary_code(error) in PASSING


def is_corruption(error: sqlite3.Error) -> bool:
    """Whether SQLite found its own pages damaged."""
    return primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def describe(error: sqlite3.Error) -> str:
    """One line for people."""
    words = WORDS.get(primary_code(error))
    return f"{words} ({error})" if words else str(error)


def damaged(path: object, found: str) -> str:
    """One line for people: what to do about a file that SQLite can't make sense of."""
    return (
        f"the store {path} is damaged ({found}); put the last `wakeful backup` in its place,"
        " and remove its -wal and -shm files"
    )


class Database:
    """A connection; rows by name of column."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        self.connection = connection
        self.execute = connection.execute

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows; `values` one by one for `?`, or one dict for `:name`."""
        return self.execute(sql, _parameters(values)).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, if there is one."""
        found: sqlite3.Row | None = self.execute(sql, _parameters(values)).fetchone()
        return found

    def one(self, sql: str, *values: Any) -> sqlite3.Row:
        """The row that must be there.

        Raises:
            LookupError: it isn't.
        """
        found = self.row(sql, *values)
        if found is None:
            raise LookupError(sql)
        return found

    def close(self) -> None:
        self.connection.close()


def _parameters(values: tuple[Any, ...]) -> tuple[Any, ...] | Mapping[str, Any]:
    return cast(Mapping[str, Any], values[0]) if len(values) == 1 and isinstance(values[0], dict) else values


class Writer(Database):
    """The connection of the store process: WAL, one transaction per group."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._full: bool | None = None

    @classmethod
    def connect(cls, path: Path | str) -> Writer:
        """Connect to the database at `path`, made if there is none (":memory:" for tests). Changes nothing in it.

        Raises:
            NodeError: it can't be opened.
        """
        if isinstance(path, Path) and path.is_symlink():
            raise NodeError(f"{path} is a symlink; the store keeps its own file in the node's directory")
        try:
            return cls(sqlite3.connect(path, isolation_level=None, cached_statements=512, timeout=BUSY_MS / 1000))
        except sqlite3.Error as error:
            raise NodeError(f"can't open the store {path}: {describe(error)}") from None

    def configure(self) -> None:
        """WAL, and the rest of what a connection that writes needs."""
        for pragma in (
            "journal_mode=WAL",
            "temp_store=MEMORY",
            "cache_size=-16000",
            "journal_size_limit=67108864",
            "fullfsync=ON",
            "checkpoint_fullfsync=ON",
        ):
            self.execute(f"PRAGMA {pragma}")

    def check(self) -> None:
        """SQLite's quick check.

        Raises:
            NodeError: it found damage; the text says what to do.
            sqlite3.DatabaseError: so much of it that it couldn't look.
        """
        found = self.one("PRAGMA quick_check(1)")[0]
        if found != "ok":
            raise NodeError(damaged(self.one("PRAGMA database_list")["file"], found))

    def begin(self, durable: bool) -> None:
        """Begin a group's transaction; `durable`: its commit is on the disk when it returns, else only in order."""
        if durable is not self._full:
            self.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._full = durable
        self.execute("BEGIN")

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        """Give the group up; SQLite may have done so by itself already."""
        if self.connection.in_transaction:
            self.execute("ROLLBACK")
