"""The control thread of a node process: it answers for the process while the process is busy, stuck or starting.

Messages are `(kind, body)`; the control lane adds path, incarnation and token, and drops what doesn't carry this
life's token.

From the supervisor:
    go {incarnation, run_id, run_started_at, lives, resumed, previous, …}: user code may run.
    probe {nonce} -> answer {nonce, loop_age, facts}
    stop {reason: ExitReason dump, deadline_s}: end in order.
    cancel {reason}: cancel `run`, nothing else; the life ends with `reason` if it can.
    dump {nonce} -> dumped {nonce, tasks, threads}
    rows {nonce} -> rows {nonce, rows}
    call {nonce, verb, args} -> called {nonce, ok, value | error, why}: answered by the main loop.
    chaos {mode} · adopt {token} -> hello · moved {endpoint} -> hello, there
    reply {nonce, ok, value | error, why}: to a `request`.
To the supervisor:
    hello {token, pid, kind, incarnation, ready, facts}: on every connection.
    ready {took} · event {event, …} · bye {reason: ExitReason dump}
    request {nonce, verb, args}: the life asks something of its supervisor (spawn, child_result).
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from wakeful.exits import ExitReason
from wakeful_runtime.birth import Birth
from wakeful_runtime.transport.control import ControlThreadSocket

Body = dict[str, Any]
Answerer = Callable[[Body], None]

ORPHAN_TTL = 600.0
"""Seconds of own waking time without a supervisor after which a life stops in order (design.md §2)."""

ECHO_WAIT = 0.005
"""How long an answer waits for the main loop's echo, seconds."""

ECHOES_OUT = 16
"""Echoes under way at most: a blocked loop isn't handed more."""

_TICK = 10.0


def _nothing(*_: Any) -> None:
    """The default of an order nobody carries out."""


def _no_dump() -> tuple[list[str], list[str]]:
    return [], []


def _no_rows() -> list[Body]:
    return []


def _no_call(verb: str, args: Body, answer: Answerer) -> None:
    answer({"ok": False, "error": "unknown", "why": f"nothing here answers {verb!r} ({len(args)} arguments)"})


@dataclass(slots=True)
class Orders:
    """What the process does when told. `stop cancel call orphaned` run on the main loop, the rest in the control thread."""

    stop: Callable[[ExitReason, float | None], None] = _nothing
    cancel: Callable[[ExitReason | None], None] = _nothing
    call: Callable[[str, Body, Answerer], None] = _no_call
    orphaned: Callable[[], None] = _nothing
    dump: Callable[[], tuple[list[str], list[str]]] = _no_dump
    rows: Callable[[], list[Body]] = _no_rows
    chaos: Callable[[str], None] = _nothing


class Pulse:
    """One control thread, one connection to the supervisor.

    Args:
        birth: who this life is.
        post: runs a call on the main loop, from any thread; its delay is the loop's age.
        facts: the life's facts, asked in the control thread: must not block.
        orders: what to do when told; may be filled in later.
        orphan_ttl: seconds of own waking time without a supervisor before `orders.orphaned`.
    """

    def __init__(
        self,
        birth: Birth,
        post: Callable[[Callable[[], None]], None],
        facts: Callable[[], Body],
        orders: Orders | None = None,
        *,
        orphan_ttl: float = ORPHAN_TTL,
    ) -> None:
        self.orders = orders or Orders()
        self.going: Body | None = None
        self._birth = birth
        self._post = post
        self._facts = facts
        self._orphan_ttl = orphan_ttl
        self._log = structlog.get_logger("wakeful.pulse")
