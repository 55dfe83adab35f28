"""Whether there is room: descriptors, processes, memory, disk, and for the names of sockets."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from wakeful_runtime.directory import IPC_PATH_MAX, NodeDirectory
from wakeful_runtime.doctor.finding import Finding, State

FILES_EACH = 4
"""Descriptors a session costs its monitor, rounded up: pidfd, control lane, mailbox lane."""
FILES_BASE = 128
THREADS_EACH = 8
"""Threads of a session's process, rounded up: each counts as a process."""
THREADS_BASE = 64
MEMORY_EACH = 24 * 2**20
"""What an idle session's process takes for itself, rounded up."""
MEMORY_BASE = 256 * 2**20
DISK_LOW, DISK_TOO_LOW = 2 * 2**30, 256 * 2**20
FSYNC_SLOW_S, FSYNC_TOO_SLOW_S = 0.05, 1.0
_SYNCS = 9
_NETWORKED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.s3fs", "9p", "afs", "ceph"})
_INFINITY = resource.RLIM_INFINITY


def checks(directory: NodeDirectory, sessions: int) -> Iterator[Finding]:
    """For so many sessions, in this directory."""
    yield descriptors(sessions)
    yield processes(sessions)
    yield memory(sessions)
    yield from disk(directory)
    yield sockets(directory)


def descriptors(sessions: int) -> Finding:
    """The soft limit is raised to the hard one by the node itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _limit(
        "open files", hard, sessions, FILES_EACH, FILES_BASE, "raise the hard limit: `ulimit -Hn`, LimitNOFILE="
    )


def processes(sessions: int) -> Finding:
    """RLIMIT_NPROC counts all threads of the user; a cgroup may allow fewer. Root is held only by the cgroup."""
    limits = [_pids_max()]
    if os.geteuid() != 0:
        limits.append(resource.getrlimit(resource.RLIMIT_NPROC)[0])
    given = min((each for each in limits if each != _INFINITY), default=_INFINITY)
    what = "raise `ulimit -u`, LimitNPROC= or the pids limit of the container"
    return _limit("processes", given, sessions, THREADS_EACH, THREADS_BASE, what)


def memory(sessions: int) -> Finding:
    """What is available now."""
    import psutil

    free = int(psutil.virtual_memory().available)
    fit = max(0, (free - MEMORY_BASE) // MEMORY_EACH)
    what = f"{free / 2**30:.1f} GiB available: room for about {fit} idle sessions"
    if fit < 1:
        return Finding("memory", "bad", what, "free memory, or use a larger machine")
    return Finding("memory", "ok" if fit >= sessions else "warn", what, "" if fit >= sessions else "run fewer sessions")


def disk(directory: NodeDirectory) -> Iterator[Finding]:
    """Where the node's directory is, or is to be."""
    folder = _existing(directory.root)
    free = shutil.disk_usage(folder).free
    state: State = "ok" if free >= DISK_LOW else "warn" if free >= DISK_TOO_LOW else "bad"
    told = "" if state == "ok" else "free space there, or choose another directory with --node"
    yield Finding("disk", state, f"{free / 2**30:.1f} GiB free in {folder}", told)
    kind = _file_system(folder)
    if kind in _NETWORKED:
        told = "choose a directory on a disk of this machine with --node"
        yield Finding("file system", "bad", f"{kind}: the store's locks are not safe on a network", told)
    else:
        yield Finding("file system", "ok", kind or "unknown")
    yield _fsync(folder)


def _fsync(folder: Path) -> Finding:
    try:
        took = _sync_time(folder)
    except OSError as error:
        told = "choose a directory that can be written with --node"
        return Finding("fsync", "bad", f"can't write in {folder}: {error.strerror}", told)
    what = f"{took * 1000:.1f} ms (a checkpoint waits for one)"
    if took > FSYNC_TOO_SLOW_S:
        return Finding("fsync", "bad", what, "the disk is far too slow; choose another with --node")
    slow = took > FSYNC_SLOW_S
    return Finding("fsync", "warn" if slow else "ok", what, "a faster disk makes checkpoints faster" if slow else "")


def _sync_time(folder: Path) -> float:
    """The median of a few, of a file of its own that is gone afterwards."""
    times: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            file.write(b"\0" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def sockets(directory: NodeDirectory) -> Finding:
    """An `ipc://` address has a hundred bytes at most, and a folder of the temporary directory is taken before that."""
    longest = len(os.fsencode(directory.sockets)) + 18
    if longest > IPC_PATH_MAX:
        what = f"addresses in {directory.sockets} have {longest} bytes, more than {IPC_PATH_MAX}"
        return Finding("sockets", "bad", what, "choose a shorter directory with --node, or set TMPDIR=/tmp")
    beside = "" if directory.sockets.parent == directory.root else ", because the node's own path is too long for them"
    return Finding("sockets", "ok", f"in {directory.sockets}{beside}")


def _limit(check: str, given: int, sessions: int, each: int, base: int, do: str) -> Finding:
    if given == _INFINITY:
        return Finding(check, "ok", "not limited")
    fit = max(0, (given - base) // each)
    what = f"{given}: room for about {fit} sessions"
    if fit >= sessions:
        return Finding(check, "ok", what)
    return Finding(check, "bad" if fit < 1 else "warn", f"{what}, {sessions} are asked for", do)


def _pids_max() -> int:
    """Of our cgroup; unlimited where it says nothing."""
    try:
        rows = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return _INFINITY
    for _, controllers, path in rows:
        root = "/sys/fs/cgroup/pids" if controllers == "pids" else "/sys/fs/cgroup" if not controllers else None
        if root is None:
            continue
        for folder in (f"{root}{path}".rstrip("/"), root):  # inside a container the path may be the host's
            try:
                text = Path(folder, "pids.max").read_text().strip()
            except OSError:
                continue
            if text.isdigit():
                return int(text)
    return _INFINITY


def _file_system(folder: Path) -> str:
    """The type of the mount a folder is on; empty where it can't be told."""
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    real = str(folder.resolve())
    for line in lines:
        _, mounted, name, *_ = line.split(" ")
        inside = real == mounted or real.startswith(mounted.rstrip("/") + "/")
        if inside and len(mounted) >= len(best):
            best, kind = mounted, name
    return kind


def _existing(folder: Path) -> Path:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
