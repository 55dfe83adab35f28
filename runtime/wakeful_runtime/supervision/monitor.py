"""A heartbeat monitor: a supervisor actor in a process of its own. It adopts what runs when it replaces another."""

from __future__ import annotations

import asyncio
import time

import structlog

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful.rules.events import StopAll
from wakeful_runtime.host.answering import answer_call
from wakeful_runtime.host.go import unpack_value
from wakeful_runtime.host.host import prepare
from wakeful_runtime.host.lifeline import Lifeline, open_lifeline
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.init.initclient import Disowned, Held, InitClient, LifeGiven, NodeNews, Push, StopOrder
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.processes import boot_id
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.supervision.adoption import adopt
from wakeful_runtime.supervision.child import Body
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.supervisor import Supervisor
from wakeful_runtime.supervision.verbs import Verbs
from wakeful_runtime.transport.control import ControlServer

GO_S = 15.0
SETTLE_S = 2.0

HANDED_S = 30.0
"""A monitor that is to take a session over and gets none ends after so long."""

COME_S = 5.0
"""How long a session that was just handed over may take to say hello, before it is given back all the same."""

COME_LOOK_S = 0.01

LOOK_S = 30.0
"""The longest time between looks at the wall clock."""


def main(birth: Birth) -> int:
    """Run a monitor; the exit status."""
    lifeline = open_lifeline(birth)
    prepare(birth)
    if lifeline.pulse.wait_go(GO_S) is None:
        return 0
    reason = asyncio.run(MonitorProcess(lifeline).run())
    lifeline.pulse.bye(reason)
    return 70 if reason.failure else 0


class MonitorProcess:
    """One life of a monitor."""

    def __init__(self, lifeline: Lifeline) -> None:
        birth = lifeline.birth
        boot = unpack_value(birth.boot)
        plan = ChildPlan.model_validate(boot["plan"])
        if plan.monitor is None:
            raise NodeError(f"{birth.path} is no monitor")
        self._plan = plan.monitor
        self._epoch: str = boot["epoch"]
        self._birth = birth
        self._postbox = lifeline.postbox
        self._record = lifeline.clocks
        self._pulse = lifeline.pulse
        self._log = structlog.get_logger("wakeful.monitor")
        self._pushes: list[Push] = []
        self._booted = False
        self._supervisor: Supervisor | None = None
        self._finished: asyncio.Future[ExitReason] | None = None

    async def run(self) -> ExitReason:
        """Adopt, supervise, stop; how it ended."""
        loop = asyncio.get_running_loop()
        self._postbox.attach(loop)
        self._finished = loop.create_future()
        lines = self._lines()
        watch = self._plan.watch
        prefix = self._birth.path if watch is None else watch.rpartition("/")[0]
        supervisor = self._supervisor = Supervisor(self._plan, prefix, lines, on_finished=self._on_finished)
        verbs = Verbs(supervisor)
        self._pulse.orders.stop = self._stop
        self._pulse.orders.call = lambda verb, args, answer: supervisor.spawn(
            answer_call(verb, lambda: verbs.call(verb, args), answer)
        )
        try:
            await supervisor.keeping.discover(supervisor.children, spawned=True)
            lines.control.open()  # only now: the hello of a spawned child nobody knows of yet would be lost
            self._table(await lines.init.connect())
            await adopt(supervisor, paused=await supervisor.keeping.paused())
            self._booted = True
            for push in self._pushes:
                self._pushed(push)
            self._record.ready()
            self._pulse.ready(time.monotonic() - self._birth.forked_at)
            if watch is not None:
                supervisor.spawn(self._give_back_in_time())
            reason = await self._finished
            await supervisor.settle(SETTLE_S)
            await supervisor.keeping.flush()
        finally:
            await supervisor.close()
            await lines.store.close()
            await lines.init.close()
            lines.control.close()
        return reason

    def _lines(self) -> Lines:
        birth = self._birth
        directory = birth.directory
        init = InitClient(
            directory, birth.path, birth.incarnation, birth.token, on_push=self._pushed, on_table=self._table
        )
        control = ControlServer(directory, birth.path, self._heard)
        store = StoreClient(directory, f"{birth.path}#{birth.incarnation}")
        return Lines(directory, birth.path, birth.incarnation, boot_id(), self._epoch, init, control, store)

    def _on_finished(self, reason: ExitReason) -> None:
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(reason)

    def _stop(self, reason: ExitReason, deadline_s: float | None) -> None:
        self._record.stopping()
        if self._supervisor is None:
            return
        if self._plan.watch is not None and reason.kind == "stop":
            self._supervisor.spawn(self._give_back(reason))
        else:
            self._supervisor.tell(StopAll(reason))

    async def _give_back_in_time(self) -> None:
        """Give the session back when the time is up; end if none is handed over at all."""
        assert self._supervisor is not None
        until = time.time() + HANDED_S if self._plan.until is None else self._plan.until
        while True:
            left = until - time.time()
            if left <= 0:
                break
            await asyncio.sleep(min(left, LOOK_S))
        if self._plan.until is not None or not self._supervisor.children:
            await self._give_back(ExitReason(kind="returned", what="its time is up", at=time.time()))

    async def _give_back(self, reason: ExitReason) -> None:
        assert self._supervisor is not None and self._plan.lent is not None
        await self._until_it_has_come()
        for child in list(self._supervisor.children.values()):
            plan = self._plan.lent if child.path == self._plan.watch else child.plan
            await self._supervisor.lending.hand(child, plan, self._birth.owner)
        self._on_finished(reason)

    async def _until_it_has_come(self) -> None:
        """A session that was handed over a moment ago is on its way; only one that hears us can be told where to go."""
        assert self._supervisor is not None
        lines, path = self._supervisor.lines, self._birth.path
        told = await lines.store.request("placements", owner=path)
        until = lines.clock() + COME_S
        while told["rows"] and lines.clock() < until:
            child = self._supervisor.child(str(self._plan.watch))
            if child is not None and (child.present is None or child.present.exited or child.present.connected):
                return
            await asyncio.sleep(COME_LOOK_S)

    def _pushed(self, push: Push) -> None:
        if isinstance(push, Disowned):
            self._on_finished(ExitReason(kind="fenced", what=push.why, at=time.time()))
        elif isinstance(push, LifeGiven):
            self._table([Held(push.life, push.pidfd, None)])
        elif self._supervisor is None or not self._booted:
            self._pushes.append(push)
        elif not isinstance(push, StopOrder | NodeNews):
            known = self._supervisor.pushed(push)
            if not known and isinstance(push, ExitReport):
                self._supervisor.spawn(self._supervisor.departures.acknowledge(push))

    def _table(self, held: list[Held]) -> None:
        if self._supervisor is not None:
            for each in held:
                if not self._supervisor.held(each):
                    self._supervisor.spawn(self._supervisor.strange(each))

    def _heard(self, kind: str, path: str, incarnation: int, token: str, body: Body) -> None:
        if self._supervisor is not None:
            self._supervisor.lane.heard(kind, path, incarnation, token, body)
