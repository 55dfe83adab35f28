"""Back-off, limits, poison checkpoints and the node's bucket, as functions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wakeful.rules.restarts import LONGEST_DELAY, Bucket, back_off, draw, exhausted, in_window, next_start


def test_the_first_restart_is_at_once() -> None:
    assert back_off(1, 0.99) == 0.0


def test_back_off_doubles_and_is_spread_over_its_second_half() -> None:
    assert [back_off(n, 0.0) for n in (2, 3, 4)] == [0.5, 1.0, 2.0]
    assert [round(back_off(n, 0.999999), 3) for n in (2, 3, 4)] == [1.0, 2.0, 4.0]


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_back_off_never_exceeds_its_longest(attempts: int, chance: float) -> None:
    assert 0.0 <= back_off(attempts, chance) <= LONGEST_DELAY


def test_the_same_life_draws_the_same_jitter() -> None:
    assert draw(7, "a", 3) == draw(7, "a", 3)
    assert draw(7, "a", 3) != draw(7, "a", 4)


def test_a_restart_exactly_as_old_as_the_window_still_counts() -> None:
    assert in_window((0.0, 5.0), 10.0, 10.0) == (0.0, 5.0)
    assert in_window((0.0, 5.0), 10.1, 10.0) == (5.0,)


def test_a_window_is_exhausted_by_more_than_the_limit() -> None:
    assert not exhausted((1.0, 2.0, 3.0), 3.0, limit=3, within=10)
    assert exhausted((1.0, 2.0, 3.0, 3.0), 3.0, limit=3, within=10)


def start(resumed: int, fruitless: int, *, idempotent: bool = False, chosen: int | None = None) -> object:
    return next_start(resumed=resumed, fruitless=fruitless, checkpoints=(2, 4, 7), chosen=chosen, idempotent=idempotent)


def test_a_checkpoint_is_tried_twice_before_the_one_before_it() -> None:
    assert start(7, 1) is None
    assert start(7, 2) == 4


def test_an_earlier_checkpoint_stays_chosen_until_it_has_been_tried_twice() -> None:
    assert start(4, 1, chosen=4) == 4
    assert start(4, 2, chosen=4) == 2


def test_before_the_first_checkpoint_is_the_beginning_if_that_is_harmless_else_review() -> None:
    assert start(2, 2, chosen=2) == "review"
    assert start(2, 2, chosen=2, idempotent=True) == 0


def test_a_run_without_checkpoints_has_no_poison() -> None:
    assert start(0, 9) is None


def test_the_bucket_lets_a_burst_of_fifty_pass_and_then_twenty_a_second() -> None:
    bucket, waits = Bucket(), []
    for _ in range(90):
        bucket, wait = bucket.take(0.0)
        waits.append(wait)
    assert waits[:50] == [0.0] * 50
    assert waits[50] == 1 / 20
    assert waits[89] == 2.0


@given(st.lists(st.floats(0, 5), max_size=300))
def test_no_second_sees_more_than_the_burst_and_the_rate(gaps: list[float]) -> None:
    bucket, now, used = Bucket(), 0.0, []
    for gap in gaps:
        now += gap / 20
        bucket, wait = bucket.take(now)
        used.append(now + wait)
    assert used == sorted(used)
    for first, at in enumerate(used):
        assert sum(at <= other <= at + 1.0 for other in used[first:]) <= 50 + 20 + 1


def test_a_clock_that_steps_back_gives_the_bucket_nothing() -> None:
    bucket, _ = Bucket(tokens=1.0, at=100.0).take(50.0)
    assert bucket.at == 100.0
    assert bucket.tokens == 0.0
