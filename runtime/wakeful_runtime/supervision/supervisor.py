"""Carries out what the rules of supervision command, and tells them what became of it. It has no opinions."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from wakeful.exits import ExitReason
from wakeful.plan import MonitorPlan
from wakeful.rules import commands as c
from wakeful.rules import events as e
from wakeful.rules.childstate import ChildState
from wakeful.rules.supervision import Supervision
from wakeful_runtime.init.initclient import Held, InitRefused, LifeContinued, LifeEmpty, LifeStopped
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.supervision.arrivals import Arrivals
from wakeful_runtime.supervision.child import Child, Present
from wakeful_runtime.supervision.childlane import ChildLane
from wakeful_runtime.supervision.deaths import Deaths
from wakeful_runtime.supervision.departures import Departures
from wakeful_runtime.supervision.ending import end_life, end_orphans
from wakeful_runtime.supervision.incidentbook import IncidentBook
from wakeful_runtime.supervision.keeping import Keeping
from wakeful_runtime.supervision.lending import Lending
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.requests import Requests
from wakeful_runtime.supervision.restartlimit import RestartLimit
from wakeful_runtime.supervision.runclock import RunClock
from wakeful_runtime.supervision.watch import Watch

FAILED = 70
"""Exit status of a supervisor that can't go on (EX_SOFTWARE)."""


class Supervisor:
    """One supervisor: a plan, its rule, its children.

    Args:
        plan: what to supervise.
        prefix: what children's paths begin with; "" for the gateway.
        lines: init, control lane, store.
        on_finished: called once when no child lives and none will.
        limit: on restarts and resumes; without it, the node's.
        on_parked: called when a child waits for a person.
    """

    def __init__(
        self,
        plan: MonitorPlan,
        prefix: str,
        lines: Lines,
        *,
        on_finished: Callable[[ExitReason], None],
        limit: RestartLimit | None = None,
        on_parked: Callable[[Child, c.Park], None] | None = None,
    ) -> None:
        self.plan = plan
        self.prefix = prefix
        self.lines = lines
        self.rule = Supervision(plan, seed=f"{lines.epoch} {prefix}", parallel=2 * (os.cpu_count() or 1))
        self.children = {each.name: Child(each, self.path_of(each.name)) for each in plan.children}
        self.keeping = Keeping(lines)
        self.incidents = IncidentBook(self)
        self.watch = Watch(self)
        self.runclock = RunClock(self)
        self.deaths = Deaths(self)
        self.requests = Requests(self)
        self.lane = ChildLane(self)
        self.departures = Departures(self)
        self.lending = Lending(self)
        self.on_parked = on_parked
        self.arrivals = Arrivals(self, limit or RestartLimit(lines.directory.restarts, lines.boot_id.encode()))
        self._on_finished = on_finished
        self._events: deque[e.Event] = deque()
        self._telling = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self.booted = asyncio.Event()
        self._log = structlog.get_logger("wakeful.supervisor").bind(supervisor=lines.path)

    def path_of(self, name: str) -> str:
        """The path of a child."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def child(self, path: str) -> Child | None:
        """The child at this path, if it is one of ours."""
        name = path[len(self.prefix) + 1 :] if self.prefix else path
        child = self.children.get(name)
        return child if child is not None and child.path == path else None

    def state(self, child: Child) -> ChildState | None:
        """What the rule knows of it."""
        return self.rule.child(child.name)

    # what is learned

    def tell(self, event: e.Event) -> None:
        """Tell the rule, and carry out what it commands; what comes before `boot` is told after it."""
        self._events.append(event)
        if self._telling or not self.booted.is_set():
            return
        self._drain()

    def _drain(self) -> None:
        self._telling = True
        try:
            while self._events:
                for command in self.rule.handle(self._events.popleft(), self.lines.clock()):
                    self._carry_out(command)
        finally:
            self._telling = False

    def boot(self, known: tuple[e.KnownChild, ...], *, paused: bool = False) -> None:
        """Begin, with what is known of the children."""
        self._events.appendleft(e.Boot(known, paused=paused))
        self.booted.set()
        self._drain()
        self.spawn(self.incidents.adopt())
        for child in self.children.values():
            if child.present is not None and not child.present.exited:
                state = self.state(child)
                child.present.ready |= state is not None and state.status == "running"
                self.watch.begin(child, adopted=True)
            self.runclock.begin(child)

    def held(self, held: Held) -> bool:
        """Init holds this life: take it over, or take its exit report. False: no child of ours has this path."""
        child = self.child(held.life.path)
        if child is None:
            return False
        present = child.present
        if present is None or present.life.incarnation < held.life.incarnation:
            child.present = present = Present(held.life, held.life.incarnation, held.pidfd, went=True)
        elif present.life.incarnation == held.life.incarnation and held.pidfd is not None:
            present.close()
            present.pidfd = held.pidfd
        if held.exit is not None:
            self.pushed(held.exit)
        self.lane.take_early_hello(child, present)
        return True

    async def strange(self, held: Held) -> None:
        """A life that nothing in the tree accounts for (the tree was changed): it is ended, and forgotten.

        But for one that another supervisor has handed over.
        """
        if await self.lending.arrived(held):
            return
        life = held.life
        self._log.warning("a life that is no part of the tree", path=life.path, incarnation=life.incarnation)
        if held.pidfd is not None:
            os.close(held.pidfd)
        if held.exit is not None:
            await self.departures.acknowledge(held.exit)
        else:
            self.lines.journal("killed", life.path, life.incarnation, {"what": "it is no part of the tree any more"})
            try:
                await self.lines.init.end(life.path, life.incarnation)
            except InitRefused as refused:
                if refused.code != "gone":
                    raise

    def pushed(self, push: ExitReport | LifeEmpty | LifeStopped | LifeContinued) -> bool:
        """News from init about a life. False: no child of ours has this path."""
        child = self.child(push.path)
        if child is None:
            return False
        match push:
            case ExitReport():
                self.departures.exited(child, push)
            case LifeEmpty():
                self.tell(e.Emptied(child.name, push.incarnation))
            case LifeStopped() | LifeContinued():
                self.watch.stopped(child, push.incarnation, isinstance(push, LifeStopped))
        return True

    # what is commanded

    def _carry_out(self, command: c.Command) -> None:
        match command:
            case c.Launch():
                self.spawn(self.arrivals.launch(self.children[command.child], command))
            case c.StopLife():
                self._stop_life(command)
            case c.KillLife():
                self._kill_life(command)
            case c.WakeAt():
                self._wake_at(command.at)
            case c.Save():
                self.keeping.save(self.children[command.child], command.state)
            case c.Note():
                self._note(command)
            case c.Park():
                child = self.children[command.child]
                state = self.state(child)
                until = state.next_at if state is not None else None
                self.incidents.parked(child, command.why, command.reason, until=until)
                if self.on_parked is not None:
                    self.on_parked(child, command)
            case c.Unpark():
                return
            case c.EndLife():
                child = self.children[command.child]
                self.departures.write(child, command.reason)
            case c.EndOrphans():
                self.spawn(end_orphans(self, self.children[command.child]))
            case c.EndRun():
                child = self.children[command.child]
                self.departures.end_run(child, command)
            case c.Forget():
                child = self.children.pop(command.child)
                self.departures.forget_soon(child)
            case c.Refuse():
                self.arrivals.refused(command)
            case c.Finished():
                self._on_finished(command.reason)

    def _stop_life(self, command: c.StopLife) -> None:
        child = self.children[command.child]
        present = child.numbered(command.incarnation)
        if present is not None:
            self.lane.send(
                child,
                present,
                "stop",
                {"reason": command.reason.model_dump(mode="json"), "deadline_s": command.deadline_s},
            )

    def _kill_life(self, command: c.KillLife) -> None:
        child = self.children[command.child]
        present = child.numbered(command.incarnation)
        if present is None or present.ending:
            return
        present.ending = True
        if present.condemned is None:
            present.condemned = command.reason
        self.spawn(end_life(self, child, present))

    def _wake_at(self, at: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        loop = asyncio.get_running_loop()
        delay = None if at is None else max(0.0, at - self.lines.clock())
        self._alarm = None if delay is None else loop.call_later(delay, self.tell, e.Tick())

    def _note(self, note: c.Note) -> None:
        child = self.children.get(note.child) if note.child else None
        path = child.path if child else (self.prefix or self.lines.path)
        state = self.state(child) if child else None
        number = int(str(note.fields.get("incarnation", state.incarnation if state else self.lines.incarnation)))
        present = child.present if child and child.present and child.present.number == number else None
        incarnation = present.life.incarnation if present else number
        key = f"{path}#{incarnation} exited" if child and note.event == "exited" else ""  # it may be told again
        self.lines.journal(note.event, path, incarnation, note.fields, key=key)

    # its work

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside. Its failure is this process's: the one that replaces it adopts what runs and acts anew."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("supervision failed", exc_info=task.exception())
            sys.stderr.flush()
            os._exit(FAILED)

    def emptied(self) -> None:
        """A monitor that took over one session has nothing to do after its end."""
        if self.plan.watch is not None and not self.children:
            self._on_finished(ExitReason(kind="returned", what="its session is over", at=time.time()))

    async def settle(self, timeout: float) -> None:
        """Let what was begun (acknowledgements, the last things kept) come to its end, for `timeout` seconds."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=timeout)

    async def close(self) -> None:
        """Stop watching; the children live on."""
        self.watch.close()
        self.runclock.close()
        if self._alarm is not None:
            self._alarm.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for child in self.children.values():
            if child.present is not None:
                child.present.close()
