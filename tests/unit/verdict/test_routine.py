"""An answer that is passed over as routine would have changed nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wakeful.policy import Heartbeat
from wakeful.rules.facts import Answer, Facts, Lease, Look, Probe, Pulse, ThreadLook, WatchedKind
from wakeful.rules.judgement import Judgement
from wakeful.rules.routine import CALM, is_routine
from wakeful.rules.verdict import judge

POLICY = Heartbeat(every=1, timeout=2, progress=60)
AT_WORK = Pulse(progress_at=9.0, progress_reported=True)
ASLEEP = ThreadLook("S", cpu=0.0, run_delay=0.0, syscall="epoll_wait")
LEASE = Lease(1, "call", 9.0, 99.0)


def watched(pulse: Pulse = AT_WORK, kind: WatchedKind = "session", sent_at: float = 11.0) -> Facts:
    """A child that answered at 10 and has been asked again."""
    facts = Facts(kind, 0.0, 0.0, ready_at=0.5, answer=Answer(1, 9.99, 10.0, 0.0, pulse), probed_at=9.99)
    return facts.sent(Probe(2, sent_at))


def answered(pulse: Pulse = AT_WORK, at: float = 11.01, loop_age: float = 0.0) -> Answer:
    return Answer(2, 11.0, at, loop_age, pulse)


def last(facts: Facts) -> Judgement:
    return judge(facts, POLICY, 11.0)


def test_a_healthy_answer_is_routine() -> None:
    facts = watched()
    assert is_routine(facts, last(facts), answered())
    assert is_routine(facts, last(facts), answered(replace(AT_WORK, progress_at=11.0, done=3, handled=5, line="a:1")))


@pytest.mark.parametrize(
    "pulse",
    [
        replace(AT_WORK, state="stopping"),
        replace(AT_WORK, state="waiting", waiting_for="inbox", progress_stands=True),
        replace(AT_WORK, lease=LEASE),
        replace(AT_WORK, blocking_until=50.0),
        replace(AT_WORK, in_hand_since=10.5),
    ],
)
def test_what_can_bring_a_deadline_nearer_is_judged(pulse: Pulse) -> None:
    facts = watched()
    assert not is_routine(facts, last(facts), answered(pulse))
    told = watched(pulse)
    assert not is_routine(told, last(told), answered())


def test_a_loop_that_did_not_turn_is_judged_and_so_is_its_first_turn_again() -> None:
    facts = watched()
    assert not is_routine(facts, last(facts), answered(loop_age=0.1))
    blocked = replace(facts, answer=replace(answered(), loop_age=0.1))
    assert not is_routine(blocked, last(facts), answered())


def test_the_first_answer_and_one_without_a_judgement_are_judged() -> None:
    facts = watched()
    assert not is_routine(facts, None, answered())
    assert not is_routine(replace(facts, answer=None), last(facts), answered())
    assert not is_routine(replace(facts, ready_at=None), last(facts), answered())


def test_a_suspect_is_judged_until_it_is_none() -> None:
    facts = watched()
    judged = last(facts)
    looked = facts.looked(Look(11.0, ASLEEP, ASLEEP))
    assert not is_routine(looked, judged, answered())
    for known in (replace(judged, suspect=True), replace(judged, alert=True)):
        assert not is_routine(facts, known, answered())


def due(judged: Judgement) -> float:
    """When the monitor comes back to it."""
    return min(each for each in (judged.judge_at, judged.probe_at, judged.look_at) if each is not None)


@st.composite
def pulses(draw: st.DrawFn) -> Pulse:
    lease = Lease(1, "x", 5.0, draw(st.floats(5.0, 40.0)), draw(st.booleans())) if draw(st.booleans()) else None
    waits = draw(st.sampled_from([None, "inbox", "child", "store"]))
    return Pulse(
        state=draw(st.sampled_from(["running", "waiting"])),
        waiting_for=waits,
        waits_since=8.0 if waits else None,
        progress_at=draw(st.floats(0.0, 10.0)),
        progress_stands=waits is not None or lease is not None,
        progress_reported=draw(st.booleans()),
        done=draw(st.one_of(st.none(), st.floats(0, 100))),
        lease=lease,
        in_hand_since=draw(st.one_of(st.none(), st.floats(5.0, 10.0))),
    )


@given(
    known=pulses(),
    moved=st.floats(0.0, 1.0),
    kind=st.sampled_from(["session", "blocking", "actor"]),
    progress=st.sampled_from([None, 3.0, 20.0]),
    at=st.floats(11.0, 11.5),
)
def test_a_routine_answer_leaves_nothing_due_sooner(
    known: Pulse, moved: float, kind: Any, progress: float | None, at: float
) -> None:
    """The monitor comes back at the time that was due before; so nothing may be wanted earlier."""
    policy = Heartbeat(every=1, timeout=2, progress=progress)
    facts = watched(known, kind)
    before = judge(facts, policy, 11.0)
    answer = answered(replace(known, progress_at=known.progress_at + moved), at)
    assume(is_routine(facts, before, answer) and due(before) > at)
    after = judge(facts.answered(answer), policy, at)
    assert after.verdict in CALM
    assert not (after.killing or after.suspect or after.alert)
    assert due(after) >= due(before)
