"""run_timeout is wall time from a run's first start, over all its lives and all starts of the node."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from tests.system.limits.burdens import Closed, Steady
from tests.system.node.conftest import Harness

from wakeful import Child, Gateway, Heartbeat, Monitor

QUICK = Heartbeat(every=0.5, timeout=2.0, progress=30.0)


def steady(seconds: float) -> Gateway:
    return Gateway(Monitor("m", Child("s", Steady, task="x", heartbeat=QUICK, run_timeout=seconds)))


def over(harness: Harness) -> dict[str, Any]:
    """What the run ended with."""
    harness.until_state("m/s", "done")
    told: dict[str, Any] = harness.until(
        lambda: (found := harness.call("sessions_result", label="m/s")).get("outcome") and found
    )
    return told


def test_a_run_over_its_time_is_over_and_keeps_its_last_checkpoint(harness: Harness) -> None:
    harness.start(steady(1.5))
    told = over(harness)
    assert told["outcome"] == "timeout"
    assert "run_timeout of 1.5 s" in told["why"]
    assert told["partial"] >= 1
    assert harness.events("m/s", "alert")[0]["verdict"] == "run_timeout"
    assert harness.row("m/s")["incarnation"] == 1
    incident = harness.until(lambda: (row := harness.call("incidents", path="m/s")[0])["closed_at"] and row)
    assert incident["verdict"] == "run_timeout"
    assert "timeout" in incident["outcome"]
    assert "'step' is kept as its partial result" in incident["outcome"]


def test_the_time_counts_over_all_lives(harness: Harness) -> None:
    harness.start(steady(3.0))
    harness.until_event("m/s", "checkpoint")
    harness.kill("m/s")
    harness.until_event("m/s", "restarted")
    assert over(harness)["outcome"] == "timeout"
    began, ended = (datetime.fromisoformat(harness.events("m/s", word)[0]["at"]) for word in ("spawned", "finished"))
    assert 2.9 < (ended - began).total_seconds() < 9.0
    assert harness.row("m/s")["incarnation"] == 2


def test_time_the_node_was_down_counts_and_no_further_life_begins(harness: Harness) -> None:
    tree = steady(3.0)
    harness.start(tree)
    began = time.time()
    harness.until_event("m/s", "checkpoint", count=3)
    assert harness.stop() == 0
    while time.time() < began + 3.0:
        time.sleep(0.1)  # the run's time passes while no node is there
    harness.start(tree)
    told = over(harness)
    assert told["outcome"] == "timeout"
    assert told["partial"] >= 3
    assert len(harness.events("m/s", "ready")) == 1
    assert [row["verdict"] for row in harness.events("m/s", "alert")] == ["run_timeout"]


def test_the_time_of_a_parked_run_runs_out_too(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("s", Closed, task="x", heartbeat=QUICK, run_timeout=4.0))))
    harness.until_state("m/s", "review")
    told = over(harness)
    assert (told["outcome"], told["partial"]) == ("timeout", {"task": "x"})
    incident = harness.until(lambda: (row := harness.call("incidents", path="m/s")[0])["closed_at"] and row)
    assert incident["verdict"] == "fatal"
    assert "the run is over: timeout" in incident["outcome"]


def test_a_session_spawned_with_a_time_limit_gives_its_partial_result(harness: Harness) -> None:
    harness.start(Gateway(agents=[Child("agent", Steady, heartbeat=QUICK)]))
    spawned = harness.call("sessions_spawn", task="x", label="night", runTimeoutSeconds=1.5)
    assert spawned["status"] == "accepted"
    told = harness.until(
        lambda: (
            (found := harness.call("sessions_result", sessionKey=spawned["key"], timeoutSeconds=5)).get("outcome")
            and found
        )
    )
    assert told["outcome"] == "timeout"
    assert told["partial"] >= 1
