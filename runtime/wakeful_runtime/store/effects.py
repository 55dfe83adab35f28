"""Effects: intent, then done; what an ended life left between the two is unknown until somebody decides."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

from wakeful_runtime.store.journal_rows import add_entry
from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.runs import Form, find_run
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.standing import current_life
from wakeful_runtime.store.work import Answer, Count, Entry, Name, Refusal, Work

Scope = Literal["run", "node"]

NODE = ""
"""Where effects of scope `node` are kept: no run has this id."""


def _place(scope: str, run_id: str) -> str:
    return NODE if scope == "node" else run_id


def _find(db: Database, place: str, key: str) -> sqlite3.Row | None:
    return db.row("SELECT * FROM effects WHERE place = ? AND key = ?", place, key)


def effect_begin(
    work: Work, *, run_id: Name, path: Name, incarnation: Count, key: Name, scope: Scope = "run"
) -> Answer:
    """Write the intent, or learn what became of an earlier one.

    Returns:
        `{status, form, result}`: status `new`: the intent is written now, or was by this very request; `done`:
        here is the result; `unknown`: an intent was written and never ended; `skipped`: it is settled not to be done.

    Raises:
        Refusal: `fenced`; `busy` (the client tries again): a living life of another path is at this node-wide effect.
    """
    current_life(work, path, incarnation, run_id)
    place = _place(scope, run_id)
    row = _find(work.db, place, key)
    if row is None:
        work.db.execute(
            "INSERT INTO effects (place, key, run_id, path, incarnation, request, status, began_at)"
            " VALUES (?, ?, ?, ?, ?, ?, 'intent', ?)",
            (place, key, run_id, path, incarnation, work.request, work.moment.wall),
        )
        return {"status": "new", "form": None, "result": None}
    if row["status"] in ("done", "skipped"):
        return {"status": row["status"], "form": row["form"], "result": unkeep(row["result"])}
    if row["status"] == "intent":
        if (row["path"], row["incarnation"], row["request"]) == (path, incarnation, work.request):
            return {"status": "new", "form": None, "result": None}
        if row["path"] != path and _still_lives(work.db, row["path"], row["incarnation"]):
            raise Refusal("busy", f"{row['path']} is at the effect {key!r} now", retry=True)
    return {"status": "unknown", "form": None, "result": None}


def _still_lives(db: Database, path: str, incarnation: int) -> bool:
    """Whether this is the path's current life and no end of it was reported."""
    return (
        db.row(
            "SELECT 1 FROM paths JOIN lives USING (path, incarnation)"
            " WHERE path = ? AND incarnation = ? AND reason IS NULL",
            path,
            incarnation,
        )
        is not None
    )


def effect_end(
    work: Work,
    *,
    run_id: Name,
    path: Name,
    incarnation: Count,
    key: Name,
    scope: Scope = "run",
    status: Literal["done", "failed", "unknown", "skipped"],
    form: Form | None = None,
    result: Any = None,
) -> Answer:
    """Write down how an effect ended. `failed`: it did not happen, the intent is taken back. What is done stays done.

    Args:
        form, result: as a Kept has it; form None: there is none.

    Returns:
        `{status}`: what is kept now; None: nothing is.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation, run_id)
    place = _place(scope, run_id)
    row = _find(work.db, place, key)
    if row is not None and row["status"] == "done":
        return {"status": "done"}
    if status == "failed":
        work.db.execute("DELETE FROM effects WHERE place = ? AND key = ?", (place, key))
        return {"status": None}
    kept = None if form is None else keep(result)
    whose = (place, key, run_id, path, incarnation, work.request)
    work.db.execute(
        "INSERT INTO effects (place, key, run_id, path, incarnation, request, status, form, result, began_at, ended_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (place, key) DO UPDATE SET"
        " status = excluded.status, form = excluded.form, result = excluded.result, ended_at = excluded.ended_at",
        (*whose, status, form, kept, work.moment.wall, work.moment.wall),
    )
    return {"status": status}


def effects(work: Work, *, path: Name | None = None, open: bool = False) -> Answer:
    """`{rows}`: effects of a path in all its runs, and its node-wide ones; or of all paths.

    Args:
        open: only those whose outcome is unknown: intents of ended lives, and those that were told to be unknown.
    """
    return {"rows": list_effects(work.db, path=path, open=open)}


def list_effects(db: Database, *, path: str | None = None, open: bool = False) -> list[Answer]:
    """As `effects`; rows only: `{key, scope, path, run_id, incarnation, status, form, result, began_at, ended_at}`."""
    rows = db.rows("SELECT * FROM effects WHERE (:path IS NULL OR path = :path) ORDER BY began_at", {"path": path})
    found: list[Answer] = []
    for row in rows:
        status = row["status"]
        if status == "intent" and not _still_lives(db, row["path"], row["incarnation"]):
            status = "unknown"
        if open and status != "unknown":
            continue
        keys = ("key", "path", "run_id", "incarnation", "form", "began_at", "ended_at")
        scope = "node" if row["place"] == NODE else "run"
        found.append(
            {**{key: row[key] for key in keys}, "scope": scope, "status": status, "result": unkeep(row["result"])}
        )
    return found


def settle(work: Work, *, path: Name, key: Name, done: bool, form: Form | None = None, result: Any = None) -> Answer:
    """A person says what became of an effect of unknown outcome: of the path's last run, else a node-wide one.

    Args:
        done: it happened, with this result; False: it did not, the next life does it.

    Returns:
        `{status}`: `done`, or None where the intent was taken back.

    Raises:
        Refusal: `missing`: no such effect; `living`: its life still runs; `done`: it is known to have happened.
    """
    run = find_run(work.db, path=path)
    row = _find(work.db, run["run_id"], key) or _find(work.db, NODE, key)
    if row is None:
        raise Refusal("missing", f"{path} has no effect {key!r} to settle")
    if row["status"] == "done":
        if done:
            return {"status": "done"}
        raise Refusal("done", f"the effect {key!r} of {path} is known to have happened")
    if row["status"] == "intent" and _still_lives(work.db, row["path"], row["incarnation"]):
        raise Refusal("living", f"{row['path']} is at the effect {key!r} now; stop it first")
    if done:
        work.db.execute(
            "UPDATE effects SET status = 'done', form = ?, result = ?, ended_at = ? WHERE place = ? AND key = ?",
            (form, None if form is None else keep(result), work.moment.wall, row["place"], key),
        )
    else:
        work.db.execute("DELETE FROM effects WHERE place = ? AND key = ?", (row["place"], key))
    add_entry(work, Entry("settled", path, row["incarnation"], {"key": key, "done": done}))
    return {"status": "done" if done else None}
