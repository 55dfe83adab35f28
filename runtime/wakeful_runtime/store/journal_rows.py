"""Journal rows: what happened on the node, in order, over all its lives."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import FiniteFloat, TypeAdapter

from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.work import Answer, Count, Entry, Limit, Name, Wall, Work

KEPT_ROWS = 500_000
"""How many journal rows a store keeps; older ones go."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A row as its author sends it; `id` makes it be stored once, `mono` is CLOCK_MONOTONIC of boot `boot_id`."""

    id: Name
    at: Wall
    mono: FiniteFloat
    boot_id: Name
    event: Name
    path: Name
    incarnation: Count | None = None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])


INSERT = (
    "INSERT INTO journal (id, at, mono, boot_id, event, path, incarnation, fields)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) WHERE id IS NOT NULL DO NOTHING"
)


def rfc3339(at: float) -> str:
    """Wall time as JSON has it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def add_entry(work: Work, entry: Entry) -> None:
    """A row made by the store itself, in the commit of what it tells."""
    moment = work.moment
    work.db.execute(
        INSERT,
        (
            None,
            moment.wall,
            moment.mono,
            moment.boot_id,
            entry.event,
            entry.path,
            entry.incarnation,
            keep(entry.fields),
        ),
    )


_ENTRIES = TypeAdapter(list[JournalEntry])


def journal(work: Work, *, entries: list[dict[str, Any]]) -> Answer:
    """Store entries (JournalEntry's fields), each once by its id.

    Returns:
        `{stored}`: how many were new.
    """
    stored = 0
    for entry in _ENTRIES.validate_python(entries):
        whose = (entry.id, entry.at, entry.mono, entry.boot_id, entry.event, entry.path, entry.incarnation)
        stored += work.db.execute(INSERT, (*whose, keep(entry.fields))).rowcount
    return {"stored": stored}


def events(
    work: Work,
    *,
    after: int = 0,
    limit: Limit = 1000,
    path: Name | None = None,
    event: Name | None = None,
) -> Answer:
    """Journal rows with `seq` above `after`, oldest first; `after` below 0: the newest `limit` rows.

    Args:
        path: of this path only, and of what is below it.

    Returns:
        `{rows, last}`: rows `{seq, at, event, path, incarnation, ...fields}`; `last` the journal's last `seq`.
    """
    rows = list_events(work.db, after=after, limit=limit, path=path, event=event)
    return {"rows": rows, "last": work.db.one("SELECT coalesce(max(seq), 0) AS last FROM journal")["last"]}


def list_events(
    db: Database,
    *,
    after: int = 0,
    limit: int = 1000,
    path: str | None = None,
    event: str | None = None,
) -> list[Answer]:
    """As `events`; rows only."""
    newest = after < 0
    order = "DESC" if newest else "ASC"
    rows = db.rows(
        "SELECT * FROM journal WHERE seq > :after AND (:event IS NULL OR event = :event)"
        " AND (:path IS NULL OR path = :path OR substr(path, 1, length(:path) + 1) = :path || '/')"
        f" ORDER BY seq {order} LIMIT :limit",
        {"after": after, "event": event, "path": path, "limit": limit},
    )
    return [event_row(row) for row in (reversed(rows) if newest else rows)]


def event_row(row: sqlite3.Row) -> Answer:
    """A journal row as it is told."""
    fixed = {
        "seq": row["seq"],
        "at": rfc3339(row["at"]),
        "event": row["event"],
        "path": row["path"],
        "incarnation": row["incarnation"],
    }
    return {**unkeep(row["fields"]), **fixed}


def drop_old_entries(db: Database, kept: int = KEPT_ROWS, batch: int = 5000) -> int:
    """Drop at most `batch` of the rows beyond the newest `kept`; how many went."""
    last = db.one("SELECT coalesce(max(seq), 0) AS last FROM journal")["last"]
    return db.execute(
        "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE seq <= ? ORDER BY seq LIMIT ?)",
        (last - kept, batch),
    ).rowcount
