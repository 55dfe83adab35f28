"""Tells those who wait for a reply that the life they asked is over: news of death never come from a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.errors import NodeError
from wakeful_runtime.supervision.child import Child

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

FRESH_S = 0.2
"""How long init's table is believed."""


class Deaths:
    """Answers the `watch` events of a supervisor's children; an asker repeats them every second."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._alive: dict[str, int] = {}
        self._read_at = float("-inf")

    async def watch(self, asker: Child, target: str, incarnation: int) -> None:
        """Tell `asker` if that life of `target` is over."""
        if not await self._lives(target, incarnation):
            present = asker.present
            if present is not None and not present.exited:
                args = {"path": target, "incarnation": incarnation}
                body = {"nonce": 0, "verb": "dead", "args": args}
                self._supervisor.lane.send(asker, present, "call", body)

    async def _lives(self, target: str, incarnation: int) -> bool:
        own = self._supervisor.child(target)
        if own is not None and own.present is not None:
            return own.living(incarnation) is not None
        lines = self._supervisor.lines
        if lines.clock() - self._read_at > FRESH_S:
            try:
                table = await lines.init.table()
            except NodeError:
                return True  # nobody can tell now; it is asked again
            self._alive = {
                row["path"]: int(row["incarnation"]) for row in table["table"] if row.get("state") != "exited"
            }
            self._read_at = lines.clock()
        return self._alive.get(target) == incarnation
