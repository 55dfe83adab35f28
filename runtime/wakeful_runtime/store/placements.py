"""Placements: what a supervisor keeps of its children, so that the next one can adopt them."""

from __future__ import annotations

from typing import Any

from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.sqlite import Database
from wakeful_runtime.store.work import Answer, Count, Entry, Name, Refusal, Work


def _fence(work: Work, owner: str, by: int | None) -> None:
    """Remember the newest life of a supervisor and refuse an older one; `by` None: it doesn't say."""
    if by is None:
        return
    row = work.db.row("SELECT incarnation FROM owners WHERE owner = ?", owner)
    if row is not None and by < row["incarnation"]:
        raise Refusal(
            "fenced",
            f"{owner}#{by} no longer supervises, #{row['incarnation']} does",
            facts={"last": row["incarnation"]},
            entry=Entry("fenced", owner, by, {"current": row["incarnation"]}),
        )
    if row is None or by > row["incarnation"]:
        work.db.execute("INSERT OR REPLACE INTO owners (owner, incarnation) VALUES (?, ?)", (owner, by))


def placement_put(
    work: Work, *, path: Name, owner: Name, plan: Any, state: Any, data: Any = None, by: Count | None = None
) -> Answer:
    """Keep a child's plan and state, in place of what was kept before.

    Args:
        by: the supervisor's own incarnation; an older one is refused from then on.

    Raises:
        Refusal: `fenced`.
    """
    _fence(work, owner, by)
    work.db.execute(
        "INSERT OR REPLACE INTO placements (path, owner, plan, state, data, at) VALUES (?, ?, ?, ?, ?, ?)",
        (path, owner, keep(plan), keep(state), keep(data), work.moment.wall),
    )
    return {}


def placement_sync(work: Work, *, path: Name) -> Answer:
    """`{there}`: whether the child is kept; with the answer all that was written before is on the disk."""
    changed = work.db.execute("UPDATE placements SET at = ? WHERE path = ?", (work.moment.wall, path)).rowcount
    return {"there": bool(changed)}


def placement_delete(work: Work, *, path: Name, owner: Name | None = None, by: Count | None = None) -> Answer:
    """Forget a child.

    Returns:
        `{deleted}`.

    Raises:
        Refusal: `fenced`.
    """
    if owner is not None:
        _fence(work, owner, by)
    return {"deleted": bool(work.db.execute("DELETE FROM placements WHERE path = ?", (path,)).rowcount)}


def placements(work: Work, *, owner: Name | None = None, by: Count | None = None) -> Answer:
    """`{rows}`: the children a supervisor keeps, or all.

    Args:
        by: the incarnation of the supervisor that takes over with this: an older one is refused from then on.

    Raises:
        Refusal: `fenced`.
    """
    if owner is not None:
        _fence(work, owner, by)
    return {"rows": list_placements(work.db, owner=owner)}


def list_placements(db: Database, *, owner: str | None = None) -> list[Answer]:
    """As `placements`; rows only: `{path, owner, plan, state, data, incarnation}`, in the order of their paths.

    `incarnation` is the highest that was ever begun, 0 if none.
    """
    rows = db.rows(
        "SELECT placements.*, coalesce(paths.incarnation, 0) AS incarnation"
        " FROM placements LEFT JOIN paths USING (path)"
        " WHERE (:owner IS NULL OR placements.owner = :owner) ORDER BY path",
        {"owner": owner},
    )
    return [
        {
            **{key: row[key] for key in ("path", "owner", "incarnation")},
            **{key: unkeep(row[key]) for key in ("plan", "state", "data")},
        }
        for row in rows
    ]
