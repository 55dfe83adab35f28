"""The herald as part of a node: a person is told, types what the message says, and things go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.system.herald.hook import Hook
from tests.system.node.conftest import Harness
from tests.system.node.nursery import ROOT
from tests.system.node.people import Walk

from wakeful import Alert, Child, Gateway, Heartbeat, Monitor

QUICK = Heartbeat(every=0.3, timeout=0.7, progress=10.0)


def tree(*alerts: Alert | str) -> Gateway:
    walk = Child("w", Walk, task="walk", recovery="alert_first", heartbeat=QUICK)
    return Gateway(Monitor("m", walk), alerts=list(alerts))


def wakeful(harness: Harness, line: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wakeful_runtime.cli", *line.split(), "--node", str(harness.directory.root)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": path}
    )


def listed(harness: Harness) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = harness.call("alerts")["rows"]
    return rows


def test_a_session_waits_for_an_acknowledgement_and_goes_on_with_it(harness: Harness, hook: Hook) -> None:
    harness.start(tree(hook.url))
    harness.until_event("m/w", "checkpoint")
    harness.kill("m/w")
    harness.until_state("m/w", "review")
    told = harness.until(lambda: hook.arrived)[0]
    assert told.title == "[error] m/w: waits for you (exited)"
    assert f"wakeful --node {harness.directory.root} resume m/w" in told.text
    assert f"wakeful --node {harness.directory.root} ack 1" in told.text
    acked = wakeful(harness, "ack 1")
    assert (acked.returncode, acked.stdout) == (0, "m/w: acknowledged; it resumes\n"), acked.stderr
    harness.until_event("m/w", "resumed")
    harness.until(lambda: "[recovered] m/w: exited" in hook.titles())
    (row,) = [row for row in listed(harness) if row["path"] == "m/w"]
    assert row["acked_at"] is not None
    assert row["state"] == "recovered"


def test_a_herald_that_is_killed_is_back_and_tells_of_it(harness: Harness, hook: Hook) -> None:
    harness.start(tree(hook.url))
    harness.until(lambda: harness.row("herald")["state"] == "running")
    harness.kill("herald")
    harness.until(lambda: "[recovered] herald: exited" in hook.titles() or "[warning] herald: exited" in hook.titles())
    assert harness.row("herald")["incarnation"] == 2


def test_a_trial_goes_to_everybody_and_says_who_has_not_got_it(harness: Harness, hook: Hook) -> None:
    harness.start(tree(hook.url, Alert("env:NOBODY_SET_THIS", when="mon 03:00-03:01")))
    told = wakeful(harness, "alerts test --json")
    assert told.returncode == 1, told.stderr
    first, second = json.loads(told.stdout)
    assert (first["ok"], second["ok"], second["route"]) == (True, False, "env:NOBODY_SET_THIS")
    assert "was not set where the node was started" in second["error"]
    assert hook.titles() == ["[test] wakeful"]
    alone = wakeful(harness, f"alerts test --route {first['route']}")
    assert (alone.returncode, alone.stdout) == (0, f"{first['route']}: sent\n"), alone.stderr
    shown = wakeful(harness, "alerts")
    assert "env:NOBODY_SET_THIS: fails since" in shown.stdout
    assert "secret-token" not in shown.stdout
    harness.stop()
    kept = wakeful(harness, "alerts --json")
    assert [row["route"] for row in json.loads(kept.stdout)["routes"]] == ["env:NOBODY_SET_THIS", first["route"]]


def test_a_tree_that_names_nobody_has_alerts_all_the_same_and_no_trial(harness: Harness) -> None:
    harness.start(tree())
    harness.until_event("m/w", "checkpoint")
    harness.kill("m/w")
    (row,) = harness.until(lambda: listed(harness))
    assert (row["path"], row["routes"]) == ("m/w", [])
    told = wakeful(harness, "alerts test")
    assert told.returncode == 1
    assert "write Gateway(…, alerts=['env:NAME'])" in told.stderr
    acked = wakeful(harness, "ack m/w --json")
    assert json.loads(acked.stdout)["resumed"] is True
    harness.until_event("m/w", "resumed")
