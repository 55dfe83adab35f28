"""An event loop in a thread beside code that awaits nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")

JOIN_S = 5.0


class SideLoop:
    """Runs coroutines for a thread that waits for them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wakeful-client", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, R], *, interruptible: bool = False) -> R:
        """Its result, or what it raised. Ctrl-C in the waiting thread cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            if interruptible:
                future.cancel()
            raise

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(JOIN_S)
        self._loop.close()
