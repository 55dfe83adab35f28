"""A fork whose child waits at a pipe until its parent lets it go on, and goes if its parent is gone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from wakeful_runtime.init.sweep import kill_child
from wakeful_runtime.processes import ProcessHandle


def fork_behind_gate(begin: Callable[[int, set[Any]], None]) -> tuple[ProcessHandle, int]:
    """Fork.

    Args:
        begin: called in the child with the end of the pipe to read and the signal mask to go back to; never returns.

    Returns:
        the child, and the end of the pipe to write to.

    Raises:
        OSError: the machine gives no process or no descriptor; no child is left.
    """
    read, write = os.pipe()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            begin(read, mask)
    except OSError:
        os.close(write)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(read)
    try:
        return ProcessHandle.of_child(pid), write
    except OSError:
        os.close(write)
        kill_child(pid)  # nobody could find it again; it has not begun
        os.waitpid(pid, 0)
        raise
