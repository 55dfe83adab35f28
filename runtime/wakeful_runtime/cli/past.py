"""What happened, asked of the running node, or read from its store where none runs: history outlives processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from wakeful_runtime.cli.asking import resolve
from wakeful_runtime.cli.options import directory

T = TypeVar("T")
Ask = Callable[..., Any]
"""A verb, or an operation of the store, with its arguments by name."""


def _live_or_kept(node: str | None, live: Callable[[Ask], T], kept: Callable[[Ask], T]) -> T:
    """From the running node if there is one, else from its store.

    Raises:
        NoNode: no node runs, and none has ever kept anything there.
        NodeError: the answer is an error.
    """
    from wakeful_runtime.client import Client, NoNode

    where = directory(node)
    try:
        with Client(where.root) as client:
            return live(lambda verb, **arguments: client.call(verb, arguments))
    except NoNode:
        if not where.store.exists():
            raise
    from wakeful_runtime.store import reader

    with reader(where.store) as store:
        return kept(store.request)


def events(node: str | None, *, after: int, limit: int, path: str | None) -> list[dict[str, Any]]:
    """Journal rows above `after`, oldest first; the newest `limit` of them where `after` is negative."""

    def of(ask: Ask) -> list[dict[str, Any]]:
        return rows(ask("events", after=after, limit=limit, path=path), "events")

    return _live_or_kept(node, of, of)


def incidents(node: str | None, *, since: str | None, open_only: bool, number: str | None) -> list[dict[str, Any]]:
    """Incidents, newest first; the one with `number` if that is given."""

    def live(ask: Ask) -> list[dict[str, Any]]:
        return rows(ask("incidents", since=since, open=open_only, id=number), "incidents")

    def kept(ask: Ask) -> list[dict[str, Any]]:
        if number is not None:
            found = ask("incident", id=number)
            return [found.get("incident", found)]
        return rows(ask("incidents", since=since, open=open_only), "incidents")

    return _live_or_kept(node, live, kept)


def why(node: str | None, path: str | None) -> dict[str, Any] | list[dict[str, Any]]:
    """`{path verdict since what facts evidence action outcome next}`; a list of the last 24 h without a path."""

    def live(ask: Ask) -> dict[str, Any] | list[dict[str, Any]]:
        answer = ask("why", path=None if path is None else str(ask("resolve", path=path)))
        return answer if path is not None else rows(answer, "incidents")

    def kept(ask: Ask) -> dict[str, Any] | list[dict[str, Any]]:
        if path is None:
            return [_as_why(row) for row in rows(ask("incidents", since=_a_day_ago()), "incidents")]
        full = resolve(path, known_paths(node))
        found = rows(ask("incidents", path=full, limit=1), "incidents")
        return (
            _as_why(found[0]) if found else {"path": full, "verdict": None, "what": "no node runs; no incident is kept"}
        )

    return _live_or_kept(node, live, kept)


def _as_why(row: dict[str, Any]) -> dict[str, Any]:
    keys = ("path", "incarnation", "verdict", "what", "facts", "evidence", "action", "outcome")
    following = [f"wakeful incidents {row.get('id')}", "wakeful run TARGET"]
    return {**{key: row.get(key) for key in keys}, "since": row.get("since") or row.get("at"), "next": following}


def _a_day_ago() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def checkpoints_of(node: str | None, path: str) -> list[dict[str, Any]]:
    """The kept checkpoints of a path's run, newest first."""

    def live(ask: Ask) -> list[dict[str, Any]]:
        return rows(ask("checkpoints", path=str(ask("resolve", path=path))), "checkpoints")

    def kept(ask: Ask) -> list[dict[str, Any]]:
        return rows(ask("checkpoints", path=resolve(path, known_paths(node))), "checkpoints")

    return sorted(_live_or_kept(node, live, kept), key=lambda row: -int(row.get("seq", 0)))


def known_paths(node: str | None) -> list[str]:
    """The paths that have ever written a log here."""
    return sorted(file.stem.replace("~", "/") for file in directory(node).logs.glob("*.log"))


def rows(answer: Any, key: str) -> list[dict[str, Any]]:
    """The rows of an answer: itself, or what it holds under `key`."""
    found: Sequence[Any] = answer.get(key, [answer]) if isinstance(answer, dict) else answer
    return [row for row in found if isinstance(row, dict)]
