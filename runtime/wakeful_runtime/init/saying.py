"""What keeper and init write for people. It must never end them: the log may be on the disk that is full."""

from __future__ import annotations

import contextlib
import sys


def say(words: str) -> None:
    """A line into the log of this process, if it can be written."""
    with contextlib.suppress(OSError, ValueError):
        print(f"wakeful: {words}", file=sys.stderr, flush=True)
