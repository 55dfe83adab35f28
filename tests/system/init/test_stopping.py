"""How a node stops."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from wakeful.errors import NodeError
from wakeful_runtime.init import initcall
from wakeful_runtime.init.initclient import InitRefused
from wakeful_runtime.processes import read_stat

if TYPE_CHECKING:
    from tests.system.conftest import Eventually
    from tests.system.init.conftest import SmallNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals of Linux")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_signal_to_the_keeper_stops_the_node_in_order(small_node: SmallNode, number: int) -> None:
    keeper = small_node.start()
    sup = await small_node.supervisor()
    forked = await sup.fork("sup/a", "family")
    pids = await small_node.facts("sup/a")
    await sup.client.close()
    keeper.send_signal(number)
    assert keeper.wait(15) == 0
    assert [pid for pid in (*pids.values(), forked.life.pid) if read_stat(pid) is not None] == []
    assert list(small_node.directory.sockets.iterdir()) == []
    with pytest.raises(NodeError, match="no node runs"):
        initcall.table(small_node.directory)


async def test_second_signal_stops_hard(small_node: SmallNode, eventually: Eventually) -> None:
    keeper = small_node.start(gateway_mode="deaf")
    keeper.send_signal(signal.SIGTERM)
    await eventually(lambda: small_node.table()["stopping"])
    assert keeper.poll() is None
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(15) == 1


async def test_nothing_is_forked_for_others_while_the_node_stops(small_node: SmallNode, eventually: Eventually) -> None:
    keeper = small_node.start(gateway_mode="deaf")
    sup = await small_node.supervisor()
    initcall.stop(small_node.directory, "a person")
    await eventually(lambda: small_node.table()["stopping"] == "a person")
    with pytest.raises(InitRefused, match="stopping"):
        await sup.fork("sup/a", "idle")
    keeper.send_signal(signal.SIGTERM)
    await eventually(lambda: "SIGTERM: stop in order" in small_node.log("keeper"))
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(15) == 1


async def test_stop_order_survives_the_death_of_init(small_node: SmallNode, eventually: Eventually) -> None:
    keeper = small_node.start(gateway_mode="deaf")
    gateway = small_node.life("gateway")
    keeper.send_signal(signal.SIGTERM)
    await eventually(lambda: small_node.table()["stopping"])
    handle = os.pidfd_open(small_node.table()["init"])
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.close(handle)
    os.kill(gateway.pid, signal.SIGKILL)
    assert keeper.wait(15) == 0


async def test_stop_by_an_observer_is_in_order(small_node: SmallNode) -> None:
    keeper = small_node.start()
    initcall.stop(small_node.directory, "wakeful down")
    assert keeper.wait(15) == 0


async def test_node_starts_again_where_one_was_stopped(small_node: SmallNode) -> None:
    first = small_node.start()
    incarnation = small_node.life("gateway").incarnation
    first.send_signal(signal.SIGTERM)
    assert first.wait(15) == 0
    small_node.start()
    assert small_node.life("gateway").incarnation > incarnation
