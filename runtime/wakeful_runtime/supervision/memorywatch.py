"""Limits(memory=…): measures the process trees of those children that have a limit, and has the rule judge them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from wakeful.exits import ExitReason
from wakeful.rules.memory import NEAR, MemoryJudgement, MemoryUse, judge_memory
from wakeful_runtime.evidence.incidents import Incident
from wakeful_runtime.evidence.vitals import small_file, tree_memory
from wakeful_runtime.processes import descendants, read_stat, tree_rss
from wakeful_runtime.supervision.child import Child, Present

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

STORE_AWAY_S = 1.0
"""A store that has not answered for so long is away: nothing is ended meanwhile (design.md §4)."""

LARGEST = 16
"""So many processes of the tree are named in an incident."""


class MemoryWatch:
    """The measures of one supervisor's children. A child without a limit costs nothing."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def begin(self, child: Child, present: Present) -> None:
        """Measure this life from now on, until it ends."""
        self.end(child)
        if child.plan.limits.memory is not None:
            self._measure_in(0.0, child, present, None)

    def end(self, child: Child) -> None:
        """Its life is over."""
        timer = self._timers.pop(child.name, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Measure nothing more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _measure_in(self, delay: float, child: Child, present: Present, before: MemoryUse | None) -> None:
        def measure() -> None:
            self._supervisor.spawn(self._measure(child, present, before))

        self._timers[child.name] = asyncio.get_running_loop().call_later(delay, measure)

    async def _measure(self, child: Child, present: Present, before: MemoryUse | None) -> None:
        limit = child.plan.limits.memory
        if limit is None or _ends(child, present):
            return
        used = await tree_use(present.life.pid, enough=int(limit * NEAR))
        if _ends(child, present):
            return
        now = MemoryUse(self._supervisor.lines.clock(), used)
        verdict = judge_memory(child.plan.limits, before, now)
        warned = before is not None and before.used > limit * NEAR
        if verdict.warn and not warned:
            fields = {"verdict": verdict.exit_kind, "words": verdict.words}
            self._supervisor.lines.journal("alert", child.path, present.life.incarnation, fields)
        if verdict.killing and self._may_kill(child):
            self._condemn(child, present, verdict, now)
        elif verdict.measure_at is not None:
            self._measure_in(max(0.0, verdict.measure_at - now.at), child, present, now)

    def _may_kill(self, child: Child) -> bool:
        state = self._supervisor.state(child)
        stopping = state is not None and state.status == "stopping"
        return not stopping and self._supervisor.lines.store.away_for() <= STORE_AWAY_S

    def _condemn(self, child: Child, present: Present, verdict: MemoryJudgement, now: MemoryUse) -> None:
        limit = child.plan.limits.memory
        incident = Incident(
            id=f"{child.path}#{present.life.incarnation}",
            path=child.path,
            incarnation=present.life.incarnation,
            verdict=verdict.exit_kind,
            severity="error",
            thresholds={"memory": limit},
            facts={"words": verdict.words, "since": time.time(), "used": now.used, "largest": _largest(present)},
            action="restart",
        )
        reason = ExitReason(kind=verdict.exit_kind, what=verdict.words, at=time.time())
        self._supervisor.watch.condemn(child, present, reason, incident)


async def tree_use(pid: int, *, enough: int) -> int:
    """Memory of a process tree, bytes.

    Resident memory is cheap to read, and never less than what the tree would give back (PSS): only when it is more
    than `enough` is that measured, in a thread, because reading it walks the whole map.
    """
    used = tree_rss(pid)
    if used <= enough:
        return used
    return await asyncio.to_thread(tree_memory, pid) or 0


def _ends(child: Child, present: Present) -> bool:
    return child.present is not present or present.exited or present.ending or present.condemned is not None


def _largest(present: Present) -> list[dict[str, Any]]:
    """The processes of the tree, the largest first: which one it is that eats."""
    pid = present.life.pid
    found = [(stat.rss, each) for each in (pid, *descendants(pid)) if (stat := read_stat(each)) is not None]
    return [
        {"pid": each, "name": small_file(f"/proc/{each}/comm").strip(), "rss_mb": round(rss / 2**20, 1)}
        for rss, each in sorted(found, reverse=True)[:LARGEST]
    ]
