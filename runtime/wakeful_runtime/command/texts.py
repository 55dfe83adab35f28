"""The inbox of a program: texts as JSON lines on its standard input."""

from __future__ import annotations

import asyncio
import json
import os

from wakeful.life import MailItem
from wakeful_runtime.command.hearing import Hearing
from wakeful_runtime.host.inbox import Inbox

MOST = 1024 * 1024
"""Characters of a text; a longer one is cut."""


async def hand_over(inbox: Inbox, descriptor: int, hearing: Hearing) -> None:
    """Write what comes, in order; waits while the program doesn't read."""
    os.set_blocking(descriptor, False)
    while True:
        mail = await inbox.next()
        try:
            await _write(descriptor, _line(mail))
        except OSError as error:
            inbox.done_soon(mail, None)
            hearing.refuse("inbox", f"the program doesn't take texts any more: {error.strerror}")
            continue
        hearing.gave(mail)


def _line(mail: MailItem) -> bytes:
    told = {"id": mail.id, "text": (mail.text or "")[:MOST], "sender": mail.sender, "wants_reply": mail.wants_reply}
    return json.dumps(told).encode() + b"\n"


async def _write(descriptor: int, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            room = asyncio.Event()
            loop.add_writer(descriptor, room.set)
            try:
                await room.wait()
            finally:
                loop.remove_writer(descriptor)
