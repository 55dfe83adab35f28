"""A run's inbox: texts and messages that the store keeps until they are handled."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from wakeful.errors import CodecError, Fenced
from wakeful.life import Log, MailItem
from wakeful.message import Message
from wakeful_runtime.bodies import shape_of
from wakeful_runtime.host.durable import message_of, stored
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.wire import pack, unpack

TEXT = "wakeful.Text"
"""The tag of a text; what else is in an inbox has the tag of its type."""

TEXT_BYTES = 1_100_000

BACK_S = 1.0
"""How long a life that is stopped may take to give back what it has in hand."""


def pack_text(text: str, *, wants_reply: bool = False) -> bytes:
    """A text as the store keeps it."""
    return pack([text, wants_reply])


class Inbox:
    """One life's view of it; lives on the main loop.

    Args:
        fenced: ends this process; a newer life exists.
        ahead: a program takes it, which may have several in hand: the next one says nothing of those before it, and
            what was fetched is no commit's before `taken` tells that it was read.
    """

    def __init__(
        self,
        birth: Birth,
        run_id: str,
        store: StoreClient,
        log: Log,
        *,
        fenced: Callable[[str], Any],
        ahead: bool = False,
    ) -> None:
        self._whose: dict[str, Any] = {"incarnation": birth.incarnation, "run_id": run_id}
        self._path = birth.path
        self._store = store
        self._log = log
        self._fenced = fenced
        self._ahead = ahead
        self._accepted: Mapping[str, type[Message]] = {}
        self._come = asyncio.Event()
        self._fetching: asyncio.Task[MailItem] | None = None
        self._in_hand: dict[str, None] = {}
        self._unread: dict[str, None] = {}
        self._open: dict[str, None] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def begin(self, accepted: Mapping[str, type[Message]]) -> None:
        """What messages it takes besides texts."""
        self._accepted = accepted

    def look(self) -> None:
        """Something may have come."""
        self._come.set()

    async def next(self) -> MailItem:
        """The next one, in hand from then on; waits for it. Who gives up waiting loses nothing."""
        if self._open and not self._ahead:
            await self._handled(list(self._open), None)
        if self._fetching is None:
            self._fetching = asyncio.get_running_loop().create_task(self._fetch(), name="wakeful-inbox")
        try:
            mail = await asyncio.shield(self._fetching)
        except Exception:
            self._fetching = None
            raise
        self._fetching = None
        return mail

    def in_hand(self) -> list[str]:
        """What a checkpoint or the run's result contains: it is handled in the same commit."""
        return [number for number in self._in_hand if number not in self._unread]

    def taken(self, mail: MailItem) -> None:
        """The program has read it: from now on it is contained in a commit."""
        self._unread.pop(mail.id, None)

    def handled(self, ids: list[str]) -> None:
        """These were, by such a commit; until the next one is taken they may still be replied to."""
        for number in ids:
            if number in self._in_hand:
                del self._in_hand[number]
                self._open[number] = None

    async def done(self, mail: MailItem, reply: str | None) -> None:
        """It is handled; once it is, only a reply counts, or that a program gives none."""
        if mail.id in self._in_hand or reply is not None or (self._ahead and mail.id in self._open):
            await self._handled([mail.id], reply)

    def done_soon(self, mail: MailItem, reply: str | None) -> None:
        """The same, beside."""
        task = asyncio.get_running_loop().create_task(self.done(mail, reply), name="wakeful-mail-done")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _handled(self, ids: list[str], reply: str | None) -> None:
        await self._ask("handled", ids=ids, path=self._path, reply=reply)
        for number in ids:
            for kept in (self._in_hand, self._unread, self._open):
                kept.pop(number, None)

    async def put(self, message: Message, sender: str) -> None:
        """Keep a message that was told to this life: from now on it outlives it."""
        run_id: str = self._whose["run_id"]
        about: dict[str, Any] = {"path": self._path, "run_id": run_id, "sender": sender, **stored(message)}
        await self._store.request("text_post", id=uuid.uuid4().hex, **about)

    async def move(self, number: str) -> None:
        """A durable message is one for the inbox."""
        await self._ask("to_inbox", id=number, path=self._path)

    async def put_back(self) -> None:
        """This life is stopped in order: what it has in hand is the next one's."""
        await self._put_back(self._in_hand)

    async def put_back_unread(self) -> None:
        """The program has ended: what it has not read is the next one's, and had no part in that end."""
        await self._put_back(self._unread)

    async def _put_back(self, which: Mapping[str, None]) -> None:
        fetched = self._fetching
        if fetched is not None and not fetched.done():
            fetched.cancel()
        if not which:
            return
        try:
            async with asyncio.timeout(BACK_S):
                for number in list(which):
                    await self._ask("put_back", id=number, path=self._path)
                    self._in_hand.pop(number, None)
                    self._unread.pop(number, None)
        except TimeoutError:
            self._log.warning("mail in hand could not be given back", count=len(which))

    async def _fetch(self) -> MailItem:
        while True:
            self._come.clear()
            found = await self._ask("deliveries", to=self._path, limit=1)
            if not found["rows"]:
                await self._come.wait()
                continue
            row: dict[str, Any] = found["rows"][0]
            if not (await self._ask("in_hand", id=row["id"], path=self._path))["go"]:
                continue
            try:
                mail = self._read(row)
            except (CodecError, ValueError, LookupError) as error:
                self._log.warning("a mail is not what was declared", tag=row["tag"], error=str(error))
                why = f"not what was declared: {row['tag']}"
                await self._ask("not_handled", id=row["id"], path=self._path, error=why, final=True)
                continue
            self._in_hand[mail.id] = None
            if self._ahead:
                self._unread[mail.id] = None
            return mail

    def _read(self, row: dict[str, Any]) -> MailItem:
        if row["tag"] == TEXT:
            text, wants_reply = unpack(row["body"], max_bytes=TEXT_BYTES, max_depth=2)
            return MailItem(row["id"], str(text), None, row["sender"], bool(wants_reply))
        return MailItem(row["id"], None, message_of(self._accepted[row["tag"]], row["body"]), row["sender"])

    async def _ask(self, op: str, **args: Any) -> dict[str, Any]:
        try:
            return await self._store.request(op, **args, **self._whose)
        except Fenced as error:
            self._fenced(str(error))
            raise


def tags(accepted: tuple[type[Message], ...]) -> dict[str, type[Message]]:
    """Types of messages by tag."""
    return {shape_of(each).tag: each for each in accepted}
