"""What the node keeps about itself, by key."""

from __future__ import annotations

from typing import Any

from wakeful_runtime.store.kept import keep, unkeep
from wakeful_runtime.store.work import Answer, Name, Work


def meta_get(work: Work, *, key: Name) -> Answer:
    """`{value}`: None if there is none."""
    row = work.db.row("SELECT value FROM meta WHERE key = ?", key)
    return {"value": None if row is None else unkeep(row["value"])}


def meta_put(work: Work, *, key: Name, value: Any) -> Answer:
    """Keep a value; None forgets the key."""
    if value is None:
        work.db.execute("DELETE FROM meta WHERE key = ?", (key,))
    else:
        work.db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, keep(value)))
    return {}
