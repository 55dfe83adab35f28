"""Hosts a BlockingSession: `run` in the main thread with no event loop there, the mailbox on a loop beside it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from wakeful.actor import Living, make
from wakeful.blocking import BlockingSession
from wakeful.errors import Stopped
from wakeful.exits import ExitReason
from wakeful.life import LeaseState
from wakeful.message import Message
from wakeful.session import conclude
from wakeful_runtime.host.chaos import block_loop, hold_gil, in_main_thread, throw_in_main_thread
from wakeful_runtime.host.lastwords import describe, reason_of
from wakeful_runtime.host.nodelife import NodeLife
from wakeful_runtime.host.outcome import commit
from wakeful_runtime.host.stage import Ordered, Stage, journal_failure

R = TypeVar("R")


class BlockingLife(NodeLife):
    """A life whose user code runs in another thread than its loop."""

    loop: asyncio.AbstractEventLoop
    _hung = False
    _waiting: set[concurrent.futures.Future[Any]]
    _lock: threading.Lock

    @classmethod
    def beside(cls, stage: Stage, loop: asyncio.AbstractEventLoop) -> BlockingLife:
        """The life of `stage`, its calls run on `loop`."""
        life = stage.life(cls)
        assert isinstance(life, cls)
        life.loop, life._waiting, life._lock = loop, set(), threading.Lock()
        return life

    def call(self, work: Coroutine[Any, Any, R], *, interruptible: bool = False) -> R:
        """Run `work` on the loop beside, and wait; from any thread.

        Raises:
            Stopped: a stop came meanwhile, and the call was interruptible.
        """
        self._pass()
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        if not interruptible:
            return future.result()
        with self._lock:
            self._waiting.add(future)
            stopping = self.stopping
        if stopping:
            future.cancel()
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Stopped("this life is being stopped") from None
        finally:
            with self._lock:
                self._waiting.discard(future)

    async def _end_comes(self) -> None:
        """The main thread hears of it when this returns: the call it is in raises `Stopped`."""

    def hang(self) -> None:
        """Chaos: whatever user code calls next never returns."""
        self._hung = True

    def progressed(self, done: int | None, total: int | None, note: str | None) -> None:
        self._pass()
        super().progressed(done, total, note)

    def lease_opened(self, lease: LeaseState) -> None:
        self._pass()
        super().lease_opened(lease)

    def _pass(self) -> None:
        if self._hung:
            threading.Event().wait()

    def interrupt(self) -> None:
        """A stop: whoever waits for something that may never come is told."""
        with self._lock:
            self.stopping = True
            waiting = list(self._waiting)
        for future in waiting:
            future.cancel()

    def journal(self, event: str, fields: dict[str, Any]) -> None:
        self.loop.call_soon_threadsafe(super().journal, event, fields)


class BlockingHost:
    """One BlockingSession: the main thread is the user's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ordered: Ordered | None = None
        self._life: BlockingLife | None = None
        self._stage: Stage | None = None
        self._ready = False
        self._actor: BlockingSession[Any] | None = None
        self._pump: asyncio.Task[None] | None = None

    def order(self, ordered: Ordered) -> None:
        """Ask for the end, on the loop; the main thread learns of it at its next call. The first one counts."""
        if self._ordered is not None:
            return
        self._ordered = ordered
        if self._stage is not None:
            self._stage.clocks.stopping()
        if self._life is not None:
            self._life.interrupt()

    def work(self) -> asyncio.Task[Any] | None:
        """Nothing on the loop is the work here."""
        return None

    def run(self, stage: Stage, kind: type[Living]) -> ExitReason:
        """Live; returns how it ended."""
        self._stage = stage
        threading.Thread(target=self._loop.run_forever, name="wakeful-mailbox", daemon=True).start()
        self._wait(stage.open())
        self._life = life = BlockingLife.beside(stage, self._loop)
        stage.chaos.modes |= {
            "await-forever": life.hang,
            "no-progress": life.hang,
            "error": throw_in_main_thread,
            "loop-block": in_main_thread(block_loop),
            "gil": in_main_thread(hold_gil),
        }
        try:
            reason = self._work(stage, life, kind)
        except BaseException as error:  # noqa: BLE001 - the process ends with it, and its supervisor is told
            reason = self._after(stage, error)
        self._wait(stage.close())
        return reason

    def _work(self, stage: Stage, life: BlockingLife, kind: type[Living]) -> ExitReason:
        session = self._actor = cast("BlockingSession[Any]", make(kind, life, {}))
        _ = session.resumed
        session.on_start()

        def on_error(message: Message, error: Exception) -> str:
            journal_failure(life, message, error)
            return "continue"

        stage.serve(session, on_error)
        self._loop.call_soon_threadsafe(self._begin_pump)
        self._ready = True
        stage.ready()
        if stage.plan.not_before is not None:
            life.call(stage.appointment.wait(), interruptible=True)
        result = session.run(**stage.plan.args)
        kept = conclude(session, result)
        met = session.postcondition(result)
        return self._wait(commit(life, kept, met))

    def _begin_pump(self) -> None:
        assert self._stage is not None
        self._pump = self._loop.create_task(self._stage.mailbox.pump(), name="wakeful-handlers")

    def _after(self, stage: Stage, error: BaseException) -> ExitReason:
        ordered = self._ordered
        if ordered is None:
            stage.log.exception("life ended by an error")
            return reason_of(error, starting=not self._ready)
        if not isinstance(error, Stopped):
            stage.log.error("failed while stopping", error=describe(error))
        if self._ready and self._actor is not None and not ordered.cancel_only:
            try:
                self._actor.on_stop(ordered.reason)
            except Exception as failed:
                stage.log.exception("on_stop failed", error=describe(failed))
        self._wait(stage.inbox.put_back())
        return ordered.reason

    def _wait(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
