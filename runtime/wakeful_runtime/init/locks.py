"""One lock per role, held as long as its process lives.

Taken by the role itself after its fork, on its own open of the file, closed first thing in every child (`birth`),
never unlocked: LOCK_UN in any holder of the description frees it for all, and an unlinked file lets a second one in.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

from wakeful_runtime.processes import ProcessHandle, boot_id, read_stat


class LockHeld(Exception):
    """Another process has the role.

    Args:
        holder: what the holder wrote about itself; a pid of 0 if it had not yet.
    """

    def __init__(self, file: Path, holder: Holder) -> None:
        super().__init__(f"{file.name} is held by pid {holder.pid}")
        self.holder = holder


class Holder:
    """Who wrote the lock file. Told to people and used for verified signals; the lock itself is the proof."""

    def __init__(self, pid: int = 0, start: float = 0.0, boot: str = "") -> None:
        self.pid = pid
        self.start = start
        self.boot = boot

    def process(self) -> ProcessHandle | None:
        """A verified handle on it; None if it is gone."""
        return ProcessHandle.verified(self.pid, self.start, 0) if self.boot == boot_id() else None


def take(file: Path, *, wait: float = 0.0) -> int:
    """Take a role's lock; the descriptor that holds it. Close-on-exec.

    Args:
        wait: seconds to try again while it is held (a child between fork and close has a copy for an instant).

    Raises:
        LockHeld: somebody else has it.
        OSError: the file can't be opened.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    until = time.monotonic() + wait
    while not _lock(descriptor):
        if time.monotonic() >= until:
            os.close(descriptor)
            raise LockHeld(file, holder(file))
        time.sleep(0.005)
    stat = read_stat(os.getpid())
    about = {"pid": os.getpid(), "start": stat.start if stat else 0.0, "boot": boot_id()}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(about).encode(), 0)
    return descriptor


def held(file: Path) -> bool:
    """Whether somebody has the role now."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def holder(file: Path) -> Holder:
    """What the lock file says of its last holder."""
    try:
        about = json.loads(file.read_bytes())
        return Holder(int(about["pid"]), float(about["start"]), str(about["boot"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Holder()


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
