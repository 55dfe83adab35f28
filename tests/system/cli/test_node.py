"""A node as a person runs it: from the command line, with nothing but the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wakeful_runtime.clients.client import Client
from wakeful_runtime.directory import NodeDirectory

TREE = """
import asyncio
from wakeful import Actor, Child, Gateway, Monitor, Session

class Counting(Session[int]):
    async def run(self, goal: int) -> int:
        step = self.resumed.state if self.resumed else 0
        while step < goal:
            step += 1
            await self.checkpoint(f"step {step}", step)
            await asyncio.sleep(0.05)
        return step

class Idle(Actor): ...

tree = Gateway(
    Monitor("work", Child("counting", Counting, args={"goal": 1_000_000}), Child("idle", Idle)),
    agents=[Child("counter", Counting)],
)
"""

WAIT_S = 90.0
"""More than `run --detach` waits, so that its own words are seen when it gives up."""

pytestmark = pytest.mark.timeout(300)
Wakeful = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tree(tmp_path: Path) -> str:
    (tmp_path / "tree.py").write_text(TREE)
    return f"{tmp_path / 'tree.py'}:tree"


@pytest.fixture
def wakeful(node_directory: NodeDirectory) -> Iterator[Wakeful]:
    environment = {**os.environ, "WAKEFUL_NODE": str(node_directory.root)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wakeful_runtime.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_S, env=environment)

    yield run
    run("down")


Rows = Callable[[], "dict[str, dict[str, Any]]"]


@pytest.fixture
def rows(node_directory: NodeDirectory) -> Rows:
    """What `ps` shows, without a process for each look."""

    def look() -> dict[str, dict[str, Any]]:
        with Client(node_directory.root) as node:
            return {row["path"]: row for row in node.ps()}

    return look


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def foreground(directory: NodeDirectory, tree: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "wakeful_runtime.cli", "run", tree, "--node", str(directory.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
def test_run_says_one_line_when_ready_and_stops_in_order(
    node_directory: NodeDirectory, wakeful: Wakeful, tree: str, order: signal.Signals
) -> None:
    node = foreground(node_directory, tree)
    assert node.stdout
    line = node.stdout.readline()
    assert line.startswith(f"wakeful: ready: {tree} in {node_directory.root}")
    named = f"wakeful --node {node_directory.root}"
    assert f"({named} ps, {named} down;" in line
    shown = {row["path"] for row in json.loads(wakeful("ps", "--json").stdout)}
    own = {"init", "gateway", "store", "scheduler", "sessions"}
    assert shown >= own | {"work", "work/counting", "work/idle"}
    node.send_signal(order)
    out, err = node.communicate(timeout=WAIT_S)
    assert (node.returncode, out, err) == (0, "", "")
    gone = wakeful("ps")
    assert gone.returncode == 3
    assert gone.stderr.count("\n") == 1


def test_a_second_run_is_refused_and_the_first_runs_on(wakeful: Wakeful, tree: str, rows: Rows) -> None:
    assert (begun := wakeful("run", tree, "--detach")).returncode == 0, begun.stderr
    before = rows()
    for extra in ((), ("--detach",)):
        second = wakeful("run", tree, *extra)
        assert second.returncode == 1
        assert second.stdout == ""
        assert "a node runs in" in second.stderr
        assert second.stderr.count("\n") == 1
    after = rows()
    assert {path: row["pid"] for path, row in before.items()} == {path: row["pid"] for path, row in after.items()}


def test_the_next_run_resumes_what_was_running(wakeful: Wakeful, tree: str, rows: Rows) -> None:
    assert (begun := wakeful("run", tree, "--detach")).returncode == 0, begun.stderr
    until(lambda: len(json.loads(wakeful("checkpoints", "counting", "--json").stdout)) > 2)
    assert wakeful("down").returncode == 0
    kept = json.loads(wakeful("checkpoints", "counting", "--json").stdout)[0]["seq"]
    assert (begun := wakeful("run", tree, "--detach")).returncode == 0, begun.stderr
    until(lambda: rows()["work/counting"]["checkpoint"])
    first = next(
        row
        for row in json.loads(wakeful("events", "work/counting", "-n", "10000", "--json").stdout)
        if row["event"] == "checkpoint" and row["incarnation"] == 2
    )
    assert first["name"] == f"step {kept + 1}"


def test_a_killed_session_is_back_and_history_outlives_the_node(wakeful: Wakeful, tree: str, rows: Rows) -> None:
    assert (begun := wakeful("run", tree, "--detach")).returncode == 0, begun.stderr
    until(lambda: rows()["work/counting"]["checkpoint"])
    assert wakeful("chaos", "kill", "counting").returncode == 0
    until(lambda: (row := rows()["work/counting"])["incarnation"] == 2 and row["state"] == "running")
    assert wakeful("status").returncode == 0
    drawn = wakeful("tree").stdout
    assert "counting#2  session running" in drawn
    assert wakeful("down").returncode == 0
    for command in (("events",), ("incidents",), ("checkpoints", "counting"), ("why",), ("logs", "counting")):
        told = wakeful(*command, "--json")
        assert told.returncode == 0, told.stderr
        json.loads(told.stdout)
    told = json.loads(wakeful("why", "counting", "--json").stdout)
    assert told["path"] == "work/counting"
    events = [row["event"] for row in json.loads(wakeful("events", "work/counting", "-n", "10000", "--json").stdout)]
    assert "exited" in events


def test_orders_reach_the_child_they_name(wakeful: Wakeful, tree: str, rows: Rows) -> None:
    assert (begun := wakeful("run", tree, "--detach")).returncode == 0, begun.stderr
    first = rows()["work/idle"]["pid"]
    assert wakeful("restart", "idle").returncode == 0
    until(lambda: (row := rows()["work/idle"])["pid"] not in {None, first} and row["state"] == "running")
    assert wakeful("stop", "work/idle").returncode == 0
    until(lambda: rows()["work/idle"]["pid"] is None)
    ambiguous = wakeful("stop", "nothing-like-this")
    assert ambiguous.returncode == 1
    assert "work/idle" in ambiguous.stderr
    assert "run" in wakeful("dump", "counting").stdout
    spawned = wakeful("spawn", "--task", "5", "--agent", "nobody")
    assert spawned.returncode == 1
    assert spawned.stderr.count("\n") == 1


def test_following_events_gives_an_object_a_line_until_ctrl_c(
    node_directory: NodeDirectory, wakeful: Wakeful, tree: str
) -> None:
    assert (begun := wakeful("run", tree, "--detach")).returncode == 0, begun.stderr
    command = [
        sys.executable,
        "-m",
        "wakeful_runtime.cli",
        "events",
        "-f",
        "--json",
        "--node",
        str(node_directory.root),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout and following.stderr
        seen = [json.loads(following.stdout.readline()) for _ in range(30)]
        assert [row["seq"] for row in seen] == sorted({row["seq"] for row in seen})
        following.send_signal(signal.SIGINT)
        assert following.wait(WAIT_S) == 130
        assert following.stderr.read() == ""


def test_a_bad_tree_starts_nothing(node_directory: NodeDirectory, wakeful: Wakeful, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("from wakeful import Gateway\n\ntree = Gatewy()\n")
    for extra in ((), ("--detach",)):
        refused = wakeful("run", f"{tmp_path / 'bad.py'}:tree", *extra)
        assert refused.returncode == 2
        assert "bad.py, line 3: NameError" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert not node_directory.exists()
