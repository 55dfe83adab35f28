"""What the operating system shows of a watched process: cheap looks, and the monitor's own clocks.

Linux by /proc; what is missing or forbidden there stays unknown. Elsewhere psutil, which shows no single threads.
"""

from __future__ import annotations

import os
import time

from wakeful.rules.doubt import Clocks
from wakeful.rules.facts import Look, ThreadLook
from wakeful_runtime.evidence.syscalls import syscall_name
from wakeful_runtime.processes import LINUX, descendants, read_stat, threads, tree_rss

CONTROL_THREAD = "wakeful-pulse"
"""The name (`comm`) of a control thread; at most 15 characters."""

LANE_THREAD = "ZMQbg/IO/0"
"""The name ZeroMQ gives the thread that moves messages between sockets and the threads that use them."""

_GONE = ThreadLook("X")


def look(pid: int, *, program: int | None = None, at: float | None = None) -> Look:
    """One look at a process and its two threads that matter: some 0.1 ms.

    Args:
        pid: a process the caller knows to be the one meant (its pidfd is not readable).
        program: the child of it whose main thread matters, where it hosts a program.
        at: the look's time (monotonic); now if None.
    """
    now = time.monotonic() if at is None else at
    if not LINUX:
        return _portable(program or pid, now)
    main = _thread(program or pid, program or pid)
    if main is None:
        return Look(now, _GONE, None, threads_known=False)
    named = _named_threads(pid)
    control, lane = named.get(CONTROL_THREAD), named.get(LANE_THREAD)
    return Look(
        at=now,
        main=main,
        control=_thread(pid, control) if control is not None else None,
        throttled=throttled(pid),
        lane=_thread(pid, lane) if lane is not None else None,
    )


def clocks() -> Clocks:
    """The monitor's own clocks: what its doubt is made of."""
    own = os.getpid()
    stat = _numbers(f"/proc/{own}/task/{own}/schedstat") if LINUX else []
    return Clocks(
        monotonic=time.monotonic(),
        boottime=time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else None,
        wall=time.time(),
        run_delay=stat[1] / 1e9 if len(stat) > 1 else None,
        throttled=throttled(own),
        pressure=_pressure(),
    )


def throttled(pid: int) -> float | None:
    """Seconds the cgroup of a process has been held back by its CPU quota, in all; None without one."""
    file = _cpu_stat_file(pid)
    if file is None:
        return None
    for line in small_file(file).splitlines():
        word, _, value = line.partition(" ")
        if word == "throttled_usec":
            return int(value) / 1e6
        if word == "throttled_time":
            return int(value) / 1e9
    return None


def tree_memory(pid: int) -> int | None:
    """Memory of a process and all below it, bytes: what it would give back if it ended (PSS); None when it is gone.

    Where PSS can't be read: resident memory, in which shared pages count once for each process.
    """
    if not LINUX:
        return tree_rss(pid) or None
    parts = [_memory(each) for each in (pid, *descendants(pid))]
    return sum(parts) or None


def control_thread(pid: int) -> int | None:
    """The thread id of the control thread; None if there is none, or none can be told."""
    return _named_threads(pid).get(CONTROL_THREAD)


def _named_threads(pid: int) -> dict[str, int]:
    """Its threads but the main one, by name; of two with one name the first."""
    found: dict[str, int] = {}
    for tid in threads(pid):
        if tid != pid:
            found.setdefault(_comm(pid, tid), tid)
    return found


def _thread(pid: int, tid: int) -> ThreadLook | None:
    stat = read_stat(pid, tid)
    if stat is None:
        return None
    times = _numbers(f"/proc/{pid}/task/{tid}/schedstat")
    wchan = small_file(f"/proc/{pid}/task/{tid}/wchan").strip()
    return ThreadLook(
        state=stat.state,
        cpu=times[0] / 1e9 if times else stat.utime + stat.stime,
        run_delay=times[1] / 1e9 if len(times) > 1 else None,
        slices=times[2] if len(times) > 2 else None,
        wchan="" if wchan == "0" else wchan,
        syscall=syscall_name(small_file(f"/proc/{pid}/task/{tid}/syscall")),
    )


def _comm(pid: int, tid: int) -> str:
    return small_file(f"/proc/{pid}/task/{tid}/comm").strip()


def _memory(pid: int) -> int:
    stat = read_stat(pid)
    if stat is None:
        return 0
    for line in (
        small_file(f"/proc/{pid}/smaps_rollup").splitlines() if stat.state not in "DZX" else ()
    ):  # D: its map may be locked
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return stat.rss


def _pressure() -> float | None:
    first = small_file("/proc/pressure/cpu").partition("\n")[0]
    _, found, total = first.partition("total=")
    return int(total) / 1e6 if found else None


def _cpu_stat_file(pid: int) -> str | None:
    """The cpu.stat of the cgroup of a process: of v1's cpu controller where it is mounted, else of v2."""
    unified: str | None = None
    for line in small_file(f"/proc/{pid}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return next((file for root in _V1_ROOTS if (file := _existing(root, path))), None)
        if not controllers:
            unified = next((file for root in _V2_ROOTS if (file := _existing(root, path))), None)
    return unified


_V1_ROOTS = ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct")
_V2_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


def _existing(root: str, path: str) -> str | None:
    """Inside a container the path may be the host's: then the root of what is mounted is its own."""
    for folder in (f"{root}{path}".rstrip("/"), root):
        file = f"{folder}/cpu.stat"
        if os.access(file, os.R_OK):
            return file
    return None


def _numbers(file: str) -> list[int]:
    return [int(part) for part in small_file(file).split() if part.isdigit()]


def small_file(file: str) -> str:
    """A small file of /proc or /sys; empty when it is missing, forbidden, or its process is gone."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 65536).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _portable(pid: int, now: float) -> Look:
    stat = read_stat(pid)
    if stat is None:
        return Look(now, _GONE, None, threads_known=False)
    return Look(now, ThreadLook(stat.state, cpu=stat.utime + stat.stime), None, threads_known=False)
