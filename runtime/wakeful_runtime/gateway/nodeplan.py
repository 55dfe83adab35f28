"""The file a node starts from: its plan and which start this is."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass

from pydantic import ValidationError

from wakeful.errors import CodecError, NodeError
from wakeful.plan import ChildPlan, MonitorPlan, NodePlan
from wakeful.policy import MONITOR_HEARTBEAT
from wakeful_runtime.boots import TOO_MANY
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.wire import pack, unpack

SESSIONS = "sessions"
"""The built-in monitor that dynamic sessions live under."""

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 128


@dataclass(frozen=True, slots=True)
class NodeStart:
    """What `wakeful run` began.

    Attributes:
        epoch: another one with every `wakeful run` that starts a node; the same while parts of it are replaced.
        at: wall time.
        unclean: how many starts shortly before this one ended hard (`boots`).
    """

    plan: NodePlan
    epoch: str
    at: float
    unclean: int = 0

    @property
    def resumes(self) -> bool:
        """Whether what ran before is resumed by itself."""
        return self.unclean < TOO_MANY


def write_start(directory: NodeDirectory, plan: NodePlan, *, unclean: int = 0) -> NodeStart:
    """Put the plan where every gateway of this start finds it."""
    start = NodeStart(complete(plan), uuid.uuid4().hex, time.time(), unclean)
    scratch = directory.plan.with_suffix(".new")
    packed = pack(
        {"plan": start.plan.model_dump(mode="python"), "epoch": start.epoch, "at": start.at, "unclean": unclean}
    )
    try:
        with open(scratch, "wb", opener=_private) as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(directory.plan)
    except OSError as error:
        raise NodeError(f"can't write {directory.plan}: {error.strerror}") from None
    return start


def read_start(directory: NodeDirectory) -> NodeStart:
    """What the node was started from.

    Raises:
        NodeError: there is none, or it can't be read.
    """
    try:
        raw = unpack(directory.plan.read_bytes(), max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
        return NodeStart(NodePlan.model_validate(raw["plan"]), raw["epoch"], raw["at"], raw["unclean"])
    except (OSError, CodecError, ValueError, KeyError, TypeError) as error:
        raise NodeError(f"{directory.plan} can't be read: {error}") from None


def complete(plan: NodePlan) -> NodePlan:
    """The plan with the built-in monitor that dynamic sessions live under, where agents are declared."""
    if not plan.agents or any(child.name == SESSIONS for child in plan.root.children):
        return plan
    monitor = MonitorPlan(name=SESSIONS, agents=plan.agents, max_running=plan.root.max_running)
    child = ChildPlan(name=SESSIONS, kind="monitor", monitor=monitor, shutdown=None, heartbeat=MONITOR_HEARTBEAT)
    root = plan.root.model_copy(update={"children": (*plan.root.children, child)})
    return plan.model_copy(update={"root": root})


def startable(plan: NodePlan) -> dict[str, tuple[ChildPlan, str]]:
    """What may be started on demand, by name, and the path of the monitor it runs under; the gateway's agents first."""
    found: dict[str, tuple[ChildPlan, str]] = {}

    def look(monitor: MonitorPlan, path: str) -> None:
        for agent in monitor.agents:
            found.setdefault(agent.name, (agent, path))
        for child in monitor.children:
            if child.monitor is not None:
                look(child.monitor, f"{path}/{child.name}" if path else child.name)

    for agent in plan.agents:
        found[agent.name] = (agent, SESSIONS)
    look(plan.root, "")
    return found


def pack_plan(plan: NodePlan) -> bytes:
    """A plan for another process."""
    return pack(plan.model_dump(mode="python"))


def unpack_plan(data: bytes) -> NodePlan:
    """What `pack_plan` made.

    Raises:
        NodeError: these bytes aren't a plan.
    """
    try:
        return NodePlan.model_validate(unpack(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH))
    except (CodecError, ValidationError) as error:
        raise NodeError(f"this is no plan of a node: {error}") from None


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
