"""A dead-man's switch outside of the node, as healthchecks.io has it: silence there is the alert.

While the scheduler turns, the URL in `WAKEFUL_PING_URL` is asked for once a minute. Whoever watches it is told when
that stops: also when the machine is gone, which nothing on it can tell.
"""

from __future__ import annotations

import asyncio
import os
import time
from urllib.parse import urlsplit

from wakeful.life import Log

VARIABLE = "WAKEFUL_PING_URL"
EVERY_S = 60.0
TIMEOUT_S = 10.0


class Ping:
    """Asks for one URL, at most once in `every` seconds, never two at a time.

    Args:
        url: None: nobody is told. It may hold a secret, so that only its host is ever logged.
    """

    def __init__(self, url: str | None, log: Log, every: float = EVERY_S) -> None:
        self._url = url
        self._log = log
        self._every = every
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    @classmethod
    def of_environment(cls, log: Log) -> Ping:
        """The URL of the environment; one that can't be is logged and left alone."""
        url = os.environ.get(VARIABLE)
        if url and urlsplit(url).scheme not in ("http", "https"):
            log.error("no ping: the variable holds no http(s) URL", variable=VARIABLE)
            url = None
        return cls(url or None, log)

    def turned(self) -> None:
        """The scheduler has done a turn."""
        now = time.monotonic()
        if self._url is None or now - self._asked_at < self._every or self.asking:
            return
        self._asked_at = now
        self._asking = asyncio.get_running_loop().create_task(self._ask(self._url))

    @property
    def asking(self) -> bool:
        """Whether an answer is waited for."""
        return self._asking is not None and not self._asking.done()

    async def answered(self) -> None:
        """Until nothing is waited for any more."""
        if self._asking is not None:
            await asyncio.wait({self._asking})

    async def _ask(self, url: str) -> None:
        why = await asyncio.to_thread(_get, url)
        if why:
            self._log.warning("ping failed", host=urlsplit(url).hostname, why=why)

    def close(self) -> None:
        """Wait for nothing."""
        if self._asking is not None:
            self._asking.cancel()


def _get(url: str) -> str:
    """Why it failed, without the text of an error that may hold the URL; empty: it did not."""
    import urllib.request  # brings TLS with it, which most nodes never need
    from http.client import HTTPException

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            answer.read(1024)
    except (OSError, ValueError, HTTPException) as error:
        return str(getattr(error, "reason", None) or type(error).__name__)
    return ""
