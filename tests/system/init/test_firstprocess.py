"""PID 1 of a container: reaps, forwards signals, and survives its keeper."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from wakeful_runtime.processes import ProcessHandle, children, descendants, read_stat

if TYPE_CHECKING:
    from tests.system.conftest import Eventually
    from tests.system.init.conftest import SmallNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PID namespaces of Linux")


@pytest.fixture
def first_process(small_node: SmallNode) -> int:
    """The pid, as seen from here, of a process that is PID 1 in its namespace and runs the node."""
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make a PID namespace")
    outer = small_node.start_below(command)
    return children(outer.pid)[0]


def strike(pid: int, number: int) -> None:
    """Signal a process of the test's own node."""
    handle = ProcessHandle.of_child(pid)
    handle.send_signal(number)
    handle.close()


async def test_sigterm_to_pid_1_stops_the_node_in_order(small_node: SmallNode, first_process: int) -> None:
    strike(first_process, signal.SIGTERM)
    assert small_node.keepers[0].wait(15) == 0
    assert "SIGTERM: stop in order" in small_node.log("keeper")


async def test_pid_1_starts_a_killed_keeper_again_and_it_attaches(
    small_node: SmallNode, first_process: int, eventually: Eventually
) -> None:
    before = small_node.table()
    strike(children(first_process)[0], signal.SIGKILL)
    await eventually(lambda: small_node.table()["keeper"] not in (None, before["keeper"]))
    assert small_node.table()["init"] == before["init"]


async def test_pid_1_reaps_what_falls_to_it(small_node: SmallNode, first_process: int, eventually: Eventually) -> None:
    strike(children(first_process)[0], signal.SIGKILL)
    await eventually(lambda: small_node.table()["keeper"] is not None)
    await eventually(lambda: not [pid for pid in descendants(first_process) if is_zombie(pid)])


def is_zombie(pid: int) -> bool:
    """Ended and not reaped."""
    stat = read_stat(pid)
    return stat is not None and stat.state == "Z"
