"""Which session a caller means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.gateway.naming import find_row
from wakeful_runtime.gateway.nodeplan import SESSIONS
from wakeful_runtime.gateway.refusals import NoSuch
from wakeful_runtime.store.client import StoreClient, StoreRefused
from wakeful_runtime.supervision.child import Body

STORE_S = 5.0

_KEY = ":session:"


@dataclass(frozen=True, slots=True)
class Target:
    """A session that was named.

    Attributes:
        run_id: the run that is meant: the one of the key, else its present or last one; None before its first.
        row: its row, while that run is there.
    """

    path: str
    run_id: str | None
    row: Body | None


class Targets:
    """Finds sessions by key, label or path, those that are there and those that were."""

    def __init__(self, store: StoreClient, rows: Callable[[], Awaitable[list[Body]]]) -> None:
        self._store = store
        self._rows = rows

    async def find(self, args: Body) -> Target:
        """The session that `sessionKey`, `label` or `path` names; each may hold any of the three.

        Raises:
            NodeError: none, several, or two different ones.
        """
        names = [str(args[field]) for field in ("sessionKey", "label", "path") if args.get(field)]
        if not names:
            raise NodeError("say which session: sessionKey or label")
        rows = await self._rows()
        found = [await self._named(rows, name) for name in dict.fromkeys(names)]
        if len({target.path for target in found}) > 1 or len({target.run_id for target in found}) > 1:
            raise NodeError(f"sessionKey and label mean two different sessions: {', '.join(names)}; give one")
        return found[0]

    async def run(self, **which: str | None) -> Body | None:
        """A run by its id, or the last one of a path; None before its first life has begun."""
        try:
            return await self._store.request("run", timeout=STORE_S, **which)
        except StoreRefused as refused:
            if refused.code == "missing":
                return None
            raise

    async def _named(self, rows: list[Body], name: str) -> Target:
        try:
            row = find_row(rows, name)
        except NodeError:
            return await self._gone(name)
        return Target(row["path"], row.get("run_id") or run_of_key(row.get("key")), row)

    async def _gone(self, name: str) -> Target:
        """One that has left the tree."""
        run_id = run_of_key(name)
        run = await self.run(run_id=run_id) if run_id else await self._last(name)
        if run is None:
            raise NoSuch(f"there is no session {name!r}, and there was none")
        return Target(run["path"], run["run_id"], None)

    async def _last(self, name: str) -> Body | None:
        for path in (f"{SESSIONS}/{name}", name):
            if (run := await self.run(path=path)) is not None:
                return run
        told: dict[str, Any] = await self._store.request("runs", timeout=STORE_S, limit=1000)
        return next((run for run in told["rows"] if run.get("label") == name), None)


def run_of_key(key: object) -> str | None:
    """The run a key names."""
    text = str(key or "")
    return text.rpartition(_KEY)[2] or None if _KEY in text else None
