"""Texts are acknowledged when they are committed, and delivered until they are handled, whatever dies in between."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.system.node.conftest import Harness
from tests.system.sessions.people import BlockingReader, Marker, Patient, Ping, Reader, Teller

from wakeful import Child, Gateway, Heartbeat

QUICK = Heartbeat(every=0.3, timeout=2.0, progress=120)


@pytest.fixture
def track(tmp_path: Path) -> Path:
    return tmp_path / "track"


def begin(harness: Harness, track: Path, agent: str = "reader") -> str:
    """The key of a session called `reader`."""
    agents = [
        Child("reader", Reader, heartbeat=QUICK),
        Child("blocking", BlockingReader, heartbeat=QUICK),
        Child("marker", Marker, heartbeat=QUICK),
        Child("patient", Patient, heartbeat=QUICK),
    ]
    harness.start(Gateway(Child("teller", Teller), agents=agents))
    args = {"track": str(track)} if agent == "reader" else {}
    told = harness.call("sessions_spawn", task="read", agentId=agent, label="reader", args=args)
    assert told["status"] == "accepted", told
    return str(told["key"])


def send(harness: Harness, text: str, wait: float = 0.0, **more: Any) -> Any:
    return harness.call("sessions_send", label="reader", message=text, timeoutSeconds=wait, **more)


def heard(track: Path) -> list[str]:
    return track.read_text().splitlines() if track.exists() else []


def until_heard(harness: Harness, track: Path, count: int) -> None:
    harness.until(lambda: len(heard(track)) == count)


def texts(track: Path) -> list[str]:
    return [line.split(" ", 1)[1].removesuffix(" client") for line in heard(track)]


def test_a_text_is_answered_by_key_label_and_path_in_either_field(harness: Harness, track: Path) -> None:
    key = begin(harness, track)
    for field in ("sessionKey", "label"):
        for name in (key, "reader", "sessions/reader"):
            asked = {field: name, "message": "hello", "timeoutSeconds": 20}
            told = harness.call("sessions_send", **asked)
            assert (told["status"], told["reply"]) == ("ok", "hello heard by 1")
    both = harness.call("sessions_send", sessionKey=key, label="reader", message="end")
    assert (both["status"], both["runId"]) == ("accepted", key.rpartition(":")[2])
    assert harness.call("sessions_result", sessionKey="reader", timeoutSeconds=20)["outcome"] == "ok"
    over = send(harness, "too late")
    assert (over["status"], "is over" in over["error"]) == ("error", True)


def test_two_names_of_different_sessions_are_an_error(harness: Harness, track: Path) -> None:
    key = begin(harness, track)
    harness.call("sessions_spawn", task="x", agentId="patient", label="other")
    told = harness.call("sessions_send", sessionKey=key, label="other", message="hello")
    assert (told["status"], "two different sessions" in told["error"]) == ("error", True)


def test_texts_are_kept_in_order_over_the_deaths_of_session_monitor_and_store(harness: Harness, track: Path) -> None:
    begin(harness, track)
    wanted: list[str] = []
    for number, path in enumerate(("sessions/reader", "sessions", "store", "sessions/reader")):
        for letter in "abc":
            assert send(harness, f"{number}{letter}")["status"] == "accepted"
            wanted.append(f"{number}{letter}")
        harness.kill(path)
    harness.until(lambda: [*dict.fromkeys(texts(track))] == wanted)
    assert len(texts(track)) <= len(wanted) + 2  # what a killed life had in hand comes once more
    assert send(harness, "end")["status"] == "accepted"
    assert harness.call("sessions_result", label="reader", timeoutSeconds=20)["outcome"] == "ok"
    assert harness.call("deadletters") == []


def test_who_waits_for_a_reply_gets_it_from_the_next_life(harness: Harness, track: Path) -> None:
    begin(harness, track)
    told = send(harness, "die once", wait=20)
    assert (told["status"], told["reply"]) == ("ok", "die once heard by 2")


def test_a_text_that_kills_twice_is_a_dead_letter_and_the_others_are_read(harness: Harness, track: Path) -> None:
    begin(harness, track)
    told = send(harness, "die", wait=20)
    assert (told["status"], "2 lives of sessions/reader ended" in told["error"]) == ("error", True)
    assert send(harness, "hello", wait=20)["reply"] == "hello heard by 3"
    letter = harness.call("deadletters")[0]
    assert (letter["to"], letter["sender"]) == ("sessions/reader", "client")


def test_a_text_in_hand_is_handled_with_the_checkpoint_that_follows_it(harness: Harness, track: Path) -> None:
    begin(harness, track)
    assert send(harness, "mark", wait=20) | {"runId": None} == {"status": "ok", "reply": None, "runId": None}
    harness.kill("sessions/reader")
    assert send(harness, "hello", wait=20)["reply"] == "hello heard by 2"
    assert texts(track) == ["mark", "hello"]


def test_a_stop_gives_a_text_in_hand_back_and_a_restart_reads_it_again(harness: Harness, track: Path) -> None:
    begin(harness, track)
    send(harness, "wait")
    for number in range(2, 6):
        until_heard(harness, track, number - 1)
        harness.call("restart", path="sessions/reader")
        until_heard(harness, track, number)
    assert texts(track) == ["wait"] * 5
    assert harness.call("deadletters") == []


def test_a_wait_that_is_too_short_times_out_and_the_text_is_read_all_the_same(harness: Harness, track: Path) -> None:
    begin(harness, track)
    assert send(harness, "wait", wait=0.2)["status"] == "timeout"
    assert send(harness, "later", deadlineSeconds=0.01)["status"] == "accepted"
    harness.until(lambda: texts(track) == ["wait"])
    harness.call("restart", path="sessions/reader")
    harness.until(lambda: texts(track) == ["wait", "wait"])


def test_the_same_key_of_idempotency_is_the_same_text(harness: Harness, track: Path) -> None:
    begin(harness, track)
    for _ in range(3):
        assert send(harness, "once", wait=20, idempotencyKey="k")["reply"] == "once heard by 1"
    assert texts(track) == ["once"]


def test_a_message_of_an_accepted_type_comes_into_the_inbox_told_or_durable(harness: Harness, track: Path) -> None:
    begin(harness, track)
    for number in (1, 0):
        harness.client.actor("teller").tell(Ping(n=number))
        until_heard(harness, track, 2 - number)
    assert heard(track) == ["1 Ping(n=1) teller", "1 Ping(n=0) teller"]


def test_a_blocking_session_reads_and_answers_texts(harness: Harness, track: Path) -> None:
    begin(harness, track, "blocking")
    assert send(harness, "hello", wait=20)["reply"] == "hello heard"
    send(harness, "end")
    assert harness.call("sessions_result", label="reader", timeoutSeconds=20)["result"] == "ended"
    assert harness.call("deadletters") == []


def test_texts_that_nobody_read_are_dead_letters_when_the_run_is_over(harness: Harness, track: Path) -> None:
    begin(harness, track)
    for text in ("wait", "unread"):
        send(harness, text)
    harness.until(lambda: texts(track) == ["wait"])
    harness.call("sessions_stop", label="reader", timeoutSeconds=20)
    letters = harness.until(lambda: harness.call("deadletters"))
    assert {letter["to"] for letter in letters} == {"sessions/reader"}
    assert len(letters) == 2


def test_a_mark_of_its_own_is_progress_and_one_of_somebody_else_is_only_recorded(harness: Harness, track: Path) -> None:
    begin(harness, track, "marker")
    harness.until(lambda: harness.row("sessions/reader")["note"] == "half way")
    assert harness.call("session_status", label="reader")["mark"] == "half way"
    told = send(harness, "checkpoint:published")
    assert told["status"] == "ok"
    status = harness.call("session_status", label="reader")
    assert (status["mark"], status["note"]) == ("published", "half way")
    marks = [row for row in harness.call("sessions_history", label="reader")["events"] if row["event"] == "mark"]
    assert [(row["name"], row["by"]) for row in marks] == [("half way", "sessions/reader"), ("published", "client")]


def test_a_history_that_is_too_long_has_the_newest_events_in_their_order(harness: Harness, track: Path) -> None:
    begin(harness, track)
    for number in range(4):
        send(harness, f"checkpoint:{number}")

    def told(limit: int) -> list[int]:
        return [row["seq"] for row in harness.call("sessions_history", label="reader", limit=limit)["events"]]

    harness.until(lambda: harness.events("sessions/reader", "mark")[3:])
    assert harness.until(lambda: told(3) == told(1000)[-3:])
    assert told(1000) == sorted(told(1000))


def test_an_actor_has_no_inbox(harness: Harness, track: Path) -> None:
    begin(harness, track)
    told = harness.call("sessions_send", label="teller", message="x")
    assert (told["status"], "is no session" in told["error"]) == ("error", True)


def test_a_gateway_that_dies_loses_no_acknowledged_text(harness: Harness, track: Path) -> None:
    begin(harness, track)
    for letter in "abc":
        assert send(harness, letter)["status"] == "accepted"
    os.kill(int(harness.row("gateway")["pid"]), signal.SIGKILL)
    harness.until(lambda: texts(track) == ["a", "b", "c"])
    assert harness.until(lambda: send(harness, "d", wait=10)["reply"]) == "d heard by 1"
