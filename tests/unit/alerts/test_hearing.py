"""Silence is told of once, when it has lasted and was really listened for."""

from __future__ import annotations

from tests.unit.alerts.office import NOON

from wakeful_runtime.herald.hearing import GATEWAY, LEAST_FAILURES, SILENCE_S, Hearing


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def hearing(clock: Clock) -> Hearing:
    return Hearing(GATEWAY, clock=clock, wall=lambda: NOON + clock.now)


def test_silence_is_told_of_after_a_minute_and_once() -> None:
    clock = Clock()
    heard = hearing(clock)
    told = []
    for clock.now in range(0, 200, 10):
        found = heard.silent("no answer")
        if found is not None:
            told.append((clock.now, found))
    ((at, found),) = told
    assert at == SILENCE_S
    assert (found.severity, found.needs, found.since) == ("critical", True, NOON)
    assert "it has not answered for 60 s: no answer" in found.what
    back = heard.heard()
    assert back is not None
    assert (back.key, back.state, back.needs) == (found.key, "recovered", False)
    assert heard.heard() is None


def test_a_herald_that_was_itself_stopped_does_not_take_that_for_silence() -> None:
    clock = Clock()
    heard = hearing(clock)
    clock.now = 3600.0
    assert [heard.silent("no answer") for _ in range(LEAST_FAILURES - 1)] == [None] * (LEAST_FAILURES - 1)
    assert heard.heard() is None


def test_a_short_silence_is_nothing() -> None:
    clock = Clock()
    heard = hearing(clock)
    for clock.now in range(0, 1000, 25):
        assert heard.silent("no answer") is None
        if clock.now % 50 == 0:
            assert heard.heard() is None
