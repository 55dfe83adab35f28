"""Does the store answer? Asked only while a child says that it waits for it: such a wait is no alibi for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wakeful.errors import NodeError
from wakeful.rules.facts import Facts

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

AWAY_S = 1.0
"""A store that has not answered for so long is away: no killing verdict meanwhile (design.md §4)."""

ASK_EVERY_S = 1.0


class StoreWatch:
    """What a monitor knows of the store.

    Attributes:
        back_at: since when it is known to answer (monotonic); None while it is away or has not been asked.
        proven_at: when the latest question was asked that it has answered (monotonic).
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._lines = supervisor.lines
        self._asked_at = float("-inf")
        self._asking = False
        self.back_at: float | None = None
        self.proven_at = float("-inf")

    def away(self) -> bool:
        """Whether a request has waited too long for its answer."""
        if self._lines.store.away_for() <= AWAY_S:
            return False
        self.back_at = None
        return True

    def told(self, facts: Facts, now: float) -> Facts:
        """The facts of a child that waits for the store, with what is known of that; and it is asked again."""
        self._ask_now_and_then(now)
        return replace(facts, store_back_at=self.back_at, store_unproven=now - self.proven_at)

    def _ask_now_and_then(self, now: float) -> None:
        if not self._asking and now >= self._asked_at + ASK_EVERY_S:
            self._asking, self._asked_at = True, now
            self._supervisor.spawn(self._ask())

    async def _ask(self) -> None:
        try:
            await self._lines.store.request("meta_get", key="asked")
        except NodeError:  # the lane is closed: this process ends
            return
        finally:
            self._asking = False
        self.proven_at = self._asked_at
        if self.back_at is None:
            self.back_at = self._lines.clock()
        for child in tuple(self._supervisor.children.values()):
            present = child.present
            answer = present.facts.answer if present is not None and present.facts is not None else None
            if present is not None and answer is not None and answer.pulse.waiting_for == "store":
                self._supervisor.watch.again(child, present)
