"""The root supervisor: the node's own processes, the user's tree, who is where, and the API."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.plan import MonitorPlan
from wakeful.rules.events import StopAll, StopChild
from wakeful_runtime.gateway.api import Api
from wakeful_runtime.gateway.apiserver import ApiServer
from wakeful_runtime.gateway.chronicle import Chronicle
from wakeful_runtime.gateway.nodeplan import NodeStart, read_start
from wakeful_runtime.gateway.systemplan import system_plan
from wakeful_runtime.host.logs import open_log
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.init.initclient import Disowned, Held, InitClient, LifeGiven, NodeNews, Push, StopOrder
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.init.pushes import LifeContinued, LifeEmpty, LifeStopped
from wakeful_runtime.processes import boot_id
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.supervision.adoption import adopt
from wakeful_runtime.supervision.child import Body, Child
from wakeful_runtime.supervision.lending import watches
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.restartlimit import RestartLimit
from wakeful_runtime.supervision.supervisor import Supervisor
from wakeful_runtime.transport.control import ControlServer

BEAT_S = 0.5
"""How often the main loop tells init that it runs; init's patience is 2 s."""

SETTLE_S = 2.0

LOOK_S = 0.5

ACTORS_STOP_S = 10.0
"""How long the node's own actors may take to stop before the store does."""

STOP_LOOK_S = 0.005

STORELESS_S = 10.0
"""How long an ordered stop waits for a store that is away."""


def main(birth: Birth) -> int:
    """Run the gateway; the exit status."""
    open_log(birth.path, birth.incarnation)
    return asyncio.run(GatewayProcess(birth, read_start(birth.directory)).run())


class GatewayProcess:
    """One life of the gateway."""

    def __init__(self, birth: Birth, start: NodeStart) -> None:
        self._birth = birth
        self._start = start
        self._log = structlog.get_logger("wakeful.gateway")
        self._stopped: asyncio.Future[ExitReason] | None = None
        self._system_stopped: asyncio.Future[ExitReason] | None = None
        self._supervisors: tuple[Supervisor, ...] = ()
        self._early: list[Push] = []
        self._chronicle: Chronicle | None = None
        self._stopping = False
        self._booted = False
        self._beaten_at = time.monotonic()

    async def run(self) -> int:
        """Adopt, supervise, stop; the exit status."""
        loop = asyncio.get_running_loop()
        self._stopped, self._system_stopped = loop.create_future(), loop.create_future()
        lines = self._lines()
        lines.control.open()
        system = Supervisor(
            system_plan(self._start.plan), "", lines, on_finished=_settle(self._system_stopped), limit=RestartLimit()
        )
        root = Supervisor(self._start.plan.root, "", lines, on_finished=_settle(self._stopped))
        self._supervisors = (system, root)
        self._chronicle = Chronicle(lines)
        api = Api(self._start, system, root, lines)
        server = ApiServer(self._birth.directory, api)
        beating, watching = loop.create_task(self._beat(lines)), loop.create_task(api.deadman.run())
        try:
            self._table(await lines.init.connect())
            await adopt(system)
            self._early = [push for push in self._early if not self._of_system(push)]
            server.open()
            booting = loop.create_task(self._boot(root))
            await self._until_stopped(booting, lines)
            await self._stop_system(system, lines)
            await lines.init.stopped()
        finally:
            beating.cancel()
            watching.cancel()
            server.close()
            for supervisor in self._supervisors:
                await supervisor.close()
            await lines.store.close()
            await lines.init.close()
            lines.control.close()
        return 0

    async def _boot(self, root: Supervisor) -> None:
        lines = root.lines
        await root.keeping.discover(root.children, spawned=False)
        if not self._start.resumes:
            await self._hold(lines)
        await adopt(root, hold=not self._start.resumes)
        await self._dismiss_strangers(lines)
        self._booted = True
        if self._chronicle is not None:
            self._chronicle.node(lines.init.facts)
        early, self._early = self._early, []
        for push in early:
            self._pushed(push)

    async def _hold(self, lines: Lines) -> None:
        """Pause every monitor, once for this start: a person who ends the pause means it."""
        told = await lines.store.request("meta_get", key="held")
        if told.get("value") != self._start.epoch:
            for path in _supervisors_of(self._start.plan.root, ""):
                await lines.store.request("meta_put", key=f"paused {path}", value=True)
            await lines.store.request("meta_put", key="held", value=self._start.epoch)

    async def _until_stopped(self, booting: asyncio.Task[None], lines: Lines) -> None:
        """Until all of the tree has stopped. A store that can't come back does not hold up a stop for ever."""
        assert self._stopped is not None
        ordered_at: float | None = None
        while not self._stopped.done():
            waited: set[asyncio.Future[Any]] = {self._stopped} if booting.done() else {self._stopped, booting}
            await asyncio.wait(waited, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            if booting.done():
                booting.result()
            now = lines.clock()
            if ordered_at is None and self._ordered():
                ordered_at = now
            if ordered_at is not None and min(now - ordered_at, lines.store.away_for()) > STORELESS_S:
                self._log.error("stopped without the store: what still runs is killed; see the store's log")
                booting.cancel()
                return

    def _ordered(self) -> bool:
        return self._stopping or any(isinstance(push, StopOrder) for push in self._early)

    async def _stop_system(self, system: Supervisor, lines: Lines) -> None:
        """The store last: what the others and their ends have to tell is written down first."""
        assert self._system_stopped is not None
        reason = ExitReason(kind="shutdown", what="the node stops", at=time.time())
        for child in reversed(system.children.values()):
            if child.plan.kind != "store":
                system.tell(StopChild(child.name, reason))
        until = lines.clock() + ACTORS_STOP_S
        while any(map(_lives, system.children.values())) and lines.clock() < until:  # noqa: ASYNC110 (init tells of it)
            await asyncio.sleep(STOP_LOOK_S)
        await lines.store.flush_journal(2.0)
        lines.journals = False
        system.tell(StopAll(reason))
        await self._system_stopped
        for supervisor in self._supervisors:
            await supervisor.settle(SETTLE_S)

    def _lines(self) -> Lines:
        birth = self._birth
        init = InitClient(
            birth.directory, birth.path, birth.incarnation, birth.token, on_push=self._pushed, on_table=self._table
        )
        control = ControlServer(birth.directory, birth.path, self._heard)
        store = StoreClient(birth.directory, f"{birth.path}#{birth.incarnation}")
        return Lines(birth.directory, birth.path, birth.incarnation, boot_id(), self._start.epoch, init, control, store)

    async def _beat(self, lines: Lines) -> None:
        while True:
            try:
                await lines.init.beat()
            except NodeError as error:
                self._log.warning("init does not answer the beat", error=str(error))
            await asyncio.sleep(BEAT_S)

    def _root(self) -> Supervisor:
        return self._supervisors[1]

    async def _dismiss_strangers(self, lines: Lines) -> None:
        """Lives whose supervisor is no part of the tree any more (the tree was changed) are taken over and ended."""
        paths = {"gateway", *_supervisors_of(self._start.plan.root, "")}
        table = await lines.init.table()
        kept = await lines.store.request("placements")
        paths |= {row["path"] for row in kept["rows"] if row["owner"] in paths and watches(row["plan"])}
        for row in table["table"]:
            if row["owner"] not in paths and row["owner"] != "init" and row["path"] != "gateway":
                await lines.init.give(row["path"], "gateway")

    def _pushed(self, push: Push) -> None:
        match push:
            case Disowned():
                os._exit(74)  # a newer gateway runs: this one must not do anything more, not even unwind
            case _ if not self._booted:
                if not self._of_system(push):
                    self._early.append(push)
            case StopOrder():
                if not self._stopping:
                    self._stopping = True
                    self._root().tell(StopAll(ExitReason(kind="shutdown", what=push.why, at=time.time())))
            case NodeNews():
                if self._chronicle is not None:
                    self._chronicle.node(push.facts)
            case LifeGiven():
                self._table([Held(push.life, push.pidfd, None)])
            case _:
                known = [supervisor.pushed(push) for supervisor in self._supervisors]
                if not any(known) and isinstance(push, ExitReport):
                    self._root().spawn(self._root().departures.acknowledge(push))

    def _of_system(self, push: Push) -> bool:
        """News of the store can't wait until all is adopted: that waits for the store."""
        system = self._supervisors[0]
        if not isinstance(push, ExitReport | LifeEmpty | LifeStopped | LifeContinued):
            return False
        return system.booted.is_set() and system.pushed(push)

    def _table(self, held: list[Held]) -> None:
        if self._booted and self._chronicle is not None:
            self._chronicle.node(self._root().lines.init.facts)
        for each in held:
            if each.life.path == "gateway" and self._chronicle is not None:
                self._root().spawn(self._chronicle.gateway(each))
                continue
            mine = [supervisor for supervisor in self._supervisors if supervisor.held(each)]
            if not mine:
                self._root().spawn(self._root().strange(each))

    def _heard(self, kind: str, path: str, incarnation: int, token: str, body: Body) -> None:
        for supervisor in self._supervisors:
            supervisor.lane.heard(kind, path, incarnation, token, body)


def _supervisors_of(plan: MonitorPlan, prefix: str) -> Iterator[str]:
    for child in plan.children:
        if child.monitor is not None:
            path = f"{prefix}{child.name}"
            yield path
            yield from _supervisors_of(child.monitor, f"{path}/")


def _lives(child: Child) -> bool:
    """Whether one of the node's own that needs the store still runs."""
    return child.plan.kind != "store" and child.present is not None and not child.present.exited


def _settle(future: asyncio.Future[ExitReason]) -> Callable[[ExitReason], None]:
    def settle(reason: ExitReason) -> None:
        if not future.done():
            future.set_result(reason)

    return settle
