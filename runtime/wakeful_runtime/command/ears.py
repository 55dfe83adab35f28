"""The two ways a program speaks: datagrams to NOTIFY_SOCKET, lines to WAKEFUL_FD. Read as fast as they can be kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from wakeful.rules.news import Barrier
from wakeful.rules.notify import read, read_line
from wakeful_runtime.command.hearing import Hearing
from wakeful_runtime.command.lines import Lines
from wakeful_runtime.command.notifysocket import Datagram, NotifySocket, close_all
from wakeful_runtime.host.go import STATE_BYTES

LONGEST = STATE_BYTES + 1024
"""Bytes of a line: a state, and its key."""

TURN = 64
"""Datagrams, or pieces of lines, in one turn of the loop."""

PIECE = 16 * 1024
A_SECOND = 5000
"""Datagrams and lines read in a second; the others wait, and the program with them."""

PAUSE = 0.05
"""Seconds nothing is read when enough has been."""


class Ears:
    """Reads both; lives on the host's loop.

    Args:
        lines: the reading end of the pipe behind WAKEFUL_FD.
        ours: whether a datagram's sender belongs to the program.
    """

    def __init__(self, hearing: Hearing, socket: NotifySocket, lines: int, ours: Callable[[Datagram], bool]) -> None:
        self._hearing, self._socket, self._pipe, self._ours = hearing, socket, lines, ours
        self._lines = Lines(LONGEST)
        self._loop = asyncio.get_running_loop()
        self._second, self._read = 0, 0
        self._open, self._closed = True, False

    def begin(self) -> None:
        """Read from now on."""
        self._loop.add_reader(self._socket.fileno(), self._turn, self._datagram)
        if self._open:
            self._loop.add_reader(self._pipe, self._turn, self._piece)

    def hear(self) -> None:
        """What is there now, as far as it can be kept."""
        for read_one in (self._piece, self._datagram):
            while not self._hearing.full and read_one():
                pass

    async def finish(self) -> None:
        """The program has ended: what it said before that is heard, then kept."""
        self._closed = True
        self._pause()
        for read_one in (self._piece, self._datagram):
            while read_one():
                if self._hearing.full:
                    await self._hearing.done()
        for line in self._lines.end():
            self._take_line(line)
        await self._hearing.done()

    def close(self) -> None:
        """Read no more; the ends are their maker's to close."""
        self._open, self._closed = False, True
        self._pause()

    def _pause(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_reader(self._pipe)

    def _turn(self, read_one: Callable[[], bool]) -> None:
        for _ in range(TURN):
            if self._hearing.full or self._too_fast():
                self._pause()
                self._loop.call_later(PAUSE, self._again)
                return
            if not read_one():
                return

    def _again(self) -> None:
        if not self._closed:
            self.begin()

    def _too_fast(self) -> bool:
        second = int(self._loop.time())
        if second != self._second:
            self._second, self._read = second, 0
        return self._read >= A_SECOND

    def _datagram(self) -> bool:
        found = self._socket.receive()
        if found is None:
            return False
        self._read += 1
        if not self._ours(found):
            pid = found.sender.pid if found.sender else None
            self._hearing.refuse("NOTIFY_SOCKET", f"process {pid} is none of this program's")
        elif not found.whole:
            self._hearing.refuse("NOTIFY_SOCKET", "the datagram is too long; write X_WAKEFUL_STATE=PATH of a file")
        else:
            kept = found.descriptors
            for said in read(found.data):
                barrier = isinstance(said, Barrier)
                self._hearing.take(said, kept if barrier else ())
                kept = () if barrier else kept
            close_all(kept)
            return True
        close_all(found.descriptors)
        return True

    def _piece(self) -> bool:
        try:
            data = os.read(self._pipe, PIECE)
        except (BlockingIOError, InterruptedError):
            return False
        if not data:
            self._open = False
            self._loop.remove_reader(self._pipe)
            return False
        before = self._lines.overlong
        for line in self._lines.feed(data):
            self._take_line(line)
        if self._lines.overlong > before:
            self._hearing.refuse("WAKEFUL_FD", "a line of more than 16 MiB; write X_WAKEFUL_STATE=PATH of a file")
        return True

    def _take_line(self, line: bytes) -> None:
        self._read += 1
        said = read_line(line)
        if said is not None:
            self._hearing.take(said)
