"""Durable messages: committed, delivered until handled, once by id, dead letters at the end."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

from wakeful_runtime.store.journal_rows import add_entry, rfc3339
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.standing import current_life
from wakeful_runtime.store.work import Answer, Count, Entry, Limit, Name, Refusal, Wall, Work

MAX_DELIVERIES = 3
"""api.md: after so many a message is a dead letter."""

MAX_DEATHS = 2
"""api.md: lives that ended with the message in hand."""

MAX_WAITING = 10_000
"""Messages that may wait for one path; the sender of the next gets MailboxFull."""


def post(
    work: Work,
    *,
    id: Name,
    to: Name,
    sender: Name,
    tag: Name,
    body: bytes,
    deadline: Wall | None = None,
    reply_to: Name | None = None,
) -> Answer:
    """Take a message in, once by its id; committed means that it is delivered until it is handled.

    Args:
        deadline: seconds since the epoch; not delivered after it.

    Returns:
        `{first}`.

    Raises:
        Refusal: `full`: as many messages wait for `to` as may.
    """
    if work.db.row("SELECT 1 FROM messages WHERE id = ?", id) is not None:
        return {"first": False}
    waiting = work.db.one(
        "SELECT count(*) AS n FROM (SELECT 1 FROM messages WHERE recipient = ? AND state = 'waiting' LIMIT ?)",
        to,
        MAX_WAITING,
    )["n"]
    if waiting >= MAX_WAITING:
        raise Refusal("full", f"{MAX_WAITING} durable messages wait for {to}")
    work.db.execute(
        "INSERT INTO messages (id, recipient, sender, tag, body, deadline, reply_to, state, posted_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?)",
        (id, to, sender, tag, body, deadline, reply_to, work.moment.wall),
    )
    work.arrivals.come.add(to)
    return {"first": True}


def deliveries(work: Work, *, to: Name, incarnation: Count, limit: Limit = 100) -> Answer:
    """Messages that wait for `to` and were not given to this life yet, oldest first. Expired ones become dead letters.

    Returns:
        `{rows, more}`: rows `{id, sender, tag, body, deadline, reply_to, deliveries}`; whether there are more.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, to, incarnation)
    work.arrivals.listening[to] = work.request
    _bury_the_doomed(work, to, incarnation)
    rows = work.db.rows(
        "SELECT * FROM messages WHERE recipient = ? AND state = 'waiting'"
        " AND (given_to < ? OR (given_to = ? AND given_by = ?)) ORDER BY no LIMIT ?",
        to,
        incarnation,
        incarnation,
        work.request,
        limit + 1,
    )
    given = rows[:limit]
    for row in given:
        work.db.execute(
            "UPDATE messages SET given_to = ?, given_by = ?, in_hand = 0 WHERE no = ?",
            (incarnation, work.request, row["no"]),
        )
    keys = ("id", "sender", "tag", "body", "deadline", "reply_to", "deliveries")
    return {"rows": [{key: row[key] for key in keys} for row in given], "more": len(rows) > limit}


def _bury_the_doomed(work: Work, to: str, incarnation: int) -> None:
    """Count the deaths with a message in hand; what has too many of them, or is late, is a dead letter."""
    work.db.execute(
        "UPDATE messages SET deaths = deaths + 1, in_hand = 0"
        " WHERE recipient = ? AND state = 'waiting' AND in_hand AND given_to < ?",
        (to, incarnation),
    )
    doomed = work.db.rows(
        "SELECT * FROM messages WHERE recipient = ? AND state = 'waiting' AND given_to < ?"
        " AND (deaths >= ? OR deliveries >= ? OR deadline < ?)",
        to,
        incarnation,
        MAX_DEATHS,
        MAX_DELIVERIES,
        work.moment.wall,
    )
    for row in doomed:
        if row["deaths"] >= MAX_DEATHS:
            why = f"{row['deaths']} lives of {to} ended with it in hand"
        elif row["deliveries"] >= MAX_DELIVERIES:
            why = row["error"] or f"not handled in {row['deliveries']} deliveries"
        else:
            why = "not handled by its deadline"
        _bury(work, row, why)


def _bury(work: Work, row: sqlite3.Row, why: str) -> None:
    work.db.execute(
        "UPDATE messages SET state = 'dead', in_hand = 0, error = ?, ended_at = ? WHERE no = ?",
        (why, work.moment.wall, row["no"]),
    )
    fields = {"id": row["id"], "sender": row["sender"], "tag": row["tag"], "why": why}
    add_entry(work, Entry("deadletter", row["recipient"], row["given_to"], fields))


def in_hand(work: Work, *, id: Name, path: Name, incarnation: Count) -> Answer:
    """A life begins to handle a message: a delivery is counted, and a death from here on is charged to the message.

    Returns:
        `{go}`: False if it is not to be handled (already handled, or dead).

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation)
    changed = work.db.execute(
        "UPDATE messages SET in_hand = 1, deliveries = deliveries + (taken_by IS NOT ?), taken_by = ?"
        " WHERE id = ? AND recipient = ? AND state = 'waiting'",
        (work.request, work.request, id, path),
    ).rowcount
    return {"go": bool(changed)}


def handled(work: Work, *, ids: list[str], path: Name, incarnation: Count) -> Answer:
    """The handlers of these messages returned.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation)
    return {"handled": mark_handled(work, path, ids)}


def mark_handled(work: Work, path: str, ids: list[str]) -> int:
    """Handled messages keep their id for a while, without their body, so that a repeated post isn't a new one."""
    return sum(
        work.db.execute(
            "UPDATE messages SET state = 'handled', in_hand = 0, body = x'', ended_at = ?"
            " WHERE id = ? AND recipient = ? AND state = 'waiting'",
            (work.moment.wall, message, path),
        ).rowcount
        for message in ids
    )


def not_handled(
    work: Work,
    *,
    id: Name,
    path: Name,
    incarnation: Count,
    error: str,
    final: bool = False,
) -> Answer:
    """The handler raised and the life goes on: deliver it again, or bury it.

    Args:
        final: no further delivery can help (the type is unhandled, say).

    Returns:
        `{dead}`: whether it is a dead letter now.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation)
    row = work.db.row("SELECT * FROM messages WHERE id = ? AND recipient = ? AND state = 'waiting'", id, path)
    if row is None:
        return {"dead": False}
    if final or row["deliveries"] >= MAX_DELIVERIES:
        _bury(work, row, error)
        return {"dead": True}
    work.db.execute("UPDATE messages SET in_hand = 0, given_to = 0, error = ? WHERE no = ?", (error, row["no"]))
    return {"dead": False}


def deadletters(work: Work, *, to: Name | None = None, limit: Limit = 100) -> Answer:
    """`{rows}`: newest first: `{id, to, sender, tag, error, deliveries, deaths, at}`."""
    rows = work.db.rows(
        "SELECT * FROM messages WHERE state = 'dead' AND (:to IS NULL OR recipient = :to)"
        " ORDER BY ended_at DESC LIMIT :limit",
        {"to": to, "limit": limit},
    )
    keys = ("id", "sender", "tag", "error", "deliveries", "deaths")
    return {
        "rows": [
            {**{key: row[key] for key in keys}, "to": row["recipient"], "at": rfc3339(row["ended_at"])} for row in rows
        ]
    }


def deadletter_retry(work: Work, *, id: Name) -> Answer:
    """Deliver a dead letter anew, with a clean record and no deadline.

    Raises:
        Refusal: `missing`.
    """
    return _resolve(work, id, "waiting")


def deadletter_drop(work: Work, *, id: Name) -> Answer:
    """Give a dead letter up.

    Raises:
        Refusal: `missing`.
    """
    return _resolve(work, id, "dropped")


def _resolve(work: Work, message: str, state: Literal["waiting", "dropped"]) -> Answer:
    values: tuple[Any, ...] = (state, message)
    changed = work.db.execute(
        "UPDATE messages SET state = ?, given_to = 0, deliveries = 0, deaths = 0, deadline = NULL, error = NULL"
        " WHERE id = ? AND state = 'dead'",
        values,
    ).rowcount
    if not changed:
        row = work.db.row("SELECT state FROM messages WHERE id = ?", message)
        if row is None or row["state"] != state:
            raise Refusal("missing", f"no dead letter {message}")
    elif state == "waiting":
        work.arrivals.come.add(work.db.one("SELECT recipient FROM messages WHERE id = ?", message)["recipient"])
    return {"state": state}


def drop_old_ids(db: Database, older_than: float) -> int:
    """Forget handled and dropped messages that ended before `older_than` (wall time)."""
    return db.execute(
        "DELETE FROM messages WHERE no IN (SELECT no FROM messages WHERE state IN ('handled', 'dropped')"
        " AND ended_at < ? LIMIT 1000)",
        (older_than,),
    ).rowcount
