"""What the operating system offers: processes, /proc, cgroups, pressure, clocks."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from wakeful_runtime.doctor.finding import Finding

_PR_GET_CHILD_SUBREAPER = 37
_PIDFD_GET_INFO = 0xC040FF0B
_STEADY_CLOCKS = frozenset({"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "xen", "timebase"})


def checks() -> Iterator[Finding]:
    """From the system itself to its clocks."""
    yield system()
    if sys.platform != "linux":
        return
    yield pidfds()
    yield subreaper()
    yield from proc()
    yield pressure()
    yield cgroup()
    yield clock_source()


def system() -> Finding:
    """Linux is the first home."""
    name = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if platform.system() == "Linux":
        return Finding("system", "ok", name)
    if platform.system() == "Darwin":
        return Finding("system", "warn", name, "macOS runs without the Linux calls and is untested; prefer Linux")
    return Finding("system", "bad", name, "run it on Linux; on Windows through WSL")


def pidfds() -> Finding:
    """A handle on a process that can't mean another; its number for the whole boot; exit statuses by it."""
    try:
        descriptor = os.pidfd_open(os.getpid())
    except OSError as error:
        return Finding("pidfd", "bad", f"pidfd_open: {error.strerror}", "use Linux 5.4 or newer without a filter on it")
    try:
        inode = os.fstat(descriptor).st_ino
        info = _has_info(descriptor)
    finally:
        os.close(descriptor)
    missing = [
        text
        for text, there in (("unique inode (Linux 6.9)", _release() >= (6, 9)), ("PIDFD_GET_INFO (Linux 6.13)", info))
        if not there
    ]
    if missing:
        told = "a process is told apart by its start time instead; Linux 6.15 or newer is best"
        return Finding("pidfd", "warn", f"there, without {' and '.join(missing)}", told)
    return Finding("pidfd", "ok", f"there, with inode ({inode}) and PIDFD_GET_INFO")


def subreaper() -> Finding:
    """What a session started falls to init when the session dies: nothing escapes the sweep."""
    value = ctypes.c_int(0)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(value), 0, 0, 0) == 0:
        return Finding("subreaper", "ok", "processes can take in the orphans below them")
    told = "let prctl(PR_SET_CHILD_SUBREAPER) through the container's filter"
    return Finding("subreaper", "bad", "prctl(PR_GET_CHILD_SUBREAPER) is refused", told)


def proc() -> Iterator[Finding]:
    """What supervisors and evidence read of another process of the same user."""
    with subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        try:
            folder = f"/proc/{child.pid}"
            needed = [name for name in ("stat", f"task/{child.pid}/children") if not _readable(f"{folder}/{name}")]
            useful = [
                name for name in ("wchan", "syscall", "schedstat", "smaps_rollup") if not _readable(f"{folder}/{name}")
            ]
        finally:
            child.kill()
    if needed:
        told = "mount /proc without hidepid, on a kernel with CONFIG_PROC_CHILDREN"
        yield Finding("/proc", "bad", f"can't be read: {', '.join(needed)}", told)
    elif useful:
        told = "evidence will say less; allow reading them (seccomp, hidepid, kernel configuration)"
        yield Finding("/proc", "warn", f"can't be read: {', '.join(useful)}", told)
    else:
        yield Finding("/proc", "ok", "state, children, wchan, syscall, run delay and memory of other processes")
    scope = _text("/proc/sys/kernel/yama/ptrace_scope") or "none"
    yield Finding("ptrace", "ok", f"not needed (Yama's scope: {scope})")


def pressure() -> Finding:
    """PSI tells a machine without CPU to give from a session that hangs."""
    line = _text("/proc/pressure/cpu").partition("\n")[0]
    if line:
        return Finding("pressure", "ok", f"PSI: {line}")
    told = "boot with psi=1; until then starvation is told by run delays alone"
    return Finding("pressure", "warn", "no PSI (/proc/pressure/cpu)", told)


def cgroup() -> Finding:
    """Never required."""
    rows = [line.split(":", 2) for line in _text("/proc/self/cgroup").splitlines()]
    unified = next((path for _, controllers, path in rows if not controllers), None)
    version = "v1" if any(controllers and not controllers.startswith("name=") for _, controllers, _ in rows) else "v2"
    folder = Path("/sys/fs/cgroup") / (unified or "/").lstrip("/")
    delegated = version == "v2" and os.access(folder / "cgroup.procs", os.W_OK) and os.access(folder, os.W_OK)
    return Finding("cgroup", "ok", f"{version}, {'delegated to us' if delegated else 'not delegated'}; not needed")


def clock_source() -> Finding:
    """A slow clock makes every look at the time a system call; an unsteady one moves deadlines."""
    name = _text("/sys/devices/system/clocksource/clocksource0/current_clocksource").strip()
    if not name:
        return Finding("clock", "ok", "the kernel doesn't say which clock source it uses")
    if name in _STEADY_CLOCKS:
        return Finding("clock", "ok", f"clock source {name}")
    told = "choose tsc or kvm-clock in /sys/devices/system/clocksource/clocksource0/current_clocksource"
    return Finding("clock", "warn", f"clock source {name} is slow", told)


def _has_info(descriptor: int) -> bool:
    about = bytearray(struct.pack("=QQ48x", 0, 0))
    try:
        fcntl.ioctl(descriptor, _PIDFD_GET_INFO, about)
    except OSError:
        return False
    return True


def _release() -> tuple[int, ...]:
    return tuple(int(part) for part in platform.release().split(".")[:2] if part.isdigit())


def _readable(file: str) -> bool:
    try:
        Path(file).read_bytes()
    except OSError:
        return False
    return True


def _text(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""
