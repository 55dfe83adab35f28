"""No healthy session is ever ended: whatever slows it, the machine or its monitor, it keeps its life."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.node.conftest import Harness
from tests.system.scenes import performers, slowmodule
from tests.system.scenes.conftest import QUICK, lives

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.processes import descendants

SECOND = Heartbeat(every=1.0, timeout=1.0, progress=30.0)
CPU = Path("/sys/fs/cgroup/cpu")


def walkers(count: int, heartbeat: Heartbeat = QUICK, pause: float = 0.2) -> Gateway:
    names = [f"w{number}" for number in range(count)]
    return Gateway(
        Monitor(
            "m",
            *[Child(name, performers.Walk, task="walk", args={"pause": pause}, heartbeat=heartbeat) for name in names],
        )
    )


def steps(harness: Harness) -> dict[str, int]:
    """How far each session says it has come."""
    rows = harness.rows().items()
    return {path: int((row["progress"] or [0])[0]) for path, row in rows if row["kind"] == "session"}


def begun(harness: Harness, count: int) -> dict[str, tuple[int, int]]:
    """The sessions, once each has made some steps."""
    harness.until(lambda: len(done := steps(harness)) == count and min(done.values()) >= 2, within=60)
    return lives(harness)


def hold(seconds: float) -> None:
    """The scene lasts so long."""
    threading.Event().wait(seconds)


def untouched(harness: Harness, before: dict[str, tuple[int, int]]) -> None:
    """Same process, same incarnation, no verdict against any, and each gets on."""
    then = steps(harness)
    harness.until(lambda: all(now > then[path] for path, now in steps(harness).items()), within=60)
    assert lives(harness) == before, harness.story()
    assert harness.events("m", "confirmed") == []


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that want a whole CPU each."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_p2_a_silent_call_under_a_lease_is_left_alone(harness: Harness) -> None:
    limit = Heartbeat(every=0.3, timeout=0.7, progress=1.0)
    harness.start(
        Gateway(Monitor("m", Child("s", performers.Silent, task="hush", args={"seconds": 6}, heartbeat=limit)))
    )
    harness.until(lambda: harness.row("m/s")["verdict"] == "waiting")
    assert "a slow tool" in harness.call("why", path="m/s")["what"]
    assert harness.until_state("m/s", "done")["incarnation"] == 1
    assert harness.events("m/s", "suspect") == []


@pytest.mark.slow
def test_p6_fifty_sessions_on_a_saturated_machine_keep_their_lives(harness: Harness) -> None:
    harness.start(walkers(50, SECOND, pause=1.0))
    before = begun(harness, 50)
    with busy(2 * (os.cpu_count() or 1)):
        hold(15)
    untouched(harness, before)


def test_sessions_of_a_stopped_monitor_keep_their_lives(harness: Harness) -> None:
    harness.start(walkers(3))
    before = begun(harness, 3)
    monitor = harness.kill("m", signal.SIGSTOP)
    hold(5 * QUICK.timeout)
    with contextlib.suppress(ProcessLookupError):  # the gateway may have replaced it
        os.kill(monitor, signal.SIGCONT)
    untouched(harness, before)
    assert harness.events("m", "doubt") or harness.events("m/w0", "adopted")


@pytest.mark.parametrize("first", ["sessions", "keeper"])
def test_p14_a_node_that_was_stopped_as_a_whole_goes_on(harness: Harness, first: str) -> None:
    harness.start(walkers(3))
    before = begun(harness, 3)
    node = [harness.keeper().pid, *descendants(harness.keeper().pid)]
    for pid in node:
        os.kill(pid, signal.SIGSTOP)
    hold(5 * QUICK.timeout)
    for pid in node if first == "keeper" else reversed(node):
        with contextlib.suppress(ProcessLookupError):  # who is awake may have ended who isn't, if it is no session
            os.kill(pid, signal.SIGCONT)
        hold(0.05)
    untouched(harness, before)
    assert harness.events("m", "doubt") or harness.events("m/w0", "adopted")


@pytest.fixture
def clock(harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose number of seconds is added to the wall clock of the node, and of nothing else."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler to make a wall clock of")
    source = Path(__file__).parent / "wallclock.c"
    library, offset = tmp_path / "wallclock.so", tmp_path / "offset"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    offset.write_text("0")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("WALLCLOCK_OFFSET", str(offset))
    return offset


def test_p14_no_deadline_depends_on_the_wall_clock(harness: Harness, clock: Path) -> None:
    harness.start(walkers(2))
    before = begun(harness, 2)
    for offset in (3600, -3600, 0):
        clock.write_text(str(offset))
        hold(1.5)
    untouched(harness, before)
    said = [row["words"] for row in harness.events("m", "doubt") if row["cause"] == "clock_step"]
    assert any("+3600" in words for words in said), said
    assert any("-7200" in words for words in said), said


def test_p15_a_slow_import_is_waited_for_in_every_life(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOW_IMPORT_S", "3")
    patient = Heartbeat(every=0.3, timeout=0.7, progress=1.0, startup=30)
    harness.start(Gateway(Monitor("m", Child("s", slowmodule.Slow, task="import", heartbeat=patient))))
    harness.until_event("m/s", "ready")
    harness.kill("m/s")
    assert harness.until_event("m/s", "ready", count=2)["incarnation"] == 2
    assert harness.events("m/s", "confirmed") == []
    assert len(harness.events("m/s", "exited")) == 1


def test_p2_a_long_computation_of_a_blocking_session_is_left_alone(harness: Harness) -> None:
    child = Child(
        "c", performers.Computes, task="count", args={"seconds": 4}, heartbeat=Heartbeat(every=0.3, timeout=0.7)
    )
    harness.start(Gateway(Monitor("m", child)))
    assert harness.until_state("m/c", "done")["incarnation"] == 1
    assert harness.events("m/c", "confirmed") == []
    assert harness.call("sessions_result", label="m/c")["result"] > 0


@pytest.fixture
def quota() -> Iterator[Path]:
    """A cgroup with a twentieth of a CPU; its processes are put back before it goes."""
    folder = CPU / f"wakeful-scene-{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir()
        (folder / "cpu.cfs_period_us").write_text("100000")
        (folder / "cpu.cfs_quota_us").write_text("5000")
    except OSError as error:
        pytest.skip(f"no cgroup v1 with a CPU quota: {error}")
    yield folder
    release(folder)
    folder.rmdir()


def release(folder: Path) -> None:
    for pid in (folder / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (CPU / "cgroup.procs").write_text(pid)


@pytest.mark.slow
def test_p6_sessions_without_a_cpu_are_starved_and_not_hung(harness: Harness, quota: Path) -> None:
    harness.start(walkers(10, Heartbeat(every=0.5, timeout=0.5, progress=30), pause=0.05))
    before = begun(harness, 10)
    for pid, _ in before.values():
        (quota / "cgroup.procs").write_text(str(pid))
    harness.until(lambda: harness.events("m", "starved"), within=30)
    hold(5)
    release(quota)
    untouched(harness, before)
