"""Who may still write: the current life of a path, and nobody older."""

from __future__ import annotations

import sqlite3

from wakeful_runtime.store.work import Entry, Refusal, Work


def current_life(work: Work, path: str, incarnation: int, run_id: str | None = None) -> sqlite3.Row:
    """The row of the path's current life, if it is this one and, where `run_id` is given, in this run.

    Raises:
        Refusal: `fenced`: a newer life of the path exists, this one never began, or its run was replaced.
    """
    row = work.db.row("SELECT * FROM paths WHERE path = ?", path)
    if row is None or row["incarnation"] != incarnation or (run_id is not None and row["run_id"] != run_id):
        last = row["incarnation"] if row else 0
        raise Refusal(
            "fenced",
            f"{path}#{incarnation} is not the current life of its run (the current one is #{last})",
            facts={"last": last},
            entry=Entry("fenced", path, incarnation, {"current": last, "run_id": run_id}),
        )
    return row
