"""Ends that no restart can help, or that ask for a pause; and what the next life knows of them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.system.limits.burdens import BlockingSpender, Closed, Faulty, Patient, Sleepy, Spender
from tests.system.node.conftest import Harness

from wakeful import Budget, Child, Gateway, Heartbeat, Monitor

QUICK = Heartbeat(every=0.3, timeout=0.7, progress=1.5)


def one(cls: Any, task: str, **options: Any) -> Gateway:
    return Gateway(Monitor("m", Child("s", cls, task=task, heartbeat=QUICK, **options)))


def test_a_budget_is_counted_over_all_lives_and_goes_to_review(harness: Harness) -> None:
    harness.start(one(Spender, "x", budget=Budget(calls=5, tokens=1000)))
    row = harness.until_state("m/s", "review")
    assert row["incarnation"] == 2
    assert "budget is spent: 5 of 5 calls" in row["why"]
    assert [each["kind"] for each in harness.events("m/s", "exited")] == ["error", "budget"]
    incident = harness.until(lambda: (row := harness.call("incidents", path="m/s")[0])["action"] == "review" and row)
    assert incident["verdict"] == "budget"
    assert incident["thresholds"] == {"calls": 5, "tokens": 1000}
    assert "waits for a person" in incident["outcome"]


def test_a_blocking_session_ends_with_its_budget_too(harness: Harness) -> None:
    harness.start(one(BlockingSpender, "x", budget=Budget(tokens=100)))
    assert "120 of 100 tokens" in harness.until_state("m/s", "review")["why"]


def test_fatal_goes_to_review_at_once_with_its_text(harness: Harness) -> None:
    harness.start(one(Closed, "x"))
    assert harness.until_state("m/s", "review")["incarnation"] == 1
    incident = harness.until(lambda: (row := harness.call("incidents", path="m/s")[0])["evidence"] and row)
    assert incident["verdict"] == "fatal"
    assert "the account is closed" in incident["facts"]["words"]
    assert "burdens.py" in incident["evidence"]["line"]
    assert [row["path"] for row in harness.call("review")] == ["m/s"]


def test_retry_after_pauses_and_then_resumes(harness: Harness) -> None:
    harness.start(one(Patient, "x"))
    waits = harness.until_state("m/s", "waiting")
    assert "the quota is used up" in waits["why"]
    harness.until_state("m/s", "done")
    told = harness.call("sessions_result", label="m/s")["result"]
    assert told["kind"] == "retry_after"
    exited, resumed = harness.events("m/s", "exited")[0], harness.events("m/s", "resumed")[0]
    assert not exited["failure"]
    assert resumed["resumed"] == 1


@pytest.mark.parametrize(
    ("task", "kind", "hung_in"),
    [
        ("lease", "overdue", "'the slow page'"),
        ("await", "no_progress", "burdens.py"),
        ("block", "loop_blocked", "'reading'"),
    ],
)
def test_the_next_life_knows_what_the_one_before_hung_in(harness: Harness, task: str, kind: str, hung_in: str) -> None:
    harness.start(one(Sleepy, task))
    harness.until_state("m/s", "done")
    told = harness.call("sessions_result", label="m/s")["result"]
    assert told["kind"] == kind
    assert hung_in in told["what"]
    assert "burdens.py" in told["what"]
    assert told["in_a_row"] == 1


def test_an_error_leaves_an_incident_with_its_traceback(harness: Harness) -> None:
    harness.start(one(Faulty, "the key"))
    harness.until_state("m/s", "review")
    rows = harness.until(
        lambda: (rows := harness.call("incidents", path="m/s")) and len(rows) == 3 and rows[0]["evidence"] and rows
    )
    assert all("KeyError: 'the key'" in row["facts"]["words"] for row in rows)
    assert "KeyError: 'the key'" in rows[0]["evidence"]["tasks"][0]
    assert "burdens.py" in rows[0]["evidence"]["line"]
    assert rows[0]["action"] == "review"
    assert "not recovered" in rows[1]["outcome"]
