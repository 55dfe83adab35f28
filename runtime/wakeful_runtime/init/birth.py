"""The child's side of a fork: from init's image to a process of its own, then `enter`."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import faulthandler
import gc
import os
import random
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init import locks
from wakeful_runtime.init.lives import MARKER, marker

OOM_SCORES = {"gateway": 50, "store": 50, "scheduler": 50, "herald": 50, "monitor": 100, "web": 200}
"""Added to the kernel's choice of a victim: sessions first, keeper and init last. Raising needs no privilege."""
OOM_SCORE_SESSION = 400
NOT_BORN = 75
"""Exit status of a child that never reached `enter`: init died before it had recorded it, or its lock is held."""
FAILED = 70
"""Exit status when `enter` raised (EX_SOFTWARE)."""
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_LOCK_WAIT_S = 1.0
_libc = ctypes.CDLL(None)
_user_soft_limit: int | None = None


@dataclass(frozen=True)
class Birth:
    """What a new process knows of itself.

    Attributes:
        path, kind, incarnation, token, owner, forked_at: see `LifeRecord`.
        directory: the node's.
        boot: opaque bytes from whoever asked for the fork.
    """

    path: str
    kind: str
    incarnation: int
    token: str
    directory: NodeDirectory
    boot: bytes
    owner: str
    pid: int
    forked_at: float


Enter = Callable[[Birth], int]
"""Runs a life to its end; returns the exit status."""

Order = tuple[Birth, tuple[str, ...]]
"""What a new process becomes, and the role locks it holds besides the life's own."""


def be_born(
    wait: Callable[[], Order | None], enter: Enter, *, gate: int, mask: set[Any], warm: Callable[[], None] | None = None
) -> None:
    """Become a life once it is known which; never returns.

    Nothing of the parent's may be touched before this: its frames stay on the stack, so its objects (sockets,
    selectors) are never finalised here.

    Args:
        wait: blocks until the order is there, and the life recorded; None: init died before, this life must not begin,
            nobody would know of it.
        gate: the pipe that `wait` reads.
        mask: the signal mask to go back to.
        warm: makes ready what every life begins with, by a process that stands by.
    """
    status = FAILED
    try:
        leave_parent(keep=(gate,))
        reset_handlers()
        renew_streams()
        if warm is not None:
            set_title("wakeful: standby")
            warm()
        order = wait()
        if order is None:
            os._exit(NOT_BORN)
        os.close(gate)
        me, roles = order
        become(me)
        _take_locks(me, roles)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        status = _run(enter, me)
    except BaseException:  # noqa: BLE001 (the last frame of user code in this process; all of it goes to the log)
        traceback.print_exc()
    finally:
        leave(status)


def leave_parent(*, keep: tuple[int, ...]) -> None:
    """Own session and group, subreaper, nothing open but stdio and `keep`, own randomness."""
    os.setsid()
    set_subreaper()
    signal.set_wakeup_fd(-1)
    gc.freeze()
    faulthandler.disable()
    atexit._clear()
    close_all_but(keep)
    _reseed()


def become(me: Birth) -> None:
    """Own log, name, mark, and place in the kernel's choice of victims."""
    open_stdio(me.directory, me.path)
    set_title(f"wakeful: {me.path}")
    os.environ[MARKER] = marker(me.token)
    raise_oom_score(me.kind)
    if me.kind not in OOM_SCORES:
        lower_descriptor_limit()


def close_all_but(keep: tuple[int, ...]) -> None:
    """Close every descriptor above 2 but `keep`."""
    last = 3
    for descriptor in sorted(keep):
        os.closerange(last, descriptor)
        last = descriptor + 1
    os.closerange(last, _highest_descriptor())


def reset_handlers() -> None:
    """Python's own, as in a fresh interpreter."""
    for number in signal.valid_signals():
        if number in (signal.SIGKILL, signal.SIGSTOP) or signal.getsignal(number) is signal.SIG_DFL:
            continue
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def set_subreaper() -> None:
    """Whatever this process starts stays below it, or falls to init when it dies. Linux; elsewhere nothing."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_title(title: str) -> None:
    """What `ps` and `top` show."""
    library = sys.modules.get("setproctitle")
    if library is not None:
        library.setproctitle(title)
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_NAME, title.replace("wakeful: ", "w:").encode()[:15], 0, 0, 0)


def raise_oom_score(kind: str) -> None:
    """Make this process a likelier victim than init; never less likely than it was."""
    wanted = OOM_SCORES.get(kind, OOM_SCORE_SESSION)
    with contextlib.suppress(OSError, ValueError), open("/proc/self/oom_score_adj", "r+") as file:  # noqa: PTH123
        if int(file.read()) < wanted:
            file.seek(0)
            file.write(str(wanted))


def raise_descriptor_limit() -> None:
    """As many open files as this user may have, for keeper, init and the node's own processes (a pidfd per life)."""
    global _user_soft_limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    _user_soft_limit = soft
    with contextlib.suppress(OSError, ValueError):  # macOS refuses "unlimited"
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def lower_descriptor_limit() -> None:
    """Back to what the user had: code that uses select() breaks above 1,024 (systemd's advice to daemons)."""
    if _user_soft_limit is not None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (_user_soft_limit, hard))


def leave(status: int) -> None:
    """End this process as the interpreter would: threads, exit functions, buffers; then at once."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:  # noqa: BLE001 (the last frame of user code in this process; all of it goes to the log)
        traceback.print_exc()
    finally:
        os._exit(status)


def _run(enter: Enter, me: Birth) -> int:
    try:
        return enter(me)
    except SystemExit as error:
        if error.code is None:
            return 0
        return error.code if isinstance(error.code, int) else 1


def _take_locks(me: Birth, roles: tuple[str, ...]) -> None:
    try:
        locks.take(me.directory.life(me.path).with_suffix(".lock"), wait=_LOCK_WAIT_S)
        for role in roles:
            locks.take(me.directory.lock(role), wait=_LOCK_WAIT_S)
    except locks.LockHeld as error:
        print(f"wakeful: {me.path}: {error}; this life does not begin", file=sys.stderr, flush=True)
        os._exit(NOT_BORN)


def open_stdio(directory: NodeDirectory, path: str) -> None:
    """Nothing to read; what is written goes to the log of `path`."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(directory.log(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for descriptor in (nothing, log):
        if descriptor > 2:
            os.close(descriptor)


def renew_streams() -> None:
    """The parent's stream objects may be a test runner's or closed: new ones, line by line as into a log."""
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115


def _reseed() -> None:
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed()


def _highest_descriptor() -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 20 if limit == resource.RLIM_INFINITY else limit
