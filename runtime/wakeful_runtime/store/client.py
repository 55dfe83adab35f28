"""Asking the store: patiently, in order, and so that a repeated request changes nothing."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from wakeful.errors import CodecError, Fenced, MailboxFull, NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.journal import Entry, Journal
from wakeful_runtime.store.protocol import Reply, Request, pack_request, unpack_reply
from wakeful_runtime.transport.request import RequestClient

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 1.0
"""Between attempts while the store can't commit."""

ORDERED_BY: dict[str, tuple[str, ...]] = {
    "checkpoint": ("run_id",),
    "spend": ("run_id",),
    "effect_begin": ("key",),
    "effect_end": ("key",),
    "placement_put": ("path",),
    "placement_delete": ("path",),
    "meta_put": ("key",),
    "incident_open": ("id",),
    "incident_update": ("id",),
}
"""Requests about the same thing go one after the other: one that is sent again never overtakes a newer one."""


class StoreRefused(NodeError):
    """The store said no, and will say no again.

    Args:
        code: one word: `stale finished missing corrupt …`.
        why: one line for a person.
        facts: what the operation says with it.
    """

    def __init__(self, code: str, why: str, facts: dict[str, Any]) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.facts = facts


class StoreAway(NodeError):
    """The store did not answer in time; whether the request was done is unknown."""

    code = "away"


class Lane(Protocol):
    """How a request gets to the store and its answer back (`transport.request.RequestClient`)."""

    async def request(self, payload: bytes, timeout: float | None = None) -> bytes:
        """Sends it again to each new store until it is answered; raises NodeError once closed."""
        ...

    def close(self) -> None: ...

    on_word: Callable[[], None]
    """Called when the store said that something came, or may have said so."""


@dataclass(slots=True)
class _Turns:
    """Requests about one thing: one holds the lock, `wanted` counts it and those that wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class StoreClient:
    """One per process; used on one event loop (`journal` from any thread).

    Args:
        identity: who asks, unique among the living: path#incarnation.
        waiting: entered while a request is under way; a session's progress clock stands still in it.
        lane: for tests; None: the node's store.
    """

    def __init__(
        self,
        directory: NodeDirectory,
        identity: str,
        *,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
        lane: Lane | None = None,
    ) -> None:
        self._lane: Lane = lane or RequestClient(directory.mailbox("store"), identity.encode())
        self._waiting = waiting
        self._prefix = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._turns: dict[tuple[str, ...], _Turns] = {}
        self._journal = Journal(self._send_entries)
        self._asked_at: dict[str, float] = {}

    def on_arrival(self, call: Callable[[], None]) -> None:
        """Have `call` called when durable messages may have come for a path whose `deliveries` were asked here."""
        self._lane.on_word = call

    def away_for(self) -> float:
        """Seconds the oldest request under way has waited for its answer; 0 if none waits."""
        return time.monotonic() - min(self._asked_at.values()) if self._asked_at else 0.0

    async def request(self, op: str, *, timeout: float | None = None, **arguments: Any) -> dict[str, Any]:
        """One operation's answer; when it is here it is committed.

        Args:
            timeout: seconds to wait while the store is away; None: as long as it takes.

        Raises:
            Fenced: a newer life of this path exists.
            StoreAway: it didn't answer in time; whether the request was done is unknown.
            NodeError: this client was closed.
            StoreRefused: the answer is no.
            MailboxFull: as many durable messages wait for the recipient as may.
            CodecError: the arguments can't travel.
        """
        with self._waiting():
            return await self._ask(op, arguments, timeout)

    def journal(self, entries: Iterable[Entry]) -> None:
        """Have journal rows stored, once each by its `id`; buffered, never waits."""
        self._journal.add(entries)

    async def flush_journal(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds for the buffered journal rows to be stored; whether they all are."""
        return await self._journal.flush(timeout)

    async def close(self, timeout: float = 0.5) -> None:
        """Give the buffered journal rows `timeout` seconds, then close."""
        await self._journal.close(timeout)
        self._lane.close()

    async def _send_entries(self, entries: list[Entry]) -> None:
        await self._ask("journal", {"entries": entries}, None)

    async def _ask(self, op: str, arguments: dict[str, Any], timeout: float | None) -> dict[str, Any]:
        number = f"{self._prefix}-{next(self._numbers)}"
        data = pack_request(Request(number, op, arguments))
        why = "it did not answer"
        pause = FIRST_PAUSE_S
        try:
            async with asyncio.timeout(timeout), self._turn(op, arguments):
                self._asked_at[number] = time.monotonic()
                while True:
                    reply = unpack_reply(await self._lane.request(data), number)
                    if reply.kind == "ok":
                        return reply.body
                    if reply.kind == "no":
                        raise _refusal(reply)
                    why = str(reply.body.get("why"))
                    await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                    pause = min(2 * pause, LONGEST_PAUSE_S)
        except TimeoutError:
            raise StoreAway(f"the store did not do it ({op}) within {timeout} s: {why}") from None
        finally:
            self._asked_at.pop(number, None)

    @asynccontextmanager
    async def _turn(self, op: str, arguments: dict[str, Any]) -> AsyncGenerator[None, None]:
        names = ORDERED_BY.get(op)
        if names is None:
            yield
            return
        key = (op.split("_", maxsplit=1)[0], *(str(arguments.get(name)) for name in names))
        turns = self._turns.setdefault(key, _Turns())
        turns.wanted += 1
        try:
            async with turns.lock:
                yield
        finally:
            turns.wanted -= 1
            if not turns.wanted:
                del self._turns[key]


def _refusal(reply: Reply) -> Exception:
    code, why = str(reply.body.get("code")), str(reply.body.get("why"))
    if code == "fenced":
        return Fenced(why)
    if code == "full":
        return MailboxFull(why)
    if code == "bad":
        return CodecError(why)
    return StoreRefused(code, why, reply.body.get("facts") or {})
