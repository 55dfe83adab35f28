"""The built-in heartbeat monitor takes a session over while it runs, and gives it back; the session notices nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.system.node.conftest import Harness
from tests.system.node.people import Walk
from tests.system.sessions.people import Reader

from wakeful import Child, Gateway, Heartbeat, Monitor

QUICK = Heartbeat(every=0.3, timeout=2.0, progress=120)
WATCHER = "sessions/watcher"
NIGHT = "sessions/night"


@pytest.fixture
def night(harness: Harness, tmp_path: Path) -> dict[str, Any]:
    """A session that reads texts."""
    agents = [Child("reader", Reader, heartbeat=QUICK)]
    harness.start(Gateway(Monitor("m", Child("walk", Walk, task="x", heartbeat=QUICK)), agents=agents))
    told = harness.call(
        "sessions_spawn", task="x", agentId="reader", label="night", args={"track": str(tmp_path / "t")}
    )
    harness.until_state(NIGHT, "waiting")
    return dict(told)


def take_over(harness: Harness, **args: Any) -> Any:
    asked = {"task": "watch night", "agentId": "heartbeat-monitor", "label": "watcher", **args}
    told = harness.call("sessions_spawn", **asked)
    assert told["status"] == "accepted", told
    return told


def life(harness: Harness) -> tuple[int, int]:
    row = harness.row(NIGHT)
    return row["pid"], row["incarnation"]


def answered(harness: Harness, by: str = "night") -> str:
    told = harness.call("sessions_send", label=by, message="hello", timeoutSeconds=20)
    assert told["status"] == "ok", told
    return str(told["reply"])


def test_the_watcher_pair_of_openclaw_is_accepted_and_the_session_lives_on(
    harness: Harness, night: dict[str, Any]
) -> None:
    before = life(harness)
    told = take_over(harness, task=f"every 5 minutes check {night['key']}", heartbeat={"every": 0.5})
    assert (told["path"], told["watching"]) == (WATCHER, NIGHT)
    watcher = harness.row(WATCHER)
    assert (watcher["kind"], watcher["watches"], watcher["pid"] != harness.row("sessions")["pid"]) == (
        "monitor",
        NIGHT,
        True,
    )
    harness.until(lambda: (harness.row(NIGHT)["beat_age_s"] or 9) < 1)
    assert life(harness) == before
    assert answered(harness) == answered(harness, by="watcher") == "hello heard by 1"


def test_a_session_that_fails_is_brought_back_by_its_watcher(harness: Harness, night: dict[str, Any]) -> None:
    take_over(harness)
    harness.kill(NIGHT)
    harness.until(lambda: harness.row(NIGHT)["incarnation"] == 2)
    assert answered(harness) == "hello heard by 2"


@pytest.mark.parametrize("path", [WATCHER, "sessions", "gateway"])
def test_whoever_of_the_supervisors_dies_the_session_lives_on(
    harness: Harness, night: dict[str, Any], path: str
) -> None:
    before = life(harness)
    take_over(harness)
    pid = int(harness.row(path)["pid"])
    os.kill(pid, signal.SIGKILL)
    harness.until(lambda: harness.row(path)["pid"] not in (None, pid) and harness.row(NIGHT)["beat_age_s"] is not None)
    assert life(harness) == before
    assert answered(harness, by="watcher") == "hello heard by 1"


def test_a_watcher_that_ends_without_giving_back_ends_nobody_with_it(harness: Harness, night: dict[str, Any]) -> None:
    before = life(harness)
    take_over(harness)
    harness.until(lambda: harness.row(NIGHT)["beat_age_s"] is not None)
    harness.kill(WATCHER, signal.SIGSTOP)
    harness.call("stop", path=WATCHER)
    harness.until(lambda: WATCHER not in harness.rows() and (harness.rows()[NIGHT]["beat_age_s"] or 99) < 2, within=60)
    assert life(harness) == before
    assert answered(harness) == "hello heard by 1"
    assert life(harness) == before


def test_a_stopped_watcher_gives_the_session_back(harness: Harness, night: dict[str, Any]) -> None:
    before = life(harness)
    told = take_over(harness)
    stopped = harness.call("sessions_stop", label="watcher", timeoutSeconds=20)
    assert stopped["outcome"] == "ok"
    harness.until(lambda: WATCHER not in harness.rows() and NIGHT in harness.rows())
    assert life(harness) == before
    assert answered(harness) == "hello heard by 1"
    harness.kill(NIGHT)
    harness.until(lambda: harness.row(NIGHT)["incarnation"] == 2)
    assert answered(harness) == "hello heard by 2"
    assert harness.call("sessions_result", sessionKey=told["key"])["outcome"] == "ok"


def test_a_watcher_whose_time_is_up_gives_the_session_back(harness: Harness, night: dict[str, Any]) -> None:
    before = life(harness)
    take_over(harness, runTimeoutSeconds=1)
    harness.until(lambda: WATCHER not in harness.rows() and NIGHT in harness.rows())
    assert life(harness) == before
    assert answered(harness) == "hello heard by 1"


def test_a_watcher_ends_with_its_session(harness: Harness, night: dict[str, Any]) -> None:
    take_over(harness)
    harness.call("sessions_send", label="watcher", message="end")
    assert harness.call("sessions_result", sessionKey=night["key"], timeoutSeconds=20)["outcome"] == "ok"
    harness.until(lambda: WATCHER not in harness.rows() and NIGHT not in harness.rows())


def test_a_node_that_starts_again_has_both_again(harness: Harness, night: dict[str, Any]) -> None:
    take_over(harness)
    assert harness.stop() == 0
    agents = [Child("reader", Reader, heartbeat=QUICK)]
    harness.start(Gateway(Monitor("m", Child("walk", Walk, task="x", heartbeat=QUICK)), agents=agents))
    harness.until(lambda: harness.row(NIGHT)["incarnation"] == 2 and harness.row(WATCHER)["pid"])
    assert answered(harness, by="watcher") == "hello heard by 2"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"watch": "nobody"}, "there is no 'nobody'"),
        ({"task": "watch over the house"}, "must name one session"),
        ({"watch": "m/walk"}, "a child of the tree"),
        ({"watch": "night", "heartbeat": {"evry": 1}}, "did you mean 'every'"),
    ],
)
def test_what_can_not_be_watched_is_an_error(
    harness: Harness, night: dict[str, Any], args: dict[str, Any], says: str
) -> None:
    asked = {"task": "watch night", "agentId": "heartbeat-monitor", "label": "watcher", **args}
    told = harness.call("sessions_spawn", **asked)
    assert (told["status"], says in told["error"]) == ("error", True), told
