"""No healthy session is ever ended: whatever slows it, the machine or its monitor, it keeps its life.

Each scene plays on a node that isn't started yet, and raises AssertionError if a session was touched. Lengths are
arguments: the suite plays them short, `python -m tests.patience` at full length. All return the journal's reasons.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterable

from tests.patience.world import WallClock, busy, hold, quota, release
from tests.system.node.conftest import Harness
from tests.system.scenes import performers, slowmodule
from tests.system.scenes.conftest import QUICK, at, lives

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.processes import descendants

HOUR = 3600

Why = list[str]
"""What the journal says of it."""


def walkers(count: int, heartbeat: Heartbeat = QUICK, pause: float = 0.2) -> Gateway:
    """So many sessions that make a step now and then."""
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


def untouched(harness: Harness, before: dict[str, tuple[int, int]]) -> None:
    """Same process, same incarnation, no verdict against any, and each gets on."""
    then = steps(harness)
    harness.until(lambda: all(now > then[path] for path, now in steps(harness).items()), within=60)
    assert lives(harness) == before, accusations(harness) or harness.story()
    accused = [row for row in harness.events("m", "confirmed") if row["path"] != "m"]  # a hung monitor is replaced
    assert not accused, accusations(harness)


def accusations(harness: Harness) -> str:
    """Whom the monitor accused, and by which facts."""
    return "\n".join(f"{row['id']} {row['verdict']}: {row['facts']}" for row in harness.call("incidents"))


def reasons(harness: Harness, *events: str) -> Why:
    """The different words of these entries, whoever of the node's own wrote them."""
    rows = [row for event in events for row in harness.events(event=event)]
    return list(dict.fromkeys(str(row.get("words") or f"{row['event']} {row['path']}") for row in rows))


def silent_call(harness: Harness, seconds: float) -> Why:
    """One silent call under a lease, longer than any limit of the session's heartbeat."""
    limit = Heartbeat(every=0.3, timeout=0.7, progress=1.0)
    silent = Child("s", performers.Silent, task="hush", args={"seconds": seconds}, heartbeat=limit)
    harness.start(Gateway(Monitor("m", silent)))
    harness.until(lambda: harness.row("m/s")["verdict"] == "waiting")
    said = harness.call("why", path="m/s")["what"]
    assert "a slow tool" in said
    assert harness.until_state("m/s", "done", within=seconds + 20)["incarnation"] == 1
    assert harness.events("m/s", "suspect") == [], harness.story()
    return [said]


def saturated(harness: Harness, seconds: float, *, sessions: int = 50, hogs: int | None = None) -> Why:
    """Many sessions with a heartbeat of a second, and more work than there are cores."""
    harness.start(walkers(sessions, Heartbeat(every=1.0, timeout=1.0, progress=30.0), pause=1.0))
    before = begun(harness, sessions)
    with busy(hogs or 2 * (os.cpu_count() or 1)):
        hold(seconds)
    untouched(harness, before)
    return reasons(harness, "doubt", "starved")


def monitor_stopped(harness: Harness, heartbeat: Heartbeat = QUICK, *, timeouts: float = 5.0) -> Why:
    """The monitor sleeps for several timeouts of its sessions, and wakes up."""
    harness.start(walkers(3, heartbeat))
    before = begun(harness, 3)
    monitor = harness.kill("m", signal.SIGSTOP)
    hold(timeouts * heartbeat.timeout)
    with contextlib.suppress(ProcessLookupError):  # the gateway may have replaced it
        os.kill(monitor, signal.SIGCONT)
    untouched(harness, before)
    why: Why = harness.until(lambda: reasons(harness, "doubt", "adopted"))  # the journal says why
    return why


def node_stopped(harness: Harness, seconds: float, *, first: str = "keeper") -> Why:
    """Every process of the node sleeps; `first` says which end of it wakes up first."""
    harness.start(walkers(3))
    before = begun(harness, 3)
    node = [harness.keeper().pid, *descendants(harness.keeper().pid)]
    _signal(node, signal.SIGSTOP)
    hold(seconds)
    _signal(node if first == "keeper" else reversed(node), signal.SIGCONT, apart=0.05)
    untouched(harness, before)
    why: Why = harness.until(lambda: reasons(harness, "doubt", "adopted"))  # the journal says why
    return why


def clock_stepped(harness: Harness, clock: WallClock, seconds: float, heartbeat: Heartbeat = QUICK) -> Why:
    """The node's wall clock jumps an hour ahead, two back, and to where it was."""
    harness.start(walkers(2, heartbeat))
    before = begun(harness, 2)
    for offset in (HOUR, -HOUR, 0):
        clock.set(offset)
        hold(seconds)
    untouched(harness, before)
    said = [row["words"] for row in harness.events("m", "doubt") if row["cause"] == "clock_step"]
    assert any(f"+{HOUR}" in words for words in said), said
    assert any(f"-{2 * HOUR}" in words for words in said), said
    return said


def slow_import(harness: Harness, seconds: float, setenv: Callable[[str, str], None]) -> Why:
    """The session's module takes its time to be imported, in its second life too."""
    setenv("SLOW_IMPORT_S", str(seconds))
    patient = Heartbeat(every=0.3, timeout=0.7, progress=1.0, startup=seconds + 30)
    harness.start(Gateway(Monitor("m", Child("s", slowmodule.Slow, task="import", heartbeat=patient))))
    harness.until_event("m/s", "ready", within=seconds + 30)
    harness.kill("m/s")
    second = harness.until_event("m/s", "ready", count=2, within=seconds + 30)
    assert second["incarnation"] == 2
    assert harness.events("m/s", "confirmed") == [], harness.story()
    exited = harness.events("m/s", "exited")
    assert len(exited) == 1
    return [f"the second life was ready {at(second) - at(exited[0]):.1f} s after the first had ended"]


def long_computation(harness: Harness, seconds: float) -> Why:
    """Pure Python in a BlockingSession, without a call of Wakeful's."""
    limit = Heartbeat(every=0.3, timeout=0.7)
    computes = Child("c", performers.Computes, task="count", args={"seconds": seconds}, heartbeat=limit)
    harness.start(Gateway(Monitor("m", computes)))
    hold(seconds / 2)
    said = harness.call("why", path="m/c")["what"]
    assert harness.until_state("m/c", "done", within=seconds + 20)["incarnation"] == 1
    assert harness.events("m/c", "confirmed") == [], harness.story()
    assert harness.call("sessions_result", label="m/c")["result"] > 0
    return [str(said)]


def starved(harness: Harness, seconds: float, *, share: float = 0.05, sessions: int = 10) -> Why:
    """Sessions that share a twentieth of a CPU."""
    with quota(share) as folder:
        harness.start(walkers(sessions, Heartbeat(every=0.5, timeout=0.5, progress=30), pause=0.05))
        before = begun(harness, sessions)
        for pid, _ in before.values():
            (folder / "cgroup.procs").write_text(str(pid))
        harness.until(lambda: harness.events("m", "starved"), within=30)
        hold(seconds)
        release(folder)
        untouched(harness, before)
    return reasons(harness, "starved")


def _signal(pids: Iterable[int], number: int, *, apart: float = 0.0) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # who is awake may have ended who isn't, if it is no session
            os.kill(pid, number)
        if apart:
            hold(apart)
