"""What the pages about programs and services say, against the code; and the Node.js example, run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from wakeful import Child, Gateway, NodeError, Session
from wakeful.plan import NodePlan
from wakeful.rules import notify
from wakeful_runtime.node import Node
from wakeful_runtime.service.unit import longest_stop
from wakeful_runtime.tree.treefile import load

ROOT = Path(__file__).parents[2]
PROGRAMS = (ROOT / "docs" / "programs.md").read_text()
NODE = shutil.which("node")


def test_the_keys_in_the_table_are_those_that_are_read() -> None:
    table = PROGRAMS.split("## What a program says")[1].split("## When")[0]
    told = set(re.findall(r"`([A-Z_]+)=", table)) - {"KEY", "READY=1 >&$WAKEFUL_FD"}
    assert told == set(notify.KEYS)


class Loaded:
    """A tree file's plan in the place of its tree, as `wakeful run` has it."""

    def __init__(self, target: str) -> None:
        self._target = target

    def plan(self) -> NodePlan:
        return load(self._target)


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
async def test_the_node_example_runs_to_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEP_MS", "5")
    tree = cast(Gateway, Loaded(f"{ROOT}/examples/node_agent/tree.py:tree"))
    told: dict[str, Any] = {}
    async with Node(tree, tmp_path / "n") as client, asyncio.timeout(60):
        while told.get("status") != "ok":
            with contextlib.suppress(NodeError):  # the monitor is still starting it
                told = await client.call("sessions_result", {"sessionKey": "readers/papers", "timeoutSeconds": 1})
            await asyncio.sleep(0.05)
    assert told["outcome"] == "ok"
    assert len(told["result"]) == 20


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_the_node_example_runs_as_a_plain_script_too() -> None:
    agent = ROOT / "examples" / "node_agent" / "agent.js"
    env = {"PATH": os.environ["PATH"], "STEP_MS": "1"}
    done = subprocess.run(["node", str(agent)], capture_output=True, text=True, check=True, timeout=60, env=env)
    assert "X_WAKEFUL_CHECKPOINT=page-5" in done.stdout


class One(Session[None]):
    """A session with the time it is given to stop."""

    async def run(self, task: str) -> None: ...


CONTAINER = ROOT / "examples" / "container"


def test_the_container_starts_the_command_line_as_its_first_process() -> None:
    text = (CONTAINER / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["wakeful"]' in text and 'CMD ["run", "agents.py:tree"]' in text


def test_the_container_keeps_its_node_in_a_volume_of_its_own_user_and_leaves_a_session_its_time_to_stop() -> None:
    text, compose = (CONTAINER / "Dockerfile").read_text(), (CONTAINER / "compose.yaml").read_text()
    (node,) = re.findall(r"^ENV WAKEFUL_NODE=(\S+)$", text, re.MULTILINE)
    assert re.findall(r"^VOLUME (\S+)$", text, re.MULTILINE) == [node]
    assert f"install -d -o agent -g agent -m 700 {node}" in text and "\nUSER agent\n" in text
    assert f"- node:{node}\n" in compose
    (grace,) = re.findall(r"stop_grace_period: (\d+)s", compose)
    tree = Gateway(Child("papers", One, task="x"))
    assert int(grace) >= longest_stop(tree.plan())
