"""A node runs supervised sessions, end to end, with real processes."""

from __future__ import annotations

import signal

from tests.system.node.conftest import Harness
from tests.system.node.people import Counter, Doomed, Hopeless, StopsPolitely, Walk

from wakeful import Child, Gateway, Heartbeat, Monitor

QUICK = Heartbeat(every=0.3, timeout=0.7, progress=2.0)


def walking(count: int = 2, heartbeat: Heartbeat = QUICK) -> Gateway:
    children = [Child(f"w{number}", Walk, task="walk", heartbeat=heartbeat) for number in range(count)]
    return Gateway(Monitor("m", *children))


def test_p3_a_killed_session_comes_back_from_its_last_checkpoint(harness: Harness) -> None:
    harness.start(walking())
    harness.until_event("m/w0", "checkpoint", count=3)
    before = harness.row("m/w1")["pid"]
    harness.kill("m/w0")
    restarted = harness.until_event("m/w0", "restarted")
    assert restarted["resumed"] >= 3
    assert harness.row("m/w1")["pid"] == before


def test_a_session_that_returned_is_done_and_not_restarted(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("w", Walk, task="walk", args={"steps": 3}, heartbeat=QUICK))))
    harness.until_state("m/w", "done")
    assert harness.events("m/w", "restarted") == []
    assert harness.call("sessions_result", label="m/w")["result"] == 3


def test_ps_shows_what_a_session_did_since_its_last_probe(harness: Harness) -> None:
    harness.start(walking(1, Heartbeat(every=600.0)))
    harness.until_event("m/w0", "checkpoint")
    shown = harness.until(lambda: harness.row("m/w0")["progress"])
    harness.until(lambda: harness.row("m/w0")["progress"] not in (None, shown))


def test_a_dead_monitor_is_replaced_and_adopts_its_sessions(harness: Harness) -> None:
    harness.start(walking())
    harness.until_event("m/w1", "checkpoint", count=2)
    before = {path: row["pid"] for path, row in harness.rows().items() if path.startswith("m/")}
    harness.kill("m")
    harness.until(lambda: len(harness.events("m/w0", "adopted")) == 1)
    after = {path: row["pid"] for path, row in harness.rows().items() if path.startswith("m/")}
    assert after == before


def test_a_blocked_loop_is_found_within_every_plus_timeout(harness: Harness) -> None:
    harness.start(walking(1))
    harness.until_event("m/w0", "checkpoint")
    harness.call("chaos", path="m/w0", mode="loop-block")
    confirmed = harness.until_event("m/w0", "confirmed")
    assert confirmed["verdict"] == "loop_blocked"
    assert harness.until_event("m/w0", "restarted")["resumed"] >= 1


def test_awaiting_for_ever_is_found_within_progress(harness: Harness) -> None:
    harness.start(walking(1))
    harness.until_event("m/w0", "checkpoint")
    harness.call("chaos", path="m/w0", mode="await-forever")
    assert harness.until_event("m/w0", "confirmed")["verdict"] == "no_progress"
    harness.until_event("m/w0", "restarted")


def test_three_failures_in_a_row_go_to_review_and_siblings_go_on(harness: Harness) -> None:
    hopeless = Child("h", Hopeless, task="it", heartbeat=QUICK)
    harness.start(Gateway(Monitor("m", hopeless, Child("w", Walk, task="walk", heartbeat=QUICK))))
    row = harness.until_state("m/h", "review")
    assert row["incarnation"] == 3
    assert harness.row("m/w")["restarts"] == 0
    assert "it can't be done" in harness.call("why", path="m/h")["what"]


def test_fatal_goes_to_review_at_once_with_its_text(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("d", Doomed, task="it", heartbeat=QUICK))))
    row = harness.until_state("m/d", "review")
    assert row["incarnation"] == 1
    assert "the account is closed" in row["why"]


def test_an_orderly_stop_runs_on_stop_and_its_checkpoint_is_kept(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("s", StopsPolitely, task="it", heartbeat=QUICK))))
    harness.until_event("m/s", "ready")
    harness.call("stop", path="m/s")
    harness.until_state("m/s", "done")
    assert [row["name"] for row in harness.call("checkpoints", path="m/s")] == ["stopped"]


def test_what_was_running_is_resumed_by_the_next_run(harness: Harness) -> None:
    tree = walking(1)
    harness.start(tree)
    harness.until_event("m/w0", "checkpoint", count=3)
    assert harness.stop() == 0
    harness.start(tree)
    assert harness.until_event("m/w0", "resumed")["resumed"] >= 3


def test_an_actor_is_restarted_from_the_beginning(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("c", Counter, args={"start": 5}, heartbeat=QUICK))))
    harness.until_event("m/c", "ready")
    harness.kill("m/c", signal.SIGKILL)
    assert harness.until_event("m/c", "restarted")["resumed"] == 0
    harness.until_state("m/c", "running")


def replace_gateway(harness: Harness) -> None:
    pid = harness.kill("gateway")
    harness.until(lambda: harness.row("gateway")["pid"] not in (None, pid))


def test_what_is_counted_against_a_monitor_outlives_the_gateway(harness: Harness) -> None:
    child = Child("w0", Walk, task="walk", heartbeat=QUICK)
    harness.start(Gateway(Monitor("m", child), Monitor("n"), max_restarts=1, within=600.0))
    harness.until_event("m/w0", "checkpoint")
    for number in range(2):
        harness.kill("m")
        harness.until_event("m", "exited", count=number + 1)
        replace_gateway(harness)
    assert harness.until_state("m", "review")["why"]
    assert harness.row("m")["pid"] is None
    replace_gateway(harness)
    harness.until_state("n", "running")
    assert harness.row("m")["state"] == "review"
    harness.call("resume", path="m")
    harness.until_state("m", "running")
    harness.until_state("m/w0", "running")
