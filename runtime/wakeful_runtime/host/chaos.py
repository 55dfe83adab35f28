"""Rehearse a failure inside a living process: the modes of `wakeful chaos`."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, CoroutineType
from typing import Any

import structlog

Work = Callable[[], "asyncio.Task[Any] | None"]
Storing = Callable[[], bool]
"""Whether the life waits for the store now."""
Then = Callable[["asyncio.Task[Any]", Callable[..., Any]], None]

_TASK: type = asyncio.Task

STORING_S = 0.002
"""Between looks whether a wait for the store is over, seconds."""

TRIES = 10_000
"""Turns of the loop in which the work is looked for at rest."""

OOM_STEP = 16 * 1024 * 1024
OOM_EVERY = 0.05
"""Bytes taken a step, and seconds between: the control thread stays able to answer, and a limit is in time."""

_PENDING = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class ChaosError(BaseException):
    """The failure `chaos error` injects; no `except Exception` swallows it."""


class Chaos:
    """Carries out one mode; called by the control thread.

    Args:
        post: runs a call on the main loop.
        work: the task of `run`, or of the handler pump; asked on the main loop.

    Attributes:
        modes: what begins each mode; a host whose work is no task replaces some.
    """

    def __init__(
        self, post: Callable[[Callable[[], None]], None], work: Work, storing: Storing = lambda: False
    ) -> None:
        self._post = post
        self._work = work
        self._storing = storing
        self._lost: tuple[asyncio.Task[Any], Callable[..., Any]] | None = None
        self._spinner: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("wakeful.chaos")
        self.modes: dict[str, Callable[[], None]] = {
            "kill": kill,
            "stop": stop,
            "orphan": leave_orphans,
            "oom": lambda: threading.Thread(target=eat_memory, name="chaos-oom", daemon=True).start(),
            "error": lambda: post(self._throw),
            "loop-block": lambda: post(lambda: self._hang(block_loop)),
            "gil": lambda: post(lambda: self._hang(hold_gil)),
            "await-forever": lambda: post(self._lose_wakeup),
            "no-progress": lambda: post(self._idle),
        }

    def run(self, mode: str) -> None:
        """Begin; what it does to the process shows by itself."""
        self._log.warning("chaos", mode=mode)
        begin = self.modes.get(mode)
        if begin is None:
            self._log.error("no such chaos mode", mode=mode, modes=sorted(self.modes))
            return
        begin()

    def heal(self) -> None:
        """Hand the lost wake-up back, so that a cancel reaches the work again."""
        if self._lost is None:
            return
        (task, wakeup), self._lost = self._lost, None
        future = getattr(task, "_fut_waiter", None)
        if future is not None:
            future.add_done_callback(wakeup)

    def _hang(self, hang: Callable[[], None]) -> None:
        """Hang on the main loop, if there is work: inside it, as a call of its own at the line it awaits at would."""
        task = innermost(self._work())
        if task is None or task.done():
            hang()
            return

        def enter(task: asyncio.Task[Any], wakeup: Callable[..., Any]) -> None:
            entered = innermost_code(task)
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            sys.setprofile(lambda frame, event, _: hang() if event == "call" and frame.f_code is entered else None)
            wakeup(done)
            sys.setprofile(None)
            hang()

        self._take_wakeup(enter)

    def _throw(self) -> None:
        """Raise at the very line the work awaits at."""

        def throw(_: asyncio.Task[Any], wakeup: Callable[..., Any]) -> None:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(ChaosError("chaos: error"))
            wakeup(failed)

        self._take_wakeup(throw)

    def _lose_wakeup(self) -> None:
        """What the work awaits will come, and nobody tells it: it awaits for ever, at its own line."""

        def lose(task: asyncio.Task[Any], wakeup: Callable[..., Any]) -> None:
            self._lost = (task, wakeup)

        self._take_wakeup(lose)

    def _idle(self) -> None:
        """As await-forever, with a loop that keeps turning."""
        self._lose_wakeup()
        self._spinner = asyncio.get_running_loop().create_task(spin(), name="chaos-no-progress")

    def _take_wakeup(self, then: Then, tries: int = TRIES) -> None:
        """Take the work's wake-up off the future it awaits; tried again while the work is about to run."""
        if (
            self._storing()
        ):  # a wait for the store is no wait of the work's own: what is lost there would never be missed
            asyncio.get_running_loop().call_later(STORING_S, self._take_wakeup, then, tries - 1)
            return
        task = innermost(self._work())
        if task is None or task.done() or not tries:
            self._log.warning("chaos: nothing here awaits anything that could be lost")
            return
        future: Any = getattr(task, "_fut_waiter", None)
        callbacks = [callback for callback, _ in getattr(future, "_callbacks", None) or ()]
        wakeup = next((each for each in callbacks if getattr(each, "__self__", None) is task), None)
        if wakeup is not None:
            future.remove_done_callback(wakeup)
            then(task, wakeup)
            return
        asyncio.get_running_loop().call_soon(self._take_wakeup, then, tries - 1)


def innermost(task: asyncio.Task[Any] | None) -> asyncio.Task[Any] | None:
    """The task that really waits, of those a task awaits one through the other."""
    found: Any = task
    while isinstance(inner := getattr(found, "_fut_waiter", None), _TASK):
        found = inner
    return found  # type: ignore[no-any-return]


def innermost_code(task: asyncio.Task[Any]) -> CodeType | None:
    """The code of the coroutine a task rests in."""
    found: Any = task.get_coro()
    while type(getattr(found, "cr_await", None)) is CoroutineType:
        found = found.cr_await
    return getattr(found, "cr_code", None)


async def spin() -> None:
    """A loop that turns and gets nothing done."""
    while True:  # noqa: ASYNC110 - turning is what it is for
        await asyncio.sleep(0.05)


def throw_in_main_thread() -> None:
    """Raise in the main thread at its next bytecode, for work that is no task."""
    main = ctypes.c_ulong(threading.main_thread().ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(main, ctypes.py_object(ChaosError))


def in_main_thread(call: Callable[[], None]) -> Callable[[], None]:
    """The same, made by the main thread between two of its bytecodes: it hangs at the user's own line.

    A main thread that waits in a system call makes it when that returns.
    """

    def enter(_: int | None) -> int:
        call()
        return 0

    entered = _PENDING(enter)

    def begin() -> None:
        ctypes.pythonapi.Py_AddPendingCall(entered, None)  # full only while the main thread runs no bytecode at all

    return begin


def kill() -> None:
    """SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """SIGSTOP."""
    os.kill(os.getpid(), signal.SIGSTOP)


def block_loop() -> None:
    """A call that never comes back; the interpreter runs on."""
    while True:
        time.sleep(3600)


def hold_gil() -> None:
    """Sleep with the interpreter's lock held, on a C mutex this thread holds already: no signal ends that."""
    libc = ctypes.PyDLL(None)
    mutex = ctypes.create_string_buffer(256)
    libc.pthread_mutex_init(mutex, None)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def leave_orphans() -> None:
    """Die with two descendants alive, one in a session of its own, one forked twice with an empty environment."""
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen(["sleep", "3600"], start_new_session=True, **quiet)
    with subprocess.Popen(["/bin/sh", "-c", "(exec sleep 3600) & exit"], start_new_session=True, env={}, **quiet):
        pass
    kill()


def eat_memory() -> None:
    """Take memory until somebody ends it: a limit, or the kernel, which is told to choose this process first."""
    adjust = Path("/proc/self/oom_score_adj")
    if adjust.exists():
        adjust.write_text("1000")
    held: list[bytearray] = []
    while True:
        held.append(bytearray(os.urandom(4096) * (OOM_STEP // 4096)))
        time.sleep(OOM_EVERY)
