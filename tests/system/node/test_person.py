"""What only a person can decide, by command: effects of unknown outcome, dead letters, going back to a backup."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.system.node.conftest import Harness
from tests.system.node.people import Publisher, Send, Walk
from tests.system.node.test_durable import seen, tree
from tests.system.node.witness import QUICK

from wakeful import Child, Gateway, Monitor
from wakeful_runtime import connect
from wakeful_runtime.cli.app import main

Told = Callable[[str], Any]


@pytest.fixture
def told(harness: Harness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """What a command with --json answers."""
    monkeypatch.setenv("WAKEFUL_NODE", str(harness.directory.root))

    def command(line: str) -> Any:
        capsys.readouterr()
        status = main([*shlex.split(line), "--json"])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return json.loads(printed.out)

    return command


@pytest.mark.parametrize("happened", [True, False], ids=["done", "not-done"])
def test_a_person_settles_an_effect_that_nobody_knows_the_outcome_of(
    harness: Harness, told: Told, tmp_path: Path, happened: bool
) -> None:
    track = tmp_path / "track"
    args = {"track": str(track)}
    harness.start(Gateway(Monitor("m", Child("p", Publisher, task="x", args=args, heartbeat=QUICK))))
    harness.until_state("m/p", "review")
    assert "publish" in told("review")[0]["why"]
    assert track.read_text() == "published\n"
    told("settle p publish " + ("""--done '{"id": 4711}'""" if happened else "--not-done"))
    told("resume p")
    if happened:
        harness.until_state("m/p", "done")
        assert "4711" in told("why p")["result"]
        assert track.read_text() == "published\n"
    else:
        harness.until(lambda: track.read_text() == "published\n" * 2)
        harness.until_state("m/p", "review")


async def test_a_dead_letter_is_retried_or_dropped_by_command(harness: Harness, told: Told) -> None:
    await asyncio.to_thread(harness.start, tree())
    async with connect(harness.directory.root) as node:
        await asyncio.to_thread(harness.until_state, "m/k", "running")
        await node.actor("m/s").ask(Send(to="m/k", first=-1, count=2), timeout=20)
        await asyncio.to_thread(harness.until_event, "m/k", "deadletter")
        assert await seen(node.actor("m/k"), 1) == [0]
        (letter,) = await asyncio.to_thread(told, "deadletters")
        assert letter["to"] == "m/k"
        assert "poisonous" in letter["error"]
        await asyncio.to_thread(told, f"deadletters retry {letter['id']}")
        await asyncio.to_thread(harness.until_event, "m/k", "deadletter", count=2)
        await asyncio.to_thread(told, f"deadletters drop {letter['id']}")
        assert await asyncio.to_thread(told, "deadletters") == []


def test_a_node_goes_back_to_its_last_backup(harness: Harness, told: Told, tmp_path: Path) -> None:
    walk = Gateway(Monitor("m", Child("w", Walk, task="walk", args={"pause": 0.05}, heartbeat=QUICK)))
    harness.start(walk)
    harness.until_event("m/w", "checkpoint", count=3)
    copy = tmp_path / "backup.sqlite3"
    assert told(f"backup {copy}")["bytes"] == copy.stat().st_size
    kept = len(harness.events("m/w", "checkpoint"))
    harness.until_event("m/w", "checkpoint", count=kept + 3)
    assert harness.stop() == 0
    assert told(f"backup {tmp_path / 'stopped.sqlite3'}")["bytes"]  # needs no node
    harness.directory.store.write_bytes(copy.read_bytes())
    for rest in ("-wal", "-shm"):
        harness.directory.store.with_name(harness.directory.store.name + rest).unlink(missing_ok=True)
    harness.start(walk)
    resumed = harness.until_event("m/w", "resumed")
    assert resumed["resumed"] <= kept + 1
    assert harness.until_event("m/w", "checkpoint", count=resumed["resumed"] + 1)["checkpoint"] > 3
