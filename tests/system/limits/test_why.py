"""What people are told: why, incidents, review, dump; from a running node, and from what a stopped one has left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.system.limits.burdens import Closed, Steady
from tests.system.node.conftest import Harness

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.cli.app import main

QUICK = Heartbeat(every=0.3, timeout=0.7, progress=1.5)
KEYS = {"path", "verdict", "since", "what", "facts", "evidence", "action", "outcome", "next"}


class Terminal:
    """Types commands about one node."""

    def __init__(self, harness: Harness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        monkeypatch.setenv("WAKEFUL_NODE", str(harness.directory.root))

    def lines(self, *words: str) -> list[str]:
        assert main(words) == 0
        return self._capsys.readouterr().out.splitlines()

    def json(self, *words: str) -> Any:
        return json.loads("".join(self.lines(*words, "--json")))


@pytest.fixture
def terminal(harness: Harness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(harness, capsys, monkeypatch)


def test_a_hang_a_review_and_a_healthy_one_are_explained(harness: Harness, terminal: Terminal) -> None:
    children = [Child(name, Steady, task="x", heartbeat=QUICK) for name in ("hangs", "well")]
    harness.start(Gateway(Monitor("m", *children, Child("closed", Closed, task="x", heartbeat=QUICK))))
    harness.until_event("m/hangs", "checkpoint")
    harness.call("chaos", path="m/hangs", mode="loop-block")
    harness.until_event("m/hangs", "restarted")
    harness.until_state("m/closed", "review")
    incident = harness.until(
        lambda: (rows := harness.call("incidents", path="m/hangs")) and rows[0]["closed_at"] and rows[0]
    )

    told = terminal.json("why", "hangs")
    assert set(told) >= KEYS
    assert (told["path"], told["verdict"], told["incident"]) == ("m/hangs", "loop_blocked", incident["id"])
    lines = terminal.lines("why", "hangs")
    assert len(lines) == 5
    assert "where: " in lines[2]
    assert "block_loop" in "\n".join(terminal.lines("incidents", incident["id"]))
    assert "ended and restarted; recovered: life 2 made progress" in lines[3]

    lines = terminal.lines("why", "closed")
    assert len(lines) == 5
    assert "the account is closed" in lines[1]
    assert lines[4] == "  next: wakeful resume m/closed"

    lines = terminal.lines("why", "well")
    assert len(lines) == 5
    assert "m/well, life 1: running, " in lines[0]

    day = terminal.lines("why")
    assert len(day) == 2
    assert {line.rsplit("  ", 1)[1] for line in day} == {"(wakeful why m/hangs)", "(wakeful resume m/closed)"}
    assert all(set(row) >= KEYS for row in terminal.json("why"))
    assert [row["id"] for row in terminal.json("incidents", "--open")] == ["m/closed#1"]
    page = "\n".join(terminal.lines("incidents", incident["id"], "--markdown"))
    assert page.startswith("## m/hangs, life 1: loop_blocked at ")
    assert "### Threads" in page

    review = terminal.json("review")
    assert [(row["path"], row["next"]) for row in review] == [("m/closed", "wakeful resume m/closed")]
    assert review[0]["since"]
    dump = terminal.json("dump", "well")
    assert dump["process"]["pid"] == harness.row("m/well")["pid"]
    assert any("burdens.py" in task for task in dump["tasks"])
    assert harness.row("m/well")["incarnation"] == 1

    harness.stop()
    assert terminal.json("why", "hangs")["incident"] == incident["id"]
    assert len(terminal.lines("why", "m/closed")) == 5
    assert len(terminal.lines("why")) == 2


def test_an_incident_closes_when_a_person_lets_it_go_on_and_it_does(harness: Harness, terminal: Terminal) -> None:
    harness.start(Gateway(Monitor("m", Child("s", Closed, task="x", heartbeat=QUICK))))
    harness.until_state("m/s", "review")
    terminal.lines("resume", "m/s")
    harness.until_event("m/s", "exited", count=2)
    harness.until_state("m/s", "review")
    first = harness.until(lambda: (rows := harness.call("incidents", path="m/s")) and len(rows) == 2 and rows[1])
    assert first["outcome"].startswith("recovered") or first["outcome"].startswith("not recovered")
    assert first["closed_at"]
