"""How a child comes: it is asked for or its turn has come, its life begun, and whoever waits for it told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful.rules.commands import Launch, Refuse
from wakeful.rules.events import ChildAdded, Ended, Launched, LaunchFailed
from wakeful_runtime.supervision.addrefused import AddRefused
from wakeful_runtime.supervision.child import Child
from wakeful_runtime.supervision.launch import Begun, LaunchRefused, launch
from wakeful_runtime.supervision.restartlimit import RestartLimit

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

ADD_S = 30.0
"""How long a spawn is waited for; then it is accepted, and waits for its turn."""


class Arrivals:
    """The beginnings of a supervisor's children.

    Args:
        limit: on restarts and resumes of the whole node.
    """

    def __init__(self, supervisor: Supervisor, limit: RestartLimit) -> None:
        self._supervisor = supervisor
        self._limit = limit
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._log = structlog.get_logger("wakeful.supervisor").bind(supervisor=supervisor.lines.path)

    async def add(self, plan: ChildPlan, *, exempt: bool = False, waits: bool = True, goes_on: bool = False) -> Child:
        """Start a spawned child; kept for good when it returns.

        Args:
            goes_on: the path's last run is its own, and open: a supervisor died before it could keep the child.

        Raises:
            AddRefused: a limit, or the name lives.
        """
        supervisor = self._supervisor
        child = Child(plan, supervisor.path_of(plan.name))
        last = await supervisor.keeping.number_of(child.path)
        if goes_on:
            await supervisor.keeping.read_run(child)
        known = supervisor.children.get(plan.name)
        state = supervisor.rule.child(plan.name)
        if known is not None and state is not None and not state.over:
            raise AddRefused(f"{known.path} is running", "alive")
        supervisor.children[plan.name] = child
        waiter = self._answers[plan.name] = asyncio.get_running_loop().create_future()
        supervisor.tell(ChildAdded(plan, last, exempt, waits, goes_on))
        added = supervisor.rule.child(plan.name)
        if added is None or added.status != "waiting":
            try:
                async with asyncio.timeout(ADD_S):
                    await waiter
            except NodeError:
                if known is None:
                    supervisor.children.pop(plan.name, None)
                else:
                    supervisor.children[plan.name] = known
                raise
            except TimeoutError:
                pass  # accepted, and waiting for its turn
        await supervisor.keeping.keep(child)
        return child

    def refused(self, command: Refuse) -> None:
        """The rule takes no such child."""
        waiter = self._answers.pop(command.child, None)
        if waiter is not None and not waiter.done():
            waiter.set_exception(AddRefused(command.why, command.code))

    async def launch(self, child: Child, command: Launch) -> None:
        """Begin a life, and tell the rule what became of it."""
        supervisor = self._supervisor
        if command.limited:
            await self._limit.admitted()
        if supervisor.runclock.refuses(child, command.incarnation, new_run=command.new_run):
            return
        try:
            begun = await launch(supervisor.lines, child, command)
        except LaunchRefused as refused:
            self._log.warning("launch failed", path=child.path, why=refused.why)
            supervisor.tell(_refusal(child, command, refused))
            return
        self._begin(child, begun)
        supervisor.tell(Launched(child.name, command.incarnation, begun.resumed))
        waiter = self._answers.pop(child.name, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(child.run_id)

    def _begin(self, child: Child, begun: Begun) -> None:
        supervisor = self._supervisor
        child.present = begun.present
        child.run_id, child.run_started_at = begun.run_id, begun.run_started_at
        supervisor.runclock.begin(child)
        supervisor.incidents.began(child, begun.present)
        supervisor.watch.begin(child, adopted=False)
        supervisor.lane.take_early_hello(child, begun.present)


def _refusal(child: Child, command: Launch, refused: LaunchRefused) -> Ended | LaunchFailed:
    if refused.over:
        reason = ExitReason(kind="returned", what=refused.why, at=time.time())
        return Ended(child.name, command.incarnation, reason)
    return LaunchFailed(child.name, command.incarnation, refused.why, refused.counts, refused.last, refused.begun)
