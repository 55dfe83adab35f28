"""What a running process lends to its actor inside a node: `wakeful.life.Life` by store, lanes and control thread."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from wakeful.errors import CodecError, Fenced, NodeError, SpawnRefused, Stopped
from wakeful.exits import ExitReason
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
    Started,
    Waiting,
)
from wakeful.plan import ChildPlan
from wakeful_runtime.host.durable import in_hand
from wakeful_runtime.host.entry import entry
from wakeful_runtime.host.facts import LifeClocks
from wakeful_runtime.host.go import STATE_BYTES, Go
from wakeful_runtime.host.inbox import Inbox
from wakeful_runtime.host.pulse import Pulse, RequestRefused
from wakeful_runtime.host.spawned import outcome_of, traits
from wakeful_runtime.host.started import started_processes
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.wire import pack

R = TypeVar("R")
Scope = Literal["run", "node"]

LEASE_FLUSH = 1.0
"""How long a blocking lease may wait for the control lane to have it, seconds."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What binds a life to its node; made by the host before the actor.

    Attributes:
        end: ask the host to end this life in order, for this reason.
        fenced: end this process now; user code must not run again.
        connect: makes the client of api.md §2.
    """

    store: StoreClient
    courier: Courier
    pulse: Pulse
    clocks: LifeClocks
    inbox: Inbox
    log: Log
    end: Callable[[ExitReason], None]
    fenced: Callable[[str], NoReturn]
    connect: Callable[[], Any]


class NodeLife:
    """One life in a node. Its coroutines run on the main loop; the rest may be called from any thread."""

    def __init__(self, birth: Birth, plan: ChildPlan, go: Go, ties: Ties) -> None:
        self._birth = birth
        self._plan = plan
        self._go = go
        self._ties = ties
        self._node: Any = None
        self._spent = False
        self.stopping = False
        if go.resumed is not None:
            ties.clocks.resumed_from(go.resumed.name, go.resumed.seq, go.resumed.at)

    @property
    def path(self) -> str:
        return self._birth.path

    @property
    def incarnation(self) -> int:
        return self._birth.incarnation

    @property
    def run_id(self) -> str:
        return self._go.run_id

    @property
    def directory(self) -> Path:
        """The run's own; made when it is first asked for."""
        folder = self._birth.directory.run(self.run_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @property
    def log(self) -> Log:
        return self._ties.log

    @property
    def resumed(self) -> KeptCheckpoint | None:
        return self._go.resumed

    @property
    def previous(self) -> ExitReason | None:
        return self._go.previous

    @property
    def time_left(self) -> float | None:
        """Wall time, over all lives of the run; never below 0."""
        if self._plan.run_timeout is None:
            return None
        began = max(self._go.started_at, self._plan.not_before or 0.0)
        return max(0.0, began + self._plan.run_timeout - time.time())

    @property
    def courier(self) -> Courier:
        return self._ties.courier

    @property
    def node(self) -> Any:
        if self._node is None:
            self._node = self._ties.connect()
        return self._node

    def now(self) -> float:
        return time.monotonic()

    async def save(self, name: str, state: Kept, version: int) -> int:
        """Commit a checkpoint; its `seq`.

        Raises:
            CodecError: the state is larger than 16 MiB.
        """
        data = pack(state.value)
        _check_size(f"checkpoint {name!r}", data)
        mails = self._ties.inbox.in_hand()
        row = await self._store(
            "checkpoint",
            name=name,
            form=state.form,
            state=data,
            version=version,
            hash=hashlib.sha256(data).hexdigest(),
            handled=in_hand() + mails,
        )
        self._ties.inbox.handled(mails)
        self._ties.clocks.checkpointed(name, int(row["seq"]), time.time())
        return int(row["seq"])

    def progressed(self, done: int | None, total: int | None, note: str | None) -> None:
        self._ties.clocks.progressed(done, total, note)

    def lease_opened(self, lease: LeaseState) -> None:
        """A blocking one is with the control lane when this returns: after it nothing here may get to say so."""
        bounded = self._bounded(lease)
        self._ties.clocks.lease_opened(bounded)
        if bounded.blocking:
            facts = self._ties.clocks.snapshot()
            body = {"event": "lease", "lease": asdict(bounded), "facts": facts}
            self._ties.pulse.push("event", body, flush=LEASE_FLUSH)

    def lease_changed(self, lease: LeaseState) -> None:
        self.lease_opened(lease)

    def lease_closed(self, lease: LeaseState) -> None:
        self._ties.clocks.lease_closed(lease)

    async def effect_begin(self, key: str, scope: Scope) -> EffectState:
        if self.stopping:
            raise Stopped(f"once({key!r}): this life is being stopped, nothing new begins")
        row = await self._store("effect_begin", key=key, scope=scope)
        return EffectState(row["status"], _kept(row))

    async def effect_end(
        self, key: str, scope: Scope, status: Literal["done", "failed", "unknown", "skipped"], result: Kept | None
    ) -> None:
        form, value = (result.form, result.value) if result else (None, None)
        await self._store("effect_end", key=key, scope=scope, status=status, form=form, result=value)
        if status == "done":
            self._ties.clocks.acted()

    async def spend(self, tokens: int, cost: float, calls: int) -> None:
        """A spent budget asks for the end and doesn't come back: the cancel that follows is raised here."""
        totals = await self._store("spend", tokens=tokens, cost=cost, calls=calls)
        over = _over(self._plan, totals)
        if over and not self._spent:
            self._spent = True
            self._ties.end(ExitReason(kind="budget", what=over, at=time.time()))
            await self._end_comes()

    async def _end_comes(self) -> None:
        await asyncio.Event().wait()

    def waiting(self, what: Waiting) -> AbstractContextManager[None]:
        return self._ties.clocks.waiting(what)

    async def next_mail(self) -> MailItem:
        with self.waiting("inbox"):
            mail = await self._ties.inbox.next()
        self._ties.clocks.acted()
        return mail

    async def mail_done(self, mail: MailItem, reply: str | None) -> None:
        with self.waiting("store"):
            await self._ties.inbox.done(mail, reply)

    async def spawn(self, number: int, code: str, args: dict[str, Plain]) -> str:
        """The n-th child's path.

        Raises:
            SpawnRefused: the supervisor starts no more.
        """
        asked = {"run_id": self.run_id, "number": number, "code": code, "args": args, **traits(code)}
        try:
            with self.waiting("child"):  # its supervisor may be away, and waits for the store
                return str(await self._ties.pulse.request("spawn", asked))
        except RequestRefused as error:
            raise SpawnRefused(str(error), status="forbidden") from None

    async def child_result(self, path: str, timeout: float | None) -> ChildOutcome:
        """How the child's run ended; waits for it.

        Raises:
            TimeoutError: it goes on.
        """
        asked = {"run_id": self.run_id, "path": path}
        with self.waiting("child"):
            async with asyncio.timeout(timeout):
                row: dict[str, Any] = await self._ties.pulse.request("child_result", asked)
        self._ties.clocks.acted()
        return outcome_of(row)

    def journal(self, event: str, fields: dict[str, Plain]) -> None:
        self._ties.store.journal([entry(self._birth, event, fields)])

    def started_processes(self) -> AbstractContextManager[Started]:
        return started_processes()

    def call(self, work: Coroutine[Any, Any, R], *, interruptible: bool = False) -> R:
        """Only a BlockingSession's life has a loop beside it."""
        work.close()
        raise NodeError("this actor runs on the event loop: await the call instead")

    async def finish(self, outcome: str, kept: Kept | None, why: str) -> None:
        """Commit the run's one outcome."""
        form, value = (kept.form, kept.value) if kept else (None, None)
        _check_size("the result", pack(value))
        mails = self._ties.inbox.in_hand()
        await self._store("finish", outcome=outcome, form=form, value=value, why=why, handled=mails)
        self._ties.inbox.handled(mails)

    async def _store(self, op: str, **args: Any) -> dict[str, Any]:
        """Ask the store for this run; waits while it is away, and the progress clock stands still."""
        about: dict[str, Any] = {"run_id": self.run_id, "path": self.path, "incarnation": self.incarnation}
        try:
            with self.waiting("store"):
                return await self._ties.store.request(op, **about, **args)
        except Fenced as error:
            self._ties.fenced(str(error))

    def _bounded(self, lease: LeaseState) -> LeaseState:
        """No lease outlasts the run's own time."""
        left = self.time_left
        return lease if left is None else replace(lease, until=min(lease.until, self.now() + left))


def _kept(row: dict[str, Any]) -> Kept | None:
    form = row.get("form")
    return Kept(form, row["result"]) if form else None


def _check_size(of: str, data: bytes) -> None:
    if len(data) > STATE_BYTES:
        raise CodecError(f"{of} has {len(data):,} bytes; at most 16 MiB are stored: put files in self.directory")


def _over(plan: ChildPlan, totals: dict[str, Any]) -> str:
    """Which part of the budget is spent, in words; empty if none is."""
    limits = {"tokens": plan.budget.tokens, "cost": plan.budget.cost, "calls": plan.budget.calls}
    spent = [
        f"{totals[name]:g} of {limit:g} {name}" for name, limit in limits.items() if limit and totals[name] >= limit
    ]
    return ", ".join(spent)
