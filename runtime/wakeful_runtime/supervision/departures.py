"""How an exit becomes an end: last words, the reason, the record, the acknowledgement."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.rules.commands import EndRun
from wakeful.rules.events import Ended, LaunchFailed
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.supervision.child import Body, Child, Present
from wakeful_runtime.supervision.launch import run_of
from wakeful_runtime.supervision.reasons import needs_last_words, reason_of, status_reason

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

LAST_WORDS_S = 0.1
"""How long an exit report waits for the child's own last words, which come on another socket."""

LOOK_S = 0.005

WATCHED = "it watches no more: its session is over, or back with its own monitor"

JOURNAL_S = 10.0
"""How long an acknowledgement waits for the journal: a supervisor that dies right after it would leave a gap there."""


class Departures:
    """The ends of a supervisor's children. An exit is acknowledged when all it caused is kept."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._written: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._kept: set[tuple[str, int]] = set()
        self._log = structlog.get_logger("wakeful.supervisor").bind(supervisor=supervisor.lines.path)

    def exited(self, child: Child, report: ExitReport) -> None:
        """Init has reported an exit; it repeats that until it is acknowledged."""
        present = child.living(report.incarnation)
        if present is not None:
            present.exited = True
            present.over.set()
            self._supervisor.spawn(self._ended(child, present, report))
        elif child.present is None or child.present.life.incarnation != report.incarnation:
            self._supervisor.spawn(self._late(report))
        elif (report.path, report.incarnation) in self._kept:  # init did not hear that
            self._supervisor.spawn(self.acknowledge(report))

    def write(self, child: Child, reason: ExitReason) -> None:
        """Write how the present life ended; begun before its next one is."""
        if child.stored and child.present is not None:
            writing = self._supervisor.keeping.end_life(child, child.present.life.incarnation, reason)
            self._written[child.name] = asyncio.get_running_loop().create_task(writing)

    def end_run(self, child: Child, command: EndRun) -> None:
        """Commit the outcome of a run that ended otherwise than by returning."""
        if child.stored:
            work = asyncio.get_running_loop().create_task(self._end_run(child, command))
            self._runs[child.name] = work
            self._supervisor.spawn(_done(work))

    async def _end_run(self, child: Child, command: EndRun) -> None:
        supervisor, run_id = self._supervisor, child.run_id
        await supervisor.keeping.end_run(child, command.incarnation, command.outcome, command.why)
        told = await supervisor.lines.store.request("result", run_id=run_id)
        kept = told.get("partial")
        partial = f"; checkpoint {kept['seq']} {kept['name']!r} is kept as its partial result" if kept else ""
        supervisor.incidents.run_over(child, f"the run is over: {command.outcome}{partial}")
        supervisor.requests.ring()

    def forget_soon(self, child: Child) -> None:
        """A spawned child is over."""
        self._supervisor.spawn(self._forget(child, self._runs.get(child.name)))

    async def _clean(self, child: Child, run_id: str | None) -> None:
        """`cleanup="delete"`: what a run that is over has left, but its result and the journal."""
        if child.plan.cleanup != "delete" or not child.stored or not run_id:
            return
        run = await self._supervisor.keeping.run(run_id)
        if run is None or run["outcome"] is None:
            return
        folder = self._supervisor.lines.directory.run(run_id)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if folder.exists():
            self._log.warning("the directory of a run can't be removed", run_id=run_id, directory=str(folder))
        await self._supervisor.lines.store.request("clean_run", run_id=run_id)

    async def _forget(self, child: Child, closing: asyncio.Task[None] | None) -> None:
        """A spawned child is over: keep nothing more of it than its run."""
        if closing is not None:
            await closing
        run_id = child.plan.run_id
        if run_id is not None and not child.run_id:
            end: Body = {"why": "stopped before it began"} if child.stored else {"outcome": "ok", "why": WATCHED}
            request = self._supervisor.lines.store.request
            await request("never_begun", path=child.path, run_id=run_id, run=run_of(child.plan), **end)
        await self._clean(child, child.run_id or run_id)
        if child.name not in self._supervisor.children:  # else the next one of this name is kept in its place already
            self._supervisor.keeping.forget(child)
        if child.plan.monitor is not None and child.plan.monitor.watch is not None:
            await self._supervisor.lending.reclaim()
        self._supervisor.emptied()

    async def _ended(self, child: Child, present: Present, report: ExitReport) -> None:
        supervisor = self._supervisor
        await supervisor.booted.wait()
        if child.present is not present:
            await self._late(report)
            return
        if needs_last_words(present, report):
            await self._last_words(present)
        state = supervisor.state(child)
        reason = reason_of(present, report, ordered=state.ordered if state else None)
        if reason.kind in ("killed", "unknown") and present.go is None and supervisor.keeping.of_earlier_start(child):
            reason = reason.model_copy(update={"kind": "node_lost", "what": "the node ended under it"})
        seen = Ended(child.name, present.number, reason, report.empty)
        end = await self._stored_end(child, present, seen) if child.stored else seen
        supervisor.watch.over(child, present, end.reason if isinstance(end, Ended) else reason)
        present.close()
        run_id = child.run_id
        supervisor.tell(end)
        supervisor.requests.ring()
        for written in (self._written.pop(child.name, None), self._runs.pop(child.name, None)):
            if written is not None:
                await written
        if child.name in supervisor.children:
            await self._clean(child, run_id)
        await supervisor.keeping.flush()
        # The store is stopped next after the node's other own processes: it may take nothing more.
        if child.kept or reason.failure:
            await supervisor.lines.store.flush_journal(JOURNAL_S)
        self._kept.add((report.path, report.incarnation))
        await self.acknowledge(report)

    async def _late(self, report: ExitReport) -> None:
        """Of a life that has a successor: nothing follows from it, but the journal has it, once."""
        lines, reason = self._supervisor.lines, status_reason(report)
        fields = {"kind": reason.kind, "what": reason.what}
        key = f"{report.path}#{report.incarnation} exited"
        lines.journal("exited", report.path, report.incarnation, fields, key=key)
        await lines.store.flush_journal(JOURNAL_S)
        await self.acknowledge(report)

    async def _stored_end(self, child: Child, present: Present, end: Ended) -> Ended | LaunchFailed:
        """The end as the store sees it: a committed outcome stands; a life it never heard of has not begun."""
        keeping = self._supervisor.keeping
        incarnation = present.life.incarnation
        if present.go is None and end.empty and await keeping.last_incarnation(child.path) < incarnation:
            begun = await keeping.run_open(child.path)
            return LaunchFailed(child.name, present.number, end.reason.what, begun=begun)
        reason, checkpoints = await keeping.ended(child, end.reason)
        return replace(end, reason=reason, checkpoints=checkpoints)

    async def _last_words(self, present: Present) -> None:
        control, clock = self._supervisor.lines.control, self._supervisor.lines.clock
        deadline = clock() + LAST_WORDS_S
        while present.bye is None and clock() < deadline:
            control.drain()
            await asyncio.sleep(LOOK_S)

    async def acknowledge(self, report: ExitReport) -> None:
        """Init may forget it."""
        try:
            await self._supervisor.lines.init.ack(report.path, report.incarnation)
        except NodeError as error:
            self._log.warning("exit report not acknowledged", path=report.path, error=str(error))
        else:
            self._kept.discard((report.path, report.incarnation))


async def _done(work: asyncio.Task[None]) -> None:
    """So that its failure is the supervisor's."""
    await work
