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
    """Filled while the block lasts; processes are known by pid and start time, so that a stranger is never meant."""

    def __init__(self, before: set[Identity]) -> None:
        self.found: set[Identity] = set()
        self._before = before
        self._open = True

    def note(self) -> None:
        """Add what is new; until the block has ended, also each time they are to be killed."""
        self.found |= _identities(descendants(os.getpid())) - self._before

    def end(self) -> None:
        """The block ends: what is started from now on is another's."""
        self.note()
        self._open = False

    def kill(self) -> int:
        """SIGKILL what is left of them and of what they started; how many were alive."""
        if self._open:
            self.note()
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
    """Notes every descendant that is new since the block began."""
    started = StartedProcesses(_identities(descendants(os.getpid())))
    try:
        yield started
    finally:
        started.end()


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
