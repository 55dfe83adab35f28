"""How much one caller may ask; seconds come from a clock that only the test moves."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from wakeful_runtime.mcp.limits import AT_ONCE, CALLERS, CALLS, STARTS, Limits, TooMuch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits(clock)


def use(limits: Limits, who: str, times: int, *, starts: bool = False) -> None:
    for _ in range(times):
        with limits.call(who, starts=starts):
            pass


def test_a_caller_in_a_loop_is_told_how_long_to_wait_and_then_may_go_on(limits: Limits, clock: Clock) -> None:
    use(limits, "a", CALLS.burst)
    with pytest.raises(TooMuch, match="more than 120 calls a minute: wait 0 s"):
        use(limits, "a", 1)
    clock.now += 60 / CALLS.per_minute
    use(limits, "a", 1)
    with pytest.raises(TooMuch):
        use(limits, "a", 1)


def test_starting_has_a_limit_of_its_own(limits: Limits, clock: Clock) -> None:
    use(limits, "a", STARTS.burst, starts=True)
    with pytest.raises(TooMuch, match="wait 6 s, then make this call again"):
        use(limits, "a", 1, starts=True)
    use(limits, "a", 1)
    clock.now += 6
    use(limits, "a", 1, starts=True)


def test_one_caller_does_not_use_up_what_is_anothers(limits: Limits) -> None:
    use(limits, "a", CALLS.burst)
    use(limits, "b", CALLS.burst)


def test_so_many_calls_at_once_of_one_caller(limits: Limits) -> None:
    with ExitStack() as under_way:
        for _ in range(AT_ONCE):
            under_way.enter_context(limits.call("a", starts=False))
        with pytest.raises(TooMuch, match="8 of your calls are under way"):
            use(limits, "a", 1)
        use(limits, "b", 1)
    use(limits, "a", 1)


def test_a_long_pause_gives_no_more_than_a_burst(limits: Limits, clock: Clock) -> None:
    clock.now += 1e6
    use(limits, "a", CALLS.burst)
    clock.now += 1e6
    use(limits, "a", CALLS.burst)
    with pytest.raises(TooMuch):
        use(limits, "a", 1)


def test_the_memory_of_callers_is_bounded(limits: Limits) -> None:
    for number in range(10 * CALLERS):
        use(limits, f"caller {number}", 1)
    assert len(limits._callers) == CALLERS
