"""What a node process does when its supervisor tells it: filled in by the host, the monitor, the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wakeful.exits import ExitReason

Body = dict[str, Any]
Answer = Callable[[Body], None]


def _stop(reason: ExitReason, deadline: float | None) -> None: ...
def _cancel(reason: ExitReason | None) -> None: ...
def _orphaned() -> None: ...
def _chaos(mode: str) -> None: ...
def _probed() -> None: ...
def _dump() -> tuple[list[str], list[str]]:
    return [], []


def _rows() -> list[Body]:
    return []


def _call(verb: str, args: Body, answer: Answer) -> None:
    answer({"ok": False, "error": "unknown", "why": f"nothing here answers {verb!r}"})


@dataclass(slots=True)
class Orders:
    """`stop cancel call orphaned` run on the main loop, the others in the control thread: those must not block.

    Attributes:
        stop: end in order; seconds until the supervisor kills, None for as long as it takes.
        cancel: cancel the work, nothing else; the reason the life ends with, if one was given.
        call: answer a verb, now or later, with `{ok: True, value}` or `{ok: False, error, why}`.
        orphaned: no supervisor was heard for `orphan_ttl`.
        dump: texts of the tasks and of the threads.
        rows: what `ps` shows of the children.
        chaos: rehearse a failure.
        probed: called after an answer has left, for what is to be looked at now and then.
    """

    stop: Callable[[ExitReason, float | None], None] = _stop
    cancel: Callable[[ExitReason | None], None] = _cancel
    call: Callable[[str, Body, Answer], None] = _call
    orphaned: Callable[[], None] = _orphaned
    dump: Callable[[], tuple[list[str], list[str]]] = _dump
    rows: Callable[[], list[Body]] = _rows
    chaos: Callable[[str], None] = _chaos
    probed: Callable[[], None] = _probed
