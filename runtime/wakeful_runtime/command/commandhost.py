"""Hosts a program: from GO to the last words, as other hosts do with an actor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

from wakeful.exits import ExitReason
from wakeful.life import Kept
from wakeful.plan import ChildPlan
from wakeful.rules.exitcodes import meaning_of
from wakeful_runtime.command import asking, ending, readiness
from wakeful_runtime.command.ears import Ears
from wakeful_runtime.command.hearing import Hearing
from wakeful_runtime.command.notifysocket import Datagram, is_of
from wakeful_runtime.command.outfit import Outfit
from wakeful_runtime.command.program import End, NotStarted, Program, identity_of
from wakeful_runtime.command.signs import Signs
from wakeful_runtime.command.texts import Texts
from wakeful_runtime.host.lastwords import reason_of
from wakeful_runtime.host.nodelife import NodeLife
from wakeful_runtime.host.stage import Ordered, Stage

WATCHDOG = "WATCHDOG=1"


class CommandHost:
    """One program, its group below this process, its words on this process's loop."""

    def __init__(self, plan: ChildPlan) -> None:
        if plan.command is None:
            raise TypeError(f"{plan.name}: a plan of kind {plan.kind} without a program")
        self._command = plan.command
        self._ordered: Ordered | None = None
        self._loop = asyncio.new_event_loop()
        self._order_came = asyncio.Event()
        self._task: asyncio.Task[ExitReason] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = contextlib.ExitStack()
        self._hearing: Hearing | None = None
        self._texts: Texts | None = None
        self._ready = False
        self._log_from = 0
        self._stage: Stage
        self._life: NodeLife
        self._program: Program
        self._signs: Signs

    def order(self, ordered: Ordered) -> None:
        """Ask for the end, on the loop; the first one counts."""
        if self._ordered is None:
            self._ordered = ordered
            self._order_came.set()

    def work(self) -> asyncio.Task[Any] | None:
        """Nothing on the loop is the work here."""
        return None

    def run(self, stage: Stage) -> ExitReason:
        """Live; returns how it ended."""
        asyncio.set_event_loop(self._loop)
        self._stage = stage
        return self._loop.run_until_complete(self._loop.create_task(self._live(stage), name="wakeful-host"))

    async def _live(self, stage: Stage) -> ExitReason:
        program = self._program = Program()
        self._signs = self._promised()
        stage.before_fenced = lambda: program.signal(signal.SIGKILL)
        await stage.open()
        stage.clocks.program(self._facts)
        stage.chaos.modes |= self._chaos(program)
        self._life = stage.life()
        self._task = asyncio.create_task(self._work(stage), name="program")
        order = asyncio.create_task(self._order_came.wait(), name="wakeful-order")
        await asyncio.wait({self._task, order}, return_when=asyncio.FIRST_COMPLETED)
        reason = self._task.result() if self._ordered is None else await self._end_in_order(stage, self._ordered)
        for task in (order, *self._tasks):
            task.cancel()
        self._closing.close()
        await stage.close()
        return reason

    async def _work(self, stage: Stage) -> ExitReason:
        """Until the program has ended; what goes wrong becomes the reason."""
        try:
            hearing, ears = self._start(stage)
            end = await self._program.ended
            await ears.finish()
            if self._texts is not None:
                await self._texts.end()
            return await self._conclude(end, hearing)
        except NotStarted as error:
            return ExitReason(kind="start_failed", what=str(error), at=time.time())
        except Exception as error:  # a fault of the host's own: the supervisor hears of it too
            stage.log.exception("the host failed")
            return reason_of(error, starting=not self._ready)

    def _start(self, stage: Stage) -> tuple[Hearing, Ears]:
        """Start the program and all that listens to it.

        Raises:
            NotStarted: it can't be run.
        """
        command, program, life = self._command, self._program, self._life
        who = identity_of(command.user)
        watchdog = self._signs.within if command.alive == "notify" else None
        outfit = Outfit(command, stage.plan, stage.directory, life, who, watchdog, stage.spare)
        self._closing.callback(outfit.close)
        self._closing.callback(program.close)
        self._log_from = os.fstat(1).st_size
        program.on_change = stage.tell_facts
        program.start(command, command.cwd, outfit.env, outfit.streams, who)
        outfit.given()
        stage.log.info("started", program=command.argv[0], pid=program.pid)
        hearing = Hearing(stage, life, program, self._signs, command.cwd, who.uid if who else None)
        users = frozenset({os.geteuid(), who.uid if who else os.geteuid()})

        def ours(datagram: Datagram) -> bool:
            return is_of(datagram.sender, program.group, os.getpid(), users)

        ears = Ears(hearing, outfit.socket, outfit.lines, ours)
        self._closing.callback(ears.close)
        ears.begin()
        program.on_last = ears.hear
        self._hearing = hearing
        if outfit.output is not None:
            outfit.output.begin()
            self._closing.callback(outfit.output.close)
        if outfit.inbox is not None:
            self._texts = Texts(stage.inbox, outfit.inbox, hearing)
            self._begin(self._texts.hand_over(), "inbox")
        self._begin(hearing.work(), "hearing")
        self._begin(self._become_ready(stage, hearing, outfit), "ready")
        return hearing, ears

    async def _become_ready(self, stage: Stage, hearing: Hearing, outfit: Outfit) -> None:
        kind, _, rest = self._command.ready.partition(":")
        if kind == "notify":
            await hearing.ready.wait()
        elif kind == "port":
            await readiness.listens(int(rest))
        elif outfit.output is not None:
            await outfit.output.seen.wait()
        self._ready = True
        stage.ready()
        await self._watch(stage, outfit)

    async def _watch(self, stage: Stage, outfit: Outfit) -> None:
        """Miss its signs of life, from now on."""
        alive, beat, command = self._command.alive, stage.plan.heartbeat, self._command
        self._signs.came()
        if isinstance(alive, str) and alive != "notify":
            await asking.keep_asking(
                lambda: asking.over_http(alive), self._signs, beat.every, beat.timeout, stage.tell_facts
            )
        elif isinstance(alive, tuple):
            await asking.keep_asking(
                lambda: asking.by_command(self._program, alive, command.cwd, outfit.env, beat.timeout),
                self._signs,
                beat.every,
                beat.timeout,
                stage.tell_facts,
            )
        while True:
            news, pause = self._signs.look()
            if news:
                stage.tell_facts()
            await asyncio.sleep(pause if pause is not None else beat.every)

    async def _conclude(self, end: End, hearing: Hearing) -> ExitReason:
        """Commit the outcome if the job is done; why the life is over."""
        command = self._command
        meaning = meaning_of(end.code, success=command.success, never_restart=command.never_restart)
        if meaning == "done" and (self._ordered is None or hearing.result is not None):
            await self._life.finish("ok", hearing.result or Kept("plain", None), "")
            return ExitReason(kind="returned", what="ok", at=time.time(), code=end.code)
        if self._ordered is not None:
            return self._ordered.reason
        said = ending.last_said(1, self._log_from, f'"path": "{self._life.path}"')
        return ending.reason_of(end, command, said, ready=self._ready, errno=hearing.errno)

    async def _end_in_order(self, stage: Stage, ordered: Ordered) -> ExitReason:
        """Ask the program to end, and wait for that; whoever waits for this life kills it when the time is up."""
        self._life.stopping = True
        stage.durables.close()
        stage.clocks.stopping()
        self._program.signal(signal.Signals[self._command.stop_signal])
        assert self._task is not None
        try:
            async with asyncio.timeout(ordered.deadline):
                await asyncio.wait({self._task})
        except TimeoutError:
            stage.log.warning("not finished within shutdown", seconds=ordered.deadline)
            return ordered.reason
        finally:
            if not ordered.cancel_only:  # else a verdict stands: what is in hand may be its cause
                await stage.inbox.put_back()
        reason = self._task.result()
        return reason if reason.kind == "returned" else ordered.reason

    def _promised(self) -> Signs:
        """What sign of life is expected, and how often: as a hang of any session, found within `every + timeout`."""
        beat, alive = self._stage.plan.heartbeat, self._command.alive
        what = WATCHDOG if alive is None or alive == "notify" else alive if isinstance(alive, str) else alive[0]
        return Signs(what, None if alive is None else beat.every + beat.timeout)

    def _facts(self) -> dict[str, Any] | None:
        """For the monitor; called by the control thread."""
        if not self._program.pid:
            return None
        return {
            "pid": self._program.pid,
            "stopped_at": self._program.stopped_at,
            "silent_since": self._signs.silent_since,
            "within": self._signs.within or 0.0,
            "sign": self._signs.what,
        }

    def _chaos(self, program: Program) -> dict[str, Callable[[], None]]:
        """Failures are rehearsed on the program; what only Python can do is a stop of it here."""
        freeze = dict.fromkeys(
            ("stop", "loop-block", "gil", "await-forever", "no-progress"), lambda: program.signal(signal.SIGSTOP)
        )
        return {
            **freeze,
            "kill": lambda: program.signal(signal.SIGKILL),
            "error": lambda: program.signal(signal.SIGABRT),
        }

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        task.add_done_callback(self._over)
        self._tasks.append(task)

    def _over(self, task: asyncio.Task[None]) -> None:
        """What listens to the program may not end before it; its fault ends this life."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.order(Ordered(reason_of(error, starting=not self._ready), None, cancel_only=True))
