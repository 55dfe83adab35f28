"""From what a person types to a path."""

from __future__ import annotations

from collections.abc import Sequence

from wakeful.errors import NodeError
from wakeful_runtime.gateway.refusals import NoSuch
from wakeful_runtime.supervision.child import Body


def find_row(rows: Sequence[Body], name: str) -> Body:
    """The row a path, key, label or unambiguous end of one means.

    Raises:
        NodeError: none or several; the text names the nearest.
    """
    for field in ("path", "key", "label"):
        exact = [row for row in rows if row.get(field) == name]
        if exact:
            return exact[-1]
    ends = [row for row in rows if any(_ends(str(row.get(field) or ""), name) for field in ("path", "key", "label"))]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise NodeError(f"{name!r} may be {', '.join(sorted(row['path'] for row in ends)[:8])}: write more of it")
    known = ", ".join(sorted(row["path"] for row in rows)[:12]) or "nothing"
    raise NoSuch(f"there is no {name!r} in this node; there is {known}")


def _ends(full: str, name: str) -> bool:
    return bool(name) and full.endswith(name) and full[: -len(name)][-1:] in ("/", ":", "")
