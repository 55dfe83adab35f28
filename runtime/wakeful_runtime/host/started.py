"""Which processes below this one were started in a block, so that a hung one can be killed with all it started."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager

from wakeful_runtime.processes import ProcessHandle, descendants, read_stat

ROUNDS = 5
"""What is killed may have forked meanwhile: looked at again so many times."""

Identity = tuple[int, float]


class StartedProcesses:
    """Filled when the block ends; processes are known by pid and start time, so that a stranger is never meant."""

    def __init__(self) -> None:
        self.found: set[Identity] = set()

    def kill(self) -> int:
        """SIGKILL what is left of them and of what they started; how many were alive."""
        killed: set[Identity] = set()
        for _ in range(ROUNDS):
            below = {each for pid, start in self.found if _is(pid, start) for each in _identities(descendants(pid))}
            self.found |= below
            alive = [each for each in self.found if each not in killed and _kill(each)]
            if not alive:
                break
            killed.update(alive)
        return len(killed)


@contextmanager
def started_processes() -> Generator[StartedProcesses, None, None]:
    """Notes every descendant that is new at the end of the block."""
    before = _identities(descendants(os.getpid()))
    started = StartedProcesses()
    try:
        yield started
    finally:
        started.found |= _identities(descendants(os.getpid())) - before


def _identities(pids: list[int]) -> set[Identity]:
    return {(pid, stat.start) for pid in pids if (stat := read_stat(pid)) is not None}


def _is(pid: int, start: float) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.start == start


def _kill(who: Identity) -> bool:
    handle = ProcessHandle.verified(*who, inode=0)
    if handle is None:
        return False
    try:
        return handle.alive() and handle.send_signal(signal.SIGKILL)
    finally:
        handle.close()
