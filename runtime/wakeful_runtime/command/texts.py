"""The inbox of a program: texts as JSON lines on its standard input, each once it has read the one before."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import struct
import termios

from wakeful.life import MailItem
from wakeful_runtime.command.hearing import Hearing
from wakeful_runtime.host.inbox import Inbox
from wakeful_runtime.processes import PAGE

MOST = 1024 * 1024
"""Characters of a text; a longer one is cut."""


class Texts:
    """Hands them over; lives on the host's loop.

    A pipe of one page can be written to when it is empty, and only then (Linux, pipe(7)): that tells what was read.

    Args:
        descriptor: the writing end of the program's standard input.
    """

    def __init__(self, inbox: Inbox, descriptor: int, hearing: Hearing) -> None:
        self._inbox, self._descriptor, self._hearing = inbox, descriptor, hearing
        self._written: MailItem | None = None
        os.set_blocking(descriptor, False)
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PAGE)

    async def hand_over(self) -> None:
        """Write what comes, in order, until the program takes no more; waits while it doesn't read."""
        while True:
            await self._room()
            mail = await self._inbox.next()
            try:
                await self._write(_line(mail))
            except OSError as error:
                self._hearing.refuse("inbox", f"the program doesn't take texts any more: {error.strerror}")
                return
            self._written = mail
            self._hearing.gave(mail)

    async def end(self) -> None:
        """The program has ended: what it has not read is given back."""
        self._look()
        await self._inbox.put_back_unread()

    async def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                await self._room()

    async def _room(self) -> None:
        loop, room = asyncio.get_running_loop(), asyncio.Event()

        def there_is() -> None:
            self._look()  # before what the program says next is carried out
            room.set()

        loop.add_writer(self._descriptor, there_is)
        try:
            await room.wait()
        finally:
            loop.remove_writer(self._descriptor)

    def _look(self) -> None:
        if self._written is not None and not _unread(self._descriptor):
            self._hearing.taken(self._written)
            self._written = None


def _line(mail: MailItem) -> bytes:
    told = {"id": mail.id, "text": (mail.text or "")[:MOST], "sender": mail.sender, "wants_reply": mail.wants_reply}
    return json.dumps(told).encode() + b"\n"


def _unread(descriptor: int) -> int:
    """Bytes in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4))[0])
