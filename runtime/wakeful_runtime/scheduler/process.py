"""The scheduler's process: turns of the scheduler, one after the other, for as long as the node runs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.clients.asyncclient import AsyncClient
from wakeful_runtime.gateway.nodeactor import Place, run_node_actor
from wakeful_runtime.gateway.nodeplan import startable
from wakeful_runtime.gateway.spawnrequest import Agents
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.scheduler.book import Book
from wakeful_runtime.scheduler.chronicle import Chronicle
from wakeful_runtime.scheduler.jobspec import Defaults
from wakeful_runtime.scheduler.ping import Ping
from wakeful_runtime.scheduler.scheduler import Scheduler
from wakeful_runtime.scheduler.starter import Starter
from wakeful_runtime.scheduler.verbs import CronVerbs
from wakeful_runtime.scheduler.zone import machine_zone

Body = dict[str, Any]

LOOK_S = 1.0
"""The longest time between looks at the wall clock, which may be set meanwhile, and at runs that are open."""

IDLE_S = 10.0
"""The same where there is no job; adding one rings."""

SPAWN_S = 30.0


def main(birth: Birth) -> int:
    """Run the scheduler; the exit status."""
    return run_node_actor(birth, _work)


class GatewaySessions:
    """Sessions by way of the gateway."""

    def __init__(self, node: AsyncClient) -> None:
        self._node = node

    async def spawn(self, args: Body) -> Body:
        """The answer of `sessions_spawn`."""
        answer: Body = await self._node.call("sessions_spawn", args, timeout=SPAWN_S)
        return answer

    async def stop(self, path: str) -> None:
        """Stop it in order; one that is gone is no error."""
        try:
            await self._node.call("stop", {"path": path, "why": "replaced or dropped by its job"})
        except NodeError:
            if path in await self.paths():
                raise

    async def paths(self) -> frozenset[str]:
        """Of all that is there."""
        return frozenset(row["path"] for row in await self._node.ps())


class Beat:
    """What the gateway asks for, to see that the scheduler doesn't stand still though its loop runs."""

    def __init__(self) -> None:
        self._turned_at = time.monotonic()
        self.turns = 0

    def turned(self) -> None:
        """A turn is done."""
        self._turned_at = time.monotonic()
        self.turns += 1

    async def answer(self, args: Body) -> Body:
        """`{turned_s, turns}`: how long ago the last turn was done."""
        return {"turned_s": round(time.monotonic() - self._turned_at, 3), "turns": self.turns}


async def _work(place: Place) -> None:
    plan = place.start.plan
    defaults = Defaults(Agents(startable(plan)), plan.timezone or machine_zone())
    book = Book(place.store, defaults)
    chronicle = Chronicle(lambda event, path, fields, key: place.journal(event, path, fields, key=key))
    starter = Starter(book, GatewaySessions(place.node), chronicle, place.log, time.time)
    scheduler = Scheduler(book, starter, chronicle, place.log, time.time)
    bell, beat = asyncio.Event(), Beat()
    verbs, loaded = CronVerbs(scheduler, bell.set), asyncio.Event()

    async def cron(args: Body) -> Any:
        await loaded.wait()
        return await verbs.cron(args)

    place.verbs.update(beat=beat.answer, cron=cron)
    await book.load(plan.schedule, time.time())
    loaded.set()
    scheduler.recover()
    place.ready()
    try:
        await _turns(place, scheduler, starter, bell, beat)
    finally:
        starter.close()


async def _turns(place: Place, scheduler: Scheduler, starter: Starter, bell: asyncio.Event, beat: Beat) -> None:
    ping = Ping.of_environment(place.log)
    stopping = asyncio.ensure_future(place.stopping.wait())
    try:
        while not place.stopping.is_set():
            bell.clear()
            at = await scheduler.turn()
            if scheduler.book.open:
                await scheduler.follow()
            beat.turned()
            ping.turned()
            look = LOOK_S if scheduler.book.jobs or scheduler.book.open else IDLE_S
            wait = look if at is None else min(look, max(0.0, at - time.time()))
            rung = asyncio.ensure_future(bell.wait())
            events: set[asyncio.Future[Any]] = {stopping, rung, starter.failed}
            await asyncio.wait(events, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            rung.cancel()
            if starter.failed.done():
                starter.failed.result()
    finally:
        stopping.cancel()
        ping.close()
