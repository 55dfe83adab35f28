"""The clocks of a life's clocks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wakeful.life import LeaseState
from wakeful_runtime.host.facts import LifeClocks, MailboxFacts


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clocks(clock: Clock) -> LifeClocks:
    clocks = LifeClocks(clock)
    clocks.ready()
    return clocks


def age(clocks: LifeClocks, clock: Clock) -> float:
    return clock.now - float(clocks.snapshot()["progress_at"])


def lease(clock: Clock, number: int, length: float, *, blocking: bool = False) -> LeaseState:
    return LeaseState(id=number, what=f"work {number}", since=clock.now, until=clock.now + length, blocking=blocking)


def test_a_life_is_starting_until_ready_and_then_running(clock: Clock) -> None:
    clocks = LifeClocks(clock)
    assert (clocks.snapshot()["state"], clocks.snapshot()["ready"]) == ("starting", False)
    clocks.ready()
    assert (clocks.snapshot()["state"], clocks.snapshot()["ready"]) == ("running", True)
    clocks.stopping()
    assert clocks.snapshot()["state"] == "stopping"


def test_time_alone_does_not_count_as_progress(clocks: LifeClocks, clock: Clock) -> None:
    clock.now += 50
    assert age(clocks, clock) == 50
    clocks.snapshot()
    assert age(clocks, clock) == 50


def test_a_report_and_a_checkpoint_are_progress(clocks: LifeClocks, clock: Clock) -> None:
    clock.now += 50
    clocks.progressed(3, 10, "page")
    assert age(clocks, clock) == 0
    assert clocks.snapshot()["progress"] == [3, 10, "page"]
    clock.now += 5
    clocks.checkpointed("scraped", 7, 1.5)
    assert age(clocks, clock) == 0
    assert clocks.snapshot()["checkpoint"] == {"name": "scraped", "seq": 7, "at": 1.5}


def test_the_checkpoint_resumed_from_is_no_progress_of_this_life(clocks: LifeClocks, clock: Clock) -> None:
    clock.now += 5
    clocks.resumed_from("scraped", 7, 1.5)
    assert age(clocks, clock) == 5
    assert not clocks.snapshot()["progress_reported"]


def test_waiting_stands_still_and_is_never_part_of_the_age(clocks: LifeClocks, clock: Clock) -> None:
    clock.now += 10
    with clocks.waiting("inbox"):
        clock.now += 1000
        facts = clocks.snapshot()
        assert (facts["state"], facts["waiting_for"], facts["progress_stands"]) == ("waiting", "inbox", True)
        assert age(clocks, clock) == 10
    clock.now += 5
    assert age(clocks, clock) == 15
    assert not clocks.snapshot()["progress_stands"]


def test_nested_waits_stand_still_until_the_last_ends(clocks: LifeClocks, clock: Clock) -> None:
    with clocks.waiting("child"):
        with clocks.waiting("store"):
            clock.now += 3
        clock.now += 3
        assert clocks.snapshot()["waiting_for"] == "child"
    assert age(clocks, clock) == 0


def test_a_lease_stands_still_until_it_runs_out(clocks: LifeClocks, clock: Clock) -> None:
    opened = lease(clock, 1, 60)
    clocks.lease_opened(opened)
    clock.now += 59
    assert age(clocks, clock) == 0
    assert clocks.snapshot()["progress_stands"]
    clock.now += 11
    assert age(clocks, clock) == 10
    facts = clocks.snapshot()
    assert not facts["progress_stands"]
    assert facts["lease"]["until"] == 160.0, "a lease that ran out stays the deadline while it is open"


def test_the_end_of_a_lease_is_progress(clocks: LifeClocks, clock: Clock) -> None:
    opened = lease(clock, 1, 60)
    clocks.lease_opened(opened)
    clock.now += 70
    clocks.lease_closed(opened)
    assert age(clocks, clock) == 0
    assert clocks.snapshot()["lease"] is None


def test_of_nested_leases_the_one_that_ends_last_is_the_deadline(clocks: LifeClocks, clock: Clock) -> None:
    outer, inner = lease(clock, 1, 600), lease(clock, 2, 60)
    clocks.lease_opened(outer)
    clocks.lease_opened(inner)
    assert clocks.snapshot()["lease"]["id"] == 1
    clocks.lease_closed(outer)
    assert clocks.snapshot()["lease"]["id"] == 2


def test_an_extended_lease_moves_the_deadline(clocks: LifeClocks, clock: Clock) -> None:
    opened = lease(clock, 1, 60)
    clocks.lease_opened(opened)
    clock.now += 70
    clocks.lease_opened(replace(opened, until=clock.now + 60))
    clock.now += 30
    assert clocks.snapshot()["progress_stands"]
    assert age(clocks, clock) == 10, "the ten seconds in which no lease held still count"


def test_a_blocking_lease_is_told_beside_a_longer_one_that_is_not(clocks: LifeClocks, clock: Clock) -> None:
    clocks.lease_opened(lease(clock, 1, 600))
    clocks.lease_opened(lease(clock, 2, 60, blocking=True))
    facts = clocks.snapshot()
    assert facts["lease"]["blocking"] is False
    assert facts["blocking_until"] == clock.now + 60


def test_the_rate_is_that_of_the_reports_kept(clocks: LifeClocks, clock: Clock) -> None:
    clocks.progressed(0, 10, None)
    assert clocks.snapshot()["rate"] is None
    clock.now += 4
    clocks.progressed(8, 10, None)
    assert clocks.snapshot()["rate"] == 2.0


def test_the_mailbox_is_asked_for_what_is_in_hand(clocks: LifeClocks) -> None:
    clocks.mailbox(lambda: MailboxFacts(in_hand_since=99.0, handled=3, depth=2))
    facts = clocks.snapshot()
    assert (facts["in_hand_since"], facts["handled"], facts["depth"]) == (99.0, 3, 2)
