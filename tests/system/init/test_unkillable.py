"""What SIGKILL can't end (state D) is reported as such, refuses a second life, and is told when it is gone."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wakeful_runtime.init.initclient import InitRefused, LifeEmpty
from wakeful_runtime.init.lives import ExitReport

if TYPE_CHECKING:
    from tests.system.init.conftest import SmallNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the freezer of Linux")
ROOT = Path("/sys/fs/cgroup/freezer")


class Freezer:
    """A cgroup v1 freezer: its tasks are in state D and do not die until they are thawed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def freeze(self, pid: int) -> None:
        (self._folder / "tasks").write_text(str(pid))
        self._set("FROZEN")

    def thaw(self) -> None:
        self._set("THAWED")

    def _set(self, state: str) -> None:
        (self._folder / "freezer.state").write_text(state)
        until = time.monotonic() + 10
        while (self._folder / "freezer.state").read_text().strip() != state:
            assert time.monotonic() < until
            time.sleep(0.005)


@pytest.fixture
def freezer() -> Iterator[Freezer]:
    """Skips where this user may not make one."""
    folder = ROOT / f"wakeful-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup v1 freezer: {error}")
    freezer = Freezer(folder)
    yield freezer
    freezer.thaw()
    until = time.monotonic() + 10
    while folder.exists():
        with contextlib.suppress(OSError):
            folder.rmdir()
        assert time.monotonic() < until
        time.sleep(0.01)


async def test_unkillable_leftover_is_reported_and_no_second_life_begins(
    small_node: SmallNode, freezer: Freezer
) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "family")
    frozen = (await small_node.facts("sup/a"))["setsid"]
    freezer.freeze(frozen)
    await sup.client.end("sup/a", 1)
    report = await sup.told(ExitReport)
    assert not report.empty
    assert frozen in report.leftover
    await sup.client.ack("sup/a", 1)
    with pytest.raises(InitRefused, match="alive"):
        await sup.fork("sup/a", "idle", 2)
    freezer.thaw()
    assert await sup.told(LifeEmpty) == LifeEmpty("sup/a", 1)
    await sup.fork("sup/a", "idle", 2)
