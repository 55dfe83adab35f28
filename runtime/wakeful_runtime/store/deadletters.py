"""Dead letters: messages nobody handled, kept until a person decides."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

from wakeful_runtime.store.journal_rows import add_entry, rfc3339
from wakeful_runtime.store.work import Answer, Entry, Limit, Name, Refusal, Work


def path_of(recipient: str) -> str:
    """The path of a recipient."""
    return recipient.partition("#")[0]


def settled_mail(message: str) -> str:
    """What whoever waits for the end of a message listens for."""
    return f"mail {message}"


def bury(work: Work, row: sqlite3.Row, why: str) -> None:
    """It is delivered no more."""
    work.db.execute(
        "UPDATE messages SET state = 'dead', in_hand = 0, error = ?, ended_at = ? WHERE no = ?",
        (why, work.moment.wall, row["no"]),
    )
    fields = {"id": row["id"], "sender": row["sender"], "tag": row["tag"], "why": why}
    add_entry(work, Entry("deadletter", path_of(row["recipient"]), row["given_to"], fields))
    work.arrivals.come.add(settled_mail(row["id"]))


def deadletters(work: Work, *, to: Name | None = None, limit: Limit = 100) -> Answer:
    """`{rows}`: newest first: `{id, to, sender, tag, error, deliveries, deaths, at}`."""
    rows = work.db.rows(
        "SELECT * FROM messages WHERE state = 'dead'"
        " AND (:to IS NULL OR recipient = :to OR substr(recipient, 1, length(:inbox)) = :inbox)"
        " ORDER BY ended_at DESC LIMIT :limit",
        {"to": to, "inbox": f"{to}#", "limit": limit},
    )
    keys = ("id", "sender", "tag", "error", "deliveries", "deaths")
    found = [{**{key: row[key] for key in keys}, "to": path_of(row["recipient"])} for row in rows]
    return {"rows": [{**each, "at": rfc3339(row["ended_at"])} for each, row in zip(found, rows, strict=True)]}


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
    _check_run(work, message, state)
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


def _check_run(work: Work, message: str, state: str) -> None:
    """A text for a run that is over would wait for ever."""
    row = work.db.row("SELECT recipient FROM messages WHERE id = ?", message)
    run_id = row["recipient"].partition("#")[2] if row is not None else ""
    if state == "waiting" and run_id:
        run = work.db.row("SELECT outcome FROM runs WHERE run_id = ?", run_id)
        if run is not None and run["outcome"] is not None:
            raise Refusal("finished", f"the run it was for is over: {run['outcome']}; only drop is possible")
