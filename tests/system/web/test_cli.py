"""The web as a person asks for it: `run --web`, `token`, and what is said when it can't be."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from wakeful_runtime.directory import NodeDirectory

TREE = """
from wakeful import Actor, Child, Gateway

class Idle(Actor): ...

tree = Gateway(Child("idle", Idle))
"""
WAIT_S = 90.0

pytestmark = pytest.mark.timeout(300)
Wakeful = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tree(tmp_path: Path) -> str:
    (tmp_path / "tree.py").write_text(TREE)
    return f"{tmp_path / 'tree.py'}:tree"


@pytest.fixture
def wakeful(node_directory: NodeDirectory, no_process_left: None) -> Iterator[Wakeful]:
    environment = {**os.environ, "WAKEFUL_NODE": str(node_directory.root)}
    environment.pop("WAKEFUL_WEB", None)

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wakeful_runtime.cli", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=WAIT_S, env={**environment, **more}
        )

    yield run
    run("down")


def test_run_says_where_the_web_is_and_token_opens_it_until_there_is_a_new_one(wakeful: Wakeful, tree: str) -> None:
    begun = wakeful("run", tree, "--detach", "--web", "0")
    assert begun.returncode == 0, begun.stderr
    shown = json.loads(wakeful("token", "--json").stdout)
    assert f"; web at {shown['url']} (wakeful token)" in begun.stdout
    assert shown["url"].startswith("http://127.0.0.1:")

    def status(token: str) -> int:
        return httpx.post(f"{shown['url']}/v1/ps", headers={"Authorization": f"Bearer {token}"}).status_code

    assert status(shown["token"]) == 200
    assert wakeful("token").stdout.strip() == shown["token"]
    new = wakeful("token", "--new").stdout.strip()
    assert (status(shown["token"]), status(new)) == (401, 200)


def test_a_taken_port_is_told_before_anything_starts(
    node_directory: NodeDirectory, wakeful: Wakeful, tree: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        where = f"127.0.0.1:{other.getsockname()[1]}"
        for extra in ((), ("--detach",)):
            refused = wakeful("run", tree, "--web", where, *extra)
            assert refused.returncode == 1
            assert f"--web {where}: something else listens there" in refused.stderr
            assert refused.stderr.count("\n") == 1
    assert not node_directory.exists()


def test_without_being_asked_there_is_no_web_and_the_environment_may_ask(wakeful: Wakeful, tree: str) -> None:
    assert wakeful("token").returncode == 3
    assert "web at" not in wakeful("run", tree, "--detach", "--no-web", WAKEFUL_WEB="127.0.0.1:0").stdout
    assert "web" not in {row["path"] for row in json.loads(wakeful("ps", "--json").stdout)}
    assert wakeful("down").returncode == 0
    assert "web at" in wakeful("run", tree, "--detach", WAKEFUL_WEB="127.0.0.1:0").stdout
    assert "web" in {row["path"] for row in json.loads(wakeful("ps", "--json").stdout)}
