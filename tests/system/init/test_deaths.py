"""A life ends: its report, its status, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from wakeful_runtime.init.initclient import InitRefused, LifeContinued, LifeStopped
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.processes import read_stat

if TYPE_CHECKING:
    from tests.system.conftest import Eventually
    from tests.system.init.conftest import SmallNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc of Linux")


async def test_owner_is_told_the_exit_code(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    forked = await sup.fork("sup/a", "leave", boot=b"7")
    report = await sup.told(ExitReport)
    assert (report.path, report.incarnation, report.pid) == ("sup/a", 1, forked.life.pid)
    assert (report.code, report.signal, report.empty, report.unknown) == (7, None, True, False)
    assert report.leftover == ()
    assert report.maxrss > 0


async def test_owner_is_told_the_signal(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    forked = await sup.fork("sup/a", "idle")
    await small_node.facts("sup/a")
    assert forked.pidfd is not None
    signal.pidfd_send_signal(forked.pidfd, signal.SIGTERM)
    report = await sup.told(ExitReport)
    assert (report.code, report.signal, report.oom) == (None, signal.SIGTERM, False)


async def test_exception_of_a_life_is_status_70_and_a_traceback_in_its_log(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "fail")
    assert (await sup.told(ExitReport)).code == 70
    assert "ValueError: user code raised" in small_node.log("sup/a")


async def test_report_is_repeated_until_it_is_acknowledged(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "leave", boot=b"3")
    await sup.told(ExitReport)
    await sup.client.close()
    again = await small_node.supervisor()
    held = {each.life.path: each for each in again.first}
    assert held["sup/a"].exit is not None
    assert held["sup/a"].exit.code == 3
    await again.client.ack("sup/a", 1)
    await again.client.ack("sup/a", 1)
    await again.client.close()
    assert (await small_node.supervisor()).first == []


async def test_p8_sweep_finds_every_kind_of_descendant_of_a_killed_leader(
    small_node: SmallNode, eventually: Eventually
) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    bystander = await sup.fork("sup/b", "idle")
    forked = await sup.fork("sup/a", "family")
    pids = await small_node.facts("sup/a")
    assert forked.pidfd is not None
    signal.pidfd_send_signal(forked.pidfd, signal.SIGKILL)
    report = await sup.told(ExitReport)
    assert report.empty
    assert [pid for pid in pids.values() if read_stat(pid) is not None] == []
    assert len(report.leftover) >= len(pids)
    assert read_stat(bystander.life.pid) is not None


async def test_p13_sweep_outruns_a_chain_of_forks_that_leave_their_session(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "spread")
    await small_node.facts("sup/a")
    await sup.client.end("sup/a", 1)
    assert (await sup.told(ExitReport)).empty


async def test_end_kills_whole_and_says_so(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "family")
    pids = await small_node.facts("sup/a")
    await sup.client.end("sup/a", 1)
    report = await sup.told(ExitReport)
    assert (report.signal, report.empty, report.oom) == (signal.SIGKILL, True, False)
    assert [pid for pid in pids.values() if read_stat(pid) is not None] == []


async def test_stop_and_continue_of_a_life_are_told_at_once(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "idle")
    await small_node.facts("sup/a")
    await sup.client.signal("sup/a", 1, signal.SIGSTOP)
    assert await sup.told(LifeStopped) == LifeStopped("sup/a", 1)
    await sup.client.signal("sup/a", 1, signal.SIGCONT)
    assert await sup.told(LifeContinued) == LifeContinued("sup/a", 1)


async def test_signal_to_a_group_reaches_its_members(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "family")
    pids = await small_node.facts("sup/a")
    os.kill(pids["setsid"], 0)
    await sup.client.signal("sup/a", 1, signal.SIGTERM, group=True)
    assert (await sup.told(ExitReport)).signal == signal.SIGTERM


async def test_signal_to_another_incarnation_is_refused(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "idle", 4)
    for incarnation in (3, 5):
        with pytest.raises(InitRefused, match="gone"):
            await sup.client.signal("sup/a", incarnation, signal.SIGTERM)
        with pytest.raises(InitRefused, match="gone"):
            await sup.client.end("sup/a", incarnation)
