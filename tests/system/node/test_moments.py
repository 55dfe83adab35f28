"""Deaths at the worst moment: in the middle of somebody else's death, or of a birth."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.system.node.books import Lingers, Waits
from tests.system.node.conftest import Harness
from tests.system.node.people import CarefulPublisher, Walk
from tests.system.node.witness import QUICK, WORKERS, Witness

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful.errors import NodeError
from wakeful_runtime.processes import descendants


@pytest.fixture
def node(harness: Harness, tmp_path: Path) -> Witness:
    return Witness(harness, tmp_path).begin()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that can't act for as long as the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_new_monitor_finishes_a_verdict_that_was_frozen_before_the_kill(node: Witness) -> None:
    node.harness.call("chaos", path="m/w0", mode="gil")
    node.told("m/w0", "confirmed")
    node.signal("m")
    ended = node.harness.until_event("m/w0", "exited")
    assert ended["kind"] == "wedged"
    node.survives("m", "m/w0")
    exits = node.harness.events("m/w0", "exited")
    assert [row["incarnation"] for row in exits].count(1) == 1
    # The next life may have been forked when the monitor died: never told GO, it is ended and begun anew.
    assert {row["kind"] for row in exits[1:]} <= {"node_lost"}


def test_a_new_monitor_finds_what_hung_before_the_first_probe(harness: Harness) -> None:
    child = Child("w", Walk, task="walk", heartbeat=Heartbeat(every=2.0, timeout=0.7))
    harness.start(Gateway(Monitor("m", child)))
    harness.until_event("m/w", "ready")
    harness.call("chaos", path="m/w", mode="gil")
    harness.kill("m")
    assert harness.until_event("m/w", "exited")["kind"] == "wedged"
    harness.until_event("m/w", "restarted")


def test_a_new_monitor_restarts_what_was_killed_before_its_restart(node: Witness) -> None:
    with stopped(node.pid("store")):  # an exit is judged by what the store says: the restart has to wait
        node.harness.call("kill", path="m/w0")
        node.signal("m")
    assert node.harness.until_event("m/w0", "restarted")["incarnation"] == 2
    node.survives("m", "m/w0")
    assert len(node.harness.events("m/w0", "exited")) == 1


def test_a_session_that_dies_while_it_has_no_monitor_is_restarted_by_the_next(node: Witness) -> None:
    node.signal("m", signal.SIGSTOP)
    node.signal("m/w0")
    node.signal("m")
    assert node.harness.until_event("m/w0", "exited")["what"] == "killed by SIGKILL from elsewhere"
    assert node.harness.until_event("m/w0", "restarted")["incarnation"] == 2
    node.survives("m", "m/w0")


def test_a_kill_by_a_person_is_told_as_theirs_and_what_does_not_wait_is_not_resumed(node: Witness) -> None:
    harness = node.harness
    harness.call("kill", path="m/w0")
    assert harness.until_event("m/w0", "exited")["what"] == "killed by SIGKILL from wakeful kill"
    harness.until_event("m/w0", "restarted")
    harness.until_state("m/w0", "running")
    with pytest.raises(NodeError, match="m/w0 is running: it does not wait for anybody"):
        harness.call("resume", path="m/w0")
    harness.call("stop", path="m/w0")
    harness.until_state("m/w0", "done")
    with pytest.raises(NodeError, match="nothing waits; wakeful restart m/w0 begins anew"):
        harness.call("resume", path="m/w0")


@pytest.fixture
def flag(harness: Harness, tmp_path: Path) -> Path:
    """A node with a session in review, that goes on as soon as a person resumes it."""
    file = tmp_path / "flag"
    harness.start(Gateway(Monitor("m", Child("p", Waits, task="it", args={"flag": str(file)}, heartbeat=QUICK))))
    harness.until_state("m/p", "review")
    file.touch()
    return file


def test_a_life_that_was_forked_and_never_told_go_is_begun_anew(harness: Harness, flag: Path) -> None:
    monitor = harness.row("m")["pid"]
    with stopped(harness.row("store")["pid"]):  # its incarnation can't be committed: no GO
        harness.call("resume", path="m/p")
        harness.until(lambda: list(harness.directory.lives.glob("*.2.json")))
        os.kill(monitor, signal.SIGKILL)
    harness.until_event("m/p", "checkpoint")
    harness.until_state("m/p", "running")
    assert any("before it could tell it to begin" in str(event) for event in harness.events("m/p"))
    assert len(flag.read_text().splitlines()) == 1, "user code ran in one life only"
    assert harness.row("m/p")["incarnation"] == int(flag.read_text())
    assert harness.row("m")["pid"] != monitor


def test_an_init_that_dies_while_a_fork_is_under_way_forks_once(harness: Harness, flag: Path) -> None:
    init = harness.row("init")["pid"]
    with stopped(harness.keeper().pid):  # or it would see at once that init is stopped
        os.kill(init, signal.SIGSTOP)
        harness.call("resume", path="m/p")
        os.kill(init, signal.SIGKILL)
    harness.until_event("m/p", "checkpoint")
    assert flag.read_text() == "2\n"
    assert harness.row("m/p")["incarnation"] == 2


def test_init_and_gateway_together_are_replaced_and_nobody_else_is_touched(node: Witness) -> None:
    node.signal("init")
    node.signal("gateway")
    node.replaced("init")
    node.replaced("gateway")
    for path in ("init", "gateway"):
        node.told(path, "exited", "restarted")
    node.survives("init", "gateway")


def test_a_store_that_is_killed_again_and_again_loses_no_acknowledged_checkpoint(node: Witness) -> None:
    for _ in range(4):
        node.remember()
        node.signal("store")
        node.moves_on()
    node.survives("store")
    for path in WORKERS:
        assert node.harness.events(path, "exited") == []


def test_monitor_store_and_gateway_together_touch_no_session(node: Witness) -> None:
    for path in ("m", "store", "gateway"):
        node.signal(path)
    node.replaced("m")
    node.survives("m", "store", "gateway")


def test_p9_a_result_that_is_committed_stands_whatever_ends_the_process(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("l", Lingers, task="it", heartbeat=QUICK))))
    harness.until_event("m/l", "finished")
    pid = harness.row("m/l")["pid"]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    harness.until_state("m/l", "done")
    assert harness.events("m/l", "restarted") == []
    assert harness.call("sessions_result", label="m/l")["result"] == 7


def test_sessions_outlive_keeper_init_and_gateway_and_the_next_run_adopts_them(node: Witness) -> None:
    harness = node.harness
    harness.keeper().kill()
    harness.keeper().wait()
    node.signal("init")
    node.signal("gateway")
    harness.start(node.tree)
    for path in WORKERS:
        node.told(path, "adopted")
    node.survives("init", "gateway", "m", "sessions")
    for path in WORKERS:
        assert harness.events(path, "restarted") == []
    assert harness.stop() == 0


def test_a_crash_between_an_effect_and_its_record_does_it_once_where_the_world_can_be_asked(
    harness: Harness, tmp_path: Path
) -> None:
    track = tmp_path / "track"
    args = {"track": str(track)}
    harness.start(Gateway(Monitor("m", Child("p", CarefulPublisher, task="x", args=args, heartbeat=QUICK))))
    harness.until_state("m/p", "done")
    assert track.read_text() == "published\n"
    assert harness.row("m/p")["incarnation"] == 2
    assert harness.call("sessions_result", label="m/p")["result"] == {"id": 1}


def test_a_zombie_whose_group_lives_on_has_no_next_life_before_that_is_gone(node: Witness) -> None:
    harness = node.harness
    harness.call("chaos", path="m/w0", mode="orphan")
    ended = harness.until_event("m/w0", "exited")
    restarted = harness.until_event("m/w0", "restarted")
    assert restarted["seq"] > ended["seq"]
    left = [pid for pid in descendants(harness.keeper().pid) if b"sleep" in command_line(pid)]
    assert left == []
    node.survives("m/w0")


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
