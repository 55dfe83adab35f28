"""Sessions on demand: accepted, limited, labelled, begun once by a run's id, and never lost once accepted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.system.node.conftest import Harness
from tests.system.sessions.people import Patient, Quick

from wakeful import Child, Gateway, Heartbeat
from wakeful_runtime import Client
from wakeful_runtime.store.client import StoreClient

QUICK = Heartbeat(every=0.3, timeout=2.0)


def tree(**options: Any) -> Gateway:
    agents = [Child("patient", Patient, heartbeat=QUICK), Child("quick", Quick, heartbeat=QUICK)]
    return Gateway(agents=agents, **options)


def test_a_session_of_a_night_is_accepted_as_openclaw_writes_it(harness: Harness) -> None:
    harness.start(tree())
    told = harness.call(
        "sessions_spawn",
        task="engage",
        agentId="patient",
        label="night",
        runTimeoutSeconds=28800,
        cleanup="keep",
        model="large",
    )
    assert told["status"] == "accepted"
    assert told["key"] == told["childSessionKey"] == f"agent:patient:session:{told['runId']}"
    assert (told["path"], told["ignored"]) == ("sessions/night", ["model"])
    harness.until_event("sessions/night", "checkpoint")
    status = harness.call("session_status", sessionKey=told["key"])
    assert (status["run_id"], status["outcome"], status["key"]) == (told["runId"], None, told["key"])


def test_a_label_is_unique_among_running_sessions_and_free_again_afterwards(harness: Harness) -> None:
    harness.start(tree())
    first = harness.call("sessions_spawn", task="x", agentId="patient", label="one")
    again = harness.call("sessions_spawn", task="x", agentId="patient", label="one")
    assert (again["status"], "is running" in again["error"]) == ("error", True)
    harness.until_event("sessions/one", "checkpoint")
    stopped = harness.call("sessions_stop", label="one", timeoutSeconds=20)
    assert (stopped["outcome"], stopped["partial"]) == ("killed", {"task": "x"})
    second = harness.call("sessions_spawn", task="y", agentId="quick", label="one")
    assert second["path"] == first["path"]
    assert second["key"] != first["key"]
    found = harness.call("sessions_result", label="one", timeoutSeconds=20)
    assert (found["outcome"], found["result"]["task"]) == ("ok", "y")
    assert harness.call("sessions_result", sessionKey=first["key"])["outcome"] == "killed"


def test_more_sessions_than_may_run_are_forbidden_with_the_count(harness: Harness) -> None:
    harness.start(tree(max_running=2))
    for label in "ab":
        assert harness.call("sessions_spawn", task="x", agentId="patient", label=label)["status"] == "accepted"
    third = harness.call("sessions_spawn", task="x", agentId="patient", label="c")
    assert third["status"] == "forbidden"
    assert "2 of at most 2" in third["error"]
    harness.call("sessions_stop", label="a", timeoutSeconds=20)
    harness.until(lambda: "sessions/a" not in harness.rows())
    assert harness.call("sessions_spawn", task="x", agentId="patient", label="c")["status"] == "accepted"


def test_a_run_whose_id_was_chosen_begins_once_however_often_it_is_asked_for(harness: Harness) -> None:
    harness.start(tree())
    asked = {"task": "x", "agentId": "quick", "runId": "report.1", "args": {"pause": 0.2}}

    def ask(_: int) -> dict[str, Any]:
        with Client(harness.directory.root) as client:
            told: dict[str, Any] = client.call("sessions_spawn", asked)
            return told

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(ask, range(4)))
    assert {each["runId"] for each in told} == {"report.1"}, told
    assert len({(each["status"], each["key"], each["path"]) for each in told}) == 1
    found = harness.call("sessions_result", sessionKey=told[0]["key"], timeoutSeconds=20)
    assert found["result"]["run_id"] == "report.1"
    assert harness.call("sessions_spawn", **asked)["key"] == told[0]["key"]
    assert len(harness.events(told[0]["path"], "finished")) == 1


async def test_a_run_whose_monitor_died_before_it_could_keep_it_goes_on_when_it_is_asked_for_again(
    harness: Harness,
) -> None:
    harness.start(tree())
    path, run = "sessions/report.1", {"run_id": "report.1", "agent": "quick", "args": {"task": "x"}}
    life: dict[str, Any] = {"incarnation": 1, "owner": "sessions", "kind": "session", "boot_id": "b", "new_run": True}
    store = StoreClient(harness.directory, "sessions#1")
    await store.request("begin_life", path=path, run=run, **life)  # as far as that monitor came
    await store.close()
    told = harness.call("sessions_spawn", task="x", agentId="quick", runId="report.1")
    assert (told["status"], told["runId"], told["path"]) == ("accepted", "report.1", path)
    result = harness.call("sessions_result", sessionKey=told["key"], timeoutSeconds=20)
    assert (result["outcome"], result["result"]) == ("ok", {"task": "x", "run_id": "report.1"})
    assert harness.call("session_status", sessionKey=told["key"])["lives"] == 2


def test_a_spawn_by_a_chosen_id_waits_for_its_turn_and_is_kept_though_its_monitor_dies(harness: Harness) -> None:
    harness.start(tree(max_running=1))
    harness.call("sessions_spawn", task="x", agentId="patient", label="first")
    harness.until_event("sessions/first", "checkpoint")
    waiting = harness.call("sessions_spawn", task="x", agentId="quick", label="second", runId="second.1")
    assert (waiting["status"], harness.row("sessions/second")["state"]) == ("accepted", "waiting")
    harness.kill("sessions")
    harness.until(lambda: harness.row("sessions")["restarts"] == 1 and "sessions/second" in harness.rows())
    assert harness.call("sessions_spawn", task="x", agentId="quick", label="second", runId="second.1") == waiting
    harness.call("sessions_stop", label="first")
    found = harness.call("sessions_result", sessionKey=waiting["key"], timeoutSeconds=20)
    assert (found["outcome"], found["result"]["run_id"]) == ("ok", "second.1")


def test_mistakes_are_answers_that_say_what_to_write(harness: Harness) -> None:
    harness.start(tree())
    assert "agents are patient, quick" in harness.call("sessions_spawn", task="x")["error"]
    assert "did you mean 'agentId'" in harness.call("sessions_spawn", task="x", agent="quick")["error"]
