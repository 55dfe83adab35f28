"""The node-wide limit on restarts: a burst, then a rate, whoever asks, and nobody waits for anybody's life."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

from wakeful.rules.restarts import Bucket
from wakeful_runtime.supervision.restartlimit import RestartLimit

MARK = b"this boot"


async def _count(limit: RestartLimit, seconds: float) -> int:
    begun = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                await limit.admitted()
        except TimeoutError:
            break
        begun += 1
    return begun


async def test_supervisors_of_one_node_share_one_limit(tmp_path: Path) -> None:
    limits = [RestartLimit(tmp_path / "restarts", MARK, full=Bucket(10, 0.0, 50.0, 10)) for _ in range(3)]
    began = time.monotonic()
    counts = await asyncio.gather(*[_count(limit, 0.5) for limit in limits])
    assert 10 <= sum(counts) <= 11 + 50 * (time.monotonic() - began)


async def test_a_supervisor_waits_for_no_process_that_holds_the_file(tmp_path: Path) -> None:
    file = tmp_path / "restarts"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        async with asyncio.timeout(5):
            await RestartLimit(file, MARK).admitted()
    finally:
        os.close(descriptor)


async def test_a_file_that_cannot_be_used_stops_no_restart(tmp_path: Path) -> None:
    async with asyncio.timeout(5):
        await RestartLimit(tmp_path / "missing" / "restarts", MARK).admitted()


async def test_a_supervisor_that_dies_while_its_children_wait_takes_no_token_along(tmp_path: Path) -> None:
    full = Bucket(1, 0.0, 5.0, 1)
    limit = RestartLimit(tmp_path / "restarts", MARK, full=full)
    await limit.admitted()
    waiting = [asyncio.ensure_future(limit.admitted()) for _ in range(100)]
    await asyncio.sleep(0.05)
    for each in waiting:
        each.cancel()
    async with asyncio.timeout(5):
        await RestartLimit(tmp_path / "restarts", MARK, full=full).admitted()


async def test_what_another_boot_wrote_is_void(tmp_path: Path) -> None:
    file = tmp_path / "restarts"
    before = RestartLimit(file, b"another boot", full=Bucket(1, 0.0, 0.01, 1))
    await before.admitted()
    async with asyncio.timeout(5):
        await RestartLimit(file, MARK, full=Bucket(1, 0.0, 0.01, 1)).admitted()
