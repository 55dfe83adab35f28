"""Runs: from the first start to the one committed outcome, over all lives."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any, Literal

from pydantic import Field

from wakeful_runtime.store.checkpoints import drop_checkpoints, find_resumable, list_checkpoints, read_checkpoint
from wakeful_runtime.store.journal_rows import add_entry, rfc3339
from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.post import box, bury_all, mark_handled
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.standing import current_life
from wakeful_runtime.store.texts import settled_run
from wakeful_runtime.store.work import Answer, Count, Entry, Limit, Name, Refusal, Work

Outcome = Literal["ok", "incomplete", "error", "timeout", "killed", "unknown"]
Form = Literal["plain", "json"]
Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def find_run(db: Database, *, path: str | None = None, run_id: str | None = None) -> sqlite3.Row:
    """A run by its id, or the last one of a path.

    Raises:
        Refusal: `missing`.
    """
    if run_id is not None:
        row = db.row("SELECT * FROM runs WHERE run_id = ?", run_id)
    else:
        row = db.row("SELECT * FROM runs WHERE path = ? ORDER BY no DESC LIMIT 1", path)
    if row is None:
        raise Refusal("missing", f"no run {run_id}" if run_id is not None else f"{path} has no run")
    return row


def commit_outcome(
    work: Work,
    outcome: str,
    *,
    path: str,
    incarnation: int,
    run_id: str,
    form: str | None = None,
    value: Any = None,
    why: str = "",
) -> bool:
    """End a run that has no outcome yet; whether it had none."""
    ended = work.db.execute(
        "UPDATE runs SET outcome = ?, form = ?, value = ?, why = ?, finished_at = ?, finished_by = ?"
        " WHERE run_id = ? AND outcome IS NULL",
        (outcome, form, None if form is None else keep(value), why, work.moment.wall, incarnation, run_id),
    ).rowcount
    if not ended:
        return False
    work.db.execute("UPDATE paths SET over = 1 WHERE run_id = ?", (run_id,))
    _over(work, path, incarnation, run_id, outcome, why)
    return True


def _over(work: Work, path: str, incarnation: int, run_id: str, outcome: str, why: str) -> None:
    """Tell of it; what waits in the run's inbox has nobody any more."""
    add_entry(work, Entry("finished", path, incarnation, {"run_id": run_id, "outcome": outcome, "why": why}))
    bury_all(work, box(path, run_id), f"the run was over before it was handled: {outcome}")
    work.arrivals.come.add(settled_run(run_id))


def finish(
    work: Work,
    *,
    path: Name,
    incarnation: Count,
    run_id: Name,
    outcome: Outcome,
    form: Form | None = None,
    value: Any = None,
    why: str = "",
    handled: list[str] | None = None,
) -> Answer:
    """Commit the run's one outcome; the first one stays, whoever asks again.

    Args:
        form, value: the result as a Kept has it; form None: there is none.

    Returns:
        `{outcome, why, first}`: what is committed, and whether this request did it.

    Raises:
        Refusal: `fenced`, `missing`.
    """
    run = find_run(work.db, run_id=run_id)
    if run["outcome"] is None:
        current_life(work, path, incarnation, run_id)
        if handled:
            mark_handled(work, path, handled, run_id)
        commit_outcome(
            work, outcome, path=path, incarnation=incarnation, run_id=run_id, form=form, value=value, why=why
        )
        return {"outcome": outcome, "why": why, "first": True}
    return {"outcome": run["outcome"], "why": run["why"], "first": False}


def never_begun(
    work: Work, *, path: Name, run_id: Name, run: dict[str, Any], outcome: Outcome = "killed", why: str = ""
) -> Answer:
    """Give an outcome to a run that was accepted and has no life; one that began keeps its own.

    Returns:
        `{first}`: whether this request did it.
    """
    if work.db.row("SELECT 1 FROM runs WHERE run_id = ?", run_id) is not None:
        return {"first": False}
    names = [None if run.get(key) is None else str(run[key]) for key in ("agent", "label")]
    now = work.moment
    work.db.execute(
        "INSERT INTO runs (run_id, path, agent, label, spec, began_at, began_mono, boot_id, outcome, why, finished_at,"
        " finished_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (run_id, path, *names, keep(run), now.wall, now.mono, now.boot_id, outcome, why, now.wall),
    )
    _over(work, path, 0, run_id, outcome, why)
    return {"first": True}


def run(work: Work, *, path: Name | None = None, run_id: Name | None = None) -> Answer:
    """A run by its id, or the last one of a path.

    Returns:
        as a row of `runs`, and `{form, value}` of its outcome.

    Raises:
        Refusal: `missing`.
    """
    row = find_run(work.db, path=path, run_id=run_id)
    return {**describe_run(row), "form": row["form"], "value": unkeep(row["value"])}


def runs(work: Work, *, path: Name | None = None, limit: Limit = 100) -> Answer:
    """`{rows}`: newest first, of one path or of all."""
    return {"rows": list_runs(work.db, path=path, limit=limit)}


def list_runs(db: Database, *, path: str | None = None, limit: int = 100) -> list[Answer]:
    """As `runs`; rows only."""
    if path is None:
        rows = db.rows("SELECT * FROM runs ORDER BY no DESC LIMIT ?", limit)
    else:
        rows = db.rows("SELECT * FROM runs WHERE path = ? ORDER BY no DESC LIMIT ?", path, limit)
    return [describe_run(row) for row in rows]


def describe_run(row: sqlite3.Row) -> Answer:
    """A run as answers have it; times RFC 3339 and, for arithmetic, seconds since the epoch (`*_wall`)."""
    spec = unkeep(row["spec"])
    keys = ("run_id", "path", "agent", "label", "outcome", "why", "lives", "tokens", "cost", "calls", "finished_by")
    finished = row["finished_at"]
    return {
        **{key: row[key] for key in keys},
        "started_at": rfc3339(row["began_at"]),
        "started_wall": row["began_at"],
        "finished_at": None if finished is None else rfc3339(finished),
        "finished_wall": finished,
        "taken": row["taken_at"] is not None,
        "run": spec,
    }


def result(work: Work, *, run_id: Name) -> Answer:
    """How a run ended.

    Returns:
        `{run_id, path, outcome, form, value, why, partial, taken}`: outcome None while it runs; `partial`,
        where the outcome isn't ok: None or the last checkpoint, as `checkpoint_state` has it.

    Raises:
        Refusal: `missing`.
    """
    row = find_run(work.db, run_id=run_id)
    ended_badly = row["outcome"] not in (None, "ok")
    return {
        "run_id": run_id,
        "path": row["path"],
        "outcome": row["outcome"],
        "form": row["form"],
        "value": unkeep(row["value"]),
        "why": row["why"],
        "partial": find_resumable(work.db, row["no"]).checkpoint if ended_badly else None,
        "taken": row["taken_at"] is not None,
    }


def take_result(work: Work, *, run_id: Name) -> Answer:
    """As `result`, and note that somebody has it now.

    Raises:
        Refusal: `missing`; `unfinished`: it has no outcome yet.
    """
    answer = result(work, run_id=run_id)
    if answer["outcome"] is None:
        raise Refusal("unfinished", f"run {run_id} has no outcome yet")
    work.db.execute("UPDATE runs SET taken_at = ? WHERE run_id = ? AND taken_at IS NULL", (work.moment.wall, run_id))
    row = find_run(work.db, run_id=run_id)
    if unkeep(row["spec"]).get("cleanup") == "delete":
        drop_checkpoints(work.db, row["no"], but_newest=False)
    return answer


def clean_run(work: Work, *, run_id: Name) -> Answer:
    """Forget the checkpoints and the mailbox of a run that is over; its result stays, and what is partial of it.

    Raises:
        Refusal: `missing`; `unfinished`.
    """
    row = find_run(work.db, run_id=run_id)
    if row["outcome"] is None:
        raise Refusal("unfinished", f"run {run_id} has no outcome yet")
    drop_checkpoints(work.db, row["no"], but_newest=row["outcome"] != "ok" and row["taken_at"] is None)
    work.db.execute("DELETE FROM messages WHERE recipient = ?", (box(row["path"], run_id),))
    work.db.execute("DELETE FROM meta WHERE key = ?", (f"mark {run_id}",))
    return {}


def checkpoints(work: Work, *, path: Name | None = None, run_id: Name | None = None) -> Answer:
    """`{run_id, rows}`: a run's checkpoints without their states, newest first.

    Returns:
        rows `{seq, name, form, at, incarnation, version, size, good, aside, corrupt}`.

    Raises:
        Refusal: `missing`.
    """
    row = find_run(work.db, path=path, run_id=run_id)
    return {"run_id": row["run_id"], "rows": list_checkpoints(work.db, row["no"])}


def checkpoint_state(work: Work, *, run_id: Name, seq: Count) -> Answer:
    """One checkpoint with its state: `{name, state (packed), form, seq, at (wall time), version}`.

    Raises:
        Refusal: `missing`: not kept (any more), or corrupt.
    """
    row = find_run(work.db, run_id=run_id)
    found = read_checkpoint(work.db, row["no"], seq)
    if found is None:
        raise Refusal("missing", f"run {run_id} has no readable checkpoint {seq}")
    return found


def spend(
    work: Work,
    *,
    run_id: Name,
    path: Name,
    incarnation: Count,
    tokens: Count = 0,
    cost: Cost = 0.0,
    calls: Count = 0,
) -> Answer:
    """Count against the run's budget.

    Returns:
        `{tokens, cost, calls}`: the run's totals.

    Raises:
        Refusal: `fenced`.
    """
    life = current_life(work, path, incarnation, run_id)
    work.db.execute(
        "UPDATE runs SET tokens = tokens + ?, cost = cost + ?, calls = calls + ?, spent_by = ?"
        " WHERE no = ? AND spent_by IS NOT ?",
        (tokens, cost, calls, work.request, life["run_no"], work.request),
    )
    row = work.db.one("SELECT tokens, cost, calls FROM runs WHERE no = ?", life["run_no"])
    return dict(row)
