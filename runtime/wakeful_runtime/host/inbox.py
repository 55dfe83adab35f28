"""A session's inbox: texts from people and other sessions, and who waits for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wakeful.errors import NodeError
from wakeful.life import MailItem

BOUND = 1000
"""Mails that may wait; more are refused, so that nothing is dropped in silence."""


class Inbox:
    """Lives on the main loop."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[MailItem] = asyncio.Queue(BOUND)
        self._answers: dict[str, Callable[[str | None], None]] = {}

    def put(self, mail: MailItem, answer: Callable[[str | None], None] | None) -> None:
        """Take a mail in; `answer` is called once, when it is handled, with the reply or None.

        Raises:
            NodeError: too many wait.
        """
        if self._waiting.full():
            raise NodeError(f"{BOUND} mails wait already")
        if answer is not None:
            self._answers[mail.id] = answer
        self._waiting.put_nowait(mail)

    async def next(self) -> MailItem:
        """The next one; waits for it."""
        return await self._waiting.get()

    def done(self, mail: MailItem, reply: str | None) -> None:
        """It is handled; a second time does nothing."""
        answer = self._answers.pop(mail.id, None)
        if answer is not None:
            answer(reply)
