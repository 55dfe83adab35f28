"""History outlives processes: the store of a node, read while no node runs (or beside one that does)."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from wakeful.errors import NodeError
from wakeful_runtime.store.ops import OPERATIONS
from wakeful_runtime.store.schema import VERSION, check_version
from wakeful_runtime.store.sqlite import Database, damaged, describe, is_corruption
from wakeful_runtime.store.work import Answer, Moment, Refusal, Work


class Reader:
    """A connection that can't write; asks the same operations as a client, those that only read."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def request(self, op: str, **arguments: Any) -> Answer:
        """One operation's answer.

        Raises:
            NodeError: refused, or the file can't be read.
        """
        operation = OPERATIONS.get(op)
        if operation is None or operation.writes:
            raise NodeError(f"{op} needs a running node")
        try:
            return operation.run(Work(self._db, Moment(time.time(), time.monotonic(), ""), ""), arguments)
        except Refusal as refusal:
            raise NodeError(refusal.why) from None
        except sqlite3.Error as error:
            raise NodeError(f"can't read the store: {describe(error)}") from None

    def events(self, **arguments: Any) -> list[Answer]:
        """Rows of `events`."""
        return self._rows("events", arguments)

    def incidents(self, **arguments: Any) -> list[Answer]:
        """Rows of `incidents`."""
        return self._rows("incidents", arguments)

    def runs(self, **arguments: Any) -> list[Answer]:
        """Rows of `runs`."""
        return self._rows("runs", arguments)

    def checkpoints(self, **arguments: Any) -> list[Answer]:
        """Rows of `checkpoints`."""
        return self._rows("checkpoints", arguments)

    def _rows(self, op: str, arguments: dict[str, Any]) -> list[Answer]:
        rows: list[Answer] = self.request(op, **arguments)["rows"]
        return rows

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def reader(path: Path | str) -> Reader:
    """Open a store's file to read.

    Raises:
        NodeError: there is none, it is damaged, or of another version.
    """
    file = Path(path)
    if not file.is_file():
        raise NodeError(f"no store at {file}: no node has run there")
    database, version = _opened(file)
    if version < VERSION:
        database.close()
        raise NodeError(
            f"the store {file} has schema {version}, this wakeful reads {VERSION}: one `wakeful run` renews it"
        )
    return Reader(database)


def check_usable(file: Path) -> None:
    """Before a node starts on it: that this program can work with the store there.

    Raises:
        NodeError: one line that says what is wrong with the file, and what to do.
    """
    if file.is_symlink():
        raise NodeError(f"{file} is a symlink; the store keeps its own file in the node's directory")
    _opened(file)[0].close()


def _opened(file: Path) -> tuple[Database, int]:
    database = Database(sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True, isolation_level=None))
    try:
        version = check_version(database, str(file))
    except (NodeError, sqlite3.Error) as error:
        database.close()
        if isinstance(error, NodeError):
            raise
        told = describe(error)
        why = damaged(file, told) if is_corruption(error) else f"can't read the store {file}: {told}"
        raise NodeError(why) from None
    return database, version
