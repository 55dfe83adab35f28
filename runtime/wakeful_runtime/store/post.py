"""Durable messages: committed, delivered until handled, once by id."""

from __future__ import annotations

from wakeful_runtime.store.deadletters import bury, path_of, settled_mail
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.standing import current_life
from wakeful_runtime.store.work import Answer, Count, Limit, Name, Refusal, Text, Wall, Work

MAX_DELIVERIES = 3
"""api.md: after so many a message is a dead letter."""

MAX_DEATHS = 2
"""api.md: lives that ended with the message in hand."""

MAX_WAITING = 10_000
"""Messages that may wait for one path; the sender of the next gets MailboxFull."""


def box(path: str, run_id: str | None) -> str:
    """The recipient of what is for a run's inbox; without a run, of what is for the path's handlers."""
    return path if run_id is None else f"{path}#{run_id}"


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


def deliveries(work: Work, *, to: Name, incarnation: Count, limit: Limit = 100, run_id: Name | None = None) -> Answer:
    """Messages that wait for `to` and were not given to this life yet, oldest first. Expired ones become dead letters.

    Args:
        run_id: those in the inbox of this run, instead of those for the handlers.

    Returns:
        `{rows, more}`: rows `{id, sender, tag, body, deadline, reply_to, deliveries}`; whether there are more.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, to, incarnation, run_id)
    to = box(to, run_id)
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
    _close(work, f"given_to < {int(incarnation)} AND recipient = ?", to)
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
            why = f"{row['deaths']} lives of {path_of(to)} ended with it in hand"
        elif row["deliveries"] >= MAX_DELIVERIES:
            why = row["error"] or f"not handled in {row['deliveries']} deliveries"
        else:
            why = "not handled by its deadline"
        bury(work, row, why)


def bury_all(work: Work, recipient: str, why: str) -> None:
    """Nobody will take what waits for this recipient any more, or reply to what was handled."""
    close_all(work, recipient)
    for row in work.db.rows("SELECT * FROM messages WHERE recipient = ? AND state = 'waiting'", recipient):
        bury(work, row, why)


def in_hand(work: Work, *, id: Name, path: Name, incarnation: Count, run_id: Name | None = None) -> Answer:
    """A life begins to handle a message: a delivery is counted, and a death from here on is charged to the message.

    Returns:
        `{go}`: False if it is not to be handled (already handled, or dead).

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation, run_id)
    changed = work.db.execute(
        "UPDATE messages SET in_hand = 1, deliveries = deliveries + (taken_by IS NOT ?), taken_by = ?"
        " WHERE id = ? AND recipient = ? AND state = 'waiting'",
        (work.request, work.request, id, box(path, run_id)),
    ).rowcount
    return {"go": bool(changed)}


def handled(
    work: Work,
    *,
    ids: list[str],
    path: Name,
    incarnation: Count,
    run_id: Name | None = None,
    reply: Text | None = None,
) -> Answer:
    """The handlers of these messages returned; or these texts of a run's inbox are handled.

    Args:
        reply: the answer to the only one of `ids`; one that was handled without may get it later.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation, run_id)
    count = mark_handled(work, path, ids, run_id)
    if reply is not None:
        work.db.execute(
            "UPDATE messages SET body = ? WHERE id = ? AND recipient = ? AND state = 'handled' AND body = x''",
            (reply.encode(), ids[0], box(path, run_id)),
        )
    for message in ids:
        _close(work, "id = ?", message)
    return {"handled": count}


OPEN = 2
"""`in_hand` of a text that a checkpoint has handled: its life may still reply to it."""


def mark_handled(work: Work, path: str, ids: list[str], run_id: str | None = None) -> int:
    """Handled messages keep their id for a while, without their body, so that a repeated post isn't a new one."""
    count = 0
    for message in ids:
        count += work.db.execute(
            "UPDATE messages SET state = 'handled', body = x'', ended_at = ?,"
            " in_hand = CASE WHEN recipient = ? THEN 0 ELSE ? END"
            " WHERE id = ? AND recipient IN (?, ?) AND state = 'waiting'",
            (work.moment.wall, path, OPEN, message, path, box(path, run_id)),
        ).rowcount
    return count


def close_all(work: Work, recipient: str) -> None:
    """No reply comes any more to what was handled."""
    _close(work, "recipient = ?", recipient)


def _close(work: Work, which: str, value: str) -> None:
    rows = work.db.rows(f"SELECT no, id FROM messages WHERE {which} AND state = 'handled' AND in_hand = {OPEN}", value)
    for row in rows:
        work.db.execute("UPDATE messages SET in_hand = 0 WHERE no = ?", (row["no"],))
        work.arrivals.come.add(settled_mail(row["id"]))


def not_handled(
    work: Work,
    *,
    id: Name,
    path: Name,
    incarnation: Count,
    error: str,
    final: bool = False,
    run_id: Name | None = None,
) -> Answer:
    """The handler raised and the life goes on: deliver it again, or bury it.

    Args:
        final: no further delivery can help (the type is unhandled, say).

    Returns:
        `{dead}`: whether it is a dead letter now.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation, run_id)
    to = box(path, run_id)
    row = work.db.row("SELECT * FROM messages WHERE id = ? AND recipient = ? AND state = 'waiting'", id, to)
    if row is None:
        return {"dead": False}
    if final or row["deliveries"] >= MAX_DELIVERIES:
        bury(work, row, error)
        return {"dead": True}
    work.db.execute("UPDATE messages SET in_hand = 0, given_to = 0, error = ? WHERE no = ?", (error, row["no"]))
    return {"dead": False}


def drop_old_ids(db: Database, older_than: float) -> int:
    """Forget handled and dropped messages that ended before `older_than` (wall time)."""
    return db.execute(
        "DELETE FROM messages WHERE no IN (SELECT no FROM messages WHERE state IN ('handled', 'dropped')"
        " AND ended_at < ? LIMIT 1000)",
        (older_than,),
    ).rowcount
