"""The seam: what a running process lends to its actor.

`wakeful` asks for these; `wakeful_runtime.host.host` provides them in a node, `wakeful.testing` on a fake clock, and
a stand-in that only logs provides them in a plain script.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from wakeful.exits import ExitReason
from wakeful.message import Message, Request

R = TypeVar("R")

Waiting = Literal["inbox", "child", "resource", "store"]
"""What a session may wait for while its progress clock stands still."""

Plain = None | bool | int | float | str | bytes | list[Any] | dict[str, Any]
"""What the store keeps: msgpack's own types, dicts with str keys, at most 16 MiB."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value as it is stored.

    Attributes:
        form: "plain" (value is the value itself) or "json" (value is the JSON text pydantic made of it).
    """

    form: Literal["plain", "json"]
    value: Plain


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint as the store returns it; `at` is wall time, `version` the class's `state_version` that wrote it."""

    name: str
    state: Kept
    seq: int
    at: float
    version: int = 1


@dataclass(frozen=True, slots=True)
class LeaseState:
    """An open lease as its monitor sees it; `since` and `until` on the monotonic clock."""

    id: int
    what: str
    since: float
    until: float
    blocking: bool


@dataclass(frozen=True, slots=True)
class EffectState:
    """What the store knows of an effect.

    Attributes:
        status: "new" (this call's intent is now written: go ahead), "done" (`result` holds it), "unknown" (an earlier
            life wrote the intent and ended), "skipped" (a person or the policy settled it as not to be done again).
    """

    status: Literal["new", "done", "unknown", "skipped"]
    result: Kept | None = None


@dataclass(frozen=True, slots=True)
class MailItem:
    """One text or message in a session's inbox."""

    id: str
    text: str | None
    message: Message | None
    sender: str
    wants_reply: bool = False


@dataclass(frozen=True, slots=True)
class ChildOutcome:
    """How a spawned run ended; `value` is its result if ok, its partial state otherwise."""

    outcome: str
    why: str
    value: Kept | None


class Log(Protocol):
    """A structlog logger, bound to the actor."""

    def debug(self, event: str, **fields: object) -> Any: ...
    def info(self, event: str, **fields: object) -> Any: ...
    def warning(self, event: str, **fields: object) -> Any: ...
    def error(self, event: str, **fields: object) -> Any: ...
    def exception(self, event: str, **fields: object) -> Any: ...


class Courier(Protocol):
    """Carries messages for refs; the mailbox lane implements it."""

    def tell(self, to: str, message: Message) -> None:
        """Queue it; at most once, ordered per pair. Raises MailboxFull, CodecError."""
        ...

    def tell_durable(self, to: str, message: Message) -> Awaitable[None]:
        """Done when the store has committed it."""
        ...

    def drain(self, to: str) -> Awaitable[None]:
        """Done when there is room for `to` again."""
        ...

    def ask(self, to: str, request: Request[R], timeout: float) -> Awaitable[R]:
        """Exactly one of: the reply, AskTimeout, ActorDead, HandlerFailed, Refused."""
        ...


class Started(Protocol):
    """Processes that were started in a block."""

    def kill(self) -> int:
        """SIGKILL what is left of them and of what they started; how many. Identities are checked, never raises."""
        ...


class Life(Protocol):
    """One life of one actor, from GO to its end. Properties are read by user code; the rest is called by `wakeful`."""

    @property
    def path(self) -> str: ...
    @property
    def incarnation(self) -> int: ...
    @property
    def run_id(self) -> str: ...
    @property
    def directory(self) -> Path: ...
    @property
    def log(self) -> Log: ...
    @property
    def resumed(self) -> KeptCheckpoint | None: ...
    @property
    def previous(self) -> ExitReason | None: ...
    @property
    def stopping(self) -> bool: ...
    @property
    def time_left(self) -> float | None:
        """Seconds of `run_timeout` left, None without one."""
        ...

    @property
    def courier(self) -> Courier: ...
    @property
    def node(self) -> Any:
        """The client of api.md §2."""
        ...

    def now(self) -> float:
        """The monotonic clock, seconds."""
        ...

    async def save(self, name: str, state: Kept, version: int) -> int:
        """Commit a checkpoint; its `seq`. Counts as progress. Waits while the store is away; raises Fenced."""
        ...

    def progressed(self, done: int | None, total: int | None, note: str | None) -> None:
        """The run's own report of progress."""
        ...

    def lease_opened(self, lease: LeaseState) -> None: ...
    def lease_changed(self, lease: LeaseState) -> None: ...
    def lease_closed(self, lease: LeaseState) -> None:
        """The end of a lease counts as progress."""
        ...

    async def effect_begin(self, key: str, scope: Literal["run", "node"]) -> EffectState:
        """Write the intent, or learn what became of an earlier one. Raises Stopped when the life is being stopped."""
        ...

    async def effect_end(
        self,
        key: str,
        scope: Literal["run", "node"],
        status: Literal["done", "failed", "unknown", "skipped"],
        result: Kept | None,
    ) -> None:
        """`failed`: it did not happen, the intent is taken back. `done` counts as progress."""
        ...

    async def spend(self, tokens: int, cost: float, calls: int) -> None:
        """Count against the run's Budget; a spent one ends the life and sends it to review."""
        ...

    def waiting(self, what: Waiting) -> AbstractContextManager[None]:
        """The progress clock stands still inside the block."""
        ...

    async def next_mail(self) -> MailItem:
        """The next thing in the inbox; waits. Taking it counts as progress."""
        ...

    async def mail_done(self, mail: MailItem, reply: str | None) -> None: ...

    async def spawn(self, number: int, code: str, args: dict[str, Plain]) -> str:
        """Start (or find again) the n-th child of this run; its path. `code` is `module:qualname`."""
        ...

    async def child_result(self, path: str, timeout: float | None) -> ChildOutcome: ...

    def journal(self, event: str, fields: dict[str, Plain]) -> None:
        """A journal entry about this life; buffered, never waits."""
        ...

    def started_processes(self) -> AbstractContextManager[Started]:
        """Notes which processes below this one are started inside the block (a browser that `resource` opens)."""
        ...

    def call(self, work: Coroutine[Any, Any, R], *, interruptible: bool = False) -> R:
        """BlockingSession only: run `work` on the loop beside it and wait; from any thread.

        With `interruptible` a stop cancels the work and raises Stopped (waiting for mail, a child, an answer). Without
        it the work runs to its end, stopping or not: a checkpoint still works then.
        """
        ...
