"""Whether those the herald hears everything from are there: if they are silent for a minute, it speaks by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from wakeful.rules.findings import Finding
from wakeful.rules.words import span

SILENCE_S = 60.0
"""design.md §6."""

LEAST_FAILURES = 3
"""A herald that was itself stopped for a minute has not asked so often."""

SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Source:
    """Who may be silent.

    Attributes:
        done, advice, commands: as a Finding's.
    """

    path: str
    done: str
    advice: str
    commands: tuple[str, ...]


GATEWAY = Source(
    "gateway",
    "sessions and monitors run on; no monitor that is lost is replaced, and no call is answered",
    "look at the logs; `wakeful run` on this directory takes the node over, sessions resume from their checkpoints",
    ("logs gateway", "logs init"),
)
STORE = Source(
    "store",
    "everything that has to be written down waits; nothing is killed meanwhile",
    "look at its log: the disk may be full or broken",
    ("logs store", "status"),
)


@dataclass(slots=True)
class Hearing:
    """What is heard of one source.

    Args:
        source: who.
        silence: seconds after which it is told of.
    """

    source: Source
    silence: float = SILENCE_S
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    failures: int = 0
    _heard_at: float = field(init=False)
    _told: Finding | None = None

    def __post_init__(self) -> None:
        self._heard_at = self.clock()

    def heard(self) -> Finding | None:
        """It has answered; the news, if its silence was told of."""
        self._heard_at, self.failures = self.clock(), 0
        told, self._told = self._told, None
        if told is None:
            return None
        well = {"state": "recovered", "needs": False, "done": "it answers again", "advice": "nothing"}
        return told.model_copy(update=well)

    def silent(self, why: str) -> Finding | None:
        """It has not; the news, if that has lasted."""
        self.failures += 1
        took = self.clock() - self._heard_at
        if self._told is not None or took < self.silence or self.failures < LEAST_FAILURES:
            return None
        since = self.wall() - took
        self._told = Finding(
            key=f"{self.source.path} {SILENT} {since:.0f}",
            path=self.source.path,
            verdict=SILENT,
            severity="critical",
            what=f"it has not answered for {span(took)}: {why}",
            since=since,
            done=self.source.done,
            advice=self.source.advice,
            commands=self.source.commands,
            needs=True,
        )
        return self._told
