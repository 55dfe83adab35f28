"""The herald: follows journal and incidents from where it was, and tells people until they have it.

How far it has followed, what is to be told, what is under way and what has arrived is in the store before the next
step begins, so that it may be killed at any moment: nothing is lost. A message that was under way then is sent once
more and says so.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from zoneinfo import ZoneInfo

from wakeful.errors import NodeError
from wakeful.rules.deliveries import Batch
from wakeful.rules.findings import Finding, of_event, of_incident
from wakeful.rules.letters import Letter, Where, letter, trial
from wakeful.rules.masks import mask, secrets_of
from wakeful.rules.ownfindings import held
from wakeful.rules.routes import Routes, routes_of
from wakeful_runtime.boots import WITHIN_S
from wakeful_runtime.gateway.nodeactor import Place, run_node_actor
from wakeful_runtime.herald.delivery import ByApprise, Delivery, StuckError
from wakeful_runtime.herald.hearing import GATEWAY, SILENT, STORE, Hearing
from wakeful_runtime.herald.ledger import Ledger
from wakeful_runtime.herald.outcome import Outcome
from wakeful_runtime.herald.secret import parts_of, url_of
from wakeful_runtime.host.orders import Body
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.prompt import Prompt
from wakeful_runtime.scheduler.zone import machine_zone

POLL_S = 1.0
"""How often it looks for news, and how soon after they are due messages leave."""

LOOK_S = 10.0
"""How often the gateway is asked whether it is there."""

ALIVE_S = 5.0

SETTLE_S = 3.0
"""What a stop leaves to messages that are under way."""


def main(birth: Birth) -> int:
    """Run the herald; the exit status."""
    return run_node_actor(birth, work)


async def work(place: Place) -> None:
    """What the herald's process does until it is told to stop."""
    await Herald(place, ByApprise()).run()


class Herald:
    """One life of the herald.

    Args:
        delivery: how messages leave.
        gateway, store: what is heard of them.
        look: seconds between two questions to the gateway.
    """

    def __init__(
        self,
        place: Place,
        delivery: Delivery,
        *,
        gateway: Hearing | None = None,
        store: Hearing | None = None,
        look: float = LOOK_S,
    ) -> None:
        plan, root = place.start.plan, place.directory.root
        zone = ZoneInfo(plan.timezone or machine_zone())
        self._place = place
        self._delivery = delivery
        self._routes = routes_of(plan.alerts, zone)
        self._where = Where(f"{socket.gethostname()}:{root}", Prompt.from_anywhere(root).begin, zone)
        self._gateway = gateway or Hearing(GATEWAY)
        self._look_s = look
        self._ledger = Ledger(place.store, self._routes, store or Hearing(STORE), self._news)
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._secrets: tuple[str, ...] = ()

    async def run(self) -> None:
        """Follow and tell until the actor is to stop. What hangs in a thread of the delivery ends with the process."""
        place = self._place
        place.verbs["test"] = self.test
        self._secrets = await asyncio.to_thread(_known_secrets, self._routes)
        place.ready()
        looking = asyncio.create_task(self._look())
        try:
            await self._begin()
            while not place.stopping.is_set():
                await self._turn()
                await _sleep(place.stopping, POLL_S)
                if looking.done():
                    looking.result()
            await self._settle()
        finally:
            for task in (looking, *self._sending.values()):
                task.cancel()

    async def test(self, args: Body) -> list[Body]:
        """Send a trial message to each route, or to `route`, whatever the hour; what came of each.

        Raises:
            NodeError: there is no such route.
        """
        wanted = args.get("route")
        if wanted is not None and wanted not in self._routes:
            raise NodeError(f"no route {wanted!r}; there are {', '.join(self._routes) or 'none'}")
        names = list(self._routes) if wanted is None else [wanted]
        told = trial(self._where)
        outcomes = await asyncio.gather(*(self._try(name, told) for name in names))
        rows: list[Body] = []
        for name, outcome in zip(names, outcomes, strict=True):
            if outcome.ok:
                self._ledger.book.works(name, time.time())
            else:
                self._ledger.book.fails(name, time.time(), outcome.error, pause=outcome.pause)
            rows.append({"route": name, "ok": outcome.ok, "error": outcome.error})
        await self._ledger.write()
        return rows

    async def _try(self, name: str, told: Letter) -> Outcome:
        try:
            return await self._delivery.send(self._routes[name], told)
        except StuckError as error:  # who asks is told; the next delivery ends this life
            return Outcome(ok=False, error=str(error))

    async def _settle(self) -> None:
        """What is under way may still arrive: else it would be sent again by the next herald."""
        under_way = [task for task in self._sending.values() if not task.done()]
        if under_way:
            await asyncio.wait(under_way, timeout=SETTLE_S)

    # following

    async def _begin(self) -> None:
        """Take up what the herald before has left, then look whether the routes can work at all."""
        await self._ledger.load()
        start = self._place.start
        if not start.resumes:
            self._news(held(start.epoch, start.unclean, WITHIN_S, start.at))
        for name, route in self._routes.items():
            error = await self._delivery.check(route)
            if error:
                self._ledger.book.fails(name, time.time(), error)

    async def _turn(self) -> None:
        while await self._follow() and not self._place.stopping.is_set():
            continue
        self._ledger.book.tick(time.time())
        await self._ledger.write()
        for name in self._routes:
            self._send(name)

    async def _follow(self) -> bool:
        """Take in what is new; whether there is more."""
        ledger = self._ledger
        told = await ledger.feed() if await ledger.load() else None
        if told is None:
            return False
        now = time.time()
        for row in told["incidents"]:
            if row["notice"] is None or ledger.book.knows(str(row["id"])):
                ledger.book.take(of_incident(row, self._mask), now)
        for row in told["events"]:
            if row["event"] == "acked":
                ledger.book.acked(int(row.get("notice") or 0), now)
            elif (finding := of_event(row, self._mask)) is not None:
                ledger.book.take(finding, now)
        ledger.followed(told)
        await ledger.write()
        return bool(told["more"])

    async def _look(self) -> None:
        """Ask the gateway, again and again, whether it is there."""
        mine = {"path": self._place.birth.path, "incarnation": self._place.birth.incarnation}
        while True:
            try:
                await self._place.node.call("alive", mine, timeout=ALIVE_S)
            except NodeError as error:
                self._news(self._gateway.silent(str(error)))
            else:
                self._news(self._gateway.heard())
            await asyncio.sleep(self._look_s)

    def _news(self, finding: Finding | None) -> None:
        if finding is not None:
            self._ledger.book.take(finding, time.time())

    def _mask(self, text: str) -> str:
        return mask(text, self._secrets)

    # telling

    def _send(self, name: str) -> None:
        task = self._sending.get(name)
        if task is not None:
            if not task.done():
                return
            task.result()  # what it raised ends this life
        batch = self._ledger.book.batch(name, time.time())
        if batch is not None:
            self._ledger.book.begun(batch)
            self._sending[name] = asyncio.create_task(self._deliver(batch))

    async def _deliver(self, batch: Batch) -> None:
        if not await self._ledger.write() and not any(item.notice.finding.verdict == SILENT for item in batch.items):
            self._ledger.book.withdrawn(
                batch
            )  # the store must know of the attempt, unless the message is about the store
            return
        route, now = self._routes[batch.route], time.time()
        outcome = await self._delivery.send(route, letter(batch, now, self._where))
        fields = {"route": route.name, "alerts": [item.notice.no for item in batch.items][:100]}
        if outcome.ok:
            self._ledger.book.sent(batch, time.time())
            self._place.journal("alerted", "herald", fields)
        else:
            asked, perhaps = outcome.pause, outcome.perhaps
            self._ledger.book.failed(
                batch, time.time(), outcome.error, pause=asked, perhaps=perhaps, luck=random.random()
            )
            if self._ledger.book.states[route.name].failures == 1:
                self._place.journal("alert_failed", "herald", {**fields, "error": outcome.error})
                self._place.log.warning("not delivered", route=route.name, error=outcome.error)
        await self._ledger.write()


def _known_secrets(routes: Routes) -> tuple[str, ...]:
    parts: list[str] = []
    for route in routes.values():
        try:
            parts += parts_of(url_of(route.url))
        except NodeError:
            continue  # it is told of when the route is looked at
    return secrets_of(os.environ, parts)


async def _sleep(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
