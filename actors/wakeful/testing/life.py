"""A life without a process: everything is recorded, nothing leaves the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from wakeful.checkpoint import Checkpoint
from wakeful.errors import Fenced, NodeError, Stopped
from wakeful.exits import ExitReason, Kind
from wakeful.life import (
    ChildOutcome,
    Courier,
    EffectState,
    Kept,
    KeptCheckpoint,
    LeaseState,
    Log,
    MailItem,
    Plain,
    Waiting,
)
from wakeful.standin import NoProcesses
from wakeful.testing.clock import FakeClock
from wakeful.testing.record import Effect, LeaseRecord, PlayedLife, Progress
from wakeful.values import decode

R = TypeVar("R")
Spawner = Callable[["FakeLife", int, str, dict[str, Plain]], Coroutine[Any, Any, None]]
OVERDUE = 1.0
"""Seconds after a lease's end at which the life is ended, as in a node."""


class Ended(BaseException):
    """The life is over; raised where a thread of it asks for more. No `except Exception` catches it."""


class FakeLife:
    """`wakeful.life.Life` for tests.

    Args:
        record: where everything goes.
        path: the actor's.
        clock: the loop's.
        courier: carries its messages.
        log: its logger.
        crash_at: ends at the n-th checkpoint of this name, or in the effect of this key, after it happened.
        spawner: plays the children.
    """

    def __init__(
        self,
        record: PlayedLife,
        path: str,
        clock: FakeClock,
        courier: Courier,
        log: Log,
        crash_at: tuple[str, int] | None,
        spawner: Spawner,
    ) -> None:
        self.record = record
        self.path = path
        self.courier = courier
        self.log = log
        self.previous: ExitReason | None = None
        self.resumed: KeptCheckpoint | None = None
        self.stopping = False
        self.time_left: float | None = None
        self.over: asyncio.Future[ExitReason] = asyncio.get_running_loop().create_future()
        self.thread = False
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._crash_at = crash_at
        self._spawner = spawner
        self._leases: dict[int, tuple[LeaseRecord, asyncio.TimerHandle | None]] = {}

    @property
    def incarnation(self) -> int:
        return self.record.incarnation

    @property
    def run_id(self) -> str:
        return self.record.run_id

    @property
    def directory(self) -> Path:
        return self.record.run.directory()

    @property
    def node(self) -> NoReturn:
        raise NodeError("there is no node in wakeful.testing; test what uses `self.node` with a real one")

    def now(self) -> float:
        return self._clock.time()

    async def save(self, name: str, state: Kept, version: int) -> int:
        self._alive()
        kept = KeptCheckpoint(name, state, len(self.record.run.kept) + 1, self._clock.wall(), version)
        self.record.run.kept.append(kept)
        kind = getattr(self.record.run.cls, "state_type", lambda: Any)()
        value = decode(state, kind, of=f"checkpoint {name!r}")
        self.record.checkpoints.append(Checkpoint(name, value, kept.seq, kept.at))
        if self._crash_here(name, sum(1 for each in self.record.checkpoints if each.name == name)):
            await self._end("killed", f"crash_at={name!r}")
        return kept.seq

    def progressed(self, done: int | None, total: int | None, note: str | None) -> None:
        self._alive()
        self.record.progress.append(Progress(done, total, note))

    def lease_opened(self, lease: LeaseState) -> None:
        self._alive()
        record = LeaseRecord(lease.what, lease.until - lease.since, lease.blocking, lease.since, lease.until)
        self.record.leases.append(record)
        self._leases[lease.id] = (record, self._deadline(lease))

    def lease_changed(self, lease: LeaseState) -> None:
        self._alive()
        record, deadline = self._leases[lease.id]
        if deadline is not None:
            deadline.cancel()
        record.until, record.seconds = lease.until, lease.until - lease.since
        self._leases[lease.id] = (record, self._deadline(lease))

    def lease_closed(self, lease: LeaseState) -> None:
        record, deadline = self._leases.pop(lease.id)
        if deadline is not None:
            deadline.cancel()
        record.closed_at = self.now()

    async def effect_begin(self, key: str, scope: Literal["run", "node"]) -> EffectState:
        self._alive()
        if self.stopping:
            raise Stopped(f"once({key!r}) does not begin while the life is being stopped")
        effects = self.record.run.effects_of(scope)
        known = effects.get(key)
        if known is None:
            effects[key] = Effect(key, "begun", incarnation=self.incarnation)
            return EffectState("new")
        if known.status == "begun":
            known.status = "unknown"
        return EffectState(known.status, known.result)

    async def effect_end(
        self,
        key: str,
        scope: Literal["run", "node"],
        status: Literal["done", "failed", "unknown", "skipped"],
        result: Kept | None,
    ) -> None:
        self._alive()
        if status == "done" and self._crash_here(key, 1):
            await self._end("killed", f"crash_at={key!r}: it happened, and nobody could write that down")
        effects = self.record.run.effects_of(scope)
        if status == "failed":
            effects.pop(key, None)
        else:
            effects[key] = Effect(key, status, result, self.incarnation)

    async def spend(self, tokens: int, cost: float, calls: int) -> None:
        self._alive()
        for name, amount in (("tokens", tokens), ("cost", cost), ("calls", calls)):
            self.record.spent[name] += amount

    @contextmanager
    def waiting(self, what: Waiting) -> Generator[None]:
        yield

    async def next_mail(self) -> MailItem:
        self._alive()
        if not self.record.mail:
            raise AssertionError(
                "the session waits for its inbox and there is no mail left; give live(…, mail=[…]) more"
            )
        return self.record.mail.pop(0)

    async def mail_done(self, mail: MailItem, reply: str | None) -> None:
        self._alive()
        self.record.replies.append(reply)

    async def spawn(self, number: int, code: str, args: dict[str, Plain]) -> str:
        self._alive()
        if number not in self.record.run.children:
            await self._spawner(self, number, code, args)
        return f"{self.path}-{number}"

    async def child_result(self, path: str, timeout: float | None) -> ChildOutcome:
        self._alive()
        return self.record.run.children[int(path.rpartition("-")[2])]

    def journal(self, event: str, fields: dict[str, Plain]) -> None:
        self.record.journal.append((event, fields))

    @contextmanager
    def started_processes(self) -> Generator[NoProcesses]:
        yield NoProcesses()

    def call(self, work: Coroutine[Any, Any, R], *, interruptible: bool = False) -> R:
        if self.over.done():
            work.close()
            raise Ended
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _crash_here(self, name: str, times: int) -> bool:
        return self._crash_at is not None and self._crash_at == (name, times)

    async def _end(self, kind: Kind, what: str) -> NoReturn:
        """As a kill: what the life was doing never goes on."""
        self._over(kind, what)
        if self.thread:
            raise Ended
        await asyncio.Event().wait()
        raise AssertionError("a life went on after its end")

    def _over(self, kind: Kind, what: str) -> None:
        if not self.over.done():
            self.over.set_result(ExitReason(kind=kind, what=what, at=self._clock.wall(), in_a_row=1))

    def _alive(self) -> None:
        if self.over.done():
            raise Fenced(f"{self.path}#{self.incarnation} is over: {self.over.result()}")

    def _deadline(self, lease: LeaseState) -> asyncio.TimerHandle | None:
        if self.thread:
            return None  # timers belong to the loop's thread, and a thread's own time is real
        return self._loop.call_at(lease.until + OVERDUE, self._overdue, lease)

    def _overdue(self, lease: LeaseState) -> None:
        later = [record for record, _ in self._leases.values() if record.until > lease.until]
        if not later:
            self._over("overdue", f"lease {lease.what!r} ran out after {lease.until - lease.since:g} s")
