"""How a call is made: how long its answer may take, and whether it may be made again while the gateway is replaced."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

READ_ONLY = frozenset(
    [
        "alerts",
        "alive",
        "ps",
        "tree",
        "status",
        "resolve",
        "review",
        "events",
        "checkpoints",
        "incidents",
        "why",
        "sessions_list",
        "session_status",
        "sessions_history",
        "sessions_result",
    ]
)
"""Verbs that may be asked again when an answer is late (the gateway was replaced)."""

AGAIN_S = 1.0
_AGAIN_WAITING_S = 5.0
"""The gateway may be replaced while a call waits in it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One call, ready to be made.

    Attributes:
        within: seconds its answer may take.
        again: ask again after so many seconds without an answer; None: never, it would be done twice.
    """

    args: dict[str, Any]
    within: float
    again: float | None


def asking(verb: str, args: dict[str, Any], timeout: float) -> Asking:
    """A call whose answer may take `timeout` seconds, besides what it is told to wait.

    A text gets an `idempotencyKey`, so that it is the same text when it is sent again. The `timeoutSeconds` of
    `sessions_spawn` are its run's.
    """
    asked = dict(args)
    if verb == "sessions_send":
        asked.setdefault("idempotencyKey", uuid.uuid4().hex)
    waits = 0.0 if verb == "sessions_spawn" else float(asked.get("timeoutSeconds") or 0)
    repeatable = verb in READ_ONLY or verb == "sessions_send" or (verb == "sessions_spawn" and "runId" in asked)
    again = (_AGAIN_WAITING_S if waits else AGAIN_S) if repeatable else None
    return Asking(asked, timeout + waits, again)
