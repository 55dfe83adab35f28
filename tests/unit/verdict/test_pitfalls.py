"""What hurt the users of the peers, each as a rule that holds here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wakeful.exits import Verdict
from wakeful.policy import Heartbeat
from wakeful.rules.doubt import Clocks, Doubt, observe
from wakeful.rules.facts import Answer, Facts, Lease, Look, Pulse, ThreadLook
from wakeful.rules.verdict import judge

POLICY = Heartbeat(every=1, timeout=1, progress=60)
IDLE = ThreadLook("S", cpu=0.0, run_delay=0.0, syscall="epoll_wait")


def session(pulse: Pulse, at: float) -> Facts:
    seen = (Look(at - 0.2, IDLE, IDLE), Look(at, IDLE, IDLE))
    answer = Answer(1, at - 0.01, at, 0.0, pulse)
    return Facts("session", 0, 0, ready_at=0, probed_at=at - 0.01, answer=answer, looks=seen)


def test_p1_answers_messages_and_waits_for_a_cpu_never_count_as_progress() -> None:
    """A beat of a timer kept a dead tool looking alive (openclaw #96168)."""
    facts = session(Pulse(progress_at=0.5, progress_reported=True), 10)
    for number in range(11, 62):
        alive = Pulse(progress_at=0.5, progress_reported=True, handled=number, depth=3, state="running")
        facts = facts.answered(Answer(number, number - 0.01, number, 0.0, alive))
    facts = facts.looked(Look(61.8, IDLE, IDLE)).looked(Look(61.99, IDLE, IDLE))
    judged = judge(facts, POLICY, 61.0 + 0.0)
    assert judged.verdict == Verdict.NO_PROGRESS
    assert judged.killing


@pytest.mark.parametrize("blocking", [False, True])
def test_p2_silence_under_a_lease_is_no_hang(blocking: bool) -> None:
    """Agents wait minutes for a model: 360 s, 600 s, 924 s were killed elsewhere."""
    for now in (1.0, 60.0, 360.0, 924.0, 1399.0):
        lease = Lease(1, "model call", 0, 1400, blocking)
        facts = session(Pulse(progress_at=0, progress_stands=True, lease=lease), now)
        judged = judge(facts, POLICY, now)
        assert not judged.killing
        assert not judged.suspect
        assert judged.verdict == Verdict.WAITING


def test_p2_a_declared_time_is_the_only_deadline() -> None:
    """`exec` with a declared timeout of 1400 s was killed at 924 s by another timer (openclaw #144574)."""
    pulse = Pulse(progress_at=0, lease=Lease(1, "exec", 0, 1400))
    assert not judge(session(pulse, 1399.9), POLICY, 1399.9).killing
    assert judge(session(pulse, 1401), POLICY, 1401).verdict == Verdict.OVERDUE


def test_p6_a_late_detector_doubts_itself_first() -> None:
    """A slow monitor under load restarted healthy processes, which made the load (overdeck #1714)."""
    doubt, _ = observe(Doubt(), Clocks(100.0), due=100.0)
    doubt, finding = observe(doubt, Clocks(105.0), due=100.25)
    assert finding is not None
    assert finding.rebase
    pulse = Pulse(progress_at=44.0, progress_reported=True)
    facts = replace(session(pulse, 105.0), doubt=doubt)
    assert not judge(facts, POLICY, 105.0).killing
    assert not judge(facts, POLICY, doubt.until(1, 1) - 0.01).killing


def test_p14_no_deadline_depends_on_the_wall_clock() -> None:
    """A stepped or suspended clock killed everything at once (circus #1231)."""
    doubt, _ = observe(Doubt(), Clocks(100.0, boottime=100.0, wall=5_000.0), due=100.0)
    for step in (3600.0, -3600.0):
        after, finding = observe(doubt, Clocks(100.05, boottime=100.05, wall=5_000.05 + step), due=100.05)
        assert finding is not None
        assert finding.cause == "clock_step"
        assert not finding.rebase
        assert after.at is None


def test_p15_the_startup_time_holds_for_every_life() -> None:
    """Grace is needed after restarts too, not only at the first start (Mellanox #166)."""
    second_life = Facts("session", launched_at=10_000, watched_at=10_000)
    assert not judge(second_life, Heartbeat(every=1, timeout=1, startup=30), 10_025).suspect
