"""A browser that hangs, as browsers do: a process of its own that answers a line with a line, until it doesn't.

`python browser.py HANG` freezes at its HANG-th page (0: never). Real ones go through Playwright or Selenium; what
matters here is that it is another process, and that waiting for it has no end by itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process


class Browser:
    """The agent's end."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._one = asyncio.Lock()

    async def show(self, page: str) -> str:
        """What the browser shows; no time limit, as drivers have none."""
        async with self._one:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(f"{page}\n".encode())
            await self._process.stdin.drain()
            return (await self._process.stdout.readline()).decode().strip()

    async def ping(self) -> None:
        """Fine if it answers."""
        await self.show("about:blank")

    async def close(self) -> None:
        """End it."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def launch(hang: int) -> Browser:
    """Start one."""
    command = [sys.executable, __file__, str(hang)]
    return Browser(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))


def main(hang: int) -> None:
    """The browser itself."""
    for number, line in enumerate(sys.stdin, start=1):
        if number == hang:
            os.kill(os.getpid(), signal.SIGSTOP)
        print(f"shown {line.strip()}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
