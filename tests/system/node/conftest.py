"""A node of real processes for a test: started from a tree, asked through its client, stopped or killed at the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

import pytest
from tests.system.node.nursery import ROOT, ForkedKeeper, nursery

from wakeful import Gateway
from wakeful.errors import NodeError
from wakeful.plan import WebPlan
from wakeful_runtime.clients.client import Client, runs_in
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeplan import pack_plan

WITHIN = 20.0
Keeper = ForkedKeeper | subprocess.Popen[bytes]
Row = dict[str, Any]


class Harness:
    """One node directory and whatever keepers a test starts on it."""

    def __init__(self, directory: NodeDirectory) -> None:
        self.directory = directory
        self._keepers: list[Keeper] = []
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(self.directory.root)
        return self._client

    def start(self, tree: Gateway, web: WebPlan | None = None) -> Harness:
        """Run the tree here; returns when its gateway stands."""
        keeper = self.launch(tree, web)
        assert keeper.stdout is not None
        ready = keeper.stdout.readline()
        keeper.stdout.close()
        assert ready == b"ready\n", self.log("keeper")
        return self

    def launch(self, tree: Gateway, web: WebPlan | None = None) -> Keeper:
        """The same without waiting."""
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        with self.directory.log("keeper").open("ab") as said:
            keeper = self._keeper({**os.environ, "PYTHONPATH": path}, said)
        assert keeper.stdin is not None
        keeper.stdin.write(pack_plan(tree.plan().model_copy(update={"web": web})))
        keeper.stdin.close()
        self._keepers.append(keeper)
        return keeper

    def _keeper(self, environment: dict[str, str], said: IO[bytes]) -> Keeper:
        if "LD_PRELOAD" not in environment:
            return nursery().keeper(self.directory.root, environment, said)
        return subprocess.Popen(  # another clock: the loader's business
            [sys.executable, "-P", "-m", "wakeful_runtime.keeping_node", str(self.directory.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
            start_new_session=True,
        )

    def log(self, path: str) -> str:
        """What a process of the node has written."""
        file = self.directory.log(path)
        return file.read_text(errors="replace") if file.exists() else ""

    def call(self, verb: str, **args: Any) -> Any:
        """A verb of the API."""
        return self.client.call(verb, args)

    def rows(self) -> dict[str, Row]:
        """`ps` by path."""
        return {row["path"]: row for row in self.client.ps()}

    def row(self, path: str) -> Row:
        return self.rows()[path]

    def events(self, path: str | None = None, event: str | None = None, after: int = 0) -> list[Row]:
        """The journal."""
        rows: list[Row] = self.client.call("events", {"after": after, "path": path, "limit": 10_000})
        return [row for row in rows if event is None or row["event"] == event]

    def until(self, condition: Callable[[], Any], within: float = WITHIN) -> Any:
        """What the condition returns, once that is true; errors of a node in the middle of a change are waited out."""
        deadline = time.monotonic() + within
        trouble: Exception | None = None
        pause = 0.02
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except (NodeError, KeyError) as error:
                trouble = error
            time.sleep(pause)
            pause = min(0.1, 1.2 * pause)  # each look is work for three processes
        raise AssertionError(f"it did not happen within {within} s ({trouble}): {self.story()}")

    def until_event(self, path: str, event: str, *, count: int = 1, within: float = WITHIN) -> Row:
        """The `count`-th such journal entry."""
        found = self.until(lambda: self.events(path, event)[count - 1 :], within)
        row: Row = found[0]
        return row

    def until_state(self, path: str, state: str, within: float = WITHIN) -> Row:
        row: Row = self.until(lambda: (found := self.row(path))["state"] == state and found, within)
        return row

    def story(self) -> str:
        """The journal without checkpoints, for the message of a failed test."""
        with contextlib.suppress(NodeError):
            told = [row for row in self.events() if row["event"] != "checkpoint"][-40:]
            return "\n".join(json.dumps(row) for row in told)
        return self.log("gateway")[-3000:]

    def kill(self, path: str, number: int = signal.SIGKILL) -> int:
        """Signal one process of the node; its pid."""
        pid = int(self.until(lambda: self.rows().get(path))["pid"])
        os.kill(pid, number)
        return pid

    def keeper(self) -> Keeper:
        return self._keepers[-1]

    def stop(self, within: float = 30.0) -> int:
        """Stop the node in order; the keeper's exit status."""
        self.keeper().terminate()
        return self.keeper().wait(within)

    def end(self) -> None:
        """After the test: stop whatever runs; the fixture that looks for processes proves it."""
        if self._client is not None:
            self._client.close()
        for keeper in self._keepers:
            if keeper.poll() is None:
                keeper.terminate()
        deadline = time.monotonic() + 30.0
        for keeper in self._keepers:
            try:
                keeper.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                keeper.kill()
                keeper.wait()
            if keeper.stdout is not None:
                keeper.stdout.close()
        if self._keepers and runs_in(self.directory):  # a test has killed its keeper
            with contextlib.suppress(NodeError), Client(self.directory.root) as client:
                client.call("down")
            while runs_in(self.directory) and time.monotonic() < deadline:
                time.sleep(0.02)
        assert not runs_in(self.directory) or self._keepers[-1].returncode == -signal.SIGKILL


@pytest.fixture
def harness(node_directory: NodeDirectory, no_process_left: None) -> Iterator[Harness]:
    found = Harness(node_directory)
    yield found
    found.end()
