"""How a new supervisor takes over what runs: nothing that is healthy notices."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from wakeful.exits import ExitReason
from wakeful.rules.childstate import ChildState
from wakeful.rules.events import Condemned, KnownChild
from wakeful_runtime.gateway.nodeplan import read_start
from wakeful_runtime.supervision.child import Child
from wakeful_runtime.supervision.supervisor import Supervisor

HELLO_S = 1.0
"""How long to wait for the hellos of the lives that run; they come within milliseconds, except from a hung one."""


async def adopt(supervisor: Supervisor, *, paused: bool = False, hold: bool = False) -> None:
    """Begin, with what init and the store know. Init's table must have been handed to the supervisor before.

    A life that runs and was never told GO has run no user code; it is ended, and begun anew by the rule. A kill that
    the supervisor before this one had begun is finished under its real reason. A monitor that outlived the keeper, init
    and gateway that started it goes by an old tree: it is replaced, and its sessions are adopted by the new one.

    Args:
        paused: nothing is to be started.
        hold: the same, but for the node's own processes.
    """
    lines = supervisor.lines
    deadline = lines.clock() + HELLO_S
    while lines.clock() < deadline and any(_silent(child) for child in supervisor.children.values()):
        lines.control.drain()
        await asyncio.sleep(0.005)
    known = supervisor.keeping.known(supervisor.children)
    if hold:
        known = tuple([_held(each) if supervisor.children[each.name].stored else each for each in known])
    supervisor.boot(known, paused=paused)
    began = lines.clock() - (time.time() - read_start(lines.directory).at)
    for child in supervisor.children.values():
        present = child.present
        if child.plan.kind == "monitor" and present is not None and present.life.forked_at < began:
            what = "it supervised by the tree of an earlier `wakeful run`"
            reason = ExitReason(kind="node_lost", what=what, at=time.time())
            supervisor.tell(Condemned(child.name, present.number, reason))


def _held(known: KnownChild) -> KnownChild:
    state = known.saved or ChildState(known.name)
    return replace(known, saved=replace(state, paused=True))


def _silent(child: Child) -> bool:
    present = child.present
    return present is not None and not present.exited and not present.connected
