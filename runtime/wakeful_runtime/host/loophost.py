"""Hosts an actor or a session on the event loop, from GO to its last words."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from wakeful.actor import Living, make, settled
from wakeful.exits import ExitReason
from wakeful.message import Message
from wakeful.session import Session, closed, conclude
from wakeful_runtime.host.lastwords import describe, reason_of
from wakeful_runtime.host.nodelife import NodeLife
from wakeful_runtime.host.outcome import commit
from wakeful_runtime.host.stage import Ordered, Stage, journal_failure

TIDY = 1.0
"""How long the tasks a life leaves behind may take to end, seconds."""


class LoopHost:
    """One actor on one loop, in the main thread."""

    def __init__(self) -> None:
        self._ordered: Ordered | None = None
        self._order_came = asyncio.Event()
        self._task: asyncio.Task[ExitReason] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._actor: Living | None = None
        self._ready = False
        self._returned = False

    def order(self, ordered: Ordered) -> None:
        """Ask for the end, on the loop; the first one counts."""
        if self._ordered is None:
            self._ordered = ordered
            self._order_came.set()

    def work(self) -> asyncio.Task[Any] | None:
        """The task of `run`, or of an actor's handlers."""
        return self._task

    def run(self, stage: Stage, kind: type[Living]) -> ExitReason:
        """Live; returns how it ended. The loop is left open: closing would wait for the threads of `to_thread`."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(loop.create_task(self._live(stage, kind), name="wakeful-host"))
        except (SystemExit, KeyboardInterrupt) as error:  # a task may end the loop with these
            return reason_of(error, starting=not self._ready)

    async def _live(self, stage: Stage, kind: type[Living]) -> ExitReason:
        loop = asyncio.get_running_loop()
        await stage.open()
        life = stage.life()
        self._task = loop.create_task(self._work(stage, life, kind), name="run")
        order = loop.create_task(self._order_came.wait(), name="wakeful-order")
        await asyncio.wait({self._task, order}, return_when=asyncio.FIRST_COMPLETED)
        if self._ordered is None:
            reason = self._task.result()
        else:
            reason = await self._end_in_order(stage, life, self._ordered)
        order.cancel()
        await _tidy()
        await stage.close()
        return reason

    async def _work(self, stage: Stage, life: NodeLife, kind: type[Living]) -> ExitReason:
        """All of the user's code but `on_stop`; what it raises becomes the reason."""
        try:
            actor = self._actor = await self._start(stage, life, kind)
            self._ready = True
            stage.ready()
            if stage.plan.kind == "session":
                return await self._run(stage, life, cast(Any, actor))
            await stage.mailbox.pump()
            raise RuntimeError("the mailbox stopped handing out messages")
        except asyncio.CancelledError as error:
            if self._ordered is not None:
                raise
            return reason_of(error, starting=not self._ready)
        except BaseException as error:
            stage.log.exception("life ended by an error")
            return reason_of(error, starting=not self._ready)

    async def _start(self, stage: Stage, life: NodeLife, kind: type[Living]) -> Living:
        session = stage.plan.kind == "session"
        actor = make(kind, life, {} if session else stage.plan.args)
        _ = actor.resumed  # a checkpoint that can't be read fails the start, not the run
        await settled(actor.on_start())  # type: ignore[attr-defined]

        def on_error(message: Message, error: Exception) -> str:
            if not session:
                return "raise"
            journal_failure(life, message, error)
            return "continue"

        stage.serve(actor, on_error)
        return actor

    async def _run(self, stage: Stage, life: NodeLife, session: Session[Any]) -> ExitReason:
        self._pump = asyncio.get_running_loop().create_task(stage.mailbox.pump(), name="wakeful-handlers")
        self._pump.add_done_callback(self._pump_over)
        await stage.appointment.wait()
        result = await session.run(**stage.plan.args)
        kept = conclude(session, result)
        met: Any = await settled(session.postcondition(result))
        await closed(session)
        self._returned = True
        return await commit(life, kept, met)

    def _pump_over(self, pump: asyncio.Task[None]) -> None:
        """A session's handlers end with it; before that, only by something no handler may raise."""
        error = None if pump.cancelled() else pump.exception()
        if error is not None:
            self.order(Ordered(reason_of(error, starting=False), None, cancel_only=True))

    async def _end_in_order(self, stage: Stage, life: NodeLife, ordered: Ordered) -> ExitReason:
        """Cancel the work, then `on_stop`, all within the deadline; a result that is being committed is waited for."""
        life.stopping = True
        stage.durables.close()
        stage.clocks.stopping()
        stage.chaos.heal()
        assert self._task is not None
        try:
            async with asyncio.timeout(ordered.deadline):
                if not self._returned:
                    await self._finish_message(stage, ordered)
                    self._task.cancel()
                await asyncio.wait({self._task})
                if self._pump is not None:
                    self._pump.cancel()
                if not self._returned and self._ready and not ordered.cancel_only:
                    await self._on_stop(ordered.reason)
                await stage.inbox.put_back()
        except TimeoutError:
            stage.log.warning("not finished within shutdown", seconds=ordered.deadline)
        return self._task.result() if self._returned and self._task.done() else ordered.reason

    async def _finish_message(self, stage: Stage, ordered: Ordered) -> None:
        """An actor may finish the message in hand, in half the time there is; those behind it are not begun."""
        mailbox, done = stage.mailbox, asyncio.Event()
        if stage.plan.kind == "session" or ordered.cancel_only or mailbox.in_hand_since is None:
            return
        mailbox.on_handled = lambda _: done.set()
        stage.mailbox.serve({})
        try:
            async with asyncio.timeout(None if ordered.deadline is None else ordered.deadline / 2):
                await done.wait()
        except TimeoutError:
            stage.log.warning("the message in hand is given up")

    async def _on_stop(self, reason: ExitReason) -> None:
        if self._actor is None:
            return
        try:
            await settled(self._actor.on_stop(reason))  # type: ignore[attr-defined]
        except Exception as error:
            self._actor.log.exception("on_stop failed", error=describe(error))


async def _tidy() -> None:
    """Cancel what user code left running, so that its `finally` blocks run; never wait long for it."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=TIDY)
