"""What counts as progress, what is a wait, and what is neither."""

from __future__ import annotations

import signal
from functools import partial
from typing import Any

import pytest
from tests.patience.scenes import steps
from tests.patience.world import hold
from tests.system.node.conftest import Harness
from tests.system.scenes import performers
from tests.system.scenes.conftest import lives

from wakeful import Child, Gateway, Heartbeat, Monitor

HASTY = Heartbeat(every=0.3, timeout=0.7, progress=1.0)


def come_to(harness: Harness, enough: int) -> bool:
    return steps(harness)["m/w0"] >= enough


def one(harness: Harness, cls: type[Any], **args: Any) -> None:
    harness.start(Gateway(Monitor("m", Child("s", cls, task="it", args=args, heartbeat=HASTY))))


def test_p1_a_timer_log_lines_and_a_busy_thread_are_no_progress(harness: Harness) -> None:
    one(harness, performers.Ticks)
    confirmed = harness.until_event("m/s", "confirmed")
    assert confirmed["verdict"] == "no_progress"
    assert confirmed["silent_s"] <= 1.5
    assert "still here" in harness.log("m/s")


@pytest.mark.parametrize(
    ("cls", "args"),
    [
        (performers.WaitsForMail, {}),
        (performers.Parent, {"seconds": 3.0}),
        (performers.WaitsForResource, {"seconds": 3.0}),
    ],
)
def test_p2_who_waits_for_mail_or_a_child_or_a_resource_is_left_alone(
    harness: Harness, cls: type[Any], args: dict[str, Any]
) -> None:
    one(harness, cls, **args)
    harness.until_state("m/s", "waiting")
    hold(2.5)
    if cls is performers.WaitsForMail:
        harness.call("sessions_send", label="m/s", message="go on")
    assert harness.until_state("m/s", "done")["incarnation"] == 1
    assert harness.events("m/s", "suspect") == []


def test_p2_who_waits_for_a_store_that_is_away_is_left_alone(harness: Harness) -> None:
    walks = [Child(name, performers.Walk, task="walk", heartbeat=HASTY) for name in ("w0", "w1")]
    sends = Child("w2", performers.Sends, task="send", args={"to": "m/nobody"}, heartbeat=HASTY)
    harness.start(Gateway(Monitor("m", *walks, sends)))
    for name in ("w0", "w1"):
        harness.until_event(f"m/{name}", "checkpoint", count=2)
    harness.until(lambda: harness.row("m/w2")["progress"])
    before = lives(harness)
    for _ in range(2):
        enough = steps(harness)["m/w0"] + 3
        harness.kill("store", signal.SIGSTOP)
        harness.until(partial(come_to, harness, enough), within=60)
    assert lives(harness) == before, harness.story()


def test_a_wait_for_the_store_is_no_alibi_while_the_store_answers(harness: Harness) -> None:
    one(harness, performers.WaitsForStore)
    confirmed = harness.until_event("m/s", "confirmed")
    assert confirmed["verdict"] == "no_progress"
    assert harness.until_event("m/s", "restarted")["resumed"] >= 1
