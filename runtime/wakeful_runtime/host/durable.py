"""Durable messages: committed by the store before the sender goes on, delivered in order until they are handled."""

from __future__ import annotations

import asyncio
import traceback
import uuid
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from wakeful.errors import CodecError, Fenced, Refused
from wakeful.life import Log
from wakeful.message import Message
from wakeful_runtime.bodies import shape_of
from wakeful_runtime.host.facts import LifeClocks
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.transport.mailbox import Handler, Mailbox
from wakeful_runtime.wire import VERSION, array_header, pack, unpack_frame

PAGE = 100
"""Deliveries fetched at once."""

_HEAD = array_header(4) + pack(VERSION) + pack(0)
"""A stored body is a frame of the mailbox lane: version, kind, form, body."""

_in_hand: ContextVar[str | None] = ContextVar("wakeful_durable_in_hand", default=None)


def in_hand() -> list[str]:
    """The durable message the present handler handles: what it keeps now is committed with it."""
    message = _in_hand.get()
    return [] if message is None else [message]


class Durables:
    """Sends and receives the durable messages of one life.

    Args:
        fenced: ends this process; a newer life exists.
        move: puts a message into the run's inbox, by its id.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        store: StoreClient,
        log: Log,
        clocks: LifeClocks,
        *,
        fenced: Callable[[str], Any],
        move: Callable[[str], Awaitable[None]],
    ) -> None:
        self._move = move
        self._mailbox = mailbox
        self._store = store
        self._log = log
        self._clocks = clocks
        self._fenced = fenced
        self._table: Mapping[str, Handler] = {}
        self._come = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._boxed: Collection[str] = ()

    def look(self) -> None:
        """Something may have come."""
        self._come.set()

    def begin(self, table: Mapping[str, Handler], boxed: Collection[str] = ()) -> None:
        """Look for what waits, now and whenever something came; on the loop.

        Args:
            boxed: tags of what goes into the run's inbox.
        """
        self._table, self._boxed = table, boxed
        self._come.set()
        self._task = asyncio.get_running_loop().create_task(self._receive(), name="wakeful-durable")

    def close(self) -> None:
        """Fetch nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def send(self, to: str, message: Message) -> None:
        """Done when it is committed; waits while the store is away, and the progress clock stands still.

        Raises:
            CodecError: it can't travel. MailboxFull: as many wait for `to` as may.
        """
        with self._clocks.waiting("store"):
            await self._store.request("post", id=uuid.uuid4().hex, to=to, sender=self._mailbox.path, **stored(message))

    async def _receive(self) -> None:
        path, incarnation = self._mailbox.path, self._mailbox.incarnation
        while True:
            await self._come.wait()
            self._come.clear()
            more = True
            while more:
                found = await self._ask("deliveries", to=path, incarnation=incarnation, limit=PAGE)
                more = bool(found["more"])
                for row in found["rows"]:
                    await self._mailbox.handle(partial(self._deliver, row))

    async def _deliver(self, row: dict[str, Any]) -> None:
        """One delivery, in the handlers' own turn."""
        whose = {"path": self._mailbox.path, "incarnation": self._mailbox.incarnation}
        if not (await self._ask("in_hand", id=row["id"], **whose))["go"]:
            return
        if row["tag"] in self._boxed:
            await self._move(row["id"])
            return
        handler = self._table.get(row["tag"])
        try:
            message = None if handler is None else message_of(handler.type, row["body"])
        except (CodecError, ValueError) as error:
            message, handler = None, None
            self._log.warning("a durable message is not what was declared", tag=row["tag"], error=str(error))
        if handler is None or message is None:
            why = f"no handler for {row['tag']}"
            await self._ask("not_handled", id=row["id"], error=why, final=True, **whose)
            return
        token = _in_hand.set(row["id"])
        try:
            done = handler.call(message)
            if isinstance(done, Coroutine):
                await done
        except Refused as refused:
            await self._ask("not_handled", id=row["id"], error=f"refused: {refused}", final=True, **whose)
        except Exception as error:  # user code
            if self._mailbox.on_error(message, error) == "raise":
                raise
            text = "".join(traceback.format_exception_only(error)).strip()
            if not (await self._ask("not_handled", id=row["id"], error=text, **whose))["dead"]:
                self._come.set()
        else:
            await self._ask("handled", ids=[row["id"]], **whose)
        finally:
            _in_hand.reset(token)

    async def _ask(self, op: str, **args: Any) -> dict[str, Any]:
        try:
            return await self._store.request(op, **args)
        except Fenced as error:
            self._fenced(str(error))
            raise


def stored(message: Message) -> dict[str, Any]:
    """A message as the store keeps it: its tag and its body.

    Raises:
        CodecError: it can't travel.
    """
    shape = shape_of(type(message))
    form, body = shape.write(message)
    return {"tag": shape.tag, "body": _HEAD + pack(form) + body}


def message_of(kind: type[Message], body: bytes) -> Message:
    """What `stored` made.

    Raises:
        CodecError, ValueError: it is none of `kind`.
    """
    _, _, form, value = unpack_frame(body)
    message: Message = shape_of(kind).read(form, value)
    return message
