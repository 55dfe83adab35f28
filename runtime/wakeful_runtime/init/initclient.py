"""A supervisor's line to init: fork, end, signal, acknowledge; survives the replacement of init."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.initline import REQUEST_S, InitLine, InitRefused
from wakeful_runtime.init.initstream import close_all
from wakeful_runtime.init.lives import LifeRecord
from wakeful_runtime.init.pushes import (
    Disowned,
    Forked,
    Held,
    LifeContinued,
    LifeEmpty,
    LifeGiven,
    LifeStopped,
    NodeNews,
    Push,
    StopOrder,
)

__all__ = [
    "Disowned",
    "Forked",
    "Held",
    "InitClient",
    "InitRefused",
    "LifeContinued",
    "LifeEmpty",
    "LifeGiven",
    "LifeStopped",
    "NodeNews",
    "Push",
    "StopOrder",
]


class InitClient:
    """One connection at a time; reconnects by itself and says hello again.

    Everything runs on the event loop that called `connect`. Callbacks are plain functions and must not block.

    Args:
        path, incarnation, token: the life that speaks (its `Birth`).
        on_push: called with each push; exits are repeated (in the table) until `ack`.
        on_table: called with the lives this path owns, after each replacement of init (with new pidfds; the old ones
            stay good). The table of the first hello is what `connect` returns.
    """

    def __init__(
        self,
        directory: NodeDirectory,
        path: str,
        incarnation: int,
        token: str,
        *,
        on_push: Callable[[Push], None],
        on_table: Callable[[list[Held]], None] | None = None,
    ) -> None:
        hello = {"do": "hello", "path": path, "incarnation": incarnation, "token": token}
        self._line = InitLine(directory.init_socket, hello, on_push, on_table or _let_go)

    @property
    def facts(self) -> dict[str, Any]:
        """What init said of itself at the last hello: `init init_incarnation boot_id keeper stopping`."""
        return self._line.facts

    @property
    def connected(self) -> bool:
        """Whether init answered the last hello and the line stands."""
        return self._line.connected

    async def connect(self, timeout: float = 10.0) -> list[Held]:
        """Say hello; the lives this path owns.

        Raises:
            InitRefused: this life isn't the living one of its path (`denied`).
            NodeError: no init answered within `timeout` seconds.
        """
        return await self._line.connect(timeout)

    async def close(self) -> None:
        """Give the line up. Outstanding requests get NodeError."""
        await self._line.close()

    async def fork(
        self,
        path: str,
        kind: str,
        incarnation: int | None,
        boot: bytes = b"",
        *,
        owner: str | None = None,
        timeout: float = REQUEST_S,
    ) -> Forked:
        """Start a life. Survives the death of init in between: done once, never twice.

        Args:
            incarnation: above the last one of the path; None lets init number it (the node's own processes).
            boot: handed to `enter` as `Birth.boot`.
            owner: whose it is; default the caller.

        Raises:
            InitRefused: alive, stale, stopping, bad.
            NodeError: no answer within `timeout` seconds.
        """
        reply, descriptors = await self._line.ask(
            timeout,
            do="fork",
            path=path,
            kind=kind,
            incarnation=incarnation,
            boot=base64.b64encode(boot).decode(),
            owner=owner,
        )
        return Forked(LifeRecord.from_json(reply["life"]), descriptors[0] if descriptors else None)

    async def signal(self, path: str, incarnation: int, number: int, *, group: bool = False) -> None:
        """Send a signal to a living life that matches. Raises InitRefused (`gone`), NodeError."""
        await self._line.ask(do="signal", path=path, incarnation=incarnation, signal=int(number), group=group)

    async def end(self, path: str, incarnation: int) -> None:
        """SIGKILL it whole; returns when that is under way, the exit comes as a push. Raises InitRefused, NodeError."""
        await self._line.ask(do="end", path=path, incarnation=incarnation)

    async def ack(self, path: str, incarnation: int) -> None:
        """The exit report is taken (after what it caused is kept): init forgets the life. Idempotent."""
        await self._line.ask(do="ack", path=path, incarnation=incarnation)

    async def give(self, path: str, to: str) -> None:
        """Change the owner of a path's lives; the new one gets `LifeGiven`. Raises InitRefused, NodeError."""
        await self._line.ask(do="give", path=path, to=to)

    async def table(self, timeout: float = REQUEST_S) -> dict[str, Any]:
        """All lives: `{init, init_incarnation, keeper, boot_id, stopping, table: [...]}`; no descriptors.

        Raises:
            NodeError: no answer within `timeout` seconds.
        """
        reply, _ = await self._line.ask(timeout, do="table")
        return reply

    async def beat(self, timeout: float = 2.0) -> None:
        """The gateway's main loop lives. Raises NodeError when init doesn't answer."""
        await self._line.ask(timeout, do="beat")

    async def stop(self, why: str) -> None:
        """Ask for an orderly stop of the node."""
        await self._line.ask(do="stop", why=why)

    async def stopped(self) -> None:
        """The gateway has stopped everything and exits now."""
        await self._line.ask(do="stopped")


def _let_go(table: list[Held]) -> None:
    close_all([held.pidfd for held in table if held.pidfd is not None])
