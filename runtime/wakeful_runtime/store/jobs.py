"""Jobs and their runs: a time of a job is written down once, before anything is started for it."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.work import Answer, Limit, Name, Refusal, Wall, Work

KEPT_RUNS = 50_000
"""How many runs of jobs a store keeps; older ones that are over go."""

State = Literal["due", "queued", "accepted", "over", "missed", "skipped"]
"""due: written down, its session not asked for yet; accepted: it is asked for; over, missed, skipped: at its end."""

OPEN = ("due", "queued", "accepted")


class JobRow(BaseModel):
    """A job as the scheduler keeps it; `spec` is its JSON, times are wall time."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Name
    name: Name
    spec: dict[str, Any]
    declared: bool
    enabled: bool
    why: str
    cursor: FiniteFloat
    anchor: FiniteFloat
    failures: Annotated[int, Field(ge=0)]
    held_until: FiniteFloat
    created_at: Wall


class FiredRow(BaseModel):
    """A time of a job, and what becomes of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    run_id: Name
    job_id: Name
    job: Name
    agent: Name
    scheduled: Wall
    state: State
    why: str
    manual: bool = False


_JOBS = TypeAdapter(list[JobRow])
_FIRED = TypeAdapter(list[FiredRow])
_PUT = (
    "INSERT INTO jobs (id, name, spec, declared, enabled, why, cursor, anchor, failures, held_until, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
    " spec = excluded.spec, declared = excluded.declared, enabled = excluded.enabled, why = excluded.why,"
    " cursor = excluded.cursor, anchor = excluded.anchor, failures = excluded.failures,"
    " held_until = excluded.held_until"
)


def _put(work: Work, job: JobRow) -> None:
    other = work.db.row("SELECT id FROM jobs WHERE name = ?", job.name)
    if other is not None and other["id"] != job.id:
        raise Refusal("taken", f"there is a job {job.name!r} already")
    counts = (job.cursor, job.anchor, job.failures, job.held_until, job.created_at)
    work.db.execute(_PUT, (job.id, job.name, keep(job.spec), int(job.declared), int(job.enabled), job.why, *counts))


def job_put(work: Work, *, jobs: list[dict[str, Any]]) -> Answer:
    """Keep jobs (JobRow's fields), each in place of what was kept under its id.

    Raises:
        Refusal: `taken`: another one has that name.
    """
    for job in _JOBS.validate_python(jobs):
        _put(work, job)
    return {}


def job_remove(work: Work, *, id: Name) -> Answer:
    """Forget a job; its runs stay. `{removed}`."""
    return {"removed": bool(work.db.execute("DELETE FROM jobs WHERE id = ?", (id,)).rowcount)}


def jobs(work: Work) -> Answer:
    """`{rows}`: all jobs, by name."""
    rows = work.db.rows("SELECT * FROM jobs ORDER BY name")
    flags = ("declared", "enabled")
    return {
        "rows": [{**dict(row), "spec": unkeep(row["spec"]), **{key: bool(row[key]) for key in flags}} for row in rows]
    }


def job_fire(work: Work, *, runs: list[dict[str, Any]], jobs: list[dict[str, Any]]) -> Answer:
    """Write down times of jobs, and how those jobs stand now, in one commit. A time that is there stays as it is.

    Args:
        runs: FiredRow's fields.
        jobs: JobRow's fields, of jobs that are kept.

    Returns:
        `{new}`: the run ids that were not there.
    """
    for job in _JOBS.validate_python(jobs):
        if work.db.row("SELECT 1 FROM jobs WHERE id = ?", job.id) is not None:
            _put(work, job)
    new: list[str] = []
    for row in _FIRED.validate_python(runs):
        added = work.db.execute(
            "INSERT INTO job_runs (run_id, job_id, job, agent, scheduled, state, why, manual, fired_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                row.run_id,
                row.job_id,
                row.job,
                row.agent,
                row.scheduled,
                row.state,
                row.why,
                int(row.manual),
                work.moment.wall,
            ),
        )
        if added.rowcount:
            new.append(row.run_id)
    return {"new": new}


def job_run_set(
    work: Work,
    *,
    run_id: Name,
    state: State,
    why: str = "",
    path: Name | None = None,
    outcome: Name | None = None,
    began_at: Wall | None = None,
    finished_at: Wall | None = None,
    job: dict[str, Any] | None = None,
) -> Answer:
    """What became of a run that is open, and in the same commit how its job stands (JobRow's fields).

    Returns:
        `{changed}`: whether the run was open; if it wasn't, nothing is changed.
    """
    changed = work.db.execute(
        "UPDATE job_runs SET state = ?, why = ?, path = coalesce(?, path), outcome = ?,"
        " began_at = coalesce(began_at, ?), finished_at = ?"
        f" WHERE run_id = ? AND state IN {OPEN}",
        (state, why, path, outcome, began_at, finished_at, run_id),
    ).rowcount
    if changed and job is not None:
        for each in _JOBS.validate_python([job]):
            if work.db.row("SELECT 1 FROM jobs WHERE id = ?", each.id) is not None:
                _put(work, each)
    return {"changed": bool(changed)}


def job_run_began(work: Work, *, run_id: Name, at: Wall) -> Answer:
    """The run of a job has begun its work; the first word stays."""
    work.db.execute("UPDATE job_runs SET began_at = ? WHERE run_id = ? AND began_at IS NULL", (at, run_id))
    return {}


def job_runs(work: Work, *, job_id: Name | None = None, open: bool = False, limit: Limit = 100) -> Answer:
    """`{rows}`: runs, newest first; with `open` those that aren't at their end, oldest first.

    Args:
        job_id: of this job only: its id, or the name it had then.
    """
    return {"rows": list_job_runs(work.db, job_id=job_id, open=open, limit=limit)}


def list_job_runs(db: Database, *, job_id: str | None = None, open: bool = False, limit: int = 100) -> list[Answer]:
    """As `job_runs`; rows only: its columns, and as `run_*` those of the session's run, None where there is none."""
    only = f"job_runs.state IN {OPEN}" if open else "1"
    order = "scheduled" if open else "scheduled DESC"
    rows = db.rows(
        "SELECT job_runs.*, runs.began_at AS run_began_at, runs.outcome AS run_outcome, runs.why AS run_why,"
        " runs.finished_at AS run_finished_at FROM job_runs LEFT JOIN runs USING (run_id)"
        f" WHERE {only} AND (:job_id IS NULL OR :job_id IN (job_id, job)) ORDER BY {order}, run_id LIMIT :limit",
        {"job_id": job_id, "limit": limit},
    )
    return [_row(row) for row in rows]


def _row(row: sqlite3.Row) -> Answer:
    return {**dict(row), "manual": bool(row["manual"])}


def drop_old_job_runs(db: Database, kept: int = KEPT_RUNS, batch: int = 1000) -> int:
    """Drop at most `batch` of the runs that are over, beyond the newest `kept`; how many went."""
    count = db.one("SELECT count(*) AS count FROM job_runs")["count"]
    if count <= kept:
        return 0
    return db.execute(
        "DELETE FROM job_runs WHERE run_id IN (SELECT run_id FROM job_runs"
        f" WHERE state NOT IN {OPEN} ORDER BY fired_at, scheduled LIMIT ?)",
        (min(batch, count - kept),),
    ).rowcount
