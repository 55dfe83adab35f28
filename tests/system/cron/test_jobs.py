"""Jobs in a node of real processes: started at their time, once, whoever is killed at that moment."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.system.cron import workers
from tests.system.node.conftest import Harness

from wakeful import Child, Gateway, Job
from wakeful.errors import NodeError
from wakeful_runtime import Client

AGENTS = [Child("main", workers.Quick), Child("slow", workers.Slow), Child("ledger", workers.Ledger)]


def once(at: float, message: str = "go", agent: str = "main", **changes: Any) -> dict[str, Any]:
    """A job of one time."""
    return {
        "name": f"at {at:.3f}",
        "agentId": agent,
        "schedule": {"kind": "at", "at": datetime.fromtimestamp(at, UTC).isoformat()},
        "payload": {"kind": "agentTurn", "message": message},
        **changes,
    }


def over(harness: Harness, count: int) -> list[dict[str, Any]]:
    """All runs, once so many have their outcome."""

    def look() -> list[dict[str, Any]] | None:
        rows: list[dict[str, Any]] = harness.client.cron("runs")
        return rows if len(rows) >= count and all(row["outcome"] for row in rows) else None

    found: list[dict[str, Any]] = harness.until(look, 30.0)
    return found


def test_a_job_of_the_tree_starts_at_its_times(harness: Harness) -> None:
    harness.start(Gateway(agents=AGENTS, schedule=[Job("tick", "main", every=1.5, task="x")]))
    rows = harness.until(lambda: (found := [r for r in harness.client.cron("runs") if r["outcome"]])[1:] and found)
    assert {row["outcome"] for row in rows} == {"ok"}
    assert all(row["late_by_s"] < 5.0 and row["on_time"] for row in rows)
    assert harness.events("cron/tick", "fired")
    assert harness.client.cron("list")[0]["tz"]


@pytest.mark.parametrize(
    ("victim", "before"),
    [("scheduler", 1.1), ("scheduler", 0.5), ("scheduler", 0.0), ("gateway", 0.5), ("sessions", 0.5)],
)
def test_a_job_fires_once_whoever_is_killed_at_that_moment(
    harness: Harness, tmp_path: Path, victim: str, before: float
) -> None:
    harness.start(Gateway(agents=AGENTS))
    ledger = tmp_path / "ledger"
    pid = int(harness.until_state(victim, "running")["pid"])
    at = round(time.time() + 2.5, 3)
    harness.client.cron("add", job=once(at, str(ledger), "ledger"))
    time.sleep(max(0.0, at - before - time.time()))
    os.kill(pid, signal.SIGKILL)
    rows = over(harness, 1)
    assert [(row["outcome"], row["path"]) for row in rows] == [("ok", f"sessions/{rows[0]['id']}")]
    began = ledger.read_text().splitlines()
    assert len(began) == 1 and float(began[0]) >= at
    assert len([row for row in harness.events(event="finished") if row["run_id"] == rows[0]["id"]]) == 1


def test_times_that_passed_while_the_node_was_down_are_written_down_as_missed(harness: Harness) -> None:
    tree = Gateway(agents=AGENTS)
    harness.start(tree)
    at = time.time() + 3.0
    harness.client.cron("add", job=once(at, grace=0.5))
    harness.client.cron("add", job=once(at + 0.001, grace=0.5, misfire="run_once"))
    harness.stop()
    time.sleep(max(0.0, at + 1.0 - time.time()))
    harness.start(tree)
    rows = {row["job"]: row for row in over(harness, 2)}
    skipped, made_up = rows[f"at {at:.3f}"], rows[f"at {at + 0.001:.3f}"]
    assert (skipped["outcome"], skipped["started"], skipped["on_time"]) == ("missed", None, False)
    assert (made_up["outcome"], made_up["on_time"]) == ("ok", False)
    assert len(harness.events(event="missed")) == 2


def test_a_run_that_takes_too_long_is_ended_and_alerted(harness: Harness) -> None:
    harness.start(Gateway(agents=AGENTS))
    job = once(time.time() + 1.5, agent="slow", payload={"kind": "agentTurn", "message": "x", "timeoutSeconds": 1})
    harness.client.cron("add", job=job)
    row = over(harness, 1)[0]
    took = datetime.fromisoformat(row["finished"]) - datetime.fromisoformat(row["scheduled"])
    assert took.total_seconds() >= 1.0
    assert row["outcome"] == "timeout" and "run_timeout" in row["why"]
    alerts = harness.events(event="alert")
    assert [(alert["path"], alert["verdict"]) for alert in alerts] == [(row["path"], "run_timeout")]


def test_a_run_by_hand_waits_for_nothing_and_is_a_session_like_any_other(harness: Harness) -> None:
    harness.start(Gateway(agents=AGENTS, timezone="Europe/Berlin"))
    added = harness.client.cron(
        "add",
        job={
            "name": "nightly",
            "schedule": {"kind": "cron", "expr": "0 3 * * *"},
            "sessionTarget": "isolated",
            "wakeMode": "now",
            "payload": {"kind": "agentTurn", "message": "report", "model": "large"},
            "delivery": {"mode": "announce"},
        },
    )
    assert (added["tz"], added["agentId"], len(added["next"])) == ("Europe/Berlin", "main", 3)
    assert sorted(added["ignored"]) == ["delivery", "payload.model", "wakeMode"]
    told = harness.client.cron("run", jobId=added["id"])
    assert told["status"] == "accepted"
    assert isinstance(harness.client.result(told["key"], timeout=20), float)
    with pytest.raises(NodeError, match=r"no key 'shedule'; did you mean 'schedule'\?"):
        harness.client.cron("add", job={"name": "x", "shedule": {}, "payload": {}})


def test_who_asks_a_scheduler_that_dies_is_told_when_it_does(harness: Harness) -> None:
    harness.start(Gateway(agents=AGENTS))
    pid = int(harness.until_state("scheduler", "running")["pid"])
    os.kill(pid, signal.SIGSTOP)

    def ask() -> Any:
        with Client(harness.directory.root) as client:
            return client.call("cron", {"action": "list"})

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        wait([asked], timeout=1.0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(NodeError, match="ended before it answered"):
            asked.result(8.0)


def test_a_stopped_scheduler_is_replaced_and_goes_on(harness: Harness) -> None:
    harness.start(Gateway(agents=AGENTS, schedule=[Job("tick", "main", every=1.5, task="x")]))
    harness.until(lambda: harness.client.cron("runs"))
    pid = int(harness.until_state("scheduler", "running")["pid"])
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    harness.until(lambda: harness.row("scheduler")["pid"] not in (None, pid), 30.0)
    seen = len(harness.client.cron("runs"))
    harness.until(lambda: len(harness.client.cron("runs")) > seen)
    assert any(row["path"] == "scheduler" for row in harness.client.incidents())
