"""How a session changes its supervisor while it runs: to a monitor of its own, and back.

The order is such that whatever dies in between, one supervisor has it: the placement first, then the life, which init
gives; a supervisor that is left with the life alone gives it to whom the placement names.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import structlog

from wakeful.errors import NodeError
from wakeful.plan import ChildPlan
from wakeful.policy import MONITOR_HEARTBEAT, Heartbeat
from wakeful.rules import events as e
from wakeful_runtime.init.initclient import Held, InitRefused
from wakeful_runtime.supervision.child import Body, Child

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

LENDABLE = frozenset({"starting", "running"})

MONITOR_UP_S = 10.0
UP_LOOK_S = 0.01


def watches(plan: Body | None) -> bool:
    """Whether a kept plan is that of a monitor that has taken a session over."""
    monitor: Body | None = plan.get("monitor") if plan else None
    return monitor is not None and monitor.get("watch") is not None


class Lending:
    """The handing over of one supervisor's children."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._log = structlog.get_logger("wakeful.supervisor").bind(supervisor=supervisor.lines.path)

    async def lend(self, child: Child, plan: ChildPlan, heartbeat: Heartbeat) -> Child:
        """Start a monitor of its own for a spawned session, and hand the session to it.

        Args:
            plan: the monitor.
            heartbeat: how it watches the session.

        Raises:
            NodeError: it can't be lent now. AddRefused: the monitor can't be started.
        """
        supervisor = self._supervisor
        self._check(child)
        assert plan.monitor is not None
        watched = child.plan.model_copy(update={"heartbeat": heartbeat})
        monitor = plan.monitor.model_copy(update={"watch": child.path, "lent": child.plan})
        own = plan.model_copy(update={"monitor": monitor, "heartbeat": MONITOR_HEARTBEAT})
        added = await supervisor.arrivals.add(own, exempt=True)
        await self._until_up(added)
        self._check(child)
        await self.hand(child, watched, added.path)
        if supervisor.children.get(added.name) is not added:  # it was stopped in the middle of this
            await self.recover(added)
        return added

    def _check(self, child: Child) -> None:
        state, present = self._supervisor.state(child), child.present
        if state is None or not state.dynamic:
            raise NodeError(
                f"{child.path} is a child of the tree, its own monitor watches it: write Child(…, heartbeat=…) there;"
                " a heartbeat-monitor takes over what sessions_spawn has started"
            )
        if state.status not in LENDABLE or present is None or present.exited or present.ending:
            raise NodeError(f"{child.path} is {state.status}; only a session that runs can be taken over")

    async def _until_up(self, monitor: Child) -> None:
        """Raises TimeoutError."""
        deadline = asyncio.get_running_loop().time() + MONITOR_UP_S
        while monitor.present is None or not monitor.present.ready:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError
            await asyncio.sleep(UP_LOOK_S)

    async def hand(self, child: Child, plan: ChildPlan, to: str) -> None:
        """Give a child to the supervisor at `to`, which takes it as it is."""
        supervisor, present = self._supervisor, child.present
        state = supervisor.state(child)
        if state is None:
            return
        await supervisor.keeping.hand(child, plan, state, to)
        supervisor.tell(e.ChildLent(child.name))
        supervisor.children.pop(child.name, None)
        supervisor.watch.leave(child)
        if present is None or present.exited:
            return
        supervisor.lane.send(child, present, "moved", {"endpoint": supervisor.lines.directory.control(to)})
        present.exited = True
        present.over.set()
        present.close()
        try:
            await supervisor.lines.init.give(child.path, to)
        except InitRefused as refused:
            if refused.code != "gone":
                raise

    async def arrived(self, held: Held) -> bool:
        """A life came that no child of ours has: take it if it was handed to us, pass it on if to somebody else."""
        supervisor = self._supervisor
        told = await supervisor.lines.store.request("placements")
        row: Body | None = next((row for row in told["rows"] if row["path"] == held.life.path and row["plan"]), None)
        if row is None or held.exit is not None:
            return False
        if row["owner"] != supervisor.lines.path:
            table = await supervisor.lines.init.table()
            if not any(life["path"] == row["owner"] and life["state"] == "running" for life in table["table"]):
                return False  # a monitor that is no part of the tree any more
            if held.pidfd is not None:
                os.close(held.pidfd)
            await supervisor.lines.init.give(held.life.path, row["owner"])
            return True
        await self.take(row, held)
        return True

    async def take(self, row: Body, held: Held | None) -> None:
        """Be its supervisor from now on."""
        supervisor = self._supervisor
        await supervisor.booted.wait()
        child = Child(ChildPlan.model_validate(row["plan"]), row["path"])
        if child.name in supervisor.children:
            return
        await supervisor.keeping.read_run(child)
        supervisor.keeping.taken(child.path)
        supervisor.children[child.name] = child
        if held is not None:
            supervisor.held(held)
        supervisor.tell(e.ChildTaken(supervisor.keeping.known_of(child, row)))
        if child.present is not None:
            supervisor.watch.begin(child, adopted=True)
            supervisor.lane.call(child, child.present)
        supervisor.runclock.begin(child)

    async def recover(self, monitor: Child) -> None:
        """A monitor has ended for good before it had taken the session, or given it back: that runs on, as ours."""
        supervisor, plan = self._supervisor, monitor.plan.monitor
        assert plan is not None and plan.lent is not None
        request, path = supervisor.lines.store.request, plan.watch
        told = await request("placements")
        row: Body | None = next((row for row in told["rows"] if row["path"] == path), None)
        if row is None:
            return
        if row["owner"] == monitor.path:
            ours, back = supervisor.lines.path, plan.lent.model_dump(mode="python")
            await request("placement_put", path=path, owner=ours, plan=back, state=row["state"], data=row["data"])
            await request("placement_sync", path=path)
        try:
            await supervisor.lines.init.give(str(path), supervisor.lines.path)
        except InitRefused as refused:
            if refused.code != "gone":
                raise
            await self.reclaim()

    async def reclaim(self) -> None:
        """A monitor that had taken a session over is gone: what it gave back without a life is ours."""
        supervisor = self._supervisor
        await supervisor.keeping.flush()
        told = await supervisor.lines.store.request("placements", owner=supervisor.lines.path)
        for row in told["rows"]:
            name = row["path"].rsplit("/", 1)[-1]
            if row["plan"] and row["plan"]["kind"] != "monitor" and name not in supervisor.children:
                table = await supervisor.lines.init.table()
                if not any(life["path"] == row["path"] for life in table["table"]):
                    await self.take(row, None)
