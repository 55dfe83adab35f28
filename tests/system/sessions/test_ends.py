"""How runs end: postconditions, partial results, what is left, recovery by policy, children that are found again."""

from __future__ import annotations

from typing import Any

import pytest
from tests.system.node.conftest import Harness
from tests.system.sessions.people import Deep, Falls, Leaves, Parent, Patient

from wakeful import Child, Gateway, Heartbeat

QUICK = Heartbeat(every=0.3, timeout=2.0)


def start(harness: Harness, agent: Child, **options: Any) -> None:
    harness.start(Gateway(agents=[agent], **options))


def spawn(harness: Harness, **args: Any) -> Any:
    told = harness.call("sessions_spawn", **{"task": "x", **args})
    assert told["status"] == "accepted", told
    return told


def result(harness: Harness, told: Any) -> Any:
    return harness.call("sessions_result", sessionKey=told["key"], timeoutSeconds=20)


@pytest.mark.parametrize(("task", "why"), [("half", "two posts are missing"), ("nothing", "not met")])
def test_a_run_whose_postcondition_does_not_hold_is_incomplete(harness: Harness, task: str, why: str) -> None:
    start(harness, Child("leaves", Leaves, heartbeat=QUICK))
    found = result(harness, spawn(harness, task=task))
    assert (found["outcome"], found["result"], found["partial"]) == ("incomplete", task, {"n": 2})
    assert why in found["why"]


def test_a_partial_result_survives_a_timeout(harness: Harness) -> None:
    start(harness, Child("leaves", Leaves, heartbeat=QUICK))
    found = result(harness, spawn(harness, task="wait", runTimeoutSeconds=1))
    assert (found["outcome"], found["partial"]) == ("timeout", {"n": 2})


@pytest.mark.parametrize(("task", "outcome"), [("done", "ok"), ("wait", "killed")])
def test_cleanup_delete_leaves_the_result_and_the_journal(harness: Harness, task: str, outcome: str) -> None:
    start(harness, Child("leaves", Leaves, heartbeat=QUICK))
    told = spawn(harness, task=task, cleanup="delete", label="one")
    folder = harness.directory.run(told["runId"])
    if task == "wait":
        harness.until_event("sessions/one", "checkpoint", count=2)
        harness.call("sessions_send", label="one", message="never read")
        harness.call("sessions_stop", label="one")
    found = result(harness, told)
    assert (found["outcome"], found.get("partial")) == (outcome, None if task == "done" else {"n": 2})
    harness.until(lambda: not folder.exists())
    harness.until(lambda: len(harness.call("sessions_history", sessionKey=told["key"])["checkpoints"]) < 2)
    assert harness.events("sessions/one", "finished")
    assert harness.call("deadletters") == []
    assert result(harness, told) == found


def test_cleanup_keep_leaves_all(harness: Harness) -> None:
    start(harness, Child("leaves", Leaves, heartbeat=QUICK))
    told = spawn(harness, task="done", cleanup="keep")
    assert result(harness, told)["outcome"] == "ok"
    assert (harness.directory.run(told["runId"]) / "left").exists()
    assert len(harness.call("sessions_history", sessionKey=told["key"])["checkpoints"]) == 2


def test_a_session_that_is_stopped_before_its_turn_has_an_outcome(harness: Harness) -> None:
    start(harness, Child("patient", Patient, heartbeat=QUICK), max_running=1)
    spawn(harness, label="first")
    told = spawn(harness, label="second", runId="second.run")
    stopped = harness.call("sessions_stop", label="second", timeoutSeconds=20)
    assert (stopped["outcome"], "before it began" in stopped["why"]) == ("killed", True)
    assert result(harness, told)["outcome"] == "killed"


@pytest.mark.parametrize(
    ("recovery", "says"), [("resume", "resumed"), ("immediate", "from the beginning"), ("alert_first", "resumed")]
)
def test_recovery_is_as_asked_for(harness: Harness, recovery: str, says: str) -> None:
    start(harness, Child("falls", Falls, heartbeat=QUICK))
    told = spawn(harness, label="one", recovery=recovery)
    if recovery == "alert_first":
        row = harness.until_state("sessions/one", "review")
        assert "alert_first" in row["why"]
        harness.call("resume", path="sessions/one")
    found = result(harness, told)
    assert (found["outcome"], found["result"]) == ("ok", says)


def test_alert_first_resumes_by_itself_after_its_wait_also_over_its_monitors_death(harness: Harness) -> None:
    start(harness, Child("falls", Falls, heartbeat=QUICK, recovery="alert_first", wait=3))
    told = spawn(harness, label="one")
    harness.until_state("sessions/one", "review")
    harness.kill("sessions")
    assert result(harness, told)["result"] == "resumed"


@pytest.mark.parametrize("task", ["die", "late"])
def test_a_restarted_parent_finds_its_children_and_their_results_again(harness: Harness, task: str) -> None:
    start(harness, Child("parent", Parent, heartbeat=QUICK))
    told = spawn(harness, task=task, label="one")
    found = result(harness, told)
    assert (found["outcome"], found["result"]) == ("ok", [f"{task}0", f"{task}1"])
    for child in ("sessions/one.1", "sessions/one.2"):
        assert len(harness.events(child, "finished")) == 1


def test_a_session_that_spawns_itself_is_refused_at_a_depth(harness: Harness) -> None:
    start(harness, Child("deep", Deep, heartbeat=QUICK))
    found = result(harness, spawn(harness))
    assert found["result"].startswith("forbidden: ")
    assert "5 of at most 5 spawns deep" in found["result"]
