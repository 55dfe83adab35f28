"""A simulated child and a simulated monitor that does what `judge` asks: what is found, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeful.exits import Verdict
from wakeful.policy import Heartbeat
from wakeful.rules.doubt import OWN_TICK, Clocks, observe
from wakeful.rules.facts import Answer, Facts, Lease, Look, Probe, Pulse, ThreadLook, WatchedKind
from wakeful.rules.judgement import Judgement
from wakeful.rules.verdict import judge

NEVER = float("inf")
TRAVEL = 0.002


@dataclass
class Child:
    """How it behaves, by time."""

    silent: tuple[float, float] = (NEVER, NEVER)
    blocked: tuple[float, float] = (NEVER, NEVER)
    ready: float = 0.0
    lag: Callable[[float], float] = lambda t: 0.0
    pulse: Callable[[float], Pulse] = lambda t: Pulse(progress_at=t)
    main: Callable[[float], ThreadLook] = lambda t: ThreadLook("S", cpu=0.0, run_delay=0.0, syscall="epoll_wait")
    control: Callable[[float], ThreadLook | None] = lambda t: ThreadLook("S", run_delay=0.0, slices=0, syscall="poll")

    def answer(self, probe: Probe) -> Answer | None:
        """What it says to a probe, and when it arrives; None: never."""
        heard = probe.sent_at + TRAVEL / 2 + self.lag(probe.sent_at)
        if self.silent[0] <= heard < self.silent[1]:
            if self.silent[1] == NEVER:
                return None
            heard = self.silent[1]
        age = heard - self.blocked[0] if self.blocked[0] <= heard < self.blocked[1] else 0.0
        first_no_op = max(self.blocked[0], self.first_blocked_probe(probe.sent_at))
        age = heard - first_no_op + 0.001 if age else 0.0
        return Answer(probe.nonce, probe.sent_at, heard + TRAVEL / 2, age, self.pulse(heard))

    def first_blocked_probe(self, sent_at: float) -> float:
        """The no-op that waits was posted with the first probe of the block."""
        self.posted = min(getattr(self, "posted", NEVER), sent_at if sent_at >= self.blocked[0] else NEVER)
        return self.posted


@dataclass
class Watch:
    """A monitor of one child on a fake clock."""

    child: Child
    policy: Heartbeat
    kind: WatchedKind = "session"
    facts: Facts = field(init=False)
    said: list[tuple[float, Judgement]] = field(default_factory=list[tuple[float, Judgement]])
    probes: int = 0
    looks: int = 0

    def __post_init__(self) -> None:
        self.facts = Facts(self.kind, launched_at=0.0, watched_at=0.0)

    def run(self, until: float, at: Callable[[Watch, float], float] = lambda watch, t: t) -> tuple[float, Judgement]:
        """To the first killing judgement, or to the end; the time and the judgement."""
        now = max(0.0, self.child.ready)
        self.facts = self.facts.answered(Answer(0, now, now, 0.0, self.child.pulse(now)))
        coming: list[Answer] = []
        for _ in range(100_000):
            now = at(self, now)
            for answer in [each for each in coming if each.at <= now]:
                coming.remove(answer)
                self.facts = self.facts.answered(answer)
            judged = judge(self.facts, self.policy, now)
            while self._do(judged, now, coming):
                judged = judge(self.facts, self.policy, now)
            self.said.append((now, judged))
            if judged.killing or now >= until:
                return now, judged
            times = [judged.judge_at, judged.probe_at, judged.look_at, *(each.at for each in coming)]
            following = min(each for each in times if each is not None)
            assert following > now, "it would ask again and again without time going by"
            now = min(following, now + OWN_TICK)
        raise AssertionError("too many judgements")

    def _do(self, judged: Judgement, now: float, coming: list[Answer]) -> bool:
        did = False
        if judged.look_at is not None and judged.look_at <= now:
            self.looks += 1
            self.facts = self.facts.looked(Look(now, self.child.main(now), self.child.control(now)))
            did = True
        if judged.probe_at is not None and judged.probe_at <= now:
            self.probes += 1
            probe = Probe(self.probes, now)
            self.facts = self.facts.sent(probe)
            answer = self.child.answer(probe)
            if answer:
                coming.append(answer)
                coming.sort(key=lambda each: each.at)
            did = True
        return did

    def verdicts(self) -> set[Verdict]:
        return {judged.verdict for _, judged in self.said}


HEARTBEATS = [
    Heartbeat(every=0.1, timeout=0.3),
    Heartbeat(every=1, timeout=1),
    Heartbeat(every=5, timeout=2),
    Heartbeat(every=60, timeout=20),
    Heartbeat(every=600, timeout=20, progress="20m"),
]


def gil_waiter(t: float) -> ThreadLook:
    return ThreadLook("S", run_delay=0.0, slices=int(t * 200), syscall="futex")


def spinner(t: float) -> ThreadLook:
    return ThreadLook("R", cpu=t, run_delay=0.0)


@pytest.mark.parametrize("policy", HEARTBEATS, ids=lambda each: f"{each.every:g}/{each.timeout:g}")
@pytest.mark.parametrize("begins", [0.003, 0.31, 0.5, 0.77, 0.999])
@pytest.mark.parametrize("hang", ["loop", "gil", "stopped"])
def test_a_hang_is_found_within_every_plus_timeout(policy: Heartbeat, begins: float, hang: str) -> None:
    at = 3 * policy.every + begins * policy.every
    if hang == "loop":
        child, verdict = Child(blocked=(at, NEVER), main=spinner), Verdict.LOOP_BLOCKED
    elif hang == "gil":
        child, verdict = Child(silent=(at, NEVER), main=spinner, control=gil_waiter), Verdict.WEDGED
    else:
        child, verdict = Child(silent=(at, NEVER), main=lambda t: ThreadLook("T")), Verdict.STOPPED
    found, judged = Watch(child, policy).run(until=at + 10 * (policy.every + policy.timeout))
    assert judged.killing
    assert judged.verdict == verdict
    assert at + policy.timeout * 0.8 <= found <= at + policy.every + policy.timeout + 0.02


@settings(max_examples=100, deadline=None)
@given(
    every=st.floats(0.1, 100),
    timeout=st.floats(0.2, 60),
    begins=st.floats(0, 30),
    share=st.floats(0.05, 0.75),
    loop=st.booleans(),
)
def test_a_pause_shorter_than_the_timeout_is_never_a_hang(
    every: float, timeout: float, begins: float, share: float, loop: bool
) -> None:
    pause = (begins, begins + share * timeout)
    child = Child(blocked=pause, main=spinner) if loop else Child(silent=pause, main=spinner, control=gil_waiter)
    _, judged = Watch(child, Heartbeat(every=every, timeout=timeout)).run(until=begins + 3 * (every + timeout))
    assert not judged.killing


@settings(max_examples=100, deadline=None)
@given(every=st.floats(0.1, 100), timeout=st.floats(0.2, 60), begins=st.floats(0, 30), loop=st.booleans())
def test_a_hang_for_ever_is_always_found_in_time(every: float, timeout: float, begins: float, loop: bool) -> None:
    hang = (begins, NEVER)
    child = Child(blocked=hang, main=spinner) if loop else Child(silent=hang, main=spinner, control=gil_waiter)
    found, judged = Watch(child, Heartbeat(every=every, timeout=timeout)).run(until=begins + 5 * (every + timeout))
    assert judged.killing
    assert found <= begins + every + timeout + 0.02


def test_a_healthy_child_costs_one_probe_an_interval_and_no_look() -> None:
    watch = Watch(Child(), Heartbeat(every=1, timeout=1))
    watch.run(until=100)
    assert watch.probes in (99, 100, 101)
    assert watch.looks == 0
    assert watch.verdicts() == {Verdict.HEALTHY}
    assert len(watch.said) <= 3 * watch.probes + 3


def test_a_hang_is_suspected_before_it_is_acted_on_and_a_probe_of_its_own_must_fail() -> None:
    watch = Watch(Child(silent=(10, NEVER), main=spinner, control=gil_waiter), Heartbeat(every=4, timeout=4))
    found, judged = watch.run(until=100)
    suspected = next(t for t, each in watch.said if each.suspect)
    assert judged.killing
    assert 12 < suspected < found
    assert [suspected] == [probe.sent_at for probe in watch.facts.probes[1:]]


def test_awaiting_for_ever_is_found_within_progress() -> None:
    child = Child(pulse=lambda t: Pulse(progress_at=min(t, 7.0)))
    found, judged = Watch(child, Heartbeat(every=600, timeout=20, progress=120)).run(until=10_000)
    assert judged.verdict == Verdict.NO_PROGRESS
    assert judged.cancel_first
    assert 127 <= found <= 127.1


def test_progress_made_between_two_probes_is_asked_for_before_anybody_is_accused() -> None:
    child = Child(pulse=lambda t: Pulse(progress_at=t - t % 100))
    watch = Watch(child, Heartbeat(every=600, timeout=20, progress=120))
    _, judged = watch.run(until=5_000)
    assert not judged.killing


def test_a_spinning_loop_without_progress_is_a_livelock() -> None:
    child = Child(pulse=lambda t: Pulse(progress_at=min(t, 3.0)), main=spinner)
    found, judged = Watch(child, Heartbeat(every=1, timeout=1, progress=5)).run(until=100)
    assert judged.verdict == Verdict.LIVELOCK
    assert judged.killing
    assert found <= 8.5


def test_a_lease_is_overdue_one_second_after_its_end() -> None:
    lease = Lease(1, "fetch x", since=2, until=12)
    child = Child(pulse=lambda t: Pulse(progress_at=t, progress_stands=t < 12, lease=lease if t >= 2 else None))
    found, judged = Watch(child, Heartbeat(every=60, timeout=20, progress=1200)).run(until=100)
    assert judged.verdict == Verdict.OVERDUE
    assert judged.cancel_first
    assert 12.9 <= found <= 61.2  # the lease is known from the first answer after it was taken


def test_a_known_lease_is_overdue_one_second_after_its_end_whatever_the_interval() -> None:
    lease = Lease(1, "fetch x", since=0, until=12)
    child = Child(pulse=lambda t: Pulse(progress_at=t, progress_stands=t < 12, lease=lease))
    found, judged = Watch(child, Heartbeat(every=600, timeout=20, progress=1200)).run(until=100)
    assert judged.verdict == Verdict.OVERDUE
    assert 12.9 <= found <= 13.1


def test_a_held_gil_under_a_blocking_lease_is_overdue_one_second_after_its_end() -> None:
    lease = Lease(1, "train", since=0, until=30, blocking=True)
    child = Child(
        silent=(3, NEVER),
        main=spinner,
        control=gil_waiter,
        pulse=lambda t: Pulse(progress_at=t, lease=lease, blocking_until=30),
    )
    found, judged = Watch(child, Heartbeat(every=1, timeout=1)).run(until=100)
    assert judged.verdict == Verdict.OVERDUE
    assert 30.9 <= found <= 31.2


def test_a_lease_closed_at_its_last_moment_before_a_long_c_call_is_not_overdue() -> None:
    lease = Lease(1, "train", since=0, until=30, blocking=True)
    child = Child(
        silent=(29.99, 33),
        main=spinner,
        control=gil_waiter,
        pulse=lambda t: Pulse(progress_at=t, lease=lease if t < 29.985 else None),
    )
    _, judged = Watch(child, Heartbeat(every=10, timeout=20)).run(until=100)
    assert not judged.killing


def test_an_import_of_twenty_seconds_with_the_gil_held_is_no_hang() -> None:
    child = Child(
        silent=(0.1, 20), main=spinner, control=gil_waiter, pulse=lambda t: Pulse(ready=t >= 20, progress_at=t)
    )
    watch = Watch(child, Heartbeat(every=0.5, timeout=0.5, startup=60))
    _, judged = watch.run(until=40)
    assert not judged.killing
    assert watch.verdicts() == {Verdict.STARTING, Verdict.HEALTHY}


def test_a_blocking_session_may_compute_until_its_progress_limit() -> None:
    child = Child(
        silent=(3, NEVER),
        main=spinner,
        control=gil_waiter,
        pulse=lambda t: Pulse(progress_at=t, progress_reported=True),
    )
    found, judged = Watch(child, Heartbeat(every=1, timeout=1, progress=60), kind="blocking").run(until=200)
    assert judged.killing
    assert judged.verdict == Verdict.WEDGED
    assert 62 <= found <= 66


@pytest.mark.parametrize("policy", HEARTBEATS, ids=lambda each: f"{each.every:g}/{each.timeout:g}")
@pytest.mark.parametrize("later", [0.0, 1.5])
def test_a_node_that_was_stopped_for_a_minute_accuses_nobody(policy: Heartbeat, later: float) -> None:
    """All processes are stopped from 100 to 160; the sessions go on a little later than their monitor."""
    lease = Lease(1, "call", since=90, until=165)
    pulses: list[Callable[[float], Pulse]] = [
        lambda t: Pulse(progress_at=t),
        lambda t: Pulse(progress_at=95, progress_stands=t < 100, lease=lease if t < 162 else None),
    ]
    for pulse in pulses:
        child = Child(silent=(100, 160 + later), main=lambda t: ThreadLook("T" if 100 <= t < 160 + later else "S"))
        child.pulse = pulse
        watch = Watch(child, policy)

        def sleep(watch: Watch, t: float) -> float:
            if not 100 <= t < 160:
                return t
            before, _ = observe(watch.facts.doubt, Clocks(t), due=t)
            doubt, finding = observe(before, Clocks(160.0), due=t)
            assert finding is not None
            watch.facts = replace(watch.facts, doubt=doubt)
            return 160.0

        _, judged = watch.run(until=250, at=sleep)
        assert not judged.killing
        assert watch.facts.doubt.at == 160.0


def test_a_quota_is_starvation_not_a_hang() -> None:
    def throttled(t: float) -> ThreadLook:
        return ThreadLook("S", cpu=0.0, run_delay=0.995 * t, slices=0, syscall="futex")

    child = Child(silent=(10, 22), main=throttled, control=throttled)
    watch = Watch(child, Heartbeat(every=1, timeout=1))
    _, judged = watch.run(until=60)
    assert not judged.killing
    assert Verdict.STARVED in watch.verdicts()
    assert any(each.alert for _, each in watch.said if each.verdict == Verdict.STARVED)


def test_starvation_is_no_alibi_for_ever() -> None:
    def throttled(t: float) -> ThreadLook:
        return ThreadLook("S", cpu=0.0, run_delay=0.995 * t, slices=0, syscall="futex")

    child = Child(silent=(10, NEVER), main=throttled, control=throttled)
    found, judged = Watch(child, Heartbeat(every=1, timeout=1)).run(until=600)
    assert judged.killing
    assert 70 <= found <= 75


def test_a_control_thread_that_waits_for_a_cpu_excuses_its_silence() -> None:
    child = Child(
        silent=(10, 14), main=spinner, control=lambda t: ThreadLook("R", run_delay=0.0, slices=3, syscall="futex")
    )
    watch = Watch(child, Heartbeat(every=1, timeout=1))
    _, judged = watch.run(until=30)
    assert not judged.killing
    assert Verdict.STARVED in watch.verdicts()


def test_looks_and_probes_stay_few_while_starved() -> None:
    child = Child(silent=(10, 40), control=lambda t: ThreadLook("R", slices=0))
    watch = Watch(child, Heartbeat(every=1, timeout=1))
    watch.run(until=50)
    assert watch.looks < 30 * 10
    assert watch.probes < 30 * 5 + 30


def test_p6_who_answers_late_and_in_turn_is_not_silent() -> None:
    """Under a quota the answers fall seconds behind the probes; each of them shows that it lives."""

    def hurried(t: float) -> ThreadLook:
        return ThreadLook("R", run_delay=0.3 * t, slices=int(t * 50))

    child = Child(lag=lambda t: min(3.0, t / 10), control=hurried)
    watch = Watch(child, Heartbeat(every=0.5, timeout=1))
    _, judged = watch.run(until=120)
    assert not judged.killing


def test_p6_what_nobody_looked_at_is_taken_to_be_like_the_rest() -> None:
    """On a machine with ten times too much to do, a tenth of each silence must not add up to a conviction."""

    def crowded(t: float) -> ThreadLook:
        return ThreadLook("R", cpu=0.1 * t, run_delay=0.9 * t, slices=int(t * 100), syscall="running")

    child = Child(silent=(10, 14), main=crowded, control=crowded)
    watch = Watch(child, Heartbeat(every=0.3, timeout=0.7))
    _, judged = watch.run(until=30)
    assert not judged.killing
    assert Verdict.STARVED in watch.verdicts()


def test_no_progress_for_want_of_a_cpu_is_starvation() -> None:
    def throttled(t: float) -> ThreadLook:
        return ThreadLook("S", cpu=0.05 * t, run_delay=0.9 * t, slices=0)

    child = Child(pulse=lambda t: Pulse(progress_at=min(t, 3.0) if t < 12 else t), main=throttled)
    watch = Watch(child, Heartbeat(every=1, timeout=1, progress=5))
    _, judged = watch.run(until=60)
    assert not judged.killing
    assert Verdict.STARVED in watch.verdicts()


def test_a_livelock_on_a_loaded_machine_is_found_when_it_has_had_its_time() -> None:
    def contended(t: float) -> ThreadLook:
        return ThreadLook("R", cpu=0.25 * t, run_delay=0.75 * t)

    child = Child(pulse=lambda t: Pulse(progress_at=min(t, 3.0)), main=contended)
    found, judged = Watch(child, Heartbeat(every=1, timeout=1, progress=5)).run(until=100)
    assert judged.verdict == Verdict.LIVELOCK
    assert 8 < found < 25


def test_progress_that_comes_in_time_costs_no_look() -> None:
    watch = Watch(Child(pulse=lambda t: Pulse(progress_at=t - t % 1)), Heartbeat(every=1, timeout=1, progress=5))
    watch.run(until=60)
    assert watch.looks <= 1
