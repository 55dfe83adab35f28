"""PID 1 of a container: reaps whatever falls to it, forwards signals, and starts the keeper again if it is killed.

It is kept apart from the keeper because strangers (`docker exec`) fall to PID 1 too, and the keeper kills what it
does not know.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from wakeful.errors import WakefulError
from wakeful_runtime.processes import ProcessHandle


def as_first_process(run: Callable[[], int]) -> int:
    """Run `run` in a child; its exit status once it left by itself. A child that was killed is started again."""
    while True:
        status = _wait_for(_start(run))
        if os.WIFEXITED(status):
            return os.WEXITSTATUS(status)


def _start(run: Callable[[], int]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    forwarded = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, forwarded)
    pid = os.fork()
    if pid == 0:
        _child(run, before)
    for number in forwarded:  # PID 1 ignores signals it has no handler for
        signal.signal(number, _forwarder(ProcessHandle.of_child(pid)))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _forwarder(child: ProcessHandle) -> Callable[[int, FrameType | None], None]:
    def forward(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    return forward


def _child(run: Callable[[], int], mask: set[Any]) -> None:
    status = 1
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        status = run()
    except WakefulError as error:
        print(f"wakeful: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _wait_for(child: int) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return status
