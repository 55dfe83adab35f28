"""How long an answer may take, and what may be asked again."""

from __future__ import annotations

from wakeful_runtime.clients.asking import asking


def test_a_wait_comes_on_top() -> None:
    assert asking("sessions_result", {"timeoutSeconds": 30}, 10.0).within == 40.0
    assert asking("ps", {}, 10.0).within == 10.0


def test_a_runs_own_time_is_no_wait() -> None:
    assert asking("sessions_spawn", {"task": "x", "timeoutSeconds": 28800}, 10.0).within == 10.0


def test_what_would_be_done_twice_is_asked_once() -> None:
    assert asking("sessions_spawn", {"task": "x"}, 10.0).again is None
    assert asking("sessions_spawn", {"task": "x", "runId": "r"}, 10.0).again is not None
    assert asking("cron", {"action": "add"}, 10.0).again is None
    assert asking("ps", {}, 10.0).again is not None


def test_a_text_asked_again_is_the_same_text() -> None:
    asked = asking("sessions_send", {"message": "x"}, 10.0)
    assert asked.again is not None
    assert asked.args["idempotencyKey"]
    assert asking("sessions_send", {"message": "x", "idempotencyKey": "k"}, 10.0).args["idempotencyKey"] == "k"
