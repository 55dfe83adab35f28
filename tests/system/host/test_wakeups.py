"""What an idle life costs its machine: nothing, and a probe no more than itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from tests.system.host.conftest import Life, Node

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts of /proc")

PROBES = 100
UNWATCHED_S = 1.0

AT_MOST = {"main": 2, "wakeful-pulse": 3, "ZMQbg/IO/0": 3}
"""Wake-ups a probe: the main loop runs one call; the control thread gets the probe and the call's echo; the I/O thread
has one frame in and one out. One more each for a hand-over of the GIL or of a queue's lock on a loaded machine."""


def wakeups(life: Life) -> dict[str, int]:
    """How often each thread has gone to sleep of its own accord."""
    found: dict[str, int] = {}
    for task in Path(f"/proc/{life.pid}/task").iterdir():
        name = "main" if task.name == str(life.pid) else (task / "comm").read_text().strip()
        line = next(each for each in (task / "status").read_text().splitlines() if each.startswith("voluntary_"))
        found[name] = int(line.split()[1])
    return found


async def settled(life: Life) -> dict[str, int]:
    """The counts, once they stand still."""
    before, now = {"": 0}, wakeups(life)
    async with asyncio.timeout(20):
        while before != now:
            await asyncio.sleep(0.1)
            before, now = now, wakeups(life)
    return now


async def test_an_idle_life_is_woken_by_probes_alone_and_by_each_no_more_than_it_needs(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    await life.answer()
    before = await settled(life)
    await asyncio.sleep(UNWATCHED_S)
    assert wakeups(life) == before, "something wakes an idle life that nobody asks"
    for _ in range(PROBES):
        await life.answer()
    probed = await settled(life)
    each = {name: (probed[name] - before[name]) / PROBES for name in probed}
    assert all(each[name] <= most for name, most in AT_MOST.items()), each
    assert not any(count for name, count in each.items() if name not in AT_MOST), each
    await asyncio.sleep(UNWATCHED_S)
    assert wakeups(life) == probed, "a probe has left something behind that wakes it"
