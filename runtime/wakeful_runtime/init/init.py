"""Init: the only process that forks the others. One thread, stdlib only; decides nothing but the gateway's life."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init import locks
from wakeful_runtime.init.birth import Enter, leave_parent, open_stdio, renew_streams, reset_handlers, set_title
from wakeful_runtime.init.connection import Connection
from wakeful_runtime.init.desk import Caller, Desk, Reply
from wakeful_runtime.init.ends import Ends, make_report
from wakeful_runtime.init.forker import Forker
from wakeful_runtime.init.gatewaywatch import GatewayWatch, InitTiming
from wakeful_runtime.init.initloop import InitLoop, Timer
from wakeful_runtime.init.keeperlink import KeeperLink
from wakeful_runtime.init.lives import ExitReport, LifeFile
from wakeful_runtime.init.obituaries import Ended, Obituaries
from wakeful_runtime.init.oom import OomCounter
from wakeful_runtime.init.registry import Entry, Registry
from wakeful_runtime.init.saying import say
from wakeful_runtime.processes import LINUX, ProcessHandle, boot_id

STOPPED_IN_ORDER = 0
STOPPED_HARD = 3
STANDBY_AFTER_S = 0.01
"""After the last of several forks in a row: a burst of them is not made slower by one more."""

KEEPER_GONE = "it is gone; the node runs on, and the next `wakeful run` on this directory becomes its keeper"

NOT_ALONE = 75
"""Exit status of an init that found another one's lock held."""


@dataclass(frozen=True)
class InitBirth:
    """What the keeper hands to a new init.

    Attributes:
        mask: the signal mask to go back to.
        warm: see `birth.be_born`.
        before: how the inits before it ended, the last one last; none for the first one of a node.
    """

    directory: NodeDirectory
    enter: Enter
    listener: socket.socket
    line: socket.socket
    keeper_pid: int
    timing: InitTiming
    mask: set[Any]
    warm: Callable[[], None]
    before: tuple[Ended, ...] = ()


def main(birth: InitBirth) -> int:
    """An init's whole life, right after its fork; returns its exit status."""
    keep = (birth.listener.fileno(), birth.line.fileno())
    open_stdio(birth.directory, "init")
    renew_streams()
    leave_parent(keep=keep)
    set_title("wakeful: init")
    reset_handlers()
    signal.pthread_sigmask(signal.SIG_SETMASK, birth.mask)
    try:
        locks.take(birth.directory.lock("init"), wait=1.0)
    except locks.LockHeld as error:
        say(f"{error}; no second init")
        return NOT_ALONE
    init = Init(birth)
    init.take_over()
    init.loop.run()
    if init.status == STOPPED_IN_ORDER:
        init.keepers.forget()
    return init.status


class Init:
    """Glue: signals, deaths and requests come in; table, ends, desk and gateway watch do the work."""

    def __init__(self, birth: InitBirth) -> None:
        self.loop = InitLoop()
        self.status = STOPPED_IN_ORDER
        self.stopping: str | None = None
        self._birth = birth
        self._boot_id = boot_id()
        self._keeper_pid: int | None = birth.keeper_pid
        self.keepers = Obituaries(birth.directory.ends("keeper"))
        self._news: dict[str, Any] = {}
        self._link: KeeperLink | None = None
        self._registry = Registry(birth.directory)
        self._incarnation = self._registry.number_of_init()
        self._finishing = False
        self._hard = False
        self._forker = Forker(birth.directory, self._registry, birth.enter, birth.warm, self._boot_id)
        self._standing_by: Timer | None = None
        self._ends = Ends(
            self.loop,
            self._registry,
            link=self._open_link,
            on_report=self._reported,
            on_empty=self._emptied,
            keeper_pid=lambda: self._keeper_pid,
            sweep_deadline=birth.timing.sweep_deadline,
            standby=lambda: self._forker.standby,
        )
        self._gateway = GatewayWatch(self.loop, self._forker, self._ends, birth.timing, self.forked)
        self._desk = Desk(self.loop, birth.listener, self._registry, self._forker, self._ends, self)
        connection = Connection(self.loop, birth.line, self._from_keeper, self._keeper_gone)
        self._link = KeeperLink(connection, self._serve_keeper)
        caught = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self.loop.signals(caught, self._signalled)

    def take_over(self) -> None:
        """Adopt what earlier inits left, report what died meanwhile, make sure of a gateway."""
        dead: list[Entry] = []
        for record in self._registry.load(self._boot_id):
            entry = self._inherit(record)
            if entry is not None:
                dead.append(entry)
        if self._link is not None:
            keep = [entry.life.pid for entry in self._registry if entry.handle is not None]
            self._link.ask("sweep", lambda reply: None, keep=keep)
        for entry in dead:
            self._ends.died(entry)
        gateway = self._registry.living("gateway")
        if gateway is None:
            self._gateway.start()
        else:
            self._gateway.adopt(gateway)

    def facts(self) -> dict[str, Any]:
        """What every hello and every look at the table begins with."""
        return {
            "init": os.getpid(),
            "init_incarnation": self._incarnation,
            "boot_id": self._boot_id,
            "keeper": self._keeper_pid,
            "stopping": self.stopping,
            "before": [ended.plain() for ended in self._birth.before],
            "keepers": [ended.plain() for ended in self.keepers],
            "gateway_before": self._gateway.replaced,
            **self._news,
        }

    def forked(self, entry: Entry) -> None:
        """Watch a child of ours from now on."""
        if entry.handle is not None and entry.handle.pidfd is not None:
            self.loop.watch(entry.handle.pidfd, selectors.EVENT_READ, lambda events: self._ends.died(entry))
        if self._standing_by is not None:
            self._standing_by.cancel()
        self._standing_by = self.loop.later(STANDBY_AFTER_S, self._stand_by)

    def _stand_by(self) -> None:
        if self.stopping is None:
            self._forker.stand_by()

    def order_stop(self, why: str) -> None:
        """Orderly: the gateway stops everything, then says so."""
        if self.stopping is None:
            self.stopping = why
        self._desk.push("gateway", "stop", {"why": self.stopping})

    def gateway_said(self, word: str) -> None:
        """hello, beat or stopped."""
        if word == "beat":
            self._gateway.beat()
            self._ends.watch_oom()
        elif word == "hello":
            self._gateway.said_hello()
            gateway = self._registry.living("gateway")
            if self._link is not None and gateway is not None:
                self._link.push("up", gateway=gateway.life.pid)
            if self.stopping is not None:
                self._desk.push("gateway", "stop", {"why": self.stopping})
        else:
            self._gateway.wanted = False
            self.stopping = self.stopping or "the gateway stopped"

    def keeper_came(self, caller: Caller, request: dict[str, Any]) -> Reply:
        """A new keeper attaches to a node whose keeper died: it gets the listener and our pidfd."""
        if self._link is not None and self._link.open:
            self._link.connection.close("a newer keeper came")
        connection = caller.connection
        self._keeper_pid = int(request["pid"])
        self._link = KeeperLink(connection, self._serve_keeper)
        self._desk.release(caller, self._from_keeper, self._keeper_gone)
        descriptors = [self._birth.listener.fileno()]
        if LINUX:
            own = os.pidfd_open(os.getpid())
            descriptors.append(own)
            self.loop.later(1.0, lambda: os.close(own))
        gateway = self._registry.living("gateway")
        self._news = {"keeper_came_at": time.time()}
        self._tell_keeper()
        return {**self.facts(), "gateway": gateway.life.pid if gateway else None}, descriptors

    def _inherit(self, record: LifeFile) -> Entry | None:
        """Take one record over; returns the entry if its process has ended."""
        life = record.life
        if record.exit is not None:
            entry = Entry(life, None, own=False, exit=record.exit, died_at=record.exit.at)
            self._registry.exited(
                entry, replace(record.exit, empty=True) if life.boot_id != self._boot_id else record.exit
            )
            return None
        same_boot = life.boot_id == self._boot_id
        handle = ProcessHandle.verified(life.pid, life.start, life.inode) if same_boot else None
        entry = Entry(life, handle, own=False)
        if not same_boot:
            self._registry.exited(entry, make_report(entry, None, True, (0, 0.0, 0.0), OomCounter()))
            return None
        self._registry.add(entry)
        if handle is None or not handle.alive():
            return entry
        self.forked(entry)
        return None

    def _open_link(self) -> KeeperLink | None:
        return self._link if self._link is not None and self._link.open else None

    def _from_keeper(self, connection: Connection, message: dict[str, Any]) -> None:
        if self._link is not None and self._link.connection is connection:
            self._link.received(message)

    def _keeper_gone(self, connection: Connection, why: str) -> None:
        if self._link is None or self._link.connection is not connection:
            return
        link, self._link, self._keeper_pid = self._link, None, None
        say(f"no keeper any more ({why}); the node runs on")
        self.keepers.note(KEEPER_GONE)
        self._tell_keeper()
        link.broke()

    def _tell_keeper(self) -> None:
        """For the journal, which is the gateway's to write: now, or when there is one."""
        self._desk.push("gateway", "node", self.facts())

    def _serve_keeper(self, message: dict[str, Any]) -> dict[str, Any]:
        verb = message.get("do")
        if verb == "stop":
            if message.get("hard"):
                self._stop_hard(str(message.get("why")))
            else:
                self.order_stop(str(message.get("why")))
        elif verb in ("stopped", "continued"):
            for entry in self._registry:
                if not entry.own and entry.life.pid == message.get("pid") and entry.state == "running":
                    self._froze(entry, str(verb))
        return {}

    def _signalled(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._children_changed()
        elif self.stopping is None:
            self.order_stop(signal.Signals(number).name)

    def _children_changed(self) -> None:
        for pid, word in stop_changes():
            entry = next((each for each in self._registry if each.own and each.life.pid == pid), None)
            if entry is not None and entry.state == "running":
                self._froze(entry, word)
        if not LINUX:
            for entry in self._registry:
                if entry.state == "running" and entry.handle is not None and not entry.handle.alive():
                    self._ends.died(entry)
        self.loop.later(0.0, self._ends.turn)  # after the pidfds of this turn, so that leftovers find their life

    def _froze(self, entry: Entry, word: str) -> None:
        body = {"path": entry.life.path, "incarnation": entry.life.incarnation}
        self._desk.push(entry.life.owner, word, body)
        if word == "stopped":
            self._gateway.froze(entry)

    def _reported(self, entry: Entry, report: ExitReport) -> None:
        self._desk.tell_exit(entry, report)
        self._gateway.ended(entry)
        if self._finishing:
            self._finish_if_empty()
        elif entry.life.path == "gateway" and not self._gateway.wanted:
            if report.code == 0:  # it said that it had stopped: there is nothing to tell the next one
                self._registry.forget(entry)
            self._finish()

    def _emptied(self, entry: Entry) -> None:
        body = {"path": entry.life.path, "incarnation": entry.life.incarnation}
        self._desk.push(entry.life.owner, "empty", body)

    def _stop_hard(self, why: str) -> None:
        self.stopping = self.stopping or why
        self.status = STOPPED_HARD
        self._gateway.wanted = False
        self._finish()

    def _finish(self) -> None:
        """The gateway has stopped (or nobody waits for it): whatever still runs ends now."""
        self._finishing = True
        self._forker.dismiss()
        for entry in self._registry:
            if entry.state == "running":
                self._ends.kill(entry)
        self._finish_if_empty()

    def _finish_if_empty(self) -> None:
        if all(entry.state == "exited" for entry in self._registry):
            if self._link is not None:
                self._link.push("bye", status=self.status)
            self._desk.close()
            self.loop.stop()


def stop_changes() -> list[tuple[int, str]]:
    """Children that were stopped or continued since the last look. Exits are left alone."""
    if not hasattr(os, "waitid"):
        return []
    changes: list[tuple[int, str]] = []
    flags = os.WSTOPPED | os.WCONTINUED | os.WNOHANG
    while True:
        try:
            change = os.waitid(os.P_ALL, 0, flags)
        except ChildProcessError:
            return changes
        if change is None:
            return changes
        changes.append((change.si_pid, "continued" if change.si_code == os.CLD_CONTINUED else "stopped"))
