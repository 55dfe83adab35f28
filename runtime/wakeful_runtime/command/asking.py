"""Asks a program whether it is alive: over HTTP, or with a command."""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Awaitable, Callable

from wakeful_runtime.command.program import NotStarted, Program
from wakeful_runtime.command.signs import Signs

BELOW = 400
"""HTTP statuses below it are a sign of life."""

SHORTEST = 0.05
"""Seconds between two questions after a failure."""

_HEAD = 4096
_HEADERS = "User-Agent: wakeful\r\nConnection: close\r\n"

Question = Callable[[], Awaitable[str]]
"""Asks once; what is wrong, empty if it is alive."""


async def keep_asking(ask: Question, signs: Signs, every: float, timeout: float, news: Callable[[], None]) -> None:
    """Ask every `every` seconds, and sooner after a failure: what comes late is no hang.

    Args:
        news: called when a sign is missed, or comes again.
    """
    while True:
        trouble = await _asked(ask, timeout)
        changed = signs.failed(trouble) if trouble else signs.came()
        if changed:
            news()
        await asyncio.sleep(max(SHORTEST, min(every, timeout) / 4) if trouble else every)


async def over_http(url: str) -> str:
    """One GET; what is wrong, empty if the answer is below 400."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    try:
        reader, writer = await asyncio.open_connection(host, parts.port or 80)
    except OSError as error:
        return f"GET {url}: {error.strerror or error}"
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n{_HEADERS}\r\n".encode())
        line = (await reader.readline())[:_HEAD].decode("latin-1")
    except (OSError, ValueError) as error:
        return f"GET {url}: {error}"
    finally:
        writer.close()
    words = line.split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        return f"GET {url}: no HTTP answer"
    return "" if int(words[1]) < BELOW else f"GET {url}: status {words[1]}"


async def by_command(
    program: Program, argv: tuple[str, ...], cwd: str | None, env: dict[str, str], timeout: float
) -> str:
    """One run of a command; what is wrong, empty if it exits with 0."""
    try:
        end = await program.run_other(argv, cwd, env, timeout)
    except NotStarted as error:
        return str(error)
    if end.code == 0:
        return ""
    return f"{argv[0]}: " + (f"status {end.code}" if end.code is not None else f"killed by signal {end.signal}")


async def _asked(ask: Question, timeout: float) -> str:
    try:
        async with asyncio.timeout(timeout):
            return await ask()
    except TimeoutError:
        return f"no answer within {timeout:g} s"
