"""A session's inbox. A mail is handled at the next one, at `reply`, or at a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wakeful.life import MailItem
from wakeful.message import Message

if TYPE_CHECKING:
    from wakeful.attached import Attached
    from wakeful.ref import Caller


class _Letter:
    """What is in a mail."""

    def __init__(self, attached: Attached, item: MailItem) -> None:
        self._attached = attached
        self._item = item

    @property
    def text(self) -> str:
        """The text; empty for a message."""
        return self._item.text or ""

    @property
    def message(self) -> Message | None:
        """The message, if it isn't a text."""
        return self._item.message

    @property
    def sender(self) -> str:
        """The path of who sent it."""
        return self._item.sender

    async def _reply(self, text: str) -> None:
        attached = self._attached
        if attached.mail is self._item:
            await attached.close_mail(text)
        else:
            await attached.life.mail_done(self._item, text)

    def __repr__(self) -> str:
        return f"Mail(from {self.sender}, {self._item.text if self._item.text is not None else self.message!r})"


class Mail(_Letter):
    """One thing in a session's inbox."""

    async def reply(self, text: str) -> None:
        """Answer it; it is handled then."""
        await self._reply(text)


class Inbox:
    """`async for mail in self.inbox:` waits for the next; the progress clock stands still meanwhile."""

    def __init__(self, attached: Attached) -> None:
        self._attached = attached

    def __aiter__(self) -> Inbox:
        return self

    async def __anext__(self) -> Mail:
        return Mail(self._attached, await _next(self._attached))


class BlockingMail(_Letter):
    """One thing in a blocking session's inbox."""

    def __init__(self, attached: Attached, item: MailItem, call: Caller) -> None:
        super().__init__(attached, item)
        self._call = call

    def reply(self, text: str) -> None:
        """Answer it; it is handled then."""
        self._call(self._reply(text))


class BlockingInbox:
    """`for mail in self.inbox:` waits for the next."""

    def __init__(self, attached: Attached, call: Caller, check: Callable[[], None]) -> None:
        self._attached = attached
        self._call = call
        self._check = check

    def __iter__(self) -> BlockingInbox:
        return self

    def __next__(self) -> BlockingMail:
        self._check()
        item = self._call(_next(self._attached), interruptible=True)
        return BlockingMail(self._attached, item, self._call)


async def _next(attached: Attached) -> MailItem:
    await attached.close_mail()
    with attached.life.waiting("inbox"):
        attached.mail = await attached.life.next_mail()
    return attached.mail
