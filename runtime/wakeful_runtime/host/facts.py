"""One life's three clocks: what the control thread tells the monitor without asking user code."""

from __future__ import annotations

import resource
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from wakeful.life import LeaseState

State = Literal["starting", "running", "waiting", "stopping"]

REPORTS_KEPT = 32
"""Progress reports the rate is made of."""


@dataclass(frozen=True, slots=True)
class MailboxFacts:
    """What the mailbox lane knows of its queue; `in_hand_since` on the monotonic clock, None when idle."""

    in_hand_since: float | None = None
    handled: int = 0
    depth: int = 0


class LifeClocks:
    """Written by the actor's threads, read by the control thread; every method may be called from any of them.

    The progress clock stands still while the life waits or holds a valid lease: that time is never part of its age.
    A re-entrant lock guards it, so that a signal handler of the user's may report progress too.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._state: State = "starting"
        self._ready = False
        self._progress_at = clock()
        self._still_since: float | None = None
        self._reported = False
        self._progress: tuple[int | None, int | None, str | None] = (None, None, None)
        self._reports: deque[tuple[float, int]] = deque(maxlen=REPORTS_KEPT)
        self._waits: list[str] = []
        self._waits_since = 0.0
        self._leases: dict[int, LeaseState] = {}
        self._checkpoint: dict[str, Any] | None = None
        self._mailbox: Callable[[], MailboxFacts] = MailboxFacts
        self._whereabouts: Callable[[], str] = str
        self._program: Callable[[], dict[str, Any] | None] = lambda: None

    def starting(self) -> None:
        """User code begins: the progress clock starts here."""
        with self._lock:
            self._progress_at = self._clock()

    def ready(self) -> None:
        """`on_start` returned."""
        with self._lock:
            self._ready = True
            if self._state == "starting":
                self._state = "running"
            self._act()

    def stopping(self) -> None:
        """An orderly stop has begun."""
        with self._lock:
            self._state = "stopping"

    def mailbox(self, read: Callable[[], MailboxFacts]) -> None:
        """Where the queue's figures come from; `read` is called by the control thread."""
        self._mailbox = read

    def whereabouts(self, read: Callable[[], str]) -> None:
        """Where the line of the user's that it is at comes from; `read` is called by the control thread."""
        self._whereabouts = read

    def program(self, read: Callable[[], dict[str, Any] | None]) -> None:
        """Where a command's host says what it knows of its program; `read` is called by the control thread."""
        self._program = read

    def noted(self, note: str) -> None:
        """A word for people; no act of its own."""
        with self._lock:
            self._progress = (*self._progress[:2], note)

    def acted(self) -> None:
        """An act of the run's own: the progress clock is set to now."""
        with self._lock:
            self._act()

    def progressed(self, done: int | None, total: int | None, note: str | None) -> None:
        """The run's own report."""
        with self._lock:
            self._act()
            self._reported = True
            self._progress = (done, total, note)
            if done is not None:
                self._reports.append((self._clock(), done))

    def checkpointed(self, name: str, seq: int, at: float) -> None:
        """A checkpoint is committed: an act of its own, and progress; `at` is wall time."""
        with self._lock:
            self._act()
            self._reported = True
            self._checkpoint = {"name": name, "seq": seq, "at": at}

    def resumed_from(self, name: str, seq: int, at: float) -> None:
        """The checkpoint this life began with; no act of this life."""
        with self._lock:
            self._checkpoint = {"name": name, "seq": seq, "at": at}

    @property
    def waiting_for(self) -> str | None:
        """What it waits for now."""
        with self._lock:
            return self._waits[-1] if self._waits else None

    @contextmanager
    def waiting(self, what: str) -> Generator[None, None, None]:
        """The progress clock stands still inside; nests, also over tasks and threads."""
        with self._lock:
            self._settle()
            self._waits_since = self._clock()
            self._waits.append(what)
            self._settle()
        try:
            yield
        finally:
            with self._lock:
                self._settle()
                self._waits.remove(what)
                self._settle()

    def lease_opened(self, lease: LeaseState) -> None:
        """Also for a lease that was extended."""
        with self._lock:
            self._settle()
            self._leases[lease.id] = lease
            self._settle()

    def lease_closed(self, lease: LeaseState) -> None:
        """The end of a lease counts as progress (api.md: what moves the clock)."""
        with self._lock:
            self._settle()
            self._leases.pop(lease.id, None)
            self._act()

    def snapshot(self) -> dict[str, Any]:
        """The facts of a hello or an answer; times on the monotonic clock.

        `progress_at` has the time the clock stood still added: `now - progress_at` is the age to judge. `lease` is the
        open lease that ends last, also when it has run out: it is the life's only deadline. `blocking_until` is the
        end of the last open lease that excuses a blocked loop.
        """
        with self._lock:
            self._settle()
            lease = max(self._leases.values(), key=lambda each: (each.until, each.id), default=None)
            blocking = [each.until for each in self._leases.values() if each.blocking]
            waits = bool(self._waits) and self._state == "running"
            facts: dict[str, Any] = {
                "ready": self._ready,
                "state": "waiting" if waits else self._state,
                "waiting_for": self._waits[-1] if self._waits else None,
                "progress_at": self._progress_at,
                "progress_stands": self._still_since is not None,
                "waits_since": self._waits_since if self._waits else None,
                "progress_reported": self._reported,
                "progress": list(self._progress),
                "rate": self._rate(),
                "lease": asdict(lease) if lease else None,
                "blocking_until": max(blocking, default=None),
                "checkpoint": self._checkpoint,
            }
        mailbox = self._mailbox()
        facts |= {"in_hand_since": mailbox.in_hand_since, "handled": mailbox.handled, "depth": mailbox.depth}
        facts["line"] = self._whereabouts()
        program = self._program()
        if program is not None:
            facts["program"] = program
        facts["switches"] = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        return facts

    def _act(self) -> None:
        self._settle()
        self._progress_at = self._clock()

    def _settle(self) -> None:
        """Book the time the clock stood still, up to now or to the end of the last lease."""
        now = self._clock()
        until = max((lease.until for lease in self._leases.values()), default=now)
        if self._still_since is not None:
            end = now if self._waits else max(self._still_since, min(now, until))
            self._progress_at += end - self._still_since
        self._still_since = now if self._waits or until > now else None

    def _rate(self) -> float | None:
        """`done` per second over the reports kept; None before the second one."""
        if len(self._reports) < 2:
            return None
        (first_at, first), (last_at, last) = self._reports[0], self._reports[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else None
