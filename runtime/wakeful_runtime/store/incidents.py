"""Incidents: what was found wrong, by which facts, what was done, and what came of it."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from wakeful_runtime.store.journal_rows import rfc3339
from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.work import Answer, Count, Limit, Name, Refusal, Wall, Work

BLOBS = ("thresholds", "facts", "evidence")

CHANGED = "change_no = (SELECT coalesce(max(change_no), 0) + 1 FROM incidents)"
"""In each UPDATE: who follows the incidents finds this one behind all it has seen."""


def incident_open(
    work: Work,
    *,
    id: Name,
    path: Name,
    incarnation: Count | None = None,
    verdict: Name,
    severity: Name,
    thresholds: Any = None,
    facts: Any = None,
    evidence: Any = None,
    action: Name = "",
    at: Wall | None = None,
) -> Answer:
    """Write down an incident, once by its id.

    Args:
        at: when it was found, seconds since the epoch; None: now.

    Returns:
        `{id, first}`.
    """
    wall = work.moment.wall if at is None else at
    first = work.db.execute(
        "INSERT INTO incidents (id, path, incarnation, verdict, severity, opened_at, mono, boot_id,"
        " thresholds, facts, evidence, action, change_no) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " (SELECT coalesce(max(change_no), 0) + 1 FROM incidents)) ON CONFLICT (id) DO NOTHING",
        (
            id,
            path,
            incarnation,
            verdict,
            severity,
            wall,
            work.moment.mono,
            work.moment.boot_id,
            keep(thresholds),
            keep(facts),
            keep(evidence),
            action,
        ),
    ).rowcount
    return {"id": id, "first": bool(first)}


def incident_update(
    work: Work,
    *,
    id: Name,
    outcome: str | None = None,
    evidence: Any = None,
    action: str | None = None,
    severity: Name | None = None,
    closed_at: Wall | None = None,
    acked_at: Wall | None = None,
) -> Answer:
    """Add what became known since; None leaves a field as it is. Times are seconds since the epoch.

    Returns:
        the incident, as `incident`.

    Raises:
        Refusal: `missing`.
    """
    changed = work.db.execute(
        "UPDATE incidents SET outcome = coalesce(?, outcome), evidence = coalesce(?, evidence),"
        " action = coalesce(?, action), severity = coalesce(?, severity), closed_at = coalesce(?, closed_at),"
        f" acked_at = coalesce(?, acked_at), {CHANGED} WHERE id = ?",
        (outcome, None if evidence is None else keep(evidence), action, severity, closed_at, acked_at, id),
    ).rowcount
    if not changed:
        raise Refusal("missing", f"no incident {id}")
    return incident(work, id=id)


def incident(work: Work, *, id: Name) -> Answer:
    """One incident; the id may be the beginning of only one.

    Raises:
        Refusal: `missing`.
    """
    rows = work.db.rows("SELECT * FROM incidents WHERE substr(id, 1, length(?)) = ? LIMIT 2", id, id)
    exact = [row for row in rows if row["id"] == id] or rows
    if len(exact) != 1:
        raise Refusal("missing", f"{'several incidents begin with' if rows else 'no incident'} {id}")
    return row_of(exact[0])


def incidents(
    work: Work,
    *,
    since: float | str | None = None,
    open: bool = False,
    acked: bool = False,
    path: Name | None = None,
    limit: Limit = 100,
) -> Answer:
    """`{rows}`: newest first.

    Args:
        since: RFC 3339, or seconds since the epoch.
        open: only those that are neither closed nor acknowledged ...
        acked: ... or that are, but not closed.
        path: of this path only, and of what is below it.

    Raises:
        Refusal: `bad`: `since` is no time.
    """
    return {"rows": list_incidents(work.db, since=since, open=open, acked=acked, path=path, limit=limit)}


def list_incidents(
    db: Database,
    *,
    since: float | str | None = None,
    open: bool = False,
    acked: bool = False,
    path: str | None = None,
    limit: int = 100,
) -> list[Answer]:
    """As `incidents`; rows only."""
    rows = db.rows(
        "SELECT * FROM incidents WHERE (:since IS NULL OR opened_at >= :since)"
        " AND (:path IS NULL OR path = :path OR substr(path, 1, length(:path) + 1) = :path || '/')"
        " AND (NOT :open OR (closed_at IS NULL AND (:acked OR acked_at IS NULL)))"
        " ORDER BY opened_at DESC, rowid DESC LIMIT :limit",
        {"since": _wall(since), "path": path, "open": open, "acked": acked, "limit": limit},
    )
    return [row_of(row) for row in rows]


def _wall(since: float | str | None) -> float | None:
    if not isinstance(since, str):
        return since
    try:
        return datetime.fromisoformat(since).timestamp()
    except ValueError:
        raise Refusal("bad", f"{since!r} is no time; write 2026-12-01T22:00:00Z") from None


def row_of(row: sqlite3.Row) -> Answer:
    """An incident as it is told."""
    keys = ("id", "path", "incarnation", "verdict", "severity", "action", "outcome")
    times = ("opened_at", "closed_at", "acked_at")
    return {
        **{key: row[key] for key in keys},
        **{key: None if row[key] is None else rfc3339(row[key]) for key in times},
        **{key: unkeep(row[key]) for key in BLOBS},
        "at": rfc3339(row["opened_at"]),
    }
