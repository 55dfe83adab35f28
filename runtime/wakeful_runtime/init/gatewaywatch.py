"""Init's one decision: whether the gateway lives. If not, it is killed and started again, for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from wakeful_runtime.init.ends import Ends
from wakeful_runtime.init.forker import Forker, Refusal
from wakeful_runtime.init.initloop import InitLoop, Timer
from wakeful_runtime.init.registry import Entry
from wakeful_runtime.init.saying import say
from wakeful_runtime.processes import read_stat, run_delay


@dataclass(frozen=True)
class InitTiming:
    """Durations of keeper and init, in seconds.

    Attributes:
        beat_silence: a gateway that ran and did not beat for so long is replaced.
        starved_silence: so is one that got no CPU, after so long.
        gateway_start: a new gateway must have said hello by then.
        backoff_first, backoff_most: pauses between gateways that die young; the first restart is at once.
        steady: a gateway that ran so long after its hello did not die young: what ends it is no reason to wait.
        sweep_deadline: what is left after so long is reported as can't be killed.
        init_silence: an init that does not answer its keeper for so long is replaced.
    """

    beat_silence: float = 2.0
    starved_silence: float = 20.0
    gateway_start: float = 20.0
    backoff_first: float = 0.1
    backoff_most: float = 30.0
    steady: float = 5.0
    sweep_deadline: float = 5.0
    init_silence: float = 10.0


class Young:
    """How long to wait before the next gateway: each cause of dying young has a back-off of its own."""

    def __init__(self, timing: InitTiming) -> None:
        self._timing = timing
        self._next: dict[str, float] = {}

    def pause(self, cause: str, stood: float) -> float:
        """Seconds; 0 after one that stood long enough, and for the first that dies young of this cause."""
        if stood >= self._timing.steady:
            self._next.clear()
        pause = self._next.get(cause, 0.0)
        self._next[cause] = min(max(pause * 2, self._timing.backoff_first), self._timing.backoff_most)
        return pause


class GatewayWatch:
    """Keeps one gateway alive.

    Args:
        adopted: told of each gateway this init forks, so that its death is watched.
    """

    def __init__(
        self, loop: InitLoop, forker: Forker, ends: Ends, timing: InitTiming, forked: Callable[[Entry], None]
    ) -> None:
        self._loop = loop
        self._forker = forker
        self._ends = ends
        self._timing = timing
        self._forked = forked
        self._entry: Entry | None = None
        self._heard = 0.0
        self._delay_then = 0.0
        self._cpu_then = 0.0
        self._greeted = False
        self._young = Young(timing)
        self._standing = 0.0
        self._check: Timer | None = None
        self.replaced = ""
        """Why the last one was killed, if it was killed from here."""
        self.wanted = True
        """Whether a gateway that ends is started again."""

    def start(self) -> None:
        """Fork one, now."""
        try:
            entry = self._forker.fork("gateway", "gateway", None, b"", "gateway", roles=("gateway",))
        except Refusal as refusal:
            say(f"no gateway yet: {refusal.why}")
            self._again("refused")
            return
        self._forked(entry)
        self.adopt(entry)

    def adopt(self, entry: Entry) -> None:
        """Watch a gateway that runs."""
        self._entry = entry
        self._greeted = False
        self._standing = 0.0
        self._note()
        self._watch()

    def said_hello(self) -> None:
        """It is there; from now on it beats."""
        self._greeted = True
        self._standing = time.monotonic()
        self._note()

    def beat(self) -> None:
        """Its main loop runs."""
        self._note()

    def froze(self, entry: Entry) -> None:
        """It was stopped by a signal: a stopped gateway serves nobody, and SIGTERM would stay pending."""
        if entry is self._entry:
            self._replace("it was stopped")

    def ended(self, entry: Entry) -> None:
        """Its life is over and swept."""
        if entry is not self._entry:
            return
        self._entry = None
        cause = "replaced" if entry.ordered else "ended"
        if not entry.ordered:
            self.replaced = ""
        if self._check is not None:
            self._check.cancel()
        if not self.wanted:
            return
        stood = time.monotonic() - self._standing if self._standing else 0.0
        self._again(cause, stood)

    def _again(self, cause: str, stood: float = 0.0) -> None:
        if pause := self._young.pause(cause, stood):
            self._loop.later(pause, self._if_wanted)
        else:
            self.start()

    def _if_wanted(self) -> None:
        if self.wanted and self._entry is None:
            self.start()

    def _note(self) -> None:
        self._heard = time.monotonic()
        pid = self._entry.life.pid if self._entry is not None else 0
        stat = read_stat(pid) if pid else None
        self._delay_then = run_delay(pid, pid) if pid else 0.0
        self._cpu_then = stat.utime + stat.stime if stat is not None else 0.0

    def _watch(self) -> None:
        if self._check is not None:
            self._check.cancel()
        self._check = self._loop.later(self._timing.beat_silence / 8, self._look)

    def _look(self) -> None:
        entry = self._entry
        if entry is None or entry.state != "running":
            return
        self._watch()
        stat = read_stat(entry.life.pid)
        if stat is not None and stat.state == "T":  # while nobody who would be told of it was there
            self._replace("it was stopped")
            return
        now = time.monotonic()
        limit = self._limit(entry, now)
        # What was heard while this process itself did not run is read after this look: count from there.
        silence = now - max(self._heard, self._loop.late_at)
        if silence <= limit:
            return
        if not self._starved(entry, silence, limit) or silence > max(limit, self._timing.starved_silence):
            self._replace(f"it did not beat for {now - self._heard:.1f} s")

    def _limit(self, entry: Entry, now: float) -> float:
        """Seconds of silence; one that has started long ago has only to find its new init."""
        if self._greeted:
            return self._timing.beat_silence
        starts = now - entry.life.forked_at < self._timing.gateway_start
        return self._timing.gateway_start if starts else 2 * self._timing.beat_silence

    def _starved(self, entry: Entry, silence: float, limit: float) -> bool:
        """It waited for a CPU, so its silence says nothing of its health.

        The kernel books the wait only when the thread gets to run, so being runnable counts by itself where the
        process used no CPU; a spinning loop uses some.
        """
        pid = entry.life.pid
        stat = read_stat(pid)
        if stat is None:
            return False
        used = stat.utime + stat.stime - self._cpu_then
        waited = run_delay(pid, pid) - self._delay_then
        return silence - waited <= limit or (stat.state == "R" and used < 0.02 * silence)

    def _replace(self, why: str) -> None:
        entry = self._entry
        if entry is not None and entry.state == "running" and not entry.ordered:
            say(f"gateway pid {entry.life.pid}: {why}; killed")
            self.replaced = why
            self._ends.kill(entry)
