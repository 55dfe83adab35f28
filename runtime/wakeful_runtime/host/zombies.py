"""Reaps what fell to this process as a subreaper, and nothing that somebody in it may still wait for.

A daemonised grandchild becomes this process's child when its parent leaves, and its end would leave a zombie until
this process ends. Taking a status that a `subprocess.Popen`, asyncio, multiprocessing or an `os.fork` of the user's
waits for would break the user's code, so a zombie is only reaped when nobody here is known to own it, at a later look.
"""

from __future__ import annotations

import contextlib
import gc
import os
import time

from wakeful_runtime.processes import LINUX, children, read_stat

AGE = 60.0
"""Seconds a zombie must have been seen before: owners that poll get their chance."""

_forked: set[int] = set()
_hooked = False


class Zombies:
    """Looked at by the control thread, at probes: never a wake-up of its own.

    Args:
        age: seconds between the two looks.
    """

    def __init__(self, age: float = AGE) -> None:
        self._age = age
        self._seen: dict[int, float] = {}
        self._searched = float("-inf")
        _hook_forks()

    def look(self) -> None:
        """Reap what may be reaped."""
        if not LINUX:
            return
        now = time.monotonic()
        dead = [pid for pid in children(os.getpid()) if (stat := read_stat(pid)) is not None and stat.state == "Z"]
        self._seen = {pid: self._seen.get(pid, now) for pid in dead}
        old = [pid for pid, since in self._seen.items() if now - since >= self._age]
        if not old or now - self._searched < self._age:
            return  # whose they are takes a walk over all objects: not at every probe
        self._searched = now
        owned = _owned()
        for pid in old:
            if pid not in owned:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def _owned() -> set[int]:
    """Process ids held by any object called Popen (subprocess, multiprocessing), and those that were forked here."""
    held = {getattr(each, "pid", None) for each in gc.get_objects() if type(each).__name__ == "Popen"}
    return {pid for pid in held if isinstance(pid, int)} | _forked


def _hook_forks() -> None:
    """After an `os.fork`, all present children count as forked here: one too many is only a zombie that stays."""
    global _hooked
    if not _hooked and LINUX:
        _hooked = True
        os.register_at_fork(after_in_parent=lambda: _forked.update(children(os.getpid())))
