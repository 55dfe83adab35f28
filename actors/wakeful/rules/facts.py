"""What is known of one child at one moment: the input of every verdict.

All times are CLOCK_MONOTONIC seconds, which all processes of a machine share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from wakeful.rules.doubt import Doubt
from wakeful.rules.pace import Pace
from wakeful.rules.pulse import CheckpointFacts, Lease, Program, Pulse, read_lease, read_pulse

__all__ = [
    "Answer",
    "CheckpointFacts",
    "ExitReport",
    "Facts",
    "Lease",
    "Look",
    "Probe",
    "Program",
    "Pulse",
    "ThreadLook",
    "WatchedKind",
    "read_lease",
    "read_pulse",
]

WatchedKind = Literal["session", "blocking", "actor", "command", "node"]
"""`blocking` is a BlockingSession; `node` one of the node's own processes; `command` a host that runs a program."""

_KEPT_LOOKS = 32
_RECENT = 1.0
_KEPT_PROBES = 16
_TRUSTED = Doubt()
_UNKNOWN_PACE = Pace()


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe that was sent."""

    nonce: int
    sent_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a probe; a hello or a pushed event counts as one with `sent_at == at`.

    Attributes:
        nonce: the probe's.
        sent_at: when the monitor sent the probe.
        at: when the monitor read the answer.
        loop_age: the age of the oldest no-op the main loop has not run, in seconds; 0 if it ran all.
        pulse: the facts it carried.
    """

    nonce: int
    sent_at: float
    at: float
    loop_age: float
    pulse: Pulse


@dataclass(frozen=True, slots=True)
class ThreadLook:
    """One thread as the operating system shows it; None or "" where it doesn't say.

    Attributes:
        state: one letter of /proc: R S D T t Z X I.
        cpu: CPU seconds used in all.
        run_delay: seconds it has waited for a CPU in all. Grows only when it gets to run.
        slices: how often it got a CPU in all.
        wchan: the kernel function it sleeps in.
        syscall: the name of the system call it is in.
    """

    state: str
    cpu: float | None = None
    run_delay: float | None = None
    slices: int | None = None
    wchan: str = ""
    syscall: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a process from outside.

    Attributes:
        at: when.
        main: its main thread; for a command the program's.
        control: its control thread; None: not there, or `threads_known` is false.
        threads_known: the machine shows single threads, so that a missing control thread means something.
        throttled: seconds its cgroup has been throttled in all, None if unknown.
        lane: the thread that carries messages between the socket and the control thread; None: not there or unknown.
    """

    at: float
    main: ThreadLook
    control: ThreadLook | None = None
    threads_known: bool = True
    throttled: float | None = None
    lane: ThreadLook | None = None


@dataclass(frozen=True, slots=True)
class ExitReport:
    """What init reported of the end.

    Attributes:
        at: when.
        code: exit status, if it left by itself.
        signal: the signal that ended it.
        unknown: nobody could read the status.
        oom: the kernel's OOM killer did it.
        core: it dumped core.
    """

    at: float
    code: int | None = None
    signal: int | None = None
    unknown: bool = False
    oom: bool = False
    core: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """One child, now.

    Attributes:
        kind: what it is.
        launched_at: when its process was forked.
        watched_at: when this monitor began to watch it; later than `launched_at` for an adopted one.
        ready_at: when it became ready, None before.
        probes: the probes without an answer, oldest first.
        probed_at: when the latest probe was sent, answered or not.
        answer: the latest answer.
        looks: looks of the present suspicion, oldest first.
        exit: the exit report, or None.
        gone: the pidfd is readable: the process has ended, whether or not its exit report is here.
        stopped_at: when init said that a signal stopped it; None once it continued.
        stopping: an ordered stop is under way: its own deadline judges it.
        store_away: the store does not answer now.
        store_back_at: when it last came back, or was first asked; None: it has not been asked.
        store_unproven: seconds since a question that it has answered was asked.
        doubt: what the monitor thinks of itself.
        pace: how fast it got on until now.
    """

    kind: WatchedKind
    launched_at: float
    watched_at: float
    ready_at: float | None = None
    probes: tuple[Probe, ...] = ()
    probed_at: float | None = None
    answer: Answer | None = None
    looks: tuple[Look, ...] = ()
    exit: ExitReport | None = None
    gone: bool = False
    stopped_at: float | None = None
    stopping: bool = False
    store_away: bool = False
    store_back_at: float | None = None
    store_unproven: float = 0.0
    doubt: Doubt = _TRUSTED
    pace: Pace = _UNKNOWN_PACE

    @property
    def probe(self) -> Probe | None:
        """The oldest probe without an answer."""
        return self.probes[0] if self.probes else None

    @property
    def program(self) -> Program | None:
        """What a command's host runs, as it last said."""
        return self.answer.pulse.program if self.answer else None

    @property
    def confirming(self) -> Probe | None:
        """The latest probe without an answer, if it is another one."""
        return self.probes[-1] if len(self.probes) > 1 else None

    def sent_at(self, nonce: int) -> float | None:
        """When the probe of this nonce was sent; None if it isn't waited for any more."""
        return next((probe.sent_at for probe in self.probes if probe.nonce == nonce), None)

    def sent(self, probe: Probe) -> Facts:
        """A probe left."""
        probes = (*self.probes, probe) if len(self.probes) < _KEPT_PROBES else (self.probes[0], *self.probes[2:], probe)
        return replace(self, probes=probes, probed_at=probe.sent_at)

    def answered(self, answer: Answer) -> Facts:
        """An answer came. It stands for all earlier probes too: the control thread answers in order."""
        ready_at = self.ready_at
        if ready_at is None and answer.pulse.ready:
            ready_at = answer.at
        return replace(
            self,
            answer=answer,
            probes=tuple(probe for probe in self.probes if probe.sent_at > answer.sent_at),
            ready_at=ready_at,
            looks=self._still_needed(answer),
            pace=self.pace.moved(answer.pulse.done, answer.pulse.progress_at),
        )

    def told(self, pulse: Pulse) -> Facts:
        """It pushed news of itself (a lease, a checkpoint); no probe is answered by that."""
        if self.answer is None:
            return self
        return replace(self, answer=replace(self.answer, pulse=pulse))

    def _still_needed(self, answer: Answer) -> tuple[Look, ...]:
        """A silence ends with the answer of a turning loop, a standstill with the run's next act."""
        if not self.looks or answer.loop_age > 0 or self.ready_at is None:
            return self.looks
        return tuple(look for look in self.looks if look.at >= min(answer.at - _RECENT, answer.pulse.progress_at))

    def looked(self, look: Look) -> Facts:
        """A look at /proc. The first one of a suspicion is kept: it is what later ones are compared with."""
        if len(self.looks) < _KEPT_LOOKS:
            return replace(self, looks=(*self.looks, look))
        return replace(self, looks=(self.looks[0], *self.looks[2:], look))
