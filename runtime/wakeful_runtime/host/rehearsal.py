"""A life without a node, lived ahead by the process that stands by for a real one.

Most of a life's start is the kernel copying pages that are written to for the first time: reference counts, counters of
the interpreter, locks. A process that has been through the same code before has its own pages already. Nothing of the
rehearsal is kept: no path, file or socket of a node is touched, and what is set is set again by the real life.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

from wakeful import present
from wakeful.actor import Actor
from wakeful.exits import ExitReason
from wakeful.handlers import handler
from wakeful.message import Request
from wakeful.plan import ChildPlan, Code
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.host.facts import LifeClocks
from wakeful_runtime.host.go import write_boot
from wakeful_runtime.host.host import live
from wakeful_runtime.host.lifeline import Lifeline
from wakeful_runtime.host.logs import open_log
from wakeful_runtime.host.orders import Body
from wakeful_runtime.host.postbox import Postbox
from wakeful_runtime.host.pulse import Pulse
from wakeful_runtime.init.birth import Birth

NOWHERE = NodeDirectory("/nonexistent/wakeful")
"""Nothing is ever made there, and nobody listens."""

PATIENCE_S = 5.0
"""A rehearsal that takes longer is given up; the process stands by all the same."""


class Cue(Request[int]):
    """What an actor may be asked."""

    number: int = 0


class Understudy(Actor):
    """What an actor may be."""

    @handler
    async def take(self, cue: Cue) -> int:
        return cue.number


class Script:
    """Plays the supervisor to the control thread: GO, a probe, and the stop once the actor is ready."""

    def __init__(self) -> None:
        reason = ExitReason(kind="stop", at=0.0).model_dump(mode="json")
        self._lines: deque[tuple[str, Body]] = deque([("go", {"run_id": "0", "lives": 1}), ("probe", {"nonce": 1})])
        self._last: tuple[str, Body] = ("stop", {"reason": reason, "deadline_s": 1.0})
        self._woken = threading.Event()
        self.connected = True

    def receive(self, timeout: float | None) -> list[tuple[str, Body]]:
        if self._lines:
            return [self._lines.popleft()]
        self._woken.wait(PATIENCE_S)
        self._woken.clear()
        return []

    def send(self, kind: str, body: Body) -> None:
        if kind == "ready":
            self._lines.append(self._last)

    def wake(self) -> None:
        self._woken.set()

    def move(self, endpoint: str) -> None: ...
    def close(self, linger: float) -> None: ...


def rehearse() -> None:
    """Live it, to its orderly end."""
    plan = ChildPlan(name="standby", kind="actor", code=Code(module=__name__, name=Understudy.__name__))
    birth = Birth("standby", "actor", 0, "0" * 32, NOWHERE, write_boot(plan), "nobody", os.getpid(), time.monotonic())
    clocks, postbox = LifeClocks(), Postbox()
    pulse = Pulse(birth, postbox.post, clocks.snapshot, link=lambda _: Script())
    with _unheard():
        lifeline = Lifeline(birth, pulse, postbox, clocks, open_log("standby", 0))
        pulse.start()
        reason = live(lifeline, listens=False)
        postbox.close()
        pulse.bye(reason)
    asyncio.get_event_loop().close()  # the host leaves its loop open
    asyncio.set_event_loop(None)
    if (understudy := present.actor()) is not None:
        present.leave(understudy)


@contextmanager
def _unheard() -> Generator[None]:
    """What is logged goes nowhere."""
    heard, sys.stderr = sys.stderr, io.StringIO()
    try:
        yield
    finally:
        sys.stderr = heard
