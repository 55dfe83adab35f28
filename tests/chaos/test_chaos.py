"""A short, seeded visit of the monkey; the long one is `python -m tests.chaos --minutes 20 --seed N`."""

from __future__ import annotations

import pytest
from tests.chaos.play import play


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_done_twice_or_touched_without_need(seed: int) -> None:
    report = play(15.0, seed)
    assert report.losses.none(), report.text()
    assert report.kills
