"""The demo's server is hostile, and always in the same way."""

from __future__ import annotations

from collections import Counter

from wakeful_runtime.demo.hostility import HONEST_FROM, behaviour


def test_a_seed_decides_everything() -> None:
    first = [behaviour(7, f"{number}.py", attempt) for number in range(50) for attempt in (1, 2)]
    again = [behaviour(7, f"{number}.py", attempt) for number in range(50) for attempt in (1, 2)]
    other = [behaviour(8, f"{number}.py", attempt) for number in range(50) for attempt in (1, 2)]
    assert first == again
    assert first != other


def test_every_trick_is_played_and_most_answers_are_honest() -> None:
    tricks = Counter(behaviour(7, f"{number}.py", 1).trick for number in range(1000))
    assert set(tricks) == {"none", "stall", "busy", "error", "cut", "slow"}
    assert tricks["none"] > 600


def test_every_document_can_be_had_in_the_end() -> None:
    assert all(behaviour(7, f"{number}.py", HONEST_FROM).trick == "none" for number in range(1000))
