"""A scheduler without a node: a real store in memory, a gateway that is played, a clock that the test holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import structlog
from tests.unit.store.books import Books, RefusedError

from wakeful.errors import NodeError
from wakeful.plan import ChildPlan, JobPlan
from wakeful_runtime.gateway.spawnrequest import Agents
from wakeful_runtime.scheduler.book import Book
from wakeful_runtime.scheduler.chronicle import Chronicle
from wakeful_runtime.scheduler.jobspec import Defaults
from wakeful_runtime.scheduler.scheduler import Scheduler
from wakeful_runtime.scheduler.starter import Starter
from wakeful_runtime.scheduler.verbs import CronVerbs
from wakeful_runtime.store.client import StoreRefused

Body = dict[str, Any]
START = 1_760_000_000.0


class CrashedError(Exception):
    """The scheduler is killed here."""


class World:
    """What outlives a scheduler: the store, the sessions, the clock.

    Attributes:
        crash_at: the scheduler dies at its n-th call to the outside.
        after: with the effect of that call, else before it.
        spawned: how often a session was really begun, by run id.
        listed: how often it was asked which sessions are there.
    """

    def __init__(self, plans: Sequence[JobPlan] = ()) -> None:
        self.books = Books()
        self.now = START
        self.plans = plans
        self.calls = 0
        self.crash_at: int | None = None
        self.after = False
        self.spawned: dict[str, int] = {}
        self.asked: list[Body] = []
        self.stopped: list[str] = []
        self.listed = 0
        self.away = False
        self.refuse = ""
        self.entries: dict[str, tuple[str, str, Body]] = {}
        self.scheduler: Scheduler
        self.starter: Starter
        self.verbs: CronVerbs

    async def begin(self) -> None:
        """A new scheduler takes over."""
        agents = Agents({"main": (ChildPlan(name="main", kind="session"), "sessions")})
        book, chronicle = Book(self, Defaults(agents, "UTC")), Chronicle(self._write)
        log = structlog.get_logger("test")
        self.starter = Starter(book, self, chronicle, log, lambda: self.now)
        self.scheduler = Scheduler(book, self.starter, chronicle, log, lambda: self.now)
        self.verbs = CronVerbs(self.scheduler, lambda: None)
        await book.load(self.plans, self.now)
        self.scheduler.recover()

    def _write(self, event: str, path: str, fields: Body, key: str) -> None:
        self.entries.setdefault(key, (event, path, fields))

    def events(self, event: str) -> list[Body]:
        return [fields for what, _, fields in self.entries.values() if what == event]

    def _call(self) -> bool:
        """Count a call to the outside; True: die when it has had its effect."""
        self.calls += 1
        if self.crash_at != self.calls:
            return False
        if not self.after:
            raise CrashedError
        return True

    async def request(self, op: str, *, timeout: float | None = None, **arguments: Any) -> dict[str, Any]:
        """The store."""
        await asyncio.sleep(0)
        dies = self._call()
        self.books.now = self.now
        try:
            answer = self.books.ask(op, **arguments)
        except RefusedError as refused:
            raise StoreRefused(refused.code, str(refused), refused.facts) from None
        if dies:
            raise CrashedError
        return answer

    async def spawn(self, args: Body) -> Body:
        """The gateway: a run id that was asked for before is the same session."""
        await asyncio.sleep(0)
        dies = self._call()
        if self.away:
            raise NodeError("the gateway is away")
        if self.refuse:
            return {"status": "forbidden", "error": self.refuse}
        run_id = args["runId"]
        self.asked.append(args)
        if run_id not in self.spawned:
            self.spawned[run_id] = 1
            life: Body = {"incarnation": 1, "owner": "sessions", "kind": "session", "boot_id": "b", "new_run": True}
            self.books.now = self.now
            self.books.ask("begin_life", path=f"sessions/{run_id}", run={"run_id": run_id}, **life)
        if dies:
            raise CrashedError
        return {"status": "accepted", "path": f"sessions/{run_id}", "runId": run_id}

    async def stop(self, path: str) -> None:
        """The gateway ends a session."""
        self.stopped.append(path)
        self.end(path.removeprefix("sessions/"), "killed")

    async def paths(self) -> frozenset[str]:
        """Of the sessions."""
        self.listed += 1
        return frozenset(f"sessions/{run_id}" for run_id in self.spawned)

    def end(self, run_id: str, outcome: str = "ok") -> None:
        """The session's run ends."""
        self.books.now = self.now
        self.books.ask("finish", path=f"sessions/{run_id}", incarnation=1, run_id=run_id, outcome=outcome)

    def running(self) -> list[str]:
        """Run ids whose session has no outcome."""
        return [row["run_id"] for row in self.books.ask("runs")["rows"] if row["outcome"] is None]

    async def pass_time(self, seconds: float, *, step: float = 1.0, outcome: str | None = "ok") -> None:
        """Let the clock run, a turn each `step`; sessions end with `outcome` within a step (None: they go on)."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + step)
            await self.turn(outcome)

    async def turn(self, outcome: str | None = "ok") -> None:
        """One turn, and what it starts."""
        await self.scheduler.turn()
        await self._settle()
        for run_id in self.running() if outcome else ():
            if not self.early(run_id):
                self.end(run_id, str(outcome))
        await self.scheduler.follow()
        await self._settle()

    def early(self, run_id: str) -> bool:
        """Its time has not come: it holds still."""
        args = next(args for args in self.asked if args["runId"] == run_id)
        return bool(args["notBefore"] > self.now)

    async def _settle(self) -> None:
        if not self.away and not self.refuse:
            await self.starter.settle()
        if self.starter.failed.done():
            self.starter.failed.result()

    async def lives_on(self, seconds: float, **given: Any) -> None:
        """Let the clock run; a scheduler that is killed is replaced at once."""
        until = self.now + seconds
        while self.now < until:
            try:
                await self.pass_time(until - self.now, **given)
            except CrashedError:
                self.starter.close()
                await self.begin()

    def close(self) -> None:
        self.starter.close()
        with contextlib.suppress(asyncio.CancelledError):
            if self.starter.failed.done():
                self.starter.failed.exception()
        self.books.close()

    async def cron(self, action: str, **args: Any) -> Any:
        """The verb."""
        return await self.verbs.cron({"action": action, **args})

    async def add(self, **changes: Any) -> Any:
        """A job that comes each minute."""
        job = {
            "name": "tick",
            "schedule": {"kind": "every", "everyMs": 60_000},
            "payload": {"kind": "agentTurn", "message": "go"},
            **changes,
        }
        return await self.cron("add", job=job)
