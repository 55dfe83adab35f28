"""Test an actor or a session without processes, on a fake clock: what it awaits takes no real time.

async with testing.actor(Counter, start=5) as ref:
    assert await ref.ask(GetTotal()) == Total(n=5)

life = await testing.live(Research, task="x", crash_at="scraped")
life = await testing.live(Research, task="x", resumed=life)
assert life.result == …
"""

from wakeful.testing.clock import FakeClock, fake_clock
from wakeful.testing.play import actor, live
from wakeful.testing.record import Effect, LeaseRecord, PlayedLife, Progress

__all__ = ["Effect", "FakeClock", "LeaseRecord", "PlayedLife", "Progress", "actor", "fake_clock", "live"]
