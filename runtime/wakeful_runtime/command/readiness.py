"""When a program is ready: it says so, it listens, it prints, or at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re

from wakeful_runtime.command.lines import Lines

PORT_LOOK = 0.05
"""Seconds between two looks whether it listens."""
CONNECT = 1.0

LINE = 64 * 1024
"""Bytes of an output line that is looked through."""
PIECE = 64 * 1024

REST = 16
"""Pieces still copied when the program has ended: what it left behind may print without end."""


async def listens(port: int) -> None:
    """Return when something on this machine accepts connections on a port."""
    while True:
        for host in ("127.0.0.1", "::1"):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT):
                    _, writer = await asyncio.open_connection(host, port)
                writer.close()
                return
        await asyncio.sleep(PORT_LOOK)


class Output:
    """What a program prints, copied to the life's log, and the line that is waited for in it.

    Args:
        pattern: searched for in each line.
        log: the descriptor of the log.

    Attributes:
        writer: what the program gets; the host closes it once it has started.
    """

    def __init__(self, pattern: str, log: int = 1) -> None:
        self._pattern = re.compile(pattern.encode())
        self._log = log
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._lines = Lines(LINE)
        self.seen = asyncio.Event()

    def begin(self) -> None:
        """Copy from now on."""
        os.close(self.writer)
        asyncio.get_running_loop().add_reader(self._reader, self.copy)

    def copy(self) -> bool:
        """What is there; whether there may be more."""
        try:
            data = os.read(self._reader, PIECE)
        except (BlockingIOError, InterruptedError):
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(self._reader)
            return False
        with contextlib.suppress(OSError):  # a full disk is not how the program ended
            os.write(self._log, data)
        if not self.seen.is_set() and any(self._pattern.search(line) for line in self._lines.feed(data)):
            self.seen.set()
        return True

    def close(self) -> None:
        """The program has ended: the rest, as far as it is there."""
        for _ in range(REST):
            if not self.copy():
                break
        asyncio.get_running_loop().remove_reader(self._reader)
        os.close(self._reader)
