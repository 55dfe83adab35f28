"""A supervisor's incidents, from the first word to the outcome; in order per incident, and nobody waits for them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import structlog

from wakeful.errors import NodeError
from wakeful.exits import Evidence, ExitReason, Verdict
from wakeful.rules.judgement import POLICIES
from wakeful.rules.words import ended, span
from wakeful_runtime.evidence.evidence import last_lines, last_seen
from wakeful_runtime.evidence.hungline import raised_in
from wakeful_runtime.evidence.incidents import Incident
from wakeful_runtime.store.client import StoreRefused
from wakeful_runtime.supervision.child import NODE_KINDS, Body, Child, Present

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

WAITING = "waiting for the next life to make progress"
_GRAVE = frozenset({"fatal", "start_failed", "budget", "oom", "unkillable"})
_PAUSES = frozenset({"shutdown", "sibling", "restart", "node_lost", "retry_after", "fenced", "orphaned"})
"""Ends after which the run goes on: whether it has recovered is still to be seen."""
_OWN_WORD = frozenset({"fatal", "start_failed", "budget", "oom", "unkillable"})
"""Ends that are told apart from a process that just ended."""


class IncidentBook:
    """Opens an incident when a life is ended or ends unasked, and closes it when the next life got somewhere."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._lines = supervisor.lines
        self._log = structlog.get_logger("wakeful.supervisor").bind(supervisor=self._lines.path)

    def open(self, child: Child, present: Present, incident: Incident) -> asyncio.Event:
        """Write an incident of this life; the event is set when it is committed."""
        present.incident = child.last_incident = incident.id
        written = asyncio.Event()
        fields = incident.fields()
        fields["facts"] |= {"run_id": child.run_id, "agent": child.plan.agent}
        self._supervisor.spawn(self._write("incident_open", fields, written))
        return written

    def add(self, incident: str, **fields: Any) -> asyncio.Event:
        """Add what became known; the event is set when it is committed."""
        written = asyncio.Event()
        self._supervisor.spawn(self._write("incident_update", {"id": incident, **fields}, written))
        return written

    def over(self, child: Child, present: Present, reason: ExitReason) -> None:
        """A life has ended: the incident of the one before it is closed, its own waits for the next life."""
        earlier, child.recovering = child.recovering, None
        if earlier == present.incident:
            earlier = None  # it was open while this life could not be ended
        number = present.life.incarnation
        if earlier is not None and reason.kind == "returned":
            self._close(earlier, f"recovered: incarnation {number} returned its result")
        elif earlier is not None and reason.failure:
            self._close(earlier, f"not recovered: incarnation {number} ended without progress ({reason.kind})")
        elif earlier is not None and reason.kind in _PAUSES:
            child.recovering = earlier
        elif earlier is not None:
            self._close(earlier, f"not recovered: incarnation {number} was stopped before it made progress")
        if present.incident is None and reason.failure and present.condemned is None:
            self.open(child, present, _unasked(child, present, reason))
            self._supervisor.spawn(self._last_traces(child, present, present.incident or "", reason))
        if present.incident is not None:
            child.recovering = present.incident
            self.add(present.incident, outcome=f"ended ({reason.kind}); {WAITING}")

    def began(self, child: Child, present: Present) -> None:
        """The life after it is there; that is no recovery yet."""
        if child.recovering is not None:
            outcome = f"incarnation {present.life.incarnation} has begun; waiting for it to make progress"
            self.add(child.recovering, outcome=outcome)

    def run_over(self, child: Child, outcome: str) -> None:
        """No further life comes: what is open is closed."""
        self._recovered(child, outcome)

    def progressed(self, child: Child, present: Present) -> None:
        """The life after it got somewhere: only that is a recovery."""
        self._recovered(child, f"recovered: incarnation {present.life.incarnation} made progress")

    def ready(self, child: Child, present: Present) -> None:
        """The node's own processes have no progress to make."""
        if child.plan.kind in NODE_KINDS:
            self._recovered(child, f"recovered: incarnation {present.life.incarnation} is ready")

    def parked(self, child: Child, why: str, reason: ExitReason, *, until: float | None) -> None:
        """No next life comes without a person, or before `until` (monotonic seconds)."""
        present = child.present if child.present is not None and not child.present.exited else None
        if present is not None and present.incident is not None:
            child.recovering = present.incident
        elif child.recovering is None:
            incident = _of_park(child, reason)
            child.recovering = child.last_incident = incident.id
            if present is not None:
                present.incident = incident.id
            self._supervisor.spawn(self._write("incident_open", incident.fields(), asyncio.Event()))
        left = None if until is None else until - self._lines.clock()
        waits = "waits for a person" if left is None else f"waits for a person, resumes by itself in {span(left)}"
        if reason.kind == "unkillable":
            waits = "waits until it is gone"
        severity = "critical" if child.plan.kind == "monitor" else "error"  # with it all that it watches stands still
        self.add(child.recovering, action="review", severity=severity, outcome=f"{waits}: {why}")

    async def adopt(self) -> None:
        """Take over what the supervisor before has left open."""
        children = {child.path: child for child in self._supervisor.children.values() if child.kept}
        if not children:
            return
        prefix = self._supervisor.prefix or None
        try:
            told = await self._lines.store.request("incidents", path=prefix, open=True, acked=True, limit=1000)
        except NodeError as error:
            self._log.warning("open incidents not read", error=str(error))
            return
        for row in told["rows"]:  # the newest first
            child = children.get(row["path"])
            if child is not None and child.recovering is None:
                child.recovering = str(row["id"])

    def _recovered(self, child: Child, outcome: str) -> None:
        if child.recovering is not None:
            self._close(child.recovering, outcome)
            child.recovering = None

    def _close(self, incident: str, outcome: str) -> None:
        self.add(incident, outcome=outcome, closed_at=time.time())

    async def _last_traces(self, child: Child, present: Present, incident: str, reason: ExitReason) -> None:
        """What a life that is gone has left: its log, its last checkpoint, the lease it had open."""
        lines = self._lines
        log = await asyncio.to_thread(last_lines, lines.directory.log(child.path))
        answer = present.facts.answer if present.facts else None
        pulse = answer.pulse if answer else None
        evidence = Evidence(
            process={"state": "gone", "code": reason.code, "signal": reason.signal},
            tasks=(reason.detail,) if reason.detail else (),
            log=log,
            checkpoint=asdict(pulse.checkpoint) if pulse and pulse.checkpoint else None,
            lease=asdict(pulse.lease) if pulse and pulse.lease else None,
            last_seen=last_seen(present.facts),
        )
        self.add(incident, evidence={**evidence.model_dump(mode="json"), "line": raised_in(reason.detail)})

    async def _write(self, op: str, fields: Body, written: asyncio.Event) -> None:
        try:
            await self._lines.store.request(op, **fields)
        except StoreRefused as refused:
            self._log.warning("incident not written", incident=fields.get("id"), why=refused.why)
        except NodeError as error:  # the lane is closed: this process ends
            self._log.warning("incident not written", incident=fields.get("id"), why=str(error))
        written.set()


def _unasked(child: Child, present: Present, reason: ExitReason) -> Incident:
    """The incident of a life that ended by itself, or by somebody else's hand."""
    policy = POLICIES[Verdict.EXITED]
    return Incident(
        id=f"{child.path}#{present.life.incarnation}",
        path=child.path,
        incarnation=present.life.incarnation,
        verdict=reason.kind if reason.kind in _OWN_WORD else str(Verdict.EXITED),
        severity="error" if reason.kind in _GRAVE else policy.severity,
        thresholds=_thresholds(child, reason),
        facts={
            "words": ended(reason.kind, reason.what),
            "since": reason.at,
            "detected_s": 0.0,
            "kind": reason.kind,
            "code": reason.code,
            "signal": reason.signal,
        },
        action=policy.action,
    )


def _of_park(child: Child, reason: ExitReason) -> Incident:
    """The incident of a child that is parked though no life of it has ended: it can't be started, or not be ended."""
    present = child.present
    incarnation = present.life.incarnation if present is not None else 0
    return Incident(
        id=f"{child.path}#{incarnation}.{round(time.time() * 1000)}",
        path=child.path,
        incarnation=incarnation,
        verdict=reason.kind,
        severity="error",
        thresholds={},
        facts={"words": ended(reason.kind, reason.what), "since": reason.at or time.time(), "kind": reason.kind},
        action="review",
    )


def _thresholds(child: Child, reason: ExitReason) -> dict[str, Any]:
    if reason.kind == "budget":
        return child.plan.budget.model_dump(exclude_none=True)
    return {"seconds": 0.0, **child.plan.heartbeat.model_dump()}
