"""The line of the user's a life is at, told with every answer: what is stopped or gone can't be asked any more.

Reading it costs some microseconds a probe and wakes nobody. Code object and line number only, as in a dump.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from functools import lru_cache
from types import FrameType
from typing import Any

import pydantic

import wakeful
import wakeful_runtime
from wakeful_runtime.host.dumps import frame_of, steps

DEEPEST = 200
"""Frames looked at."""

_DRIVERS = frozenset({"BaseEventLoop.run_forever", "BlockingHost._work"})
"""What is outside of them is not the life's own."""

_FOREIGN = tuple(
    folder + os.sep
    for folder in (
        os.path.dirname(os.__file__),  # noqa: PTH120 (text is compared with text)
        *(os.path.dirname(str(each.__file__)) for each in (wakeful, wakeful_runtime)),  # noqa: PTH120
        os.path.dirname(os.path.dirname(str(pydantic.__file__))),  # noqa: PTH120 (where packages are installed)
    )
)


def whereabouts(work: asyncio.Task[Any] | None) -> str:
    """`file.py:123 in Research.run`, or empty; from any thread, at any moment.

    A main thread at work is there; one that waits for events is where `work` awaits.
    """
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    at = _in_stack(frame)
    if at is None and work is not None:
        for step in steps(work.get_coro()):
            suspended = frame_of(step)
            if suspended is not None and is_own(suspended.f_code.co_filename):
                at = suspended
    if at is None:
        return ""
    return f"{at.f_code.co_filename}:{at.f_lineno} in {at.f_code.co_qualname}"


def _in_stack(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of the user's."""
    for _ in range(DEEPEST):
        if frame is None or frame.f_code.co_qualname in _DRIVERS:
            return None
        if is_own(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


@lru_cache(1024)
def is_own(filename: str) -> bool:
    """Whether a source file is the user's, as far as its name tells: no link is followed on the way of a probe."""
    return not filename.startswith(("<", *_FOREIGN))
