"""A supervisor's line to init: fork, end, signal, acknowledge; survives the replacement of init."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.initstream import InitStream
from wakeful_runtime.lives import ExitReport, LifeRecord

REQUEST_S = 30.0
"""How long a request waits for its answer, replacements of init included."""
RETRY_S = (0.005, 0.01, 0.02, 0.05, 0.1)


class InitRefused(NodeError):
    """Init said no.

    Args:
        code: `alive` (a life of the path runs, or something of it is left), `stale` (incarnation not above the last),
            `stopping`, `gone` (no such living life), `denied` (not yours; or a newer life has this connection), `bad`.
    """

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


@dataclass(frozen=True, slots=True)
class Forked:
    """A new life. `pidfd` is the receiver's to close; None where there are no pidfds, or it is gone already."""

    life: LifeRecord
    pidfd: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """A life in the table: running (`exit` None, with its pidfd, the receiver's to close) or exited and not acknowledged."""

    life: LifeRecord
    pidfd: int | None
    exit: ExitReport | None


@dataclass(frozen=True, slots=True)
class LifeEmpty:
    """What was left of a life that had been reported as not empty is gone now."""

    path: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class LifeStopped:
    """The process was stopped by a signal (SIGSTOP, SIGTSTP, a debugger)."""

    path: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class LifeContinued:
    """The process goes on after a stop."""

    path: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class LifeGiven:
    """This supervisor is the life's owner from now on; `pidfd` is the receiver's to close."""

    life: LifeRecord
    pidfd: int | None


@dataclass(frozen=True, slots=True)
class StopOrder:
    """The node is to stop in order (to the gateway; repeated after a reconnect)."""

    why: str


@dataclass(frozen=True, slots=True)
class Disowned:
    """Init refuses this life: a newer one has taken its place. It must do nothing more; the client has given up."""

    why: str


Push = ExitReport | LifeEmpty | LifeStopped | LifeContinued | LifeGiven | StopOrder | Disowned


class InitClient:
    """One connection at a time; reconnects by itself and says hello again.

    Everything runs on the event loop that called `connect`. Callbacks are plain functions and must not block.

    Args:
        path, incarnation, token: the life that speaks (its `Birth`).
        on_push: called with each push; exits are repeated until `ack`.
        on_table: called with the lives this path owns, at the first hello (before `connect` returns) and after each
            replacement of init (with new pidfds; the old ones stay good).
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
    ) -> None: ...

    @property
    def connected(self) -> bool:
        """Whether init answered the last hello and the line stands."""
        ...

    async def connect(self, timeout: float = 10.0) -> list[Held]:
        """Say hello; the lives this path owns.

        Raises:
            InitRefused: this life isn't the living one of its path (`denied`).
            NodeError: no init answered within `timeout` seconds.
        """
        ...

    async def close(self) -> None:
        """Give the line up. Outstanding requests get NodeError."""
        ...

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
        ...

    async def signal(self, path: str, incarnation: int, number: int, *, group: bool = False) -> None:
        """Send a signal to a living life that matches. Raises InitRefused (`gone`), NodeError."""
        ...

    async def end(self, path: str, incarnation: int) -> None:
        """SIGKILL it whole; returns when that is under way, the exit comes as a push. Raises InitRefused, NodeError."""
        ...

    async def ack(self, path: str, incarnation: int) -> None:
        """The exit report is taken (after what it caused is kept): init forgets the life. Idempotent."""
        ...

    async def give(self, path: str, to: str) -> None:
        """Change the owner of a path's lives. Raises InitRefused, NodeError."""
        ...

    async def table(self) -> dict[str, Any]:
        """All lives: `{init, init_incarnation, keeper, boot_id, stopping, table: [...]}`."""
        ...

    async def beat(self, timeout: float = 2.0) -> None:
        """The gateway's main loop lives. Raises NodeError when init doesn't answer."""
        ...

    async def stop(self, why: str) -> None:
        """Ask for an orderly stop of the node."""
        ...

    async def stopped(self) -> None:
        """The gateway has stopped everything and exits now."""
        ...
