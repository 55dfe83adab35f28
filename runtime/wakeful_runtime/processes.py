"""A handle on a process that can't hit a stranger, and what the operating system tells of processes.

Linux by /proc and pidfds; elsewhere by psutil, untested.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LINUX = sys.platform == "linux"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
_PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, struct pidfd_info of 64 bytes)
_PIDFD_INFO_EXIT = 1 << 3
INODE_IS_UNIQUE = LINUX and tuple(int(part) for part in os.uname().release.split(".")[:2] if part.isdigit()) >= (6, 9)


def boot_id() -> str:
    """This boot of the machine; another one after every boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil  # not Linux

        return f"boot-{int(psutil.boot_time())}"


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One look at a process (or thread). CPU in seconds, `start` in clock ticks since boot, `rss` in bytes."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    utime: float
    stime: float
    start: float
    rss: int
    exit_code: int


def read_stat(pid: int, thread: int | None = None) -> ProcessStat | None:
    """What /proc says of a process or of one of its threads; None when it is gone. `exit_code` is a wait status."""
    if not LINUX:
        return _psutil_stat(pid)
    file = f"/proc/{pid}/stat" if thread is None else f"/proc/{pid}/task/{thread}/stat"
    raw = _read(file)
    if raw is None:
        return None
    fields = raw[raw.rindex(b")") + 2 :].split()
    return ProcessStat(
        pid=thread or pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        utime=int(fields[11]) / TICKS_PER_S,
        stime=int(fields[12]) / TICKS_PER_S,
        start=float(fields[19]),
        rss=int(fields[21]) * PAGE,
        exit_code=int(fields[49]),
    )


def threads(pid: int) -> list[int]:
    """Thread ids of a process; empty when it is gone."""
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 (hot, and names are wanted)
    return []


def children(pid: int) -> list[int]:
    """Direct children of all threads of a process, zombies included."""
    if not LINUX:
        return _psutil_children(pid)
    found: list[int] = []
    for thread in threads(pid):
        raw = _read(f"/proc/{pid}/task/{thread}/children")
        found += [int(part) for part in raw.split()] if raw else []
    return found


def descendants(pid: int) -> list[int]:
    """Children and theirs, without `pid` itself."""
    found: list[int] = []
    waiting = children(pid)
    while waiting:
        child = waiting.pop()
        if child not in found:
            found.append(child)
            waiting += children(child)
    return found


def all_pids() -> list[int]:
    """Every process there is: a walk over /proc, some 25 ms with a thousand processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if LINUX else []  # noqa: PTH208


def environment_value(pid: int, name: str) -> str | None:
    """What a process was exec'd with under this name. Only this is looked at: the rest is secret."""
    raw = _read(f"/proc/{pid}/environ") or b""
    prefix = f"{name}=".encode()
    return next(
        (each[len(prefix) :].decode(errors="replace") for each in raw.split(b"\0") if each.startswith(prefix)), None
    )


def open_files(pid: int) -> set[str]:
    """Paths of what a process has open; empty where that may not be read."""
    folder = f"/proc/{pid}/fd"
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"{folder}/{name}"))  # noqa: PTH115
    return found


def tree_rss(pid: int) -> int:
    """Resident memory of a process and all below it, bytes; shared pages count in each."""
    return sum(stat.rss for each in (pid, *descendants(pid)) if (stat := read_stat(each)) is not None)


def run_delay(pid: int, thread: int) -> float:
    """Seconds a thread was runnable and did not run (schedstat); 0 where it isn't kept."""
    raw = _read(f"/proc/{pid}/task/{thread}/schedstat")
    parts = raw.split() if raw else []
    return int(parts[1]) / 1e9 if len(parts) > 1 else 0.0


def wait_channel(pid: int, thread: int) -> str | None:
    """The kernel function a thread sleeps in; None where that may not be read."""
    raw = _read(f"/proc/{pid}/task/{thread}/wchan")
    return raw.decode() if raw and raw != b"0" else None


def system_call(pid: int, thread: int) -> str | None:
    """The kernel's line on the system call a thread is in; None where that may not be read."""
    raw = _read(f"/proc/{pid}/task/{thread}/syscall")
    return raw.decode().strip() if raw else None


def pidfd_inode(descriptor: int) -> int:
    """A number that identifies the process for the whole boot; 0 where the kernel gives none."""
    return os.fstat(descriptor).st_ino if INODE_IS_UNIQUE else 0


def pidfd_exit_status(descriptor: int) -> int | None:
    """The wait status of a process that somebody else has reaped (PIDFD_INFO_EXIT, Linux 6.15), or None."""
    about = bytearray(struct.pack("=QQ48x", _PIDFD_INFO_EXIT, 0))
    try:
        fcntl.ioctl(descriptor, _PIDFD_GET_INFO, about)
    except OSError:
        return None
    mask: int = struct.unpack_from("=Q", about)[0]
    status: int = struct.unpack_from("=i", about, 60)[0]
    return status if mask & _PIDFD_INFO_EXIT else None


class ProcessHandle:
    """One process, whatever becomes of its number.

    With a pidfd, nothing but that process can be meant. Without (macOS), psutil compares the create time.

    Args:
        pid: its number.
        pidfd: owned by the handle from now on; None where there are none.
        start: see `LifeRecord`.
        inode: see `LifeRecord`.
    """

    def __init__(self, pid: int, pidfd: int | None, start: float, inode: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.start = start
        self.inode = inode

    @classmethod
    def of_child(cls, pid: int) -> ProcessHandle:
        """A child that isn't reaped yet: its number can't mean anybody else."""
        pidfd = os.pidfd_open(pid) if LINUX else None
        stat = read_stat(pid)
        return cls(pid, pidfd, stat.start if stat else 0.0, pidfd_inode(pidfd) if pidfd is not None else 0)

    @classmethod
    def verified(cls, pid: int, start: float, inode: int) -> ProcessHandle | None:
        """The process of an earlier record, of this boot; None if it is gone (a stranger may have its number)."""
        if pid <= 1:
            return None
        if not LINUX:
            stat = read_stat(pid)
            return cls(pid, None, start, 0) if stat is not None and abs(stat.start - start) < 0.01 else None
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return None
        stat = read_stat(pid)
        same = stat is not None and stat.start == start and (not inode or pidfd_inode(pidfd) == inode)
        if not same:
            os.close(pidfd)
            return None
        return cls(pid, pidfd, start, inode)

    def fileno(self) -> int:
        """Readable when the process has ended. Only with a pidfd."""
        if self.pidfd is None:
            raise ValueError("no pidfd on this system")
        return self.pidfd

    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        if self.pidfd is not None:
            poll = select.poll()
            poll.register(self.pidfd, select.POLLIN)
            return not poll.poll(0)
        stat = read_stat(self.pid)
        return stat is not None and stat.state not in "ZX" and abs(stat.start - self.start) < 0.01

    def send_signal(self, number: int) -> bool:
        """Signal it; False if it is gone. Never reaches another process."""
        if self.pid <= 1:
            raise ValueError(f"will not signal pid {self.pid}")
        try:
            if self.pidfd is not None:
                signal.pidfd_send_signal(self.pidfd, number)
            elif self.alive():
                os.kill(self.pid, number)
            else:
                return False
        except ProcessLookupError:
            return False
        return True

    def wait(self, timeout: float) -> bool:
        """Block until it has ended, at most `timeout` seconds; whether it has. Needs a pidfd."""
        return bool(select.select([self.fileno()], [], [], timeout)[0])

    def close(self) -> None:
        """Let the descriptor go."""
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None


def _read(file: str) -> bytes | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        parts: list[bytes] = list(_chunks(descriptor))
    except OSError:  # ESRCH: it ended between open and read
        return None
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _chunks(descriptor: int) -> Iterator[bytes]:
    while chunk := os.read(descriptor, 65536):
        yield chunk


def _psutil_stat(pid: int) -> ProcessStat | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            state = {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_STOPPED: "T"}.get(process.status(), "S")
            return ProcessStat(
                pid=pid,
                state=state,
                parent=process.ppid(),
                group=os.getpgid(pid),
                session=os.getsid(pid),
                utime=times.user,
                stime=times.system,
                start=process.create_time(),
                rss=0 if state == "Z" else process.memory_info().rss,
                exit_code=0,
            )
    except (psutil.Error, OSError):
        return None


def _psutil_children(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []
