"""`wakeful.current()`: this process's actor, from any function, thread or tool."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any, TypeVar, overload

from wakeful import present
from wakeful.actor import Living
from wakeful.blocking import BlockingSession
from wakeful.life import Kept
from wakeful.session import Session

A = TypeVar("A", bound=Living)


_NOTHING = Kept("plain", None)
"""A stand-in knows no type to keep a state by, and keeps none."""


class Script(Session[Any]):
    """Stands in for an async session outside a node: it only logs."""

    async def checkpoint(self, name: str, state: Any = None) -> int:
        return await self.life.save(name, _NOTHING, 1)


class BlockingScript(BlockingSession[Any]):
    """Stands in for a blocking session outside a node: it only logs."""

    def checkpoint(self, name: str, state: Any = None) -> int:
        return self.life.call(self.life.save(name, _NOTHING, 1))


@overload
def current() -> Session[Any]: ...
@overload
def current(kind: type[A]) -> A: ...
def current(kind: type[Any] | None = None) -> Any:
    """This process's actor. Outside a node: a stand-in that only logs, so that the same file runs as a plain script.

    Args:
        kind: the class it is known to be, for type checkers: `current(Research)`, `current(BlockingSession)`.

    Raises:
        TypeError: it is of another class.
    """
    here = present.actor()
    if here is None:
        return _standin(kind)
    if kind is not None and not isinstance(here, kind):
        raise TypeError(f"this process's actor is a {type(here).__name__}, not a {kind.__name__}")
    return here


def _standin(kind: type[Any] | None) -> Living:
    if kind is not None:
        return _blocking() if issubclass(kind, BlockingSession) else _script()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _blocking()  # no loop here: nobody could await
    return _script()


@cache
def _script() -> Script:
    return Script()


@cache
def _blocking() -> BlockingScript:
    return BlockingScript()
