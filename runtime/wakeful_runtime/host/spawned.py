"""A run's children, as the life that spawned them sees them."""

from __future__ import annotations

import sys
from typing import Any

from wakeful.blocking import BlockingSession
from wakeful.life import ChildOutcome, Kept, Plain
from wakeful_runtime.host.go import unpack_value


def traits(code: str) -> dict[str, Plain]:
    """What a supervisor, which imports no user code, must know of a session's class (`module:qualname`)."""
    module, _, name = code.partition(":")
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part)
    return {
        "blocking": issubclass(found, BlockingSession),
        "idempotent": bool(found.idempotent),
        "state_version": int(found.state_version),
    }


def outcome_of(row: dict[str, Any]) -> ChildOutcome:
    """The store's `result`: the value of an ok run, the last checkpoint's state of any other."""
    outcome, why, partial = str(row["outcome"]), str(row.get("why") or ""), row.get("partial")
    if outcome != "ok" and partial:
        return ChildOutcome(outcome, why, Kept(partial["form"], unpack_value(partial["state"])))
    form = row.get("form")
    return ChildOutcome(outcome, why, Kept(form, row.get("value")) if form else None)
