"""Messages on their way: what one holds, how a route does, and when the next attempt is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from wakeful.rules.notices import Notice, Stage, Telling

GATHER_S = 3.0
"""An alert waits so long for company: what happens together is told together."""

STORM = 5
"""More messages than this on one route within `STORM_S` become one summary."""

STORM_S = 60.0
"""Also how long a summary waits for a storm to be over."""

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 600.0
LONGEST_ASKED_S = 6 * 3600.0
"""The longest pause a server may ask for (Retry-After)."""


class RouteState(BaseModel):
    """How a route does.

    Attributes:
        failures: attempts in a row that failed, since `failing_since`.
        next_at: no attempt before.
        error: of the last failure, without secrets.
        sent: when the latest messages arrived.
    """

    name: str
    failures: int = 0
    failing_since: float | None = None
    next_at: float = 0.0
    error: str = ""
    sent: list[float] = Field(default_factory=list[float])

    def works(self, now: float, *, counts: bool = False) -> None:
        """It has taken a message; one that counts for storms, or a test."""
        self.failures, self.failing_since, self.next_at, self.error = 0, None, 0.0, ""
        if counts:
            self.sent = [*self.sent, now][-STORM - 1 :]

    def fails(self, now: float, error: str, *, pause: float | None, luck: float) -> None:
        """It takes no messages now; as `pause_after`."""
        self.failures += 1
        self.failing_since = now if self.failing_since is None else self.failing_since
        self.error = error
        self.next_at = now + pause_after(self.failures, pause, luck)


@dataclass(frozen=True, slots=True)
class Item:
    """One notice in a message, told as `stage`."""

    notice: Notice
    stage: Stage


@dataclass(frozen=True, slots=True)
class Batch:
    """One message: one notice, or a summary of several."""

    route: str
    items: tuple[Item, ...]

    @property
    def perhaps(self) -> bool:
        """Whether it may have arrived before."""
        return any(item.notice.telling(self.route).perhaps for item in self.items)


def pause_after(failures: int, asked: float | None, luck: float) -> float:
    """Seconds until the next attempt: doubling from 5 s to 10 min, and never before the server wants it.

    Args:
        failures: in a row, with this one.
        asked: seconds the server has asked for; None: it has not.
        luck: 0 to 1, spreads the attempts of many.
    """
    own = min(FIRST_PAUSE_S * 2.0 ** (min(failures, 20) - 1), LONGEST_PAUSE_S)
    return max(own * (0.8 + 0.4 * luck), min(asked or 0.0, LONGEST_ASKED_S))


def together(waiting: Sequence[Telling], state: RouteState, now: float) -> int:
    """How many of those that wait go into the next message: none yet, one, or all as a summary."""
    if not waiting or any(telling.sending for telling in waiting):
        return 0
    oldest = min(telling.since for telling in waiting)
    newest = max(telling.since for telling in waiting)
    if now - oldest < GATHER_S:
        return 0
    recent = len([at for at in state.sent if now - at < STORM_S])
    if len(waiting) + recent <= STORM:
        return 1
    quiet = now - newest >= GATHER_S and recent < STORM
    return len(waiting) if quiet or now - oldest >= STORM_S else 0
