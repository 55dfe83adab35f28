"""A fork whose child waits at a gate until its parent lets it go on, and goes if its parent is gone."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from wakeful_runtime.init.sweep import kill_child
from wakeful_runtime.processes import ProcessHandle


def fork_behind_gate(begin: Callable[[int, set[Any]], None]) -> tuple[ProcessHandle, int]:
    """Fork.

    Args:
        begin: called in the child with its end of the gate and the signal mask to go back to; never returns.

    Returns:
        the child, and the parent's end of the gate, which never blocks; both ends can be read and written.

    Raises:
        OSError: the machine gives no process or no descriptor; no child is left.
    """
    ours, theirs = (each.detach() for each in socket.socketpair())
    os.set_blocking(ours, False)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            begin(theirs, mask)
    except OSError:
        os.close(ours)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(theirs)
    try:
        return ProcessHandle.of_child(pid), ours
    except OSError:
        os.close(ours)
        kill_child(pid)  # nobody could find it again; it has not begun
        os.waitpid(pid, 0)
        raise
