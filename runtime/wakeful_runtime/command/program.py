"""The program as a process: started, signalled, and reaped with all that falls to its host."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wakeful.plan import CommandPlan
from wakeful_runtime.processes import descendants

VARIABLE = 128 * 1024
"""Bytes of one variable or argument at most (Linux: MAX_ARG_STRLEN)."""


class NotStarted(Exception):
    """The program can't be run; the text says why."""


@dataclass(frozen=True, slots=True)
class End:
    """How it ended: by itself with `code`, by `signal`, or nobody could tell (both None)."""

    code: int | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom it runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    name: str
    home: str


@dataclass(frozen=True, slots=True)
class Streams:
    """What it is given: standard input, output (None: the life's log), and what else stays open in it."""

    stdin: int = subprocess.DEVNULL
    output: int | None = None
    errors: int | None = None
    kept: tuple[int, ...] = ()


def identity_of(user: str | None) -> Identity | None:
    """Whom a program runs as; None: as the node.

    Raises:
        NotStarted: there is no such user, or only root may choose.
    """
    if user is None:
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise NotStarted(f"user={user!r}: there is no such user") from None
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise NotStarted(f"user={user!r}: only a node that runs as root may choose whom a program runs as")
    groups = tuple(os.getgrouplist(user, entry.pw_gid))
    return Identity(entry.pw_uid, entry.pw_gid, groups, user, entry.pw_dir)


class Program:
    """One run of a program, its group led by the process that was started. Lives on the host's loop.

    Attributes:
        pid: its process; another one once it said MAINPID.
        group: the process group, and session, it was started in.
        stopped_at: since when a signal has stopped it (monotonic); None: it isn't.
        ended: how, once it has.
        on_change: called when it was stopped or continued.
        on_last: called when its process has ended: what it said before may name another one (MAINPID).
    """

    def __init__(self) -> None:
        self.pid = self.group = 0
        self.stopped_at: float | None = None
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.on_change: Callable[[], None] = lambda: None
        self.on_last: Callable[[], None] = lambda: None
        self._identity: Identity | None = None
        self._others: dict[int, asyncio.Future[End]] = {}
        self._watch: int | None = None
        self._leaderless = False

    def start(
        self, plan: CommandPlan, cwd: str | None, env: Mapping[str, str], streams: Streams, who: Identity | None
    ) -> None:
        """Fork and exec; it leads a session of its own, and its group with it.

        Raises:
            NotStarted: it can't be run.
        """
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)
        process = _spawn(plan.argv, cwd, env, streams, who)
        self._identity = who
        self.pid = self.group = process.pid
        process.returncode = 0  # reaped here; Popen must not look for it

    async def run_other(self, argv: tuple[str, ...], cwd: str | None, env: Mapping[str, str], timeout: float) -> End:
        """Run a command beside it, as the same user, in a group of its own; killed when the time is up.

        Raises:
            NotStarted: it can't be run. TimeoutError: it took too long.
        """
        process = _spawn(argv, cwd, env, Streams(output=subprocess.DEVNULL, errors=1), self._identity)
        process.returncode = 0
        over: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._others[process.pid] = over
        try:
            async with asyncio.timeout(timeout):
                return await over
        finally:
            if not over.done():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def signal(self, number: int) -> None:
        """To its group, and to its process if that has left the group. From any thread."""
        if self.ended.done() or self.group <= 1:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if not self._leaderless or self._in_group(descendants(os.getpid())):
                os.killpg(self.group, number)
        watch = self._watch
        if watch is not None and not self._in_group([self.pid]):
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(watch, number)

    def _in_group(self, pids: list[int]) -> bool:
        """Whether one of these is of the group: while one is, its number is nobody else's."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) == self.group:
                    return True
        return False

    def moved_to(self, pid: int) -> str:
        """MAINPID: what is wrong with that, empty if it is taken."""
        if pid == self.pid:
            return ""
        if pid not in descendants(os.getpid()):
            return f"process {pid} is none of this program's"
        self.pid = pid
        self._stop_watching()
        with contextlib.suppress(OSError, AttributeError):
            self._watch = os.pidfd_open(pid)
            asyncio.get_running_loop().add_reader(self._watch, self._main_gone)
        return ""

    def close(self) -> None:
        """Look after it no longer; whoever sweeps ends what is left."""
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
        self._stop_watching()

    def _reap(self) -> None:
        """All that is there: what a daemon leaves falls to this process, and nobody else waits for it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status) or os.WIFCONTINUED(status):
                if pid == self.pid:
                    self.stopped_at = time.monotonic() if os.WIFSTOPPED(status) else None
                    self.on_change()
                continue
            if pid == self.pid:
                self.on_last()
            if pid == self.group:
                self._leaderless = True
            code = os.waitstatus_to_exitcode(status)
            self._over(pid, End(code=code) if code >= 0 else End(signal=-code))

    def _over(self, pid: int, end: End) -> None:
        waiter = self._others.pop(pid, None) or (self.ended if pid == self.pid else None)
        if waiter is not None and not waiter.done():
            waiter.set_result(end)

    def _main_gone(self) -> None:
        """A process that is not a child of this one (yet) has ended: its parent has the status, unless it left too."""
        self._stop_watching()
        self._reap()
        if not self.ended.done():
            self.ended.set_result(End())

    def _stop_watching(self) -> None:
        if self._watch is not None:
            asyncio.get_running_loop().remove_reader(self._watch)
            os.close(self._watch)
            self._watch = None


def _spawn(
    argv: tuple[str, ...], cwd: str | None, env: Mapping[str, str], streams: Streams, who: Identity | None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=streams.stdin,
            stdout=streams.output,
            stderr=streams.output if streams.errors is None else streams.errors,
            pass_fds=streams.kept,
            start_new_session=True,
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=who.groups if who else None,
        )
    except OSError as error:
        raise NotStarted(_why(error, argv, cwd, env)) from None
    except (ValueError, subprocess.SubprocessError) as error:
        raise NotStarted(f"{argv[0]}: {error}") from None


def _why(error: OSError, argv: tuple[str, ...], cwd: str | None, env: Mapping[str, str]) -> str:
    if error.errno == errno.E2BIG:
        size, largest = max((len(os.fsencode(text)), name) for name, text in env.items())
        what = f"{largest} has {size:,} bytes" if size >= VARIABLE else "arguments and environment are too long"
        return f"{argv[0]}: {what}; one variable holds 128 KiB: put larger things into a file"
    if cwd is not None and not os.path.isdir(cwd):  # noqa: PTH112 (a look, nothing is opened)
        return f"{argv[0]}: there is no directory {cwd}"
    if isinstance(error, FileNotFoundError):
        return f"{argv[0]}: no such program (looked for in PATH={env.get('PATH', '')})"
    return f"{argv[0]}: {error.strerror}"
