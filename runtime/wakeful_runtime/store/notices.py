"""What people were told of: notices, how the routes do, and how far the herald has followed journal and incidents."""

from __future__ import annotations

import sqlite3
from typing import Any, cast

from wakeful_runtime.store.incidents import CHANGED, row_of
from wakeful_runtime.store.journal_rows import add_entry, event_row, rfc3339
from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.work import Answer, Count, Entry, Limit, Name, Refusal, Work

KEPT_NOTICES = 10_000
"""Of those that are over and told; older ones go."""

RECENT_S = 24 * 3600.0
"""What was seen so shortly ago is loaded with what is open: the same trouble may follow it."""

MOST_LOADED = 5000


def herald_load(work: Work) -> Answer:
    """What a new life of the herald begins with.

    Returns:
        `{journal_after, incidents_after, last_no, notices, states}`: notices that are open, wait or are recent.
    """
    at = work.db.one("SELECT journal_after, incidents_after FROM herald")
    rows = work.db.rows(
        "SELECT data, acked_at FROM notices WHERE state = 'open' OR waits OR last_at > ? ORDER BY no DESC LIMIT ?",
        work.moment.wall - RECENT_S,
        MOST_LOADED,
    )
    return {
        "journal_after": at["journal_after"],
        "incidents_after": at["incidents_after"],
        "last_no": work.db.one("SELECT coalesce(max(no), 0) AS last FROM notices")["last"],
        "notices": [{**unkeep(row["data"]), "acked_at": row["acked_at"]} for row in rows],
        "states": _states(work.db),
    }


def herald_feed(
    work: Work, *, journal_after: Count, incidents_after: Count, events: list[Name], limit: Limit = 500
) -> Answer:
    """What has happened since, oldest first.

    Args:
        events: only journal rows of these.

    Returns:
        `{events, incidents, journal_after, incidents_after, more}`: where to go on from; each incident as it is now,
        with `notice`, the number of the notice that covers it.
    """
    last = work.db.one("SELECT coalesce(max(seq), 0) AS last FROM journal")["last"]
    found = work.db.rows(
        f"SELECT * FROM journal WHERE seq > ? AND event IN ({','.join('?' * len(events))}) ORDER BY seq LIMIT ?",
        journal_after,
        *events,
        limit,
    )
    changed = work.db.rows(
        "SELECT incidents.*, notice_keys.no AS notice FROM incidents LEFT JOIN notice_keys ON notice_keys.key = id"
        " WHERE change_no > ? ORDER BY change_no LIMIT ?",
        incidents_after,
        limit,
    )
    return {
        "events": [event_row(row) for row in found],
        "incidents": [{**row_of(row), "evidence": _line_of(row), "notice": row["notice"]} for row in changed],
        "journal_after": found[-1]["seq"] if len(found) == limit else max(last, journal_after),
        "incidents_after": changed[-1]["change_no"] if changed else incidents_after,
        "more": len(found) == limit or len(changed) == limit,
    }


def herald_commit(
    work: Work,
    *,
    journal_after: Count | None = None,
    incidents_after: Count | None = None,
    notices: list[dict[str, Any]],
    states: list[dict[str, Any]],
    forgotten: list[Name],
) -> Answer:
    """Write down how far the herald has followed, and what came of it, together.

    Args:
        notices, states: as `wakeful.rules` has them, whole.
        forgotten: routes that are no part of the tree any more.
    """
    work.db.execute(
        "UPDATE herald SET journal_after = coalesce(?, journal_after), incidents_after = coalesce(?, incidents_after)",
        (journal_after, incidents_after),
    )
    for notice in notices:
        _put(work.db, notice)
    for state in states:
        work.db.execute("INSERT OR REPLACE INTO routes (name, data) VALUES (?, ?)", (state["name"], keep(state)))
    for name in forgotten:
        work.db.execute("DELETE FROM routes WHERE name = ?", (name,))
    return {}


def notices(work: Work, *, open: bool = False, limit: Limit = 100) -> Answer:
    """`{rows, routes}`: the newest notices first, and how each route does.

    Args:
        open: only those that are not over, or still to be told to somebody.
    """
    found = work.db.rows(
        "SELECT data, acked_at FROM notices WHERE NOT ? OR (state = 'open' AND acked_at IS NULL) OR waits"
        " ORDER BY no DESC LIMIT ?",
        open,
        limit,
    )
    rows = [_told(unkeep(row["data"]), row["acked_at"]) for row in found]
    return {"rows": rows, **routes(work)}


def routes(work: Work) -> Answer:
    """`{routes}`: how each route does."""
    return {"routes": [_route(state) for state in _states(work.db)]}


def notice_ack(work: Work, *, id: Name) -> Answer:
    """Somebody knows of it. Said of a notice, it is said of the incident it is about, and the other way round.

    Args:
        id: a notice's number, an incident's id or the beginning of only one, or a path: its latest open notice.

    Returns:
        `{no, incident, path, first}`; `no` or `incident` may be None, `first`: nobody had before.

    Raises:
        Refusal: `missing`.
    """
    no, incident, path, incarnation = _meant(work.db, id)
    wall = work.moment.wall
    first = 0
    if no is not None:
        first += work.db.execute(
            "UPDATE notices SET acked_at = ? WHERE no = ? AND acked_at IS NULL", (wall, no)
        ).rowcount
    if incident is not None:
        first += work.db.execute(
            f"UPDATE incidents SET acked_at = ?, {CHANGED} WHERE id = ? AND acked_at IS NULL", (wall, incident)
        ).rowcount
    if first:  # by this row the herald learns of it
        add_entry(work, Entry("acked", path, incarnation or 0, {"notice": no, "incident": incident}))
    return {"no": no, "incident": incident, "path": path, "first": bool(first)}


def drop_old_notices(db: Database, kept: int = KEPT_NOTICES, batch: int = 1000) -> int:
    """Drop at most `batch` of the notices beyond the newest `kept`, if they are over and told; how many went."""
    last = db.one("SELECT coalesce(max(no), 0) AS last FROM notices")["last"]
    if last <= kept:
        return 0
    old = db.rows(
        "SELECT no FROM notices WHERE no <= ? AND state <> 'open' AND NOT waits ORDER BY no LIMIT ?", last - kept, batch
    )
    for row in old:
        db.execute("DELETE FROM notice_keys WHERE no = ?", (row["no"],))
        db.execute("DELETE FROM notices WHERE no = ?", (row["no"],))
    return len(old)


def _put(db: Database, notice: dict[str, Any]) -> None:
    finding = notice["finding"]
    waits = any(telling["wanted"] is not None for telling in notice["tellings"].values())
    db.execute(
        "INSERT INTO notices (no, path, severity, state, opened_at, last_at, acked_at, waits, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (no) DO UPDATE SET path = excluded.path,"
        " severity = excluded.severity, state = excluded.state, last_at = excluded.last_at, waits = excluded.waits,"
        " data = excluded.data, acked_at = coalesce(excluded.acked_at,"  # one the herald has not heard of yet stays
        " CASE WHEN notices.acked_at > excluded.last_at THEN notices.acked_at END)",
        (
            notice["no"],
            finding["path"],
            notice["severity"],
            finding["state"],
            notice["opened_at"],
            notice["last_at"],
            notice["acked_at"],
            waits,
            keep(notice),
        ),
    )
    for key in notice["keys"]:
        db.execute("INSERT OR REPLACE INTO notice_keys (key, no) VALUES (?, ?)", (key, notice["no"]))


def _meant(db: Database, id: str) -> tuple[int | None, str | None, str, int | None]:
    if id.isdecimal():
        row = db.row("SELECT no, path, data FROM notices WHERE no = ?", int(id) if len(id) < 19 else -1)
        if row is None:
            raise Refusal("missing", f"no alert {id}; see `wakeful alerts`")
        return _whole(db, row)
    found = db.rows("SELECT id, path, incarnation FROM incidents WHERE substr(id, 1, length(?)) = ? LIMIT 2", id, id)
    exact = [row for row in found if row["id"] == id] or found
    if len(exact) == 1:
        row = exact[0]
        covered = db.row("SELECT no FROM notice_keys WHERE key = ?", row["id"])
        return covered["no"] if covered else None, row["id"], row["path"], row["incarnation"]
    row = db.row(
        "SELECT no, path, data FROM notices WHERE path = ? AND state = 'open' ORDER BY no DESC LIMIT 1", id
    ) or db.row("SELECT notices.no, path, data FROM notices JOIN notice_keys USING (no) WHERE key = ?", id)
    if row is None:
        raise Refusal("missing", f"{'several incidents begin with' if found else 'no alert or incident'} {id}")
    return _whole(db, row)


def _whole(db: Database, row: sqlite3.Row) -> tuple[int, str | None, str, int | None]:
    finding = unkeep(row["data"])["finding"]
    incident = db.row("SELECT id FROM incidents WHERE id = ?", finding["key"])
    return row["no"], incident["id"] if incident else None, row["path"], finding["incarnation"]


def _line_of(row: sqlite3.Row) -> Answer:
    """Of the evidence, only what may be told: the line and the lease."""
    evidence = unkeep(row["evidence"])
    if not isinstance(evidence, dict):
        return {}
    kept = cast("Answer", evidence)
    return {"line": kept.get("line"), "lease": kept.get("lease")}


def _states(db: Database) -> list[Answer]:
    return [unkeep(row["data"]) for row in db.rows("SELECT data FROM routes ORDER BY name")]


def _route(state: Answer) -> Answer:
    failing, sent = state["failing_since"], state["sent"]
    return {
        "route": state["name"],
        "failing_since": None if failing is None else rfc3339(failing),
        "failures": state["failures"],
        "error": state["error"],
        "next_at": rfc3339(state["next_at"]) if state["next_at"] else None,
        "sent_at": rfc3339(sent[-1]) if sent else None,
    }


def _told(notice: Answer, acked_at: float | None) -> Answer:
    finding = notice["finding"]
    return {
        "id": notice["no"],
        "at": rfc3339(notice["opened_at"]),
        "last_at": rfc3339(notice["last_at"]),
        "severity": notice["severity"],
        "state": finding["state"],
        "path": finding["path"],
        "verdict": finding["verdict"],
        "what": finding["what"],
        "needs_person": finding["needs"],
        "repeats": notice["repeats"],
        "incident": notice["keys"][-1],
        "acked_at": None if acked_at is None else rfc3339(acked_at),
        "routes": [_telling(name, telling) for name, telling in sorted(notice["tellings"].items())],
        "next": [f"wakeful {command}" for command in finding["commands"]],
    }


def _telling(route: str, telling: Answer) -> Answer:
    at = telling["told_at"]
    return {
        "route": route,
        "told": telling["told"],
        "told_at": None if at is None else rfc3339(at),
        "waits": telling["wanted"],
        "tries": telling["tries"],
    }
