"""The keeper, `wakeful run` itself: owns the listening socket, forks init, waits, forwards. It decides nothing."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init import init, locks
from wakeful_runtime.init.attach import attach, listen
from wakeful_runtime.init.birth import Enter, raise_descriptor_limit, set_subreaper, set_title
from wakeful_runtime.init.connection import Connection
from wakeful_runtime.init.firstprocess import as_first_process
from wakeful_runtime.init.gatewaywatch import InitTiming
from wakeful_runtime.init.initloop import InitLoop, Timer
from wakeful_runtime.init.keeperlink import KeeperLink
from wakeful_runtime.init.lives import LifeFiles
from wakeful_runtime.init.obituaries import Obituaries
from wakeful_runtime.init.preload import preload as import_all
from wakeful_runtime.init.servicemanager import ServiceManager
from wakeful_runtime.init.sweep import sweep_round
from wakeful_runtime.processes import LINUX, ProcessHandle, children, read_stat

PING_S = 1.0
LOCK_WAIT_S = 1.0
"""A killed keeper's other descriptors may be closed some time before its lock is free (Linux closes in no order)."""
DEATHS_AT_ONCE = 5
DEATHS_WITHIN_S = 10.0
NODE_DIED = "the node died as a whole"
"""How init, and its keeper, ended, if what they left says that they did not stop in order."""
STOPPED = "it was stopped by a signal; killed"
ORDERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OnReady = Callable[[int], None]
"""Called once, with the gateway's pid, when the gateway stands. Must start no thread."""


def keep(
    directory: NodeDirectory,
    enter: Enter,
    *,
    warm: Callable[[], None] = lambda: None,
    preload: Sequence[str] = (),
    on_ready: OnReady | None = None,
    timing: InitTiming | None = None,
) -> int:
    """Keep a node until it is stopped: 0 stopped in order, 1 stopped hard (a second signal).

    Where this is PID 1 of a container, that one only reaps and forwards signals, and a child of it is the keeper.

    Args:
        enter: what every process of the node runs after its birth.
        warm: run ahead of need by the process that stands by for the next birth; knows no path, runs no user code.
        preload: modules to share besides the runtime's.

    Raises:
        NodeError: a node runs here already, a preload is refused, or the directory can't be used.
    """
    directory.create()
    if os.getpid() == 1:
        return as_first_process(
            lambda: keep(directory, enter, warm=warm, preload=preload, on_ready=on_ready, timing=timing)
        )
    try:
        lock = locks.take(directory.lock("keeper"), wait=LOCK_WAIT_S)
    except locks.LockHeld as error:
        raise NodeError(f"a node runs here, pid {error.holder.pid} ({directory.root})") from None
    except OSError as error:
        raise NodeError(f"can't keep a node in {directory.root}: {error.strerror}") from None
    try:
        import_all(preload)
        raise_descriptor_limit()
        keeper = Keeper(directory, enter, warm, on_ready, timing or InitTiming())
        status = keeper.run()
        directory.remove_sockets()
        return status
    finally:
        os.close(lock)


class Keeper:
    """Forks init again whenever it is gone, and does for it what only a parent can."""

    def __init__(
        self,
        directory: NodeDirectory,
        enter: Enter,
        warm: Callable[[], None],
        on_ready: OnReady | None,
        timing: InitTiming,
    ) -> None:
        self._directory = directory
        self._enter = enter
        self._warm = warm
        self._on_ready = on_ready
        self._timing = timing
        self._strangers = set(children(os.getpid()))
        self._init: ProcessHandle | None = None
        self._own = True
        self._link: KeeperLink | None = None
        self._last_word: int | None = None
        """The status an init said it ends with: one that isn't our child can't be waited for."""
        self._orders = 0
        self._status: int | None = None
        self._deaths: list[float] = []
        self._ends = Obituaries(directory.ends("init"))  # of inits: all are told to every one after them
        self._killed = ""  # why the present one was killed from here
        self._unanswered: float | None = None
        self._ping: Timer | None = None
        self._manager = ServiceManager()
        self._loop = InitLoop()
        self._listener: socket.socket | None = None

    def run(self) -> int:
        """Until init has stopped the node."""
        try:
            set_subreaper()
            set_title("wakeful: keeper")
            self._loop.signals((signal.SIGCHLD, *ORDERS), self._signalled)
            if not self._attach():
                self._listener = listen(self._directory)
                if any(LifeFiles(self._directory).read()):
                    self._ends.note(NODE_DIED)
                self._fork_init()
            self._loop.run()
        finally:
            self._loop.close()
            if self._listener is not None:
                self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self._directory.init_socket.unlink()
        return 0 if self._status == init.STOPPED_IN_ORDER else 1

    def _attach(self) -> bool:
        """Become the keeper of an init that runs; False if none does."""
        attached = attach(self._directory)
        if attached is None:
            return False
        self._own, self._init, self._listener = False, attached.init, attached.listener
        self._ends = Obituaries(self._directory.ends("init"), attached.before)
        connection = Connection(self._loop, attached.line, self._received, self._line_closed)
        self._begin(connection)
        if attached.init.pidfd is not None:
            self._loop.watch(attached.init.pidfd, selectors.EVENT_READ, lambda events: self._init_gone(None))
        if attached.gateway is not None:
            self._ready(attached.gateway)
        return True

    def _fork_init(self) -> None:
        if self._listener is None:
            raise RuntimeError("no listener")
        ours, theirs = socket.socketpair()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
            if pid == 0:
                self._become_init(theirs, mask)  # never returns
        except OSError as error:
            ours.close()
            self._say(f"can't fork init: {error.strerror}")
            self._again()
            return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        self._own, self._init = True, ProcessHandle.of_child(pid)
        self._begin(Connection(self._loop, ours, self._received, self._line_closed))

    def _become_init(self, line: socket.socket, mask: set[Any]) -> None:
        status = 70
        try:
            listener = self._listener
            if listener is not None:
                status = init.main(
                    init.InitBirth(
                        self._directory,
                        self._enter,
                        listener,
                        line,
                        os.getppid(),
                        self._timing,
                        mask,
                        self._warm,
                        tuple(self._ends),
                    )
                )
        except BaseException:  # noqa: BLE001 (told in init's log; the keeper forks another one)
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(status)

    def _begin(self, connection: Connection) -> None:
        self._link = KeeperLink(connection, self._serve)
        self._unanswered = None
        if self._orders:
            self._order()
        if self._ping is not None:
            self._ping.cancel()
        self._ping = self._loop.later(PING_S, self._look)

    def _look(self) -> None:
        """Ask init whether it runs; one that stays silent while we ran is replaced."""
        self._ping = self._loop.later(PING_S, self._look)
        now = time.monotonic()
        stat = read_stat(self._init.pid) if self._init is not None else None
        if stat is not None and stat.state == "T":  # one that another keeper forked: nobody tells this one of it
            self._kill_init(STOPPED)
            return
        if self._unanswered is None:
            self._unanswered = now
            if self._link is not None:
                self._link.ask("ping", self._answered)
        elif now - max(self._unanswered, self._loop.late_at) > self._timing.init_silence:
            self._kill_init(f"it did not answer for {now - self._unanswered:.0f} s; killed")

    def _answered(self, reply: dict[str, Any] | None) -> None:
        self._unanswered = None
        if reply is not None:
            self._manager.alive()

    def _kill_init(self, why: str) -> None:
        self._killed = why
        if self._init is not None:
            self._init.send_signal(signal.SIGKILL)  # SIGTERM would stay pending in a stopped process

    def _signalled(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._children_changed()
            return
        self._orders += 1
        self._say(f"{signal.Signals(number).name}: {'stop hard' if self._orders > 1 else 'stop in order'}")
        self._manager.say("STOPPING=1", "STATUS=stopping: sessions get their time to checkpoint")
        self._order()

    def _order(self) -> None:
        if self._link is not None:
            self._link.push("stop", why="asked to stop", hard=self._orders > 1)

    def _children_changed(self) -> None:
        for pid, word in init.stop_changes():
            if self._own and self._init is not None and pid == self._init.pid:
                if word == "stopped":
                    self._kill_init(STOPPED)
            elif self._link is not None:
                self._link.push(word, pid=pid)
        if self._own and self._init is not None:
            try:
                pid, status = os.waitpid(self._init.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self._init.pid, 0
            if pid:
                self._init_gone(status)

    def _init_gone(self, status: int | None) -> None:
        if self._init is None:
            return
        if self._init.pidfd is not None:
            self._loop.unwatch(self._init.pidfd)
        self._init.close()
        self._init = None
        code = os.waitstatus_to_exitcode(status) if status is not None else None
        if code is None:
            code = self._last_word
        if code == init.STOPPED_IN_ORDER:
            self._ends.forget()
        if code in (init.STOPPED_IN_ORDER, init.STOPPED_HARD):
            self._status = code
            self._loop.stop()
            return
        how, self._killed = self._killed or _how(code), ""
        self._ends.note(how)
        self._say(f"init: {how}; forked again")
        self._again()

    def _again(self) -> None:
        """At once; if it keeps dying, with growing pauses."""
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if now - at < DEATHS_WITHIN_S] + [now]
        many = len(self._deaths) - DEATHS_AT_ONCE
        if many > 0:
            self._loop.later(min(0.05 * 2**many, 2.0), self._fork_init)
        else:
            self._fork_init()

    def _received(self, connection: Connection, message: dict[str, Any]) -> None:
        if self._link is not None and self._link.connection is connection:
            self._link.received(message)

    def _line_closed(self, connection: Connection, why: str) -> None:
        if self._link is not None and self._link.connection is connection:
            link, self._link = self._link, None
            link.broke()

    def _serve(self, message: dict[str, Any]) -> dict[str, Any]:
        verb = message.get("do")
        if verb == "sweep":
            known = {*self._strangers, *message["keep"], self._init.pid if self._init else 0}
            return {"found": sweep_round(known)}
        if verb == "reap":
            return self._reap(int(message["pid"]), float(message["start"]))
        if verb == "up":
            self._ready(int(message["gateway"]))
        elif verb == "bye":
            self._last_word = int(message["status"])
        return {}

    def _reap(self, pid: int, start: float) -> dict[str, Any]:
        stat = read_stat(pid) if LINUX else None
        if stat is None or stat.start != start or stat.parent != os.getpid() or (self._init and pid == self._init.pid):
            return {}
        try:
            reaped, status, usage = os.wait4(pid, os.WNOHANG)
        except ChildProcessError:
            return {}
        if not reaped:
            return {}
        return {"status": status, "maxrss": usage.ru_maxrss, "utime": usage.ru_utime, "stime": usage.ru_stime}

    def _ready(self, gateway: int) -> None:
        self._manager.say("READY=1", f"STATUS=runs in {self._directory.root}; gateway is process {gateway}")
        if self._on_ready is not None:
            call, self._on_ready = self._on_ready, None
            call(gateway)

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError), self._directory.log("keeper").open("a") as log:  # a full disk ends no keeper
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}\n")


def _how(code: int | None) -> str:
    if code is None:
        return "it ended while nobody could read its exit status"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"it left with status {code}"
