"""What SIGKILL can't end (state D) is reported as such, refuses a second life, and is told when it is gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.system.freezer import Freezer, freezing

from wakeful_runtime.init.initclient import InitRefused, LifeEmpty
from wakeful_runtime.init.lives import ExitReport

if TYPE_CHECKING:
    from tests.system.init.conftest import SmallNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the freezer of Linux")


@pytest.fixture
def freezer() -> Iterator[Freezer]:
    with freezing() as freezer:
        yield freezer


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
