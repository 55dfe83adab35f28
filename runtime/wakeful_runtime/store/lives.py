"""Lives: which incarnation of a path is the current one, what it resumes from, and how each life ended."""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from wakeful.exits import ExitReason
from wakeful_runtime.store.checkpoints import Found, find_resumable, resume_at, usable_checkpoints
from wakeful_runtime.store.journal_rows import rfc3339
from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.runs import commit_outcome
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.work import Answer, Count, Limit, Name, Refusal, Work

UNREPORTED = ExitReason(kind="unknown", what="its end was not reported")


@dataclass(frozen=True, slots=True)
class _Beginning:
    """Whose life begins."""

    path: str
    incarnation: int
    owner: str
    kind: str
    boot_id: str


def begin_life(
    work: Work,
    *,
    path: Name,
    incarnation: Count,
    owner: Name,
    kind: Name,
    boot_id: Name,
    new_run: bool,
    run: dict[str, Any],
    from_seq: Count | None = None,
) -> Answer:
    """Make `incarnation` the current life of `path`; the life before it is fenced from now on.

    Args:
        new_run: begin a new run; an unfinished one of this path gets the outcome `unknown`.
        run: what a new run is: `{agent, label, ...}`, kept as it is.
        from_seq: resume from this checkpoint and set the newer ones aside (0: from the beginning); None: the newest
            usable one.

    Returns:
        `{incarnation, run_id, run_started_at, lives, resumed, skipped, previous, run}`: `run_started_at` in seconds
        since the epoch; `resumed` None or `{name, state (packed), form, seq, at (wall time), version}`; `skipped` the
        numbers of corrupt checkpoints passed over; `previous` None or an ExitReason's dump; `run` what the run was
        begun with.

    Raises:
        Refusal: `stale` (facts: last): the incarnation isn't above the last; `finished` (facts: run_id, outcome): the
            run is over and no new one is asked for; `missing` (facts: kept): no such checkpoint.
    """
    known = work.db.row("SELECT * FROM paths WHERE path = ?", path)
    if known is not None and incarnation <= known["incarnation"]:
        return _begun_before(work, known, incarnation)
    record = None if known is None or new_run else work.db.row("SELECT * FROM runs WHERE no = ?", known["run_no"])
    if record is not None and record["outcome"] is not None:
        raise Refusal(
            "finished",
            f"the run of {path} is over: {record['outcome']}",
            facts={"run_id": record["run_id"], "outcome": record["outcome"]},
        )
    good = known["good_seq"] if known is not None and record is not None else None
    if record is None:
        record = _begin_run(work, known, path, run)
    if from_seq is not None:
        resume_at(work.db, path, record["no"], from_seq)
    found = find_resumable(work.db, record["no"])
    _take_over(work, _Beginning(path, incarnation, owner, kind, boot_id), record, found.seq, good)
    return _begun(work.db, path, incarnation, found)


def _begun_before(work: Work, known: sqlite3.Row, incarnation: int) -> Answer:
    """The first answer again, if it was this request that began the life."""
    path, last = known["path"], known["incarnation"]
    life = work.db.row("SELECT * FROM lives WHERE path = ? AND incarnation = ?", path, incarnation)
    if incarnation == last and life is not None and life["request"] == work.request:
        return _begun(work.db, path, incarnation, find_resumable(work.db, life["run_no"], upto=life["resumed_seq"]))
    raise Refusal("stale", f"{path}#{incarnation} is not above the last life #{last}", facts={"last": last})


def _begin_run(work: Work, known: sqlite3.Row | None, path: str, run: dict[str, Any]) -> sqlite3.Row:
    if known is not None:
        last = {key: known[key] for key in ("path", "incarnation", "run_id")}
        commit_outcome(work, "unknown", **last, why="a new run was begun")
    wanted = run.get("run_id")
    taken = wanted is None or work.db.row("SELECT 1 FROM runs WHERE run_id = ?", str(wanted)) is not None
    run_id = uuid.uuid4().hex if taken else str(wanted)
    names = [None if run.get(key) is None else str(run[key]) for key in ("agent", "label")]
    work.db.execute(
        "INSERT INTO runs (run_id, path, agent, label, spec, began_at, began_mono, boot_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (run_id, path, *names, keep(run), work.moment.wall, work.moment.mono, work.moment.boot_id),
    )
    return work.db.one("SELECT * FROM runs WHERE run_id = ?", run_id)


def _take_over(work: Work, life: _Beginning, record: sqlite3.Row, seq: int, good: int | None) -> None:
    whose = (life.path, life.incarnation, life.owner, life.kind)
    work.db.execute(
        "INSERT OR REPLACE INTO paths (path, incarnation, owner, kind, run_no, run_id, over, resumed_seq, good_seq)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
        (*whose, record["no"], record["run_id"], seq, good),
    )
    work.db.execute(
        "INSERT INTO lives (path, incarnation, owner, kind, run_no, began_at, began_mono, boot_id, request,"
        " resumed_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*whose, record["no"], work.moment.wall, work.moment.mono, life.boot_id, work.request, seq),
    )
    work.db.execute("UPDATE runs SET lives = lives + 1 WHERE no = ?", (record["no"],))


def _begun(db: Database, path: str, incarnation: int, found: Found) -> Answer:
    life = db.one("SELECT * FROM lives WHERE path = ? AND incarnation = ?", path, incarnation)
    run = db.one("SELECT * FROM runs WHERE no = ?", life["run_no"])
    before = db.row(
        "SELECT reason FROM lives WHERE path = ? AND incarnation < ? AND run_no = ? ORDER BY incarnation DESC LIMIT 1",
        path,
        incarnation,
        life["run_no"],
    )
    return {
        "incarnation": incarnation,
        "run_id": run["run_id"],
        "run_started_at": run["began_at"],
        "lives": run["lives"],
        "resumed": found.checkpoint,
        "skipped": found.skipped,
        "previous": None if before is None else (_reason(before) or UNREPORTED.model_dump(mode="json")),
        "run": unkeep(run["spec"]),
    }


def _reason(life: sqlite3.Row) -> Answer | None:
    return ExitReason.model_validate_json(life["reason"]).model_dump(mode="json") if life["reason"] else None


def end_life(work: Work, *, path: Name, incarnation: Count, reason: dict[str, Any]) -> Answer:
    """Write down how a life ended; the first report stays, whoever repeats it.

    Args:
        reason: an ExitReason's dump.

    Returns:
        `{reason, run_id, outcome, checkpoints}`: the reason that is kept; the outcome of that life's run, None if it
        has none yet; the numbers of the checkpoints it may be resumed from, newest first.

    Raises:
        Refusal: `missing`: no such life began; `bad`: no ExitReason.
    """
    try:
        told = ExitReason.model_validate(reason)
    except ValidationError as error:
        raise Refusal("bad", f"end_life: reason: {error.errors()[0]['msg']}") from None
    work.db.execute(
        "UPDATE lives SET ended_at = ?, reason = ? WHERE path = ? AND incarnation = ? AND reason IS NULL",
        (work.moment.wall, told.model_dump_json(), path, incarnation),
    )
    life = work.db.row(
        "SELECT reason, run_no, run_id, outcome FROM lives JOIN runs ON runs.no = lives.run_no"
        " WHERE lives.path = ? AND incarnation = ?",
        path,
        incarnation,
    )
    if life is None:
        raise Refusal("missing", f"no life {path}#{incarnation} began")
    return {
        "reason": _reason(life),
        "run_id": life["run_id"],
        "outcome": life["outcome"],
        "checkpoints": usable_checkpoints(work.db, life["run_no"]),
    }


def last_incarnation(work: Work, *, path: Name) -> Answer:
    """`{incarnation}`: the highest that was ever begun, 0 if none."""
    row = work.db.row("SELECT incarnation FROM paths WHERE path = ?", path)
    return {"incarnation": 0 if row is None else row["incarnation"]}


def paths(work: Work, *, owner: Name | None = None) -> Answer:
    """`{rows}`: the last life of each path a supervisor owns, or of all.

    Returns:
        rows `{path, incarnation, owner, kind, run_id, outcome, began_at, ended_at, reason, resumed_seq, lives}`;
        `outcome` None while the run has none; `reason` None while no end was reported.
    """
    return {"rows": list_paths(work.db, owner=owner)}


def list_paths(db: Database, *, owner: str | None = None) -> list[Answer]:
    """As `paths`; rows only."""
    rows = db.rows(
        "SELECT paths.*, lives.began_at, lives.ended_at, lives.reason, lives.resumed_seq AS resumed_from,"
        " runs.outcome, runs.lives FROM paths JOIN lives USING (path, incarnation) JOIN runs ON runs.no = paths.run_no"
        " WHERE (:owner IS NULL OR paths.owner = :owner) ORDER BY path",
        {"owner": owner},
    )
    keys = ("path", "incarnation", "owner", "kind", "run_id", "outcome", "lives")
    return [{**{key: row[key] for key in keys}, **_times(row), "resumed_seq": row["resumed_from"]} for row in rows]


def lives(work: Work, *, path: Name, limit: Limit = 100) -> Answer:
    """`{rows}`: newest first: `{path, incarnation, owner, kind, run_id, began_at, ended_at, reason, resumed_seq}`."""
    return {"rows": list_lives(work.db, path=path, limit=limit)}


def list_lives(db: Database, *, path: str, limit: int = 100) -> list[Answer]:
    """As `lives`; rows only."""
    rows = db.rows(
        "SELECT lives.*, runs.run_id FROM lives JOIN runs ON runs.no = lives.run_no WHERE lives.path = ?"
        " ORDER BY incarnation DESC LIMIT ?",
        path,
        limit,
    )
    keys = ("path", "incarnation", "owner", "kind", "run_id", "resumed_seq")
    return [{**{key: row[key] for key in keys}, **_times(row)} for row in rows]


def _times(row: sqlite3.Row) -> Answer:
    ended = row["ended_at"]
    return {
        "began_at": rfc3339(row["began_at"]),
        "ended_at": None if ended is None else rfc3339(ended),
        "reason": _reason(row),
    }
