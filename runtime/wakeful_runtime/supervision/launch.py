"""How a life begins: its incarnation committed, its process forked, its GO prepared."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from wakeful.errors import NodeError
from wakeful.plan import ChildPlan
from wakeful.rules.commands import Launch
from wakeful_runtime.init.initclient import Forked, InitRefused
from wakeful_runtime.store.client import StoreRefused
from wakeful_runtime.supervision.child import Body, Child, Present
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.wire import pack


@dataclass(frozen=True, slots=True)
class Begun:
    """A life that exists and may be told GO.

    Attributes:
        resumed: number of the checkpoint it resumes from, 0: from the beginning.
    """

    present: Present
    run_id: str
    run_started_at: float
    resumed: int


class LaunchRefused(Exception):
    """No life came of it.

    Args:
        counts: it is the child's own fault.
        last: the highest incarnation the store knows, when it refused this one.

    Attributes:
        begun: the store had begun the life already, and its run with it.
        over: the run has its outcome already.
    """

    def __init__(self, why: str, *, counts: bool = False, last: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.counts = counts
        self.last = last
        self.begun = False
        self.over = False


async def launch(lines: Lines, child: Child, command: Launch) -> Begun:
    """Begin a life of `child`.

    Raises:
        LaunchRefused: init or the store said no; whatever was forked is on its way out.
    """
    if not child.stored:
        forked = await _fork(lines, child, None)
        return Begun(Present(forked.life, command.incarnation, forked.pidfd, go={}), "", 0.0, 0)
    fork = asyncio.ensure_future(_fork(lines, child, command.incarnation))
    try:
        begun = await lines.store.request("begin_life", **_life_request(lines, child, command))
    except StoreRefused as refused:
        await _undo(lines, child, fork)
        no = LaunchRefused(str(refused), last=int(refused.facts.get("last") or 0))
        no.over = refused.code == "finished"
        raise no from None
    except asyncio.CancelledError:
        fork.cancel()
        raise
    try:
        forked = await fork
    except LaunchRefused as refused:
        refused.begun = True
        raise
    resumed = begun.get("resumed")
    present = Present(forked.life, command.incarnation, forked.pidfd, go=begun)
    return Begun(present, begun["run_id"], begun["run_started_at"], resumed["seq"] if resumed else 0)


async def _fork(lines: Lines, child: Child, incarnation: int | None) -> Forked:
    try:
        return await lines.init.fork(child.path, child.plan.kind, incarnation, boot_of(lines, child))
    except InitRefused as refused:
        raise LaunchRefused(refused.why) from None
    except NodeError as error:
        raise LaunchRefused(str(error)) from None


async def _undo(lines: Lines, child: Child, fork: asyncio.Future[Forked]) -> None:
    try:
        forked = await fork
    except LaunchRefused:
        return
    await lines.init.end(child.path, forked.life.incarnation)


def boot_of(lines: Lines, child: Child) -> bytes:
    """What the new process is told at its birth: msgpack of `{plan, epoch}`."""
    boot: dict[str, Any] = {"plan": child.plan.model_dump(mode="python"), "epoch": lines.epoch}
    return pack(boot)


def _life_request(lines: Lines, child: Child, command: Launch) -> Body:
    plan = child.plan
    return {
        "path": child.path,
        "incarnation": command.incarnation,
        "owner": lines.path,
        "kind": plan.kind,
        "boot_id": lines.boot_id,
        "new_run": command.new_run,
        "from_seq": command.from_seq if plan.recovery != "immediate" else 0,
        "run": run_of(plan),
    }


def run_of(plan: ChildPlan) -> Body:
    """What the store keeps of what a run was begun with."""
    return {
        "args": plan.args,
        "agent": plan.agent,
        "label": plan.label,
        "run_timeout": plan.run_timeout,
        "cleanup": plan.cleanup,
        "state_version": plan.state_version,
        "parent_run": plan.parent_run,
        "run_id": plan.run_id,
    }
