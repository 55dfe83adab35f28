"""Clearing away what dead lives left behind, without ever guessing.

Every life is a subreaper: what it started stays below it or, when it dies, becomes in that instant a child of the
nearest living subreaper above (init; the keeper, for lives whose init died). So a child that this process did not
fork is garbage of a dead life. An un-reaped child's number can't mean anybody else: no signal reaches a stranger.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Container, Sequence
from dataclasses import dataclass

from wakeful_runtime.init.lives import MARKER, LifeRecord, marker
from wakeful_runtime.processes import (
    ProcessHandle,
    ProcessStat,
    all_pids,
    children,
    descendants,
    environment_value,
    open_files,
    read_stat,
)


def sweep_round(known: Container[int]) -> list[int]:
    """One round: kill and reap every child of this process that isn't known. The pids found, dead or dying.

    The kernel's list may miss some while it changes: only two empty rounds prove that nothing is left.
    """
    found: list[int] = []
    for pid in children(os.getpid()):
        if pid <= 1 or pid in known:
            continue
        found.append(pid)
        kill_child(pid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return found


def kill_child(pid: int) -> None:
    """SIGKILL to a child of this process that isn't reaped yet."""
    if pid <= 1:
        raise ValueError(f"will not signal pid {pid}")
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def signal_group(leader: int, number: int) -> None:
    """Signal the group of a child of this process that isn't reaped yet; not if it leads none (just forked)."""
    if leader <= 1:
        raise ValueError(f"will not signal group {leader}")
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(leader) == leader:
            os.killpg(leader, number)


def signal_session(leader: int, start: float, number: int) -> list[int]:
    """Signal all members of a session whose leader is not our child: each verified and by its own pidfd."""
    return signal_remains([Remains(leader, start)], number)[leader]


@dataclass(frozen=True, slots=True)
class Remains:
    """How to know what a life left behind, when its leader is not our child.

    The number of a dead leader can't be given to a new session while a member lives; that it was not given away since
    is seen by the leader's start time.

    Attributes:
        leader: nobody's if it is 0 or 1: session 0 is what another PID namespace, or the kernel, has started.
        lock, mark: the last resort, for what fell to a process outside the node (keeper and init had died). What was
            forked without exec still holds the life's lock; what was exec'd has the life's mark in its environment,
            unless it was started with another one: that can't be told from a stranger and is left alone.
    """

    leader: int
    start: float
    lock: str | None = None
    mark: str | None = None

    @classmethod
    def lost(cls, life: LifeRecord, lock: str) -> Remains:
        """Of a life whose leavings may be anywhere."""
        return cls(life.pid, life.start, lock, marker(life.token))


def signal_remains(dead: Sequence[Remains], number: int) -> dict[int, list[int]]:
    """Signal what lives of these lives; the pids by leader.

    One walk over all processes for all of them, and only what is younger than the oldest of them is looked into: with
    many lives ending at once, a walk for each took init away from everything else for seconds.
    """
    hit: dict[int, list[int]] = {each.leader: [] for each in dead}
    real = [each for each in dead if each.leader > 1 and _is_gone_or_same(each)]
    if not real:
        return hit
    oldest = min(each.start for each in real)
    for pid in all_pids():
        stat = read_stat(pid)
        if pid == os.getpid() or stat is None or stat.state in "ZX" or stat.start < oldest:
            continue
        handle = ProcessHandle.verified(pid, stat.start, 0) if _owner(real, pid, stat) is not None else None
        if handle is None:
            continue
        again = _owner(real, pid, stat)  # with a pidfd in hand
        if again is not None and handle.send_signal(number):
            hit[again.leader].append(pid)
        handle.close()
    return hit


def _is_gone_or_same(remains: Remains) -> bool:
    first = read_stat(remains.leader)
    return first is None or first.start == remains.start


def _owner(dead: Sequence[Remains], pid: int, stat: ProcessStat) -> Remains | None:
    for each in dead:
        if stat.session == each.leader:
            return each
    lost = [each for each in dead if each.lock is not None and stat.start >= each.start]
    if not lost:
        return None
    files, mark = open_files(pid), environment_value(pid, MARKER)
    return next((each for each in lost if each.lock in files or (mark is not None and each.mark == mark)), None)


def hold_descendants(leader: int) -> list[ProcessHandle]:
    """Handles on all that is below a living process, for when its orphans will not fall to us."""
    family = {leader}
    handles: list[ProcessHandle] = []
    for pid in descendants(leader):
        handle = _open(pid)
        if handle is None:
            continue
        stat = read_stat(pid)
        if stat is not None and stat.parent in family:
            family.add(pid)
            handles.append(handle)
        else:
            handle.close()
    return handles


def _open(pid: int) -> ProcessHandle | None:
    stat = read_stat(pid)
    return ProcessHandle.verified(pid, stat.start, 0) if stat is not None else None
