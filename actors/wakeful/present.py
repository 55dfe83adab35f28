"""Which actor this process, or this task, is. Set by `wakeful.actor.make`, read by refs and `wakeful.current()`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wakeful.actor import Living

_here: ContextVar[Living | None] = ContextVar("wakeful_actor", default=None)
_process: list[Living] = []


def actor() -> Living | None:
    """The actor of this task, else of this process, else None."""
    return _here.get() or (_process[-1] if _process else None)


def enter(actor: Living, *, process: bool = True) -> None:
    """Make it the actor of this task and what it starts; with `process`, also of threads that inherit no context."""
    _here.set(actor)
    if process:
        _process.append(actor)


def leave(actor: Living) -> None:
    """Undo `enter`; in a node nobody needs to, there the process ends."""
    if actor in _process:
        _process.remove(actor)
    if _here.get() is actor:
        _here.set(None)
