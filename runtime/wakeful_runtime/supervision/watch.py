"""Probes the children of a supervisor and has the rules judge what is heard. Never asks and waits."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from wakeful.errors import CodecError
from wakeful.exits import ExitReason, Verdict
from wakeful.rules import doubt as doubts
from wakeful.rules import words
from wakeful.rules.events import Condemned, Progressed
from wakeful.rules.facts import Answer, Facts, Look, Probe, read_pulse
from wakeful.rules.judgement import Judgement
from wakeful.rules.routine import is_routine
from wakeful.rules.verdict import judge
from wakeful_runtime.evidence.incidents import Incident, incident_of
from wakeful_runtime.evidence.vitals import clocks, look
from wakeful_runtime.supervision.child import Body, Child, Present
from wakeful_runtime.supervision.memorywatch import MemoryWatch
from wakeful_runtime.supervision.storewatch import StoreWatch

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

SUSPICIOUS_TICK = 0.25
"""Seconds between looks at its own clocks while a probe is outstanding; otherwise it sleeps until something is due."""

FRESH_S = 1.0
"""Seconds for which what was last heard of a child is news enough for a person who asks."""

REFRESH_S = 0.1
"""Seconds a person waits for news; a healthy child answers within milliseconds, another is not waited for."""

COALESCE = 0.01
"""Seconds a look may wait for others that fall due meanwhile: one wake-up for all. Early would be for nothing."""


def _look(present: Present) -> Look:
    """At the process; for a command at its program, unless its host itself has been stopped."""
    facts = present.facts
    program = facts.program if facts is not None and facts.stopped_at is None else None
    return look(present.life.pid, program=program.pid if program is not None else None)


class Watch:
    """The heartbeats of one supervisor's children."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._lines = supervisor.lines
        self._doubt = doubts.Doubt()
        self._heap: list[tuple[float, int, Child, Present]] = []
        self._numbers = itertools.count()
        self._memory = MemoryWatch(supervisor)
        self._store = StoreWatch(supervisor)
        self._asked: set[str] = set()
        self._all_answered = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._due = float("inf")
        self._log = structlog.get_logger("wakeful.monitor").bind(monitor=self._lines.path)

    # the life of a watch

    def begin(self, child: Child, *, adopted: bool) -> None:
        """Watch the child's present life."""
        present = child.present
        if present is None:
            return
        now = self._lines.clock()
        known = present.facts
        present.facts = Facts(
            kind=child.watched_kind,
            launched_at=present.life.forked_at,
            watched_at=now,
            ready_at=now if present.ready else None,
            answer=known.answer if known else None,
        )
        if adopted:
            self._probe(child, present, now)
            present.facts = present.facts.looked(_look(present))  # nobody tells again that it was stopped
        self._memory.begin(child, present)
        self._judge(child, present, now)

    def ready(self, child: Child, present: Present) -> None:
        """`on_start` returned."""
        if present.facts is not None:
            now = self._lines.clock()
            present.facts = replace(present.facts, ready_at=present.facts.ready_at or now)
            self._supervisor.incidents.ready(child, present)
            self._judge(child, present, now)

    def stopped(self, child: Child, incarnation: int, stopped: bool) -> None:
        """Init saw that a signal stopped the process, or that it goes on."""
        present = child.living(incarnation)
        if present is not None and present.facts is not None:
            now = self._lines.clock()
            present.facts = replace(present.facts, stopped_at=now if stopped else None)
            self._judge(child, present, now)

    def over(self, child: Child, present: Present, reason: ExitReason) -> None:
        """The life has ended."""
        present.due = float("inf")
        self._asked.discard(child.name)
        self._memory.end(child)
        self._supervisor.incidents.over(child, present, reason)

    def leave(self, child: Child) -> None:
        """Another supervisor watches it now."""
        if child.present is not None:
            child.present.due = float("inf")
        self._asked.discard(child.name)
        self._memory.end(child)

    # what is heard

    def heard(self, child: Child, present: Present, kind: str, body: Body) -> None:
        """A hello, an answer, or an event of the control thread."""
        facts = present.facts
        raw = body.get("facts")
        if raw is None and kind != "answer":
            return
        try:
            pulse = read_pulse(raw or {})
        except CodecError as error:
            self._log.warning("facts dropped", path=child.path, error=str(error))
            return
        now = self._lines.clock()
        if facts is None:
            present.facts = facts = Facts(child.watched_kind, present.life.forked_at, now)
        nonce = int(body.get("nonce") or 0)
        sent_at = facts.sent_at(nonce)
        answer = Answer(nonce, now if sent_at is None else sent_at, now, float(body.get("loop_age") or 0.0), pulse)
        before = facts.answer.pulse.checkpoint if facts.answer else None
        routine = sent_at is not None and facts.doubt.at == self._doubt.at
        routine = routine and is_routine(facts, present.judgement, answer)
        present.facts = facts.answered(answer)
        if present.facts.probe is None:
            self._asked.discard(child.name)
            if not self._asked:
                self._all_answered.set()
        self._progress(child, present, before is None or pulse.checkpoint != before)
        if not routine:
            self._judge(child, present, now)

    def _progress(self, child: Child, present: Present, new_checkpoint: bool) -> None:
        facts = present.facts
        if facts is None or facts.answer is None or present.went is False:
            return
        pulse = facts.answer.pulse
        handled = child.plan.kind == "actor" and pulse.handled > 0
        if pulse.progress_reported or handled:
            self._supervisor.incidents.progressed(child, present)
        if pulse.checkpoint is not None and new_checkpoint:
            self._supervisor.tell(Progressed(child.name, present.number, pulse.checkpoint.seq))
        elif handled:
            self._supervisor.tell(Progressed(child.name, present.number))

    def again(self, child: Child, present: Present) -> None:
        """Judge it now: something that isn't its own has changed."""
        self._judge(child, present, self._lines.clock())

    async def refresh(self) -> None:
        """Ask everybody who was last heard of a while ago: between two probes of a minute much happens."""
        now = self._lines.clock()
        for child in self._supervisor.children.values():
            present = child.present
            answer = present.facts.answer if present is not None and present.facts is not None else None
            if present is None or answer is None or present.exited or child.name in self._asked:
                continue
            if now - answer.at > FRESH_S:
                self._probe(child, present, now)
                self._judge(child, present, now)
        if self._asked:
            self._all_answered.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S):
                    await self._all_answered.wait()

    # judging

    def _tick(self) -> None:
        self._alarm = None
        due, self._due = self._due, float("inf")
        self._lines.control.drain()
        self._doubt, finding = doubts.observe(self._doubt, clocks(), due=due)
        if finding is not None:
            path, incarnation = self._lines.path, self._lines.incarnation
            fields = {"cause": finding.cause, "lost_s": round(finding.lost, 3), "words": finding.words}
            self._lines.journal("doubt", path, incarnation, fields)
            if finding.lasting:
                told = {"verdict": str(Verdict.STARVED), "words": words.doubts_itself(finding.lasting, finding.words)}
                self._lines.journal("alert", path, incarnation, told)
        now = self._lines.clock()
        for child, present in self._take_due(now):
            self._judge(child, present, now)
        self._sleep()

    def _take_due(self, until: float) -> list[tuple[Child, Present]]:
        taken: list[tuple[Child, Present]] = []
        while self._heap and self._heap[0][0] <= until:
            when, _, child, present = heapq.heappop(self._heap)
            if present.due == when and child.present is present and not present.exited:
                present.due = float("inf")  # it is off the heap: whatever is due next is put there anew
                taken.append((child, present))
        return taken

    def _judge(self, child: Child, present: Present, now: float) -> None:
        facts = present.facts
        if facts is None or present.exited or present.ending or child.present is not present:
            return
        if facts.answer is not None and facts.answer.pulse.waiting_for == "store":
            facts = present.facts = self._store.told(facts, now)
        # Only a deadline of its own excuses a stop from being judged: a monitor has as long as its children take.
        stopping = child.plan.shutdown is not None and self._supervisor.rule.is_stopping(child.name)
        away = child.stored and self._store.away()
        if facts.doubt.at != self._doubt.at or (facts.store_away, facts.stopping) != (away, stopping):
            facts = present.facts = replace(facts, doubt=self._doubt, store_away=away, stopping=stopping)
        verdict = judge(facts, child.plan.heartbeat, now)
        asks = verdict.probe_at is not None and verdict.probe_at <= now
        looks = verdict.look_at is not None and verdict.look_at <= now
        if asks:
            self._probe(child, present, now)
        if looks:
            present.facts = (present.facts or facts).looked(_look(present))
        if asks or looks:
            verdict = judge(present.facts or facts, child.plan.heartbeat, now)
        self._note(child, present, verdict)
        if verdict.killing and present.condemned is None:
            self._condemn(child, present, verdict)
            return
        self._due_at(
            child,
            present,
            min(verdict.judge_at, verdict.probe_at or verdict.judge_at, verdict.look_at or verdict.judge_at),
            now,
        )

    def _note(self, child: Child, present: Present, verdict: Judgement) -> None:
        before, present.judgement = present.judgement, verdict
        suspected = before is not None and before.suspect
        if verdict.suspect and not suspected:
            fields = {"verdict": str(verdict.verdict), "words": verdict.words}
            self._lines.journal("suspect", child.path, present.life.incarnation, fields)
        if verdict.verdict == Verdict.STARVED and (before is None or before.verdict != Verdict.STARVED):
            self._lines.journal("starved", child.path, present.life.incarnation, {"words": verdict.words})
        if verdict.held and not (before is not None and before.held):
            fields = {"verdict": str(verdict.verdict), "words": verdict.held}
            self._lines.journal("held", child.path, present.life.incarnation, fields)
        if verdict.alert and not (before is not None and before.alert and before.verdict == verdict.verdict):
            fields = {"verdict": str(verdict.verdict), "words": verdict.words}
            self._lines.journal("alert", child.path, present.life.incarnation, fields)

    def _condemn(self, child: Child, present: Present, verdict: Judgement) -> None:
        reason = ExitReason(kind=verdict.exit_kind, what=verdict.words, at=time.time())
        incarnation, facts = present.life.incarnation, present.facts
        assert facts is not None
        now = self._lines.clock()
        incident = incident_of(child.path, incarnation, verdict, facts, child.plan.heartbeat, now=now)
        self.condemn(child, present, reason, incident)

    def condemn(self, child: Child, present: Present, reason: ExitReason, incident: Incident) -> None:
        """End this life for what was found, which stands whatever is learnt later."""
        present.condemned, present.case = reason, incident
        fields = {"verdict": incident.verdict, "words": incident.facts["words"]}
        if "seconds" in incident.thresholds:
            fields |= {"silent_s": incident.facts["detected_s"], "threshold_s": incident.thresholds["seconds"]}
        self._lines.journal("confirmed", child.path, present.life.incarnation, fields)
        self._supervisor.tell(Condemned(child.name, present.number, reason))

    def _probe(self, child: Child, present: Present, now: float) -> None:
        nonce = self._lines.number()
        if present.facts is not None:
            present.facts = present.facts.sent(Probe(nonce, now))
            self._asked.add(child.name)
        if present.connected:
            self._supervisor.lane.send(child, present, "probe", {"nonce": nonce})
        else:
            self._supervisor.lane.call(child, present)

    # when to wake up

    def _due_at(self, child: Child, present: Present, when: float, now: float) -> None:
        when = max(when, now + 0.001)
        if present.due != when:
            present.due = when
            heapq.heappush(self._heap, (when, next(self._numbers), child, present))
        if when + COALESCE < self._due:
            self._wake(min(when + COALESCE, now + self._longest()))

    def _sleep(self) -> None:
        if self._heap:
            now = self._lines.clock()
            self._wake(min(max(now, self._heap[0][0] + COALESCE), now + self._longest()))

    def _longest(self) -> float:
        """A stop of the whole monitor is only seen by a tick that was due while it lasted."""
        return SUSPICIOUS_TICK if self._asked else doubts.OWN_TICK

    def _wake(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._due = when
        self._alarm = asyncio.get_running_loop().call_later(max(0.0, when - self._lines.clock()), self._tick)

    def close(self) -> None:
        """Judge nothing more."""
        self._memory.close()
        if self._alarm is not None:
            self._alarm.cancel()

    def verdict(self, child: Child) -> Verdict | None:
        """What is thought of the child now, for `ps`."""
        present = child.present
        return present.judgement.verdict if present is not None and present.judgement is not None else None
