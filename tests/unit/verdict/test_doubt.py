"""The monitor doubts itself: what makes it, what it forbids, for how long."""

from __future__ import annotations

from wakeful.rules.doubt import Clocks, Doubt, Finding, observe


def after(first: Clocks, second: Clocks, *, due: float) -> tuple[Doubt, Finding | None]:
    doubt, nothing = observe(Doubt(), first, due=first.monotonic)
    assert nothing is None
    return observe(doubt, second, due=due)


def test_a_tick_in_time_changes_nothing() -> None:
    doubt, finding = after(Clocks(10.0), Clocks(10.3), due=10.1)
    assert finding is None
    assert doubt.at is None
    assert doubt.until(1, 1) == float("-inf")
    assert doubt.start(3.0) == 3.0


def test_a_late_tick_starts_every_deadline_anew() -> None:
    doubt, finding = after(Clocks(10.0), Clocks(12.0), due=10.1)
    assert finding is not None
    assert finding.cause == "late"
    assert finding.lost == 12.0 - 10.1
    assert doubt.start(3.0) == 12.0
    assert doubt.start(13.0) == 13.0


def test_lateness_is_remembered_for_a_full_round() -> None:
    doubt, _ = after(Clocks(10.0), Clocks(10.5), due=10.1)
    assert doubt.until(every=1, timeout=1) == 12.5
    assert doubt.until(every=0.1, timeout=0.3) == 10.5 + 0.4
    assert doubt.until(every=600, timeout=20) == 10.5 + 40


def test_a_long_stop_is_remembered_longer_since_sessions_may_wake_up_later() -> None:
    doubt, _ = after(Clocks(10.0), Clocks(70.0), due=10.1)
    assert doubt.until(every=0.1, timeout=0.3) == 75.0


def test_the_time_not_looked_is_given_back_to_leases_and_progress() -> None:
    doubt, _ = after(Clocks(10.0), Clocks(20.0), due=11.0)
    assert doubt.lost_since(5.0) == 9.0
    assert doubt.lost_since(15.0) == 5.0
    assert doubt.lost_since(30.0) == 0.0


def test_a_suspended_host_is_named() -> None:
    doubt, finding = after(Clocks(10.0, boottime=10.0), Clocks(10.1, boottime=3610.1), due=10.1)
    assert finding is not None
    assert finding.cause == "suspended"
    assert doubt.at == 10.1


def test_want_of_cpu_and_throttling_are_named() -> None:
    _, starved = after(Clocks(10.0, run_delay=0.0), Clocks(12.0, run_delay=1.5), due=10.1)
    assert starved is not None
    assert starved.cause == "starved"
    _, throttled = after(Clocks(10.0, throttled=0.0), Clocks(12.0, throttled=1.5), due=10.1)
    assert throttled is not None
    assert throttled.cause == "throttled"


def test_pressure_only_explains() -> None:
    _, calm = after(Clocks(10.0, pressure=0.0), Clocks(11.0, pressure=1.0), due=11.0)
    assert calm is None
    _, late = after(Clocks(10.0, pressure=0.0), Clocks(12.0, pressure=1.0), due=11.0)
    assert late is not None
    assert "50%" in late.words


def doubting(seconds: float, *, every: float, late: float = 0.5) -> list[Finding]:
    doubt, found = Doubt(), list[Finding]()
    now = 0.0
    while now <= seconds:
        doubt, finding = observe(doubt, Clocks(now), due=now - late)
        found += [finding] if finding else []
        now += every
    return found


def test_p7_doubt_that_lasts_is_told_once() -> None:
    """Eight monitors were wedged for half a day and nobody heard of it: who can't judge must say so."""
    told = [finding.lasting for finding in doubting(300.0, every=2.0) if finding.lasting]
    assert len(told) == 1
    assert 60.0 <= told[0] <= 62.0


def test_p7_doubts_now_and_then_are_no_lasting_ones() -> None:
    assert not any(finding.lasting for finding in doubting(600.0, every=15.0))
    assert not any(finding.lasting for finding in doubting(50.0, every=1.0))


def test_gaps_are_bounded() -> None:
    doubt = Doubt()
    for number in range(200):
        doubt, _ = observe(doubt, Clocks(number * 10.0), due=number * 10.0 - 1)
    assert len(doubt.gaps) <= 32
