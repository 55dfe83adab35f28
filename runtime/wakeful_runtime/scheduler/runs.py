"""Runs of jobs as callers see them: scheduled, started, late by, outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wakeful.errors import NodeError
from wakeful.rules.firing import is_on_time
from wakeful_runtime.store.journal_rows import rfc3339

Body = dict[str, Any]

GRACE_S = 600.0
"""Of a job that is gone: what jobs have that don't say another one."""

_SHOWN = {"due": "starting", "queued": "queued", "accepted": "running"}


def run_json(row: Body, grace: float) -> Body:
    """One row of the store's `job_runs`.

    `outcome` is the session's, or `missed` or `skipped` where there was none; None while it is open. `late_by_s` is
    None for what never started.
    """
    began = row["began_at"]
    if began is None and row["run_began_at"] is not None and row["state"] in ("accepted", "over"):
        began = max(row["run_began_at"], row["scheduled"])
    unstarted = row["state"] in ("missed", "skipped")
    ended = row["state"] if unstarted else row["outcome"] or row["run_outcome"]
    over = ended is not None
    finished = row["finished_at"] or row["run_finished_at"]
    return {
        "id": row["run_id"],
        "job": row["job"],
        "job_id": row["job_id"],
        "scheduled": rfc3339(row["scheduled"]),
        "started": None if began is None else rfc3339(began),
        "late_by_s": None if began is None else round(max(0.0, began - row["scheduled"]), 3),
        "finished": None if finished is None else rfc3339(finished),
        "state": "over" if over else _SHOWN[row["state"]],
        "outcome": ended,
        "on_time": is_on_time(row["scheduled"], began, grace) if over or began is not None else None,
        "manual": row["manual"],
        "path": row["path"],
        "key": f"agent:{row['agent']}:session:{row['run_id']}",
        "why": row["why"] or row["run_why"] or "",
    }


def runs_kept(ask: Callable[..., Any], job: str | None, limit: int) -> list[Body]:
    """As the scheduler would answer, from the operations of a store that no node has open.

    Raises:
        NodeError: there is no such job, and no run of one.
    """
    jobs = ask("jobs")["rows"]
    found = next((row["id"] for row in jobs if job in (row["id"], row["name"])), job)
    rows = ask("job_runs", job_id=found, limit=limit)["rows"]
    if job is not None and not rows and not any(row["id"] == found for row in jobs):
        raise NodeError(f"there is no job {job!r}, and no run of one")
    graces = {row["id"]: float(row["spec"]["grace"]) for row in jobs}
    return [run_json(row, graces.get(row["job_id"], GRACE_S)) for row in rows]
