"""Clearing away what dead lives left behind, without ever guessing.

Every life is a subreaper: what it started stays below it or, when it dies, becomes in that instant a child of the
nearest living subreaper above (init; the keeper, for lives whose init died). So a child that this process did not
fork is garbage of a dead life. An un-reaped child's number can't mean anybody else: no signal reaches a stranger.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Container

from wakeful_runtime.lives import MARKER, LifeRecord, marker
from wakeful_runtime.processes import (
    ProcessHandle,
    ProcessStat,
    all_pids,
    children,
    descendants,
    has_in_environment,
    has_open,
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
    """Signal all members of a session whose leader is not our child: each verified and by its own pidfd.

    The number of a dead leader can't be given to a new session while a member lives; that it was not given away since
    is seen by the leader's start time.
    """
    first = read_stat(leader)
    if first is not None and first.start != start:
        return []
    return _signal_all(lambda pid, stat: stat.session == leader, number)


def kill_lost(life: LifeRecord, lock: str) -> list[int]:
    """The last resort, when what a dead life left fell to a process outside the node (keeper and init had died).

    What was forked without exec still holds the life's lock; what was exec'd has the life's mark in its environment,
    unless it was started with another one: that can't be told from a stranger and is left alone.
    """
    mark = f"{MARKER}={marker(life.token)}"
    return _signal_all(lambda pid, stat: has_open(pid, lock) or has_in_environment(pid, mark), signal.SIGKILL)


def _signal_all(meant: Callable[[int, ProcessStat], bool], number: int) -> list[int]:
    """Signal the living processes that are meant: looked at twice, the second time with a pidfd in hand."""
    hit: list[int] = []
    for pid in all_pids():
        stat = read_stat(pid)
        if pid == os.getpid() or stat is None or stat.state in "ZX" or not meant(pid, stat):
            continue
        handle = ProcessHandle.verified(pid, stat.start, 0)
        if handle is None:
            continue
        if meant(pid, stat) and handle.send_signal(number):
            hit.append(pid)
        handle.close()
    return hit


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
