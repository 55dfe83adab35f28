"""A line of a log, as a person reads it."""

from __future__ import annotations

import json
from typing import Any, cast

from wakeful_runtime.evidence.localtime import clock

_OWN = frozenset({"path", "incarnation", "event", "level", "at", "logger", "exception", "stack"})


def readable(line: str) -> str:
    """A record as `14:03:07  #2  error  life ended by an error`, its traceback below; what was printed as it is."""
    record = _record(line)
    if record is None:
        return line
    head = [clock(str(record.get("at", ""))), f"#{record['incarnation']}", str(record.get("level", "info"))]
    fields = " ".join(f"{key}={value}" for key, value in record.items() if key not in _OWN and value is not None)
    words, *more = str(record["event"]).rstrip().split("\n")
    below = [*more, *(str(record[key]) for key in ("exception", "stack") if record.get(key))]
    first = "  ".join([*head, words, *([fields] if fields else [])])
    return "\n".join([first, *("  " + row for text in below for row in text.rstrip().split("\n"))])


def _record(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line)
    except ValueError:  # cut off, or printed by the code itself
        return None
    return cast("dict[str, Any]", told) if isinstance(told, dict) and {"event", "incarnation"} <= told.keys() else None
