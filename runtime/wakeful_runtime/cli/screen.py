"""What people see: tables, ages, lines. And what programs see: JSON, alone on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast

from wakeful_runtime.cli.shapes import as_list, as_mapping
from wakeful_runtime.evidence.localtime import clock

_GOOD = {"running", "done", "healthy", "ok"}
_BAD = {
    "failed",
    "review",
    "exited",
    "wedged",
    "loop_blocked",
    "no_progress",
    "overdue",
    "stopped",
    "control_lost",
    "livelock",
}
_TITLES = {"incarnation": "life", "beat_age_s": "beat", "progress_age_s": "progress"}
"""Heads that leave room for what is below them."""


def put_json(value: Any) -> None:
    """One JSON value; indented for a person, on one line for a pipe."""
    print(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False, default=str), flush=True)


def put_line(value: Any) -> None:
    """One JSON value a line, for streams."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def put_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """A table of some keys of the rows; `empty` is said if there are none.

    Args:
        rows: as a verb answered them.
        columns: keys; a trailing `_s` is shown as an age, `_mb` as a whole number.
        empty: the line in place of an empty table.
    """
    if not rows:
        print(empty)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for key in columns:
        table.add_column(title(key), justify="right" if _is_number(key) else "left", no_wrap=key in {"path", "id"})
    for row in rows:
        table.add_row(*(Text(cell(key, row.get(key)), style=_style(row.get(key))) for key in columns))
    console().print(table)


def console() -> Any:
    """Rich's console; wide and plain where stdout is no terminal, so that `grep` finds whole lines."""
    from rich.console import Console

    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=240, no_color=True)


def title(key: str) -> str:
    """A key as a column's head."""
    return _TITLES.get(key) or key.removesuffix("_s").removesuffix("_mb").replace("_", " ")


def cell(key: str, value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "–"
    if key.endswith("_s") and isinstance(value, int | float):
        return age(float(value))
    if key.endswith("_mb") and isinstance(value, int | float):
        return f"{value:.0f}"
    if key == "at" or key == "since":
        return clock(value)
    if isinstance(value, Mapping):
        parts = as_mapping(cast("object", value))
        return str(parts["name"]) if parts.get("name") else " ".join(f"{k}={v}" for k, v in parts.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in as_list(cast("object", value)))
    return str(value)


def age(seconds: float) -> str:
    """`0.4s`, `12s`, `3m20s`, `2h05m`, `4d03h`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def _is_number(key: str) -> bool:
    return key.endswith(("_s", "_mb")) or key in {"pid", "incarnation", "restarts", "seq", "version"}


def _style(value: Any) -> str:
    if value in _GOOD:
        return "green"
    return "red" if isinstance(value, str) and value in _BAD else ""
