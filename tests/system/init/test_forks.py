"""A fork: when it is refused, and what the new process is."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wakeful.errors import NodeError
from wakeful_runtime.init import locks
from wakeful_runtime.init.initclient import InitRefused
from wakeful_runtime.init.lives import ExitReport, LifeFiles
from wakeful_runtime.processes import children, read_stat

if TYPE_CHECKING:
    from tests.system.conftest import Eventually
    from tests.system.init.conftest import SmallNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc of Linux")


async def test_second_fork_of_a_living_path_is_refused(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "idle")
    with pytest.raises(InitRefused, match="alive"):
        await sup.fork("sup/a", "idle", 2)


async def test_stale_incarnation_is_refused(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "leave", 5, boot=b"0")
    await sup.told(ExitReport)
    for incarnation in (4, 5):
        with pytest.raises(InitRefused, match="stale"):
            await sup.fork("sup/a", "idle", incarnation)
    await sup.fork("sup/a", "idle", 6)


async def test_fork_is_refused_while_something_of_an_earlier_life_holds_its_lock(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    holder = locks.take(small_node.directory.life("sup/a").with_suffix(".lock"))
    with pytest.raises(InitRefused, match="alive"):
        await sup.fork("sup/a", "idle")
    os.close(holder)
    await sup.fork("sup/a", "idle")


async def test_an_older_report_outlives_a_newer_life(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "leave", 1, boot=b"1")
    await sup.told(ExitReport)
    await sup.fork("sup/a", "leave", 2, boot=b"2")
    await sup.told(ExitReport)
    await sup.client.close()
    again = await small_node.supervisor()
    assert sorted(held.exit.code or 0 for held in again.first if held.exit is not None) == [1, 2]


async def test_new_process_is_clean(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    forked = await sup.fork("sup/a", "look", boot="für später".encode())
    await sup.told(ExitReport)
    facts = await small_node.facts("sup/a")
    pid = forked.life.pid
    assert (facts["pid"], facts["session"], facts["group"]) == (pid, pid, pid)
    assert facts["stdin"] == "/dev/null"
    assert facts["stdout"] == str(small_node.directory.log("sup/a"))
    assert (facts["blocked"], facts["handlers"], facts["threads"]) == ([], [], 1)
    assert facts["name"] == "w:sup/a"
    assert facts["oom"] > 0
    assert facts["boot"] == "für später"
    assert "a line for the log" in small_node.log("sup/a")


async def test_new_process_has_no_descriptor_but_its_stdio_and_its_lock(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "look")
    await sup.told(ExitReport)
    opened: dict[str, str] = (await small_node.facts("sup/a"))["open"]
    lock = small_node.directory.life("sup/a").with_suffix(".lock")
    rest = {target for number, target in opened.items() if int(number) > 2}
    assert rest == {str(lock)}


async def test_random_numbers_differ_between_children(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    for path in ("sup/a", "sup/b"):
        await sup.fork(path, "look")
        await sup.told(ExitReport)
    first, second = [(await small_node.facts(path))["random"] for path in ("sup/a", "sup/b")]
    assert first != second


async def test_role_locks_are_held_by_their_role_alone(small_node: SmallNode) -> None:
    """A life that inherited keeper's or init's lock would keep the node locked for ever."""
    keeper = small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "idle")
    await small_node.facts("sup/a")
    table = small_node.table()
    gateway = next(row["pid"] for row in table["table"] if row["path"] == "gateway")
    for role, pid in (("keeper", keeper.pid), ("init", table["init"]), ("gateway", gateway)):
        assert holders(small_node.directory.lock(role).stat().st_ino) == {pid}


def count_open(pid: int) -> int:
    """Descriptors a process has."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def holders(inode: int) -> set[int]:
    """Processes of this machine with an open descriptor of a file."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(each.stat().st_ino == inode for each in folder.iterdir() if each.exists()):
                found.add(int(folder.parent.name))
    return found


async def test_life_file_and_life_lock_are_gone_after_the_acknowledgement(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    await sup.fork("sup/a", "leave", boot=b"0")
    await sup.told(ExitReport)
    await sup.client.ack("sup/a", 1)
    stem = small_node.directory.life("sup/a").name
    assert [file.name for file in small_node.directory.lives.iterdir() if file.name.startswith(stem)] == []


async def test_forks_leak_no_descriptor_of_init_or_of_the_supervisor(
    descriptors_are_kept: None, small_node: SmallNode, eventually: Eventually
) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    init = small_node.table()["init"]

    async def once(path: str) -> None:
        await sup.fork(path, "leave", boot=b"0")
        report = await sup.told(ExitReport)
        await sup.client.ack(report.path, report.incarnation)

    await once("sup/first")
    await eventually(lambda: standby(init))
    before = count_open(init)
    for number in range(20):
        await once(f"sup/{number}")
    await eventually(lambda: standby(init))
    assert count_open(init) == before


def standby(init: int) -> int | None:
    """The pid of the process that waits for the next birth."""
    return next((pid for pid in children(init) if Path(f"/proc/{pid}/comm").read_text() == "w:standby\n"), None)


async def test_the_process_that_stands_by_becomes_the_next_life(small_node: SmallNode, eventually: Eventually) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    init = small_node.table()["init"]
    await eventually(lambda: standby(init))
    waiting = standby(init)
    forked = await sup.fork("sup/a", "leave", boot=b"0")
    assert forked.life.pid == waiting
    report = await sup.told(ExitReport)
    assert (report.pid, report.code) == (waiting, 0)
    await sup.client.ack("sup/a", 1)
    await eventually(lambda: standby(init) not in (None, waiting))


async def test_a_life_begins_though_the_process_that_stood_by_was_killed(
    small_node: SmallNode, eventually: Eventually
) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    init = small_node.table()["init"]
    await eventually(lambda: standby(init))
    waiting = standby(init)
    assert waiting is not None
    os.kill(waiting, signal.SIGKILL)
    await eventually(lambda: is_over(waiting))
    forked = await sup.fork("sup/a", "leave", boot=b"0")
    assert forked.life.pid != waiting
    assert (await sup.told(ExitReport)).code == 0
    await sup.client.ack("sup/a", 1)


async def test_what_stands_by_goes_with_its_init(small_node: SmallNode, eventually: Eventually) -> None:
    small_node.start()
    await small_node.supervisor()
    init = small_node.table()["init"]
    await eventually(lambda: standby(init))
    waiting = standby(init)
    assert waiting is not None
    os.kill(init, signal.SIGKILL)
    await eventually(lambda: is_over(waiting))


def is_over(pid: int) -> bool:
    """Gone, or a zombie."""
    stat = read_stat(pid)
    return stat is None or stat.state in "ZX"


async def test_preload_that_starts_a_thread_is_refused_by_name(small_node: SmallNode) -> None:
    module = small_node.directory.root / "threaded_module.py"
    module.write_text("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n")
    os.environ["PYTHONPATH"] = str(module.parent)
    try:
        keeper = small_node.spawn("threaded_module")
    finally:
        del os.environ["PYTHONPATH"]
    _, stderr = keeper.communicate(timeout=20)
    assert keeper.returncode == 2
    assert "threaded_module" in stderr
    assert "thread" in stderr


async def test_full_disk_refuses_the_fork_and_ends_nothing(small_node: SmallNode) -> None:
    """A life that can't be recorded does not begin."""
    small_node.start()
    sup = await small_node.supervisor()
    blocked = small_node.directory.life("sup/a").with_name(small_node.directory.life("sup/a").name + ".1.json.new")
    blocked.mkdir()
    with pytest.raises(InitRefused, match="bad"):
        await sup.fork("sup/a", "idle")
    blocked.rmdir()
    await sup.fork("sup/a", "idle")


async def test_ended_life_may_not_speak_for_its_path(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    forked = await sup.fork("sup/a", "leave", boot=b"0")
    await sup.told(ExitReport)
    files = {record.life.path for record in LifeFiles(small_node.directory).read()}
    assert "sup/a" in files
    zombie = small_node.supervisor_of(forked.life)
    with pytest.raises(NodeError, match="denied"):
        await zombie.client.connect()
