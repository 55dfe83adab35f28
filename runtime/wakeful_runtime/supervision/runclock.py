"""run_timeout: wall time from a run's first start, over all its lives and whatever starts the node had meanwhile."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from wakeful.exits import ExitReason
from wakeful.rules.events import LaunchFailed, StopChild
from wakeful.rules.words import span
from wakeful_runtime.evidence.incidents import Incident
from wakeful_runtime.supervision.child import Child

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

LOOK_S = 30.0
"""The longest time between looks at the wall clock, which a suspended host or a person may have moved."""


class RunClock:
    """The runs of one supervisor's children that have a run_timeout."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._told: dict[str, str] = {}

    def begin(self, child: Child) -> None:
        """Time the child's present run, whether a life of it is there now or not."""
        earlier = self._timers.pop(child.name, None)
        if earlier is not None:
            earlier.cancel()
        left = self.left(child)
        if left is not None:
            loop = asyncio.get_running_loop()
            self._timers[child.name] = loop.call_later(min(max(0.0, left), LOOK_S), self._look, child, child.run_id)

    def left(self, child: Child) -> float | None:
        """Seconds the child's present run still has; None: it has no run, or no limit."""
        if child.plan.run_timeout is None or not child.run_started_at:
            return None
        began = max(child.run_started_at, child.plan.not_before or 0.0)
        return began + child.plan.run_timeout - time.time()

    def refuses(self, child: Child, incarnation: int, *, new_run: bool) -> bool:
        """Whether no further life may begin because the run's time is up; the run then ends without one."""
        left = self.left(child)
        if new_run or left is None or left > 0:
            return False
        self._over(child)
        self._supervisor.tell(LaunchFailed(child.name, incarnation, "the run's time is up", begun=True))
        return True

    def close(self) -> None:
        """Time nothing more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _look(self, child: Child, run_id: str) -> None:
        self._timers.pop(child.name, None)
        state = self._supervisor.state(child)
        left = self.left(child)
        if child.run_id != run_id or state is None or state.over or not state.run_open or left is None:
            return
        if left > 0:
            self.begin(child)
        else:
            self._over(child)

    def _over(self, child: Child) -> None:
        supervisor = self._supervisor
        limit = child.plan.run_timeout or 0.0
        reason = ExitReason(
            kind="run_timeout", what=f"the run took longer than its run_timeout of {span(limit)}", at=time.time()
        )
        state = supervisor.state(child)
        present = child.present if child.present is not None and not child.present.exited else None
        incarnation = present.life.incarnation if present else state.incarnation if state else 0
        if self._told.get(child.name) != child.run_id:
            self._told[child.name] = child.run_id
            fields = {"verdict": reason.kind, "words": reason.what, "run_id": child.run_id}
            supervisor.lines.journal("alert", child.path, incarnation, fields)
        if present is not None and present.incident is None:
            supervisor.incidents.open(child, present, _incident(child, incarnation, reason, limit))
        supervisor.tell(StopChild(child.name, reason))


def _incident(child: Child, incarnation: int, reason: ExitReason, limit: float) -> Incident:
    return Incident(
        id=f"{child.path}#{incarnation}",
        path=child.path,
        incarnation=incarnation,
        verdict=reason.kind,
        severity="warning",
        thresholds={"seconds": limit},
        facts={
            "words": reason.what,
            "since": child.run_started_at,
            "detected_s": round(time.time() - child.run_started_at, 3),
        },
        action="stop",
    )
