"""From the death of a life's process to its report: group, orphans, status; the leader is reaped last."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wakeful_runtime.init.initloop import InitLoop, Timer
from wakeful_runtime.init.keeperlink import KeeperLink
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.init.oom import OomCounter
from wakeful_runtime.init.registry import Entry, Registry
from wakeful_runtime.init.saying import say
from wakeful_runtime.init.sweep import Remains, hold_descendants, signal_group, signal_remains, sweep_round
from wakeful_runtime.processes import LINUX, pidfd_exit_status, read_stat

ROUNDS_AT_ONCE = 4
FIRST_PAUSE_S = 0.001
LAST_PAUSE_S = 0.1
SCAN_REST = 2.0
"""A walk over all processes is followed by so many times its own length without one: init has other things to do."""
STATUS_WAIT_S = 0.2
"""How long init waits for a status that somebody else has to reap first."""


class Ends:
    """Carries lives that end to their reports.

    Args:
        link: the keeper's line, None while there is no keeper.
        on_report: told once per life, when the report is kept.
        on_empty: told when what was left of a reported life is gone.
    """

    def __init__(
        self,
        loop: InitLoop,
        registry: Registry,
        *,
        link: Callable[[], KeeperLink | None],
        on_report: Callable[[Entry, ExitReport], None],
        on_empty: Callable[[Entry], None],
        keeper_pid: Callable[[], int | None],
        sweep_deadline: float,
        standby: Callable[[], int | None],
    ) -> None:
        self._loop = loop
        self._registry = registry
        self._link = link
        self._on_report = on_report
        self._on_empty = on_empty
        self._keeper_pid = keeper_pid
        self._deadline = sweep_deadline
        self._standby = standby
        self._oom = OomCounter()
        self._timer: Timer | None = None
        self._pause = FIRST_PAUSE_S
        self._asking = False
        self._reaping: set[Entry] = set()
        self._scanned: set[Entry] = set()
        self._scan_again = 0.0

    def kill(self, entry: Entry) -> None:
        """SIGKILL to the group and the leader; the rest follows when it is dead."""
        entry.ordered = True
        if entry.handle is None or entry.died_at:
            return
        if entry.own:
            signal_group(entry.life.pid, signal.SIGKILL)
        else:
            entry.family += hold_descendants(entry.life.pid)
        entry.handle.send_signal(signal.SIGKILL)

    def died(self, entry: Entry) -> None:
        """Its process has ended (and is not reaped, if it is our child)."""
        if entry.died_at:
            return
        entry.state, entry.died_at = "ending", time.monotonic()
        if entry.handle is not None and entry.handle.pidfd is not None:
            self._loop.unwatch(entry.handle.pidfd)
        if entry.own:
            signal_group(entry.life.pid, signal.SIGKILL)
        else:
            self._look_at_zombie(entry)
        self._pause = FIRST_PAUSE_S
        self.turn()

    def turn(self) -> None:
        """A round over all that end; again by itself, and at every SIGCHLD, until nothing is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ending = [entry for entry in self._registry if entry.state == "ending" or entry.haunted]
        self._sweep_own([entry for entry in ending if entry.own])  # without any: what is found is garbage still
        self._sweep_adopted([entry for entry in ending if not entry.own])
        for entry in ending:
            self._settle(entry)
        if any(entry.state == "ending" or entry.haunted for entry in ending):
            self._timer = self._loop.later(self._pause, self.turn)
            self._pause = min(self._pause * 2, LAST_PAUSE_S)

    def watch_oom(self) -> None:
        """Now and then: so that only a late OOM kill explains a death."""
        self._oom.look()

    def acknowledged(self, entry: Entry) -> None:
        """The owner has taken the report; what can't be killed is remembered until it is gone."""
        if entry.haunted:
            entry.acknowledged = True
        else:
            self._registry.forget(entry)

    @property
    def busy(self) -> bool:
        """Whether a life's end is still under way (what can't be killed doesn't count)."""
        return any(entry.state == "ending" for entry in self._registry)

    def _known(self) -> set[int]:
        """Leaders that are not reaped: no leftovers, whatever the list of children says."""
        return {entry.life.pid for entry in self._registry if entry.handle is not None}

    def _sweep_own(self, entries: list[Entry]) -> None:
        known = {entry.life.pid for entry in self._registry if entry.own and entry.handle is not None}
        if (standby := self._standby()) is not None:
            known.add(standby)
        for _ in range(ROUNDS_AT_ONCE):
            _count(entries, sweep_round(known))
            if all(entry.clean >= 2 for entry in entries):
                return

    def _sweep_adopted(self, entries: list[Entry]) -> None:
        if not entries:
            return
        link = self._link()
        self._scan(entries, alone=link is None)
        if link is not None and not self._asking:
            self._asking = True
            link.ask("sweep", self._swept, keep=sorted(self._known()))

    def _scan(self, entries: list[Entry], *, alone: bool) -> None:
        began = time.monotonic()
        if began < self._scan_again:
            return
        lost = {entry: str(self._registry.lock(entry.life.path)) for entry in entries if entry.lost}
        remains = [
            Remains.lost(entry.life, lost[entry]) if entry in lost else Remains(entry.life.pid, entry.life.start)
            for entry in entries
        ]
        hit = signal_remains(remains, signal.SIGKILL)
        for entry in entries:
            found = hit[entry.life.pid]
            found += [each.pid for each in entry.family if each.alive() and each.send_signal(signal.SIGKILL)]
            if found or alone:
                _count([entry], found)
        self._scanned = set(entries)
        ended = time.monotonic()
        self._scan_again = ended + SCAN_REST * (ended - began)

    def _swept(self, reply: dict[str, Any] | None) -> None:
        self._asking = False
        adopted = [entry for entry in self._registry if not entry.own and (entry.state == "ending" or entry.haunted)]
        if reply is not None:
            _count([each for each in adopted if each in self._scanned], [int(pid) for pid in reply.get("found", [])])
        if adopted:
            self.turn()

    def _settle(self, entry: Entry) -> None:
        if entry.haunted:
            if entry.clean >= 2 and entry.exit is not None:
                entry.exit = replace(entry.exit, empty=True)
                self._registry.exited(entry, entry.exit)
                self._on_empty(entry)
                if entry.acknowledged:
                    self._registry.forget(entry)
            return
        swept = entry.clean >= 2
        if entry.state != "ending" or not (swept or time.monotonic() - entry.died_at > self._deadline):
            return
        if entry.own:
            self._reap_own(entry, swept)
        elif entry not in self._reaping:
            self._reap_adopted(entry, swept)

    def _reap_own(self, entry: Entry, swept: bool) -> None:
        try:
            pid, status, usage = os.wait4(entry.life.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else's waitpid; nothing of ours does that
            self._report(entry, None, swept)
            return
        if pid:
            self._report(entry, status, swept, (usage.ru_maxrss, usage.ru_utime, usage.ru_stime))

    def _reap_adopted(self, entry: Entry, swept: bool) -> None:
        link = self._link()
        self._reaping.add(entry)

        def reaped(reply: dict[str, Any] | None) -> None:
            if entry.state != "ending":
                return
            if reply is not None and isinstance(reply.get("status"), int):
                usage = (int(reply["maxrss"]), float(reply["utime"]), float(reply["stime"]))
                self._finish(entry, int(reply["status"]), swept, usage)
            else:
                self._look_for_status(entry, swept, time.monotonic() + STATUS_WAIT_S)

        if link is None:
            reaped(None)
        else:
            link.ask("reap", reaped, pid=entry.life.pid, start=entry.life.start)

    def _look_for_status(self, entry: Entry, swept: bool, until: float) -> None:
        if entry.status is None:
            self._look_at_zombie(entry)
        status = entry.status
        if status is None and entry.handle is not None and entry.handle.pidfd is not None:
            status = pidfd_exit_status(entry.handle.pidfd)
        if status is None and entry.handle is not None and time.monotonic() < until:
            self._loop.later(0.01, lambda: self._look_for_status(entry, swept, until))
        else:
            self._finish(entry, status, swept)

    def _finish(
        self, entry: Entry, status: int | None, swept: bool, usage: tuple[int, float, float] = (0, 0.0, 0.0)
    ) -> None:
        self._reaping.discard(entry)
        self._report(entry, status, swept, usage)

    def _report(
        self, entry: Entry, status: int | None, swept: bool, usage: tuple[int, float, float] = (0, 0.0, 0.0)
    ) -> None:
        report = make_report(entry, status, swept, usage, self._oom)
        entry.close()
        self._registry.exited(entry, report)
        if not swept:
            left = ", ".join(map(str, report.leftover))
            say(f"{entry.life.path}: can't be killed: {left}")
            entry.clean = 0
        self._on_report(entry, report)

    def _look_at_zombie(self, entry: Entry) -> None:
        """Its status, while its parent hasn't reaped it; and who that parent is."""
        stat = read_stat(entry.life.pid) if LINUX else None
        if stat is None or stat.start != entry.life.start or stat.state != "Z":
            entry.lost = True
            return
        entry.status = stat.exit_code
        entry.lost = stat.parent != self._keeper_pid()


def _count(entries: list[Entry], found: list[int]) -> None:
    for entry in entries:
        entry.clean = 0 if found else entry.clean + 1
        entry.leftover += [pid for pid in found if pid not in entry.leftover]


def make_report(
    entry: Entry, status: int | None, empty: bool, usage: tuple[int, float, float], oom: OomCounter
) -> ExitReport:
    """The report of a life that ended; `status` is a wait status, None if nobody could tell."""
    killed = status is not None and os.WIFSIGNALED(status)
    number = os.WTERMSIG(status) if status is not None and killed else None
    maybe_oom = number == signal.SIGKILL and not entry.ordered
    return ExitReport(
        path=entry.life.path,
        incarnation=entry.life.incarnation,
        pid=entry.life.pid,
        code=os.WEXITSTATUS(status) if status is not None and not killed else None,
        signal=number,
        core=status is not None and killed and os.WCOREDUMP(status),
        unknown=status is None,
        maxrss=usage[0],
        utime=usage[1],
        stime=usage[2],
        empty=empty,
        leftover=tuple(entry.leftover),
        at=entry.died_at,
        oom=oom.grew() if maybe_oom else False,
    )
