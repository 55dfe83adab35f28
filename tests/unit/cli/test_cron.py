"""`wakeful cron` against a node that is played: what it asks, what it prints, how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.cli.test_commands import PlayedNode, Run, node, run

from wakeful.errors import NodeError
from wakeful_runtime.cli.cron import on_time

__all__ = ["node", "run"]

JOB: dict[str, Any] = {
    "id": "nightly-1",
    "name": "nightly",
    "schedule": {"kind": "cron", "expr": "0 3 * * *", "tz": "Europe/Berlin"},
    "agentId": "main",
    "tz": "Europe/Berlin",
    "next": ["2026-11-23T02:00:00.000Z"],
    "next_local": ["2026-11-23T03:00:00+01:00"],
    "enabled": True,
    "running": [],
    "why": "",
    "ignored": ["wakeMode"],
}

ROW: dict[str, Any] = {
    "id": "nightly-1-20261122T020000Z",
    "job": "nightly",
    "scheduled": "2026-11-22T02:00:00.000Z",
    "started": "2026-11-22T02:00:00.012Z",
    "late_by_s": 0.012,
    "state": "over",
    "outcome": "ok",
    "on_time": True,
    "manual": False,
    "path": "sessions/nightly-1-20261122T020000Z",
    "why": "",
}

ADDS = [
    (
        'cron add nightly --cron "0 3 * * *" --tz Europe/Berlin --task go --agent main --timeout 15m',
        {
            "name": "nightly",
            "agentId": "main",
            "schedule": {"kind": "cron", "expr": "0 3 * * *", "tz": "Europe/Berlin"},
            "payload": {"message": "go", "timeoutSeconds": 900.0},
        },
    ),
    (
        "cron add tidy --every 1.5s --task go --misfire run_all --overlap queue --grace 1m",
        {
            "name": "tidy",
            "misfire": "run_all",
            "overlap": "queue",
            "grace": 60.0,
            "schedule": {"kind": "every", "everyMs": 1500},
            "payload": {"message": "go"},
        },
    ),
    ("""cron add --job '{"name": "x", "wakeMode": "now"}'""", {"name": "x", "wakeMode": "now"}),
]


@pytest.mark.parametrize(("command", "job"), ADDS)
def test_add_asks_for_the_job(run: Run, node: PlayedNode, command: str, job: dict[str, Any]) -> None:
    node.answers["cron"] = JOB
    assert run(command) == 0
    assert node.asked[-1] == ("cron", {"action": "add", "job": job})


def test_what_was_added_is_told_in_its_own_zone(run: Run, node: PlayedNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.answers["cron"] = JOB
    run("cron add nightly --every 5 --task go")
    line = capsys.readouterr().out
    assert "Europe/Berlin" in line and "2026-11-23 03:00:00" in line and "ignored: wakeMode" in line


@pytest.mark.parametrize(
    "command",
    [
        "cron add",
        "cron add x --cron '* * * * *' --every 5",
        "cron add x --every soon",
        "cron add x --job {}",
        "cron add --job nonsense",
        "cron add --job []",
        "cron update x",
    ],
)
def test_wrong_use_asks_nothing(run: Run, node: PlayedNode, command: str) -> None:
    assert run(command) == 2
    assert node.asked == []


def test_list_update_remove_and_run(run: Run, node: PlayedNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.answers["cron"] = [JOB]
    assert run("cron list --json") == 0
    assert json.loads(capsys.readouterr().out) == [JOB]
    assert run("cron list") == 0
    assert "0 3 * * *" in capsys.readouterr().out
    node.answers["cron"] = {**JOB, "status": "accepted", "path": "sessions/x", "key": "agent:main:session:x"}
    for command, asked in (
        ("cron update nightly --disable", {"action": "update", "jobId": "nightly", "patch": {"enabled": False}}),
        ("cron remove nightly", {"action": "remove", "jobId": "nightly"}),
        ("cron run nightly", {"action": "run", "jobId": "nightly"}),
    ):
        assert run(command) == 0
        assert node.asked[-1] == ("cron", asked)


def test_a_run_that_is_skipped_and_a_refusal_are_failures(
    run: Run, node: PlayedNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["cron"] = {"status": "skipped", "why": "the run before it still goes on", "key": "k", "path": None}
    assert run("cron run nightly") == 1
    assert "skipped: the run before it" in capsys.readouterr().err
    node.answers["cron"] = NodeError("cron: there is no job 'x'")
    assert run("cron remove x") == 1


def test_runs_shows_lateness_outcome_and_the_on_time_rate(
    run: Run, node: PlayedNode, capsys: pytest.CaptureFixture[str]
) -> None:
    missed = {**ROW, "started": None, "late_by_s": None, "outcome": "missed", "on_time": False, "path": None}
    node.answers["cron"] = [missed, ROW, ROW, {**ROW, "manual": True}, {**ROW, "on_time": None, "outcome": None}]
    assert run("cron runs nightly -n 5") == 0
    shown = capsys.readouterr().out
    assert "missed" in shown and "on time: 2 of 3 (66.7 %)" in shown
    assert node.asked[-1] == ("cron", {"action": "runs", "jobId": "nightly", "limit": 5})
    assert run("cron runs --json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 5
    assert on_time([]) == ""
