"""Limits(memory=…): when the process tree of a child uses too much; pure."""

from __future__ import annotations

from dataclasses import dataclass

from wakeful.exits import Kind
from wakeful.policy import Limits

NEAR = 0.9
"""Share of the limit from which people are warned."""

AGAIN = 0.2
"""Seconds between a measure over the limit and the one that must confirm it: a fork counts pages twice for a moment."""

FAR_OVER = 1.5
"""Share of the limit from which one measure is enough."""

FAST, CALM = 0.5, 2.0
"""Seconds between measures: near the limit, and elsewhere."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """One measure of a process tree: monotonic seconds, bytes."""

    at: float
    used: int


@dataclass(frozen=True, slots=True)
class MemoryJudgement:
    """What follows from a measure.

    Attributes:
        killing: end the life; its ExitReason's kind is `memory`.
        warn: people are told; nothing is ended.
        words: one line for people; empty if there is nothing to say.
        measure_at: when to measure again (monotonic), None: no limit is set.
    """

    killing: bool
    warn: bool
    words: str
    measure_at: float | None

    @property
    def exit_kind(self) -> Kind:
        return "memory"


def judge_memory(limits: Limits, before: MemoryUse | None, now: MemoryUse) -> MemoryJudgement:
    """Whether a child uses too much memory.

    Args:
        limits: the child's.
        before: the measure before, of the same life.
        now: this one.
    """
    limit = limits.memory
    if limit is None:
        return MemoryJudgement(False, False, "", None)
    share = now.used / limit
    if share <= NEAR:
        return MemoryJudgement(False, False, "", now.at + (CALM if share < NEAR / 2 else FAST))
    words = f"its process tree uses {size(now.used)} of {size(limit)}"
    if share <= 1:
        return MemoryJudgement(False, True, words, now.at + FAST)
    confirmed = before is not None and before.used > limit and now.at >= before.at + AGAIN
    if confirmed or share >= FAR_OVER:
        return MemoryJudgement(True, False, f"{words}, more than Limits(memory=…) allows", now.at + FAST)
    first = before.at if before is not None and before.used > limit else now.at
    return MemoryJudgement(False, True, words, max(now.at, first + AGAIN))


def size(bytes_: int) -> str:
    """Bytes as people say it: `512 MiB`, `3.4 GiB`."""
    value, unit = float(bytes_), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
