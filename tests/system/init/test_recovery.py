"""Keeper, init and gateway die, stop or fall silent: each is replaced, and no life is touched."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from wakeful_runtime.init import initcall
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.processes import ProcessHandle, read_stat

if TYPE_CHECKING:
    from tests.system.conftest import Eventually
    from tests.system.init.conftest import SmallNode, Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="subreapers and pidfds of Linux")


def strike(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal a process of the test's own node."""
    handle = ProcessHandle.of_child(pid)
    handle.send_signal(number)
    handle.close()


def running(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    stat = read_stat(pid)
    return stat is not None and stat.state not in "ZX"


def gateway_of(table: dict[str, Any]) -> int:
    """The pid of the living gateway; 0 if there is none."""
    return next((row["pid"] for row in table["table"] if row["path"] == "gateway" and row["state"] == "running"), 0)


async def two_lives(node: SmallNode) -> tuple[Supervisor, list[int]]:
    """A supervisor with two lives of its own, and their pids and its own."""
    sup = await node.supervisor()
    pids = [(await sup.fork(path, "idle")).life.pid for path in ("sup/a", "sup/b")]
    for path in ("sup/a", "sup/b"):
        await node.facts(path)
    return sup, [*pids, node.life("sup").pid]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_keeper_forks_a_new_init_and_no_life_is_touched(small_node: SmallNode, number: int) -> None:
    small_node.start()
    sup, pids = await two_lives(small_node)
    before = small_node.table()
    strike(before["init"], number)
    table = await sup.table()
    assert sorted((held.life.path, held.exit) for held in table) == [("sup/a", None), ("sup/b", None)]
    assert all(held.pidfd is not None for held in table)
    after = small_node.table()
    assert after["init"] != before["init"]
    assert after["init_incarnation"] > before["init_incarnation"]
    assert gateway_of(after) == gateway_of(before)
    assert all(running(pid) for pid in pids)


async def test_exit_status_is_known_although_init_was_replaced_before(small_node: SmallNode) -> None:
    small_node.start()
    sup, _ = await two_lives(small_node)
    strike(small_node.table()["init"])
    await sup.table()
    await sup.client.signal("sup/a", 1, signal.SIGTERM)
    report = await sup.told(ExitReport)
    assert (report.path, report.signal, report.unknown, report.empty) == ("sup/a", signal.SIGTERM, False, True)
    assert report.maxrss > 0


async def test_exit_code_is_kept_over_the_death_of_init_until_it_is_acknowledged(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "leave", boot=b"7")
    await sup.told(ExitReport)
    for _ in range(2):
        strike(small_node.table()["init"])
        held = next(each for each in await sup.table() if each.life.path == "sup/a")
        assert held.exit is not None
        assert (held.exit.code, held.exit.empty) == (7, True)
    await sup.client.ack("sup/a", 1)
    strike(small_node.table()["init"])
    assert [each for each in await sup.table() if each.life.path == "sup/a"] == []


async def test_life_that_dies_while_there_is_no_init_is_reported_with_its_status(small_node: SmallNode) -> None:
    small_node.start()
    sup, pids = await two_lives(small_node)
    init = small_node.table()["init"]
    keeper = small_node.keepers[0].pid
    strike(keeper, signal.SIGSTOP)
    strike(init)
    strike(pids[0], signal.SIGUSR1)
    strike(keeper, signal.SIGCONT)
    report = await exit_of(sup, "sup/a")
    assert (report.signal, report.unknown, report.empty) == (signal.SIGUSR1, False, True)
    assert running(pids[1])


async def exit_of(sup: Supervisor, path: str) -> ExitReport:
    """The exit of a path: in the table of the next hello, or pushed after it."""
    for held in await sup.table():
        if held.life.path == path and held.exit is not None:
            return held.exit
    return await sup.told(ExitReport)


async def test_descendants_of_a_life_whose_init_died_are_swept(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    forked = await sup.fork("sup/a", "family")
    pids = await small_node.facts("sup/a")
    strike(small_node.table()["init"])
    await sup.table()
    strike(forked.life.pid)
    report = await sup.told(ExitReport)
    assert (report.signal, report.empty) == (signal.SIGKILL, True)
    assert [pid for pid in pids.values() if running(pid)] == []


async def test_leader_and_init_killed_together_leave_nothing(small_node: SmallNode, eventually: Eventually) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    forked = await sup.fork("sup/a", "family")
    pids = await small_node.facts("sup/a")
    strike(small_node.table()["init"])
    strike(forked.life.pid)
    report = await exit_of(sup, "sup/a")
    assert report.empty
    await eventually(lambda: not any(running(pid) for pid in pids.values()))


async def test_fork_under_way_while_init_dies_is_done_exactly_once(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    for number in range(10):
        init = small_node.table()["init"]
        strike(init, signal.SIGSTOP if number % 2 else signal.SIGKILL)
        forked = await sup.fork(f"sup/{number}", "idle")
        assert running(forked.life.pid)
        facts = await small_node.facts(f"sup/{number}")
        assert facts["pid"] == forked.life.pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_gateway_is_replaced_and_no_life_is_touched(
    small_node: SmallNode, eventually: Eventually, number: int
) -> None:
    small_node.start()
    _, pids = await two_lives(small_node)
    old = gateway_of(small_node.table())
    strike(old, number)
    await eventually(lambda: gateway_of(small_node.table()) not in (0, old))
    assert all(running(pid) for pid in pids)
    await small_node.facts("gateway", 2)


async def test_silent_gateway_is_replaced_and_no_life_is_touched(small_node: SmallNode, eventually: Eventually) -> None:
    small_node.start(gateway_mode="silent")
    _, pids = await two_lives(small_node)
    old = gateway_of(small_node.table())
    await eventually(lambda: gateway_of(small_node.table()) not in (0, old))
    assert all(running(pid) for pid in pids)
    assert "did not beat" in small_node.log("init")


async def test_gateway_that_dies_at_its_start_is_started_again(small_node: SmallNode) -> None:
    small_node.start(gateway_mode="die")
    assert small_node.life("gateway").incarnation > 1


async def test_silent_gateway_adopted_by_a_new_init_is_replaced(small_node: SmallNode, eventually: Eventually) -> None:
    """A new init is not the gateway's parent: it has no word of its stop but the missing beats."""
    small_node.start()
    sup, pids = await two_lives(small_node)
    strike(small_node.table()["init"])
    await sup.table()
    old = gateway_of(small_node.table())
    await eventually(lambda: len(connected_as_gateway(small_node)) == 1)
    strike(old, signal.SIGSTOP)
    await eventually(lambda: gateway_of(small_node.table()) not in (0, old))
    assert all(running(pid) for pid in pids)


def connected_as_gateway(node: SmallNode) -> list[int]:
    """Whether init has the gateway, the test's `sup` and this look on the line."""
    return [1] if initcall.status(node.directory)["connections"] >= 3 else []


async def test_init_and_gateway_killed_together_touch_no_life(small_node: SmallNode, eventually: Eventually) -> None:
    small_node.start()
    sup, pids = await two_lives(small_node)
    before = small_node.table()
    strike(gateway_of(before))
    strike(before["init"])
    table = await sup.table()
    assert sorted(held.life.path for held in table) == ["sup/a", "sup/b"]
    await eventually(lambda: gateway_of(small_node.table()) not in (0, gateway_of(before)))
    assert all(running(pid) for pid in pids)


async def test_second_keeper_is_refused(small_node: SmallNode) -> None:
    keeper = small_node.start()
    second = small_node.spawn()
    _, stderr = second.communicate(timeout=20)
    assert second.returncode == 2
    assert f"a node runs here, pid {keeper.pid}" in stderr
    assert keeper.poll() is None


async def test_node_lives_on_without_its_keeper_and_the_next_one_attaches(
    small_node: SmallNode, eventually: Eventually
) -> None:
    first = small_node.start()
    sup, pids = await two_lives(small_node)
    before = small_node.table()
    strike(first.pid)
    await eventually(lambda: small_node.table()["keeper"] is None)
    second = small_node.start()
    after = small_node.table()
    assert after["keeper"] == second.pid
    assert (after["init"], gateway_of(after)) == (before["init"], gateway_of(before))
    assert all(running(pid) for pid in pids)
    assert sup.client.connected


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_attached_keeper_replaces_init_too(small_node: SmallNode, eventually: Eventually, number: int) -> None:
    first = small_node.start()
    sup, pids = await two_lives(small_node)
    strike(first.pid)
    await eventually(lambda: small_node.table()["keeper"] is None)
    small_node.start()
    strike(small_node.table()["init"], number)
    table = await sup.table()
    assert sorted((held.life.path, held.exit) for held in table) == [("sup/a", None), ("sup/b", None)]
    assert all(running(pid) for pid in pids)
    await sup.client.end("sup/a", 1)
    report = await sup.told(ExitReport)
    assert (report.signal, report.empty, report.unknown) == (signal.SIGKILL, True, False)


async def test_attached_keeper_stops_the_node_in_order(small_node: SmallNode, eventually: Eventually) -> None:
    strike(small_node.start().pid)
    await eventually(lambda: small_node.table()["keeper"] is None)
    second = small_node.start()
    second.send_signal(signal.SIGTERM)
    assert second.wait(15) == 0


async def test_new_keeper_replaces_an_init_that_is_stopped(small_node: SmallNode, eventually: Eventually) -> None:
    first = small_node.start()
    _, pids = await two_lives(small_node)
    init = small_node.table()["init"]
    strike(first.pid)
    await eventually(lambda: small_node.table()["keeper"] is None)
    strike(init, signal.SIGSTOP)
    small_node.start()
    assert small_node.table()["init"] != init
    assert all(running(pid) for pid in pids)


async def test_whole_node_restart_adopts_what_still_runs(small_node: SmallNode, eventually: Eventually) -> None:
    """Keeper, init and gateway are gone at once; the lives of this boot are handed to their owners."""
    keeper = small_node.start()
    sup, pids = await two_lives(small_node)
    before = small_node.table()
    for pid in (keeper.pid, before["init"], gateway_of(before)):
        strike(pid)
    await eventually(lambda: not running(before["init"]))
    small_node.start()
    table = await sup.table()
    assert sorted((held.life.path, held.exit) for held in table) == [("sup/a", None), ("sup/b", None)]
    assert all(running(pid) for pid in pids)


async def test_whole_node_killed_leaves_reports_for_the_next_boot(
    small_node: SmallNode, eventually: Eventually
) -> None:
    keeper = small_node.start()
    sup, pids = await two_lives(small_node)
    before = small_node.table()
    await sup.client.close()
    for pid in (keeper.pid, before["init"], gateway_of(before), *pids):
        strike(pid)
    keeper.wait(10)
    small_node.start()
    for path in ("sup/a", "sup/b"):
        await eventually(lambda path=path: row_of(small_node, path)["state"] == "exited")  # type: ignore[misc]
        assert row_of(small_node, path)["exit"]["empty"]


def row_of(node: SmallNode, path: str) -> dict[str, Any]:
    """A path's row in the table."""
    return next(row for row in node.table()["table"] if row["path"] == path)


def start_stranger() -> subprocess.Popen[bytes]:
    """A process that is none of the node's business, leader of its own session."""
    return subprocess.Popen(["sleep", "1000"], start_new_session=True)


async def test_lives_of_another_boot_are_reported_as_lost_and_nobody_is_signalled(small_node: SmallNode) -> None:
    """A stored pid of another boot is a stranger's."""
    stranger = start_stranger()
    small_node.record("sup/old", stranger.pid, boot_id="another boot")
    small_node.start()
    row = row_of(small_node, "sup/old")
    assert (row["state"], row["exit"]["unknown"], row["exit"]["empty"]) == ("exited", True, True)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


async def test_p13_recycled_pid_is_never_signalled(small_node: SmallNode, eventually: Eventually) -> None:
    """A life file names a pid of this boot that is somebody else's now."""
    stranger = start_stranger()
    small_node.record("sup/old", stranger.pid)
    small_node.start()
    await eventually(lambda: row_of(small_node, "sup/old")["state"] == "exited")
    assert row_of(small_node, "sup/old")["exit"]["unknown"]
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


async def test_torn_life_file_is_removed_and_the_node_comes_up(small_node: SmallNode) -> None:
    torn = small_node.directory.lives / "0123456789ab.1.json"
    torn.write_text('{"life": {"path"')
    small_node.start()
    assert not torn.exists()


async def test_stale_socket_of_a_dead_node_is_replaced(small_node: SmallNode) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(small_node.directory.init_socket))
    small_node.start()
    assert small_node.table()["stopping"] is None


async def test_child_that_the_keeper_had_before_is_no_leftover(small_node: SmallNode) -> None:
    """`cmd & exec wakeful run`: a shell leaves its children to what it becomes."""
    keeper = small_node.start_through_shell()
    child = int((small_node.directory.root / "before.pid").read_text())
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "idle")
    strike(small_node.table()["init"])
    await sup.table()
    await sup.client.end("sup/a", 1)
    await sup.told(ExitReport)
    assert running(child)
    strike(child)
    assert keeper.poll() is None


async def test_leftovers_of_a_life_are_found_although_keeper_and_init_had_died(
    small_node: SmallNode, eventually: Eventually
) -> None:
    """They fell to a process outside the node: only what was started with an empty environment can't be told."""
    keeper = small_node.start()
    sup = await small_node.supervisor()
    forked = await sup.fork("sup/a", "family")
    pids = await small_node.facts("sup/a")
    before = small_node.table()
    for pid in (keeper.pid, before["init"], forked.life.pid):
        strike(pid)
    keeper.wait(10)
    small_node.start()
    report = await exit_of(sup, "sup/a")
    assert (report.signal, report.empty) == (signal.SIGKILL, True)
    assert [name for name, pid in pids.items() if running(pid)] in ([], ["env -i"])
    if running(pids["env -i"]):
        strike(pids["env -i"])
