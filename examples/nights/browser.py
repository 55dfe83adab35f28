"""A browser that hangs, as browsers do: a process of its own that answers a line with a line, until it doesn't.

Given an address it loads the page, and freezes at one that it can't take. Real ones go through Playwright or Selenium;
what matters here is that it is another process, and that waiting for it has no end by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from urllib.request import urlopen


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


async def launch() -> Browser:
    """Start one."""
    return Browser(await asyncio.create_subprocess_exec(sys.executable, __file__, stdin=PIPE, stdout=PIPE))


def main() -> None:
    """The browser itself."""
    for line in sys.stdin:
        page = line.strip()
        if page.startswith("http:"):
            with urlopen(page) as answer:
                if json.load(answer)["freezes"]:
                    os.kill(os.getpid(), signal.SIGSTOP)
        print(f"shown {page}", flush=True)


if __name__ == "__main__":
    main()
