"""Three simulated weeks: what a bare agent leaves undone is done, in time, once, and nothing fails in silence."""

from __future__ import annotations

import pytest
from tests.sim.nights import World


@pytest.mark.parametrize("seed", [1, 2])
def test_three_weeks_of_nights_are_done_in_time_and_once(seed: int) -> None:
    world = World(days=21, seed=seed)
    world.play()
    bare, wakeful = world.figures()
    assert bare.runs + bare.posts >= 1000
    assert 0.6 < bare.completed_rate < 0.8
    assert 0.7 < bare.in_time_rate < 0.95
    assert wakeful.completed_rate >= 0.995
    assert wakeful.in_time_rate >= 0.995
    assert wakeful.posted_twice == 0
    assert wakeful.silent == 0
    assert world.missed == []
