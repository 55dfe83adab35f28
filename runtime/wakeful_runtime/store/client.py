"""Asking the store: patiently, in order, and so that a repeated request changes nothing."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from wakeful.errors import CodecError, Fenced, MailboxFull, NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.journal import Entry, Journal
from wakeful_runtime.store.protocol import Reply, Request, pack_request, unpack_reply
from wakeful_runtime.transport.request import RequestClient

ATTEMPT_S = 10.0
"""How long one attempt waits for the store before the request is sent again, seconds."""

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
    "incident_update": ("id",),
}
"""Requests about the same thing go one after the other: one that is sent again never overtakes a newer one."""


class StoreRefused(NodeError):
    """The store said no, and will say no again.

    Args:
        code: one word: `finished missing bad corrupt …`.
        facts: what the operation says with it.
    """

    def __init__(self, code: str, why: str, facts: dict[str, Any]) -> None:
        super().__init__(why)
        self.code = code
        self.facts = facts


class Lane(Protocol):
    """How a request gets to the store and its answer back (`transport.request.RequestClient`)."""

    async def request(self, data: bytes, timeout: float | None) -> bytes:
        """Raises TimeoutError."""
        ...

    async def close(self) -> None: ...


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
        self._lane: Lane = RequestClient(directory, "store", identity) if lane is None else lane
        self._waiting = waiting
        self._prefix = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._turns: dict[tuple[str, ...], _Turns] = {}
        self._journal = Journal(self._send_entries)

    async def request(self, op: str, *, timeout: float | None = None, **arguments: Any) -> dict[str, Any]:
        """One operation's answer; when it is here it is committed.

        Args:
            timeout: seconds to wait while the store is away; None: as long as it takes.

        Raises:
            Fenced: a newer life of this path exists.
            NodeError: the store didn't answer in time; whether the request was done is unknown.
            StoreRefused: the answer is no.
            MailboxFull: as many durable messages wait for the recipient as may.
            CodecError: the arguments can't travel.
        """
        with self._waiting():
            return await self._ask(op, arguments, timeout)

    def journal(self, entries: Iterable[Entry]) -> None:
        """Have journal rows stored, once each by its `id`; buffered, never waits."""
        self._journal.add(entries)

    async def flush(self, timeout: float | None = None) -> bool:
        """Wait for the buffered journal rows to be stored; whether they all are."""
        return await self._journal.flush(timeout)

    async def close(self, timeout: float = 0.5) -> None:
        """Give the buffered journal rows `timeout` seconds, then close."""
        await self._journal.close(timeout)
        await self._lane.close()

    async def _send_entries(self, entries: list[Entry]) -> None:
        await self._ask("journal", {"entries": entries}, None)

    async def _ask(self, op: str, arguments: dict[str, Any], timeout: float | None) -> dict[str, Any]:
        number = f"{self._prefix}-{next(self._numbers)}"
        data = pack_request(Request(number, op, arguments))
        deadline = None if timeout is None else time.monotonic() + timeout
        why = "it did not answer"
        pause = FIRST_PAUSE_S
        try:
            async with asyncio.timeout(timeout), self._turn(op, arguments):
                while True:
                    reply = await self._attempt(data, number)
                    if reply is not None and reply.kind == "ok":
                        return reply.body
                    if reply is not None and reply.kind == "no":
                        raise _refusal(reply)
                    if reply is not None:
                        why = str(reply.body.get("why"))
                        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                        pause = min(2 * pause, LONGEST_PAUSE_S)
        except TimeoutError:
            if deadline is None:
                raise
            raise NodeError(f"the store can't be asked ({op}) within {timeout:g} s: {why}") from None

    async def _attempt(self, data: bytes, number: str) -> Reply | None:
        """One attempt; None where the store didn't answer in time."""
        try:
            return unpack_reply(await self._lane.request(data, ATTEMPT_S), number)
        except TimeoutError:
            return None

    @asynccontextmanager
    async def _turn(self, op: str, arguments: dict[str, Any]) -> AsyncIterator[None]:
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
