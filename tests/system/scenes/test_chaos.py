"""Every way to fail that `chaos` rehearses is found in time, explained, cleared away and recovered from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.system.node.conftest import Harness
from tests.system.scenes import performers
from tests.system.scenes.conftest import QUICK, at

from wakeful import Child, Gateway, Limits, Monitor
from wakeful.rules.memory import AGAIN, CALM
from wakeful_runtime.host.chaos import OOM_EVERY, OOM_STEP
from wakeful_runtime.processes import descendants

SLACK = 0.5
"""What a detection may take beyond its threshold, seconds."""

HANGS = {
    "stop": ({"stopped"}, QUICK.timeout),
    "loop-block": ({"loop_blocked"}, QUICK.every + QUICK.timeout),
    "gil": ({"wedged"}, QUICK.every + QUICK.timeout),
    "await-forever": ({"no_progress"}, QUICK.progress or 0.0),
    "no-progress": ({"no_progress", "livelock"}, QUICK.progress or 0.0),
}
BLOCKING_HANGS = {
    "loop-block": ({"no_progress"}, QUICK.progress or 0.0),
    "gil": ({"wedged"}, QUICK.progress or 0.0),
    "await-forever": ({"no_progress"}, QUICK.progress or 0.0),
}
"""A BlockingSession has no loop to block: only progress and leases judge its main thread, whatever holds it."""

DEATHS = {"kill": "killed", "error": "error", "orphan": "killed"}


def rest_line() -> str:
    """Where `Walk` awaits."""
    lines = Path(performers.__file__).read_text().splitlines()
    return f"performers.py:{next(n for n, line in enumerate(lines, 1) if 'where it rests' in line)} in "


def play(
    harness: Harness, mode: str, cls: type[Any] = performers.Walk, limits: Limits | None = None
) -> tuple[float, dict[str, Any]]:
    """Inject it into a session with grandchildren; when, and the incident once the next life got somewhere."""
    walker = Child("w", cls, task="walk", args={"family": True}, heartbeat=QUICK, limits=limits or Limits())
    harness.start(Gateway(Monitor("m", walker)))
    harness.until_event("m/w", "checkpoint", count=3)
    harness.until(lambda: harness.row("m/w")["line"])  # it has answered a probe since it works
    family = set(descendants(harness.row("m/w")["pid"]))
    assert len(family) == 3
    harness.call("chaos", path="m/w", mode=mode)
    restarted = harness.until_event("m/w", "restarted")
    assert not family & set(descendants(harness.keeper().pid))
    incident: dict[str, Any] = harness.until(
        lambda: next((row for row in harness.call("incidents", path="m/w") if row["closed_at"]), None)
    )
    assert incident["outcome"] == "recovered: incarnation 2 made progress"
    assert restarted["resumed"] >= 3
    assert incident["evidence"]["log"]
    steps = [row for row in harness.events("m/w", "checkpoint") if row["incarnation"] == 2]
    assert at(steps[0]) <= at(incident, "closed_at") + 0.001
    return at(harness.until_event("m/w", "chaos")), incident


@pytest.mark.parametrize("mode", HANGS)
def test_p7_a_hang_is_found_in_time_and_explained_and_recovered_from(harness: Harness, mode: str) -> None:
    began, incident = play(harness, mode)
    verdicts, threshold = HANGS[mode]
    confirmed = harness.until_event("m/w", "confirmed")
    assert confirmed["verdict"] in verdicts
    assert at(confirmed) - began <= threshold + SLACK
    assert incident["verdict"] == confirmed["verdict"]
    assert incident["thresholds"]["seconds"] == confirmed["threshold_s"]
    assert incident["facts"]["words"] == confirmed["words"]
    assert incident["facts"]["detected_s"] <= threshold + SLACK
    assert incident["action"] == "restart"
    assert incident["evidence"]["process"]["pid"]
    exited = harness.until_event("m/w", "exited")
    assert exited["kind"] in verdicts
    if mode == "stop":  # nothing of a stopped process can tell where it is: it was asked before
        assert incident["evidence"]["process"]["state"] == "T"
        assert "performers.py:" in incident["evidence"]["last_seen"]["line"]  # at rest, or at its checkpoint
        assert f"last seen at {incident['evidence']['last_seen']['line']}" in exited["what"]
    else:
        assert rest_line() in incident["evidence"]["line"]
        assert rest_line() in exited["what"]


@pytest.mark.parametrize("mode", BLOCKING_HANGS)
def test_a_hang_of_a_blocking_session_is_judged_by_progress_alone(harness: Harness, mode: str) -> None:
    began, incident = play(harness, mode, performers.Strides)
    verdicts, threshold = BLOCKING_HANGS[mode]
    confirmed = harness.until_event("m/w", "confirmed")
    assert confirmed["verdict"] in verdicts
    assert at(confirmed) - began <= threshold + SLACK
    assert incident["verdict"] == confirmed["verdict"]
    assert "performers.py:" in incident["evidence"]["line"]
    assert incident["evidence"]["line"].endswith("in Strides.run" if mode != "gil" else "in run")


@pytest.mark.parametrize("mode", DEATHS)
def test_p8_a_death_is_seen_at_once_and_recovered_from(harness: Harness, mode: str) -> None:
    began, incident = play(harness, mode)
    exited = harness.until_event("m/w", "exited")
    assert exited["kind"] == DEATHS[mode]
    assert at(exited) - began <= SLACK
    assert incident["verdict"] == "exited"
    assert incident["facts"]["kind"] == DEATHS[mode]
    assert incident["action"] == "restart"
    if mode == "error":
        assert rest_line() in incident["evidence"]["line"]
    else:
        assert "performers.py:" in incident["evidence"]["last_seen"]["line"]


def test_memory_that_grows_without_end_is_ended_by_its_limit(harness: Harness) -> None:
    _, incident = play(harness, "oom", limits=Limits(memory="300MiB"))
    confirmed = harness.until_event("m/w", "confirmed")
    assert confirmed["verdict"] == "memory"
    assert incident["verdict"] == "memory"
    limit = incident["thresholds"]["memory"]
    assert limit == 300 * 2**20
    in_time = OOM_STEP / OOM_EVERY * (CALM + AGAIN + SLACK)  # what it can have taken since it crossed the limit
    assert limit < incident["facts"]["used"] <= limit + in_time
    assert incident["action"] == "restart"
    assert harness.until_event("m/w", "exited")["kind"] == "memory"
    assert any("in eat_memory" in stack for stack in incident["evidence"]["threads"])


def test_memory_that_grows_without_a_limit_is_ended_by_the_kernel_and_told_apart(
    harness: Harness, memory_cgroup: Path
) -> None:
    harness.start(Gateway(Monitor("m", Child("w", performers.Walk, task="walk", heartbeat=QUICK))))
    harness.until_event("m/w", "checkpoint", count=3)
    (memory_cgroup / "cgroup.procs").write_text(str(harness.row("m/w")["pid"]))
    harness.call("chaos", path="m/w", mode="oom")
    assert harness.until_event("m/w", "exited")["kind"] == "oom"
    incident = harness.until(lambda: (row := harness.call("incidents", path="m/w")[0])["closed_at"] and row)
    assert incident["verdict"] == "oom"
    assert "the kernel's OOM killer" in incident["facts"]["words"]
    assert incident["outcome"] == "recovered: incarnation 2 made progress"


def test_p5_a_restart_alone_is_no_recovery(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("s", performers.StallsWhenResumed, task="stall", heartbeat=QUICK))))
    harness.until_event("m/s", "checkpoint")
    harness.kill("m/s")
    harness.until_event("m/s", "ready", count=2)
    harness.until(lambda: harness.row("m/s")["incarnation"] == 2 and harness.row("m/s")["verdict"] == "waiting")

    def first() -> dict[str, Any]:
        found: dict[str, Any] = harness.call("incidents", id="m/s#1")[0]
        return found

    assert first()["closed_at"] is None, first()["outcome"]
    assert "recovered" not in first()["outcome"]
    harness.kill("m/s")
    harness.until(lambda: first()["closed_at"])
    assert first()["outcome"].startswith("not recovered")


def test_p5_a_new_monitor_remembers_what_is_not_recovered_yet(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("s", performers.StallsWhenResumed, task="stall", heartbeat=QUICK))))
    harness.until_event("m/s", "checkpoint")
    harness.kill("m/s")
    harness.until_event("m/s", "ready", count=2)
    harness.kill("m")
    harness.until_event("m/s", "adopted")
    harness.kill("m/s")
    harness.until(lambda: harness.call("incidents", id="m/s#1")[0]["outcome"].startswith("not recovered"))
