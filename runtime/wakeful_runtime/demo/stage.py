"""The demo itself: a server and a node of its own, the faults one after the other, and the report."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import urlopen

from wakeful.errors import NodeError
from wakeful_runtime.clients.client import Client
from wakeful_runtime.demo.corpus import Corpus
from wakeful_runtime.demo.play import Play
from wakeful_runtime.demo.report import Report, undisturbed
from wakeful_runtime.demo.table import Watching
from wakeful_runtime.demo.tree import MONITOR, SETTINGS, dealt
from wakeful_runtime.directory import NodeDirectory

DOCUMENTS = 160
SEED = 20260103
START_S = 60.0
STOP_S = 45.0
LIMIT_S = 240.0
"""The demo gives up after this long, whatever has become of it."""

_TICK_S = 0.2


def perform(*, as_json: bool, documents: int = DOCUMENTS, keep: Path | None = None) -> int:
    """Run the demo.

    Args:
        as_json: print the report as JSON.
        documents: how many to read.
        keep: use this node directory and leave it; otherwise a temporary one that is removed.

    Returns:
        0 if all of it recovered, else 1.

    Raises:
        NodeError: the server or the node didn't start.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        watching = stack.enter_context(Watching())
        root = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wakeful-demo-")))
        work = dealt(documents)
        watching.tell(
            f"{documents} documents of {Corpus().folder} for {len(work)} sessions; a hostile server and a node start"
        )
        server = stack.enter_context(Server.started(SEED))
        play = Play({f"{MONITOR}/{session}": len(names) for session, names in work.items()}, watching)
        with started_node(NodeDirectory(root), server.base, documents) as directory, Client(directory.root) as node:
            _watch(node, server, play, watching)
        served = server.served()
        report = Report(
            expected=undisturbed(Corpus(), work),
            published={session: server.report(session) for session in work},
            publications=served["publications"],
            faults=play.finished(served["served"]),
            planned=play.planned,
            tricks=served["tricks"],
            seconds=time.monotonic() - began,
        )
    print(json.dumps(report.as_json(), indent=2) if as_json else "\n".join(report.lines()), flush=True)
    return 0 if report.recovered else 1


def _watch(node: Client, server: Server, play: Play, watching: Watching) -> None:
    """Look and act until the work is done or the time is up."""
    deadline = time.monotonic() + LIMIT_S
    after = 0
    while not play.over and time.monotonic() < deadline:
        rows = node.call("ps", {})
        events = node.call("events", {"after": after, "limit": 1000, "path": None})
        after = max((int(row["seq"]) for row in events), default=after)
        fault = play.step(rows, events, time.time())
        if fault is not None:
            node.call("chaos", {"mode": fault.mode, "path": fault.path})
        watching.show(rows, read_by_path(server.served()["served"]), play.share)
        time.sleep(_TICK_S)


def read_by_path(served: list[dict[str, str]]) -> Mapping[str, int]:
    """How many different documents each path was sent."""
    pairs = {(row["life"].partition("#")[0], row["document"]) for row in served}
    return Counter(path for path, _ in pairs)


class Server:
    """The demo's web, in a process of its own that ends with ours."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}"

    @classmethod
    @contextmanager
    def started(cls, seed: int) -> Generator[Self]:
        """Run it for the length of a block.

        Raises:
            NodeError: it didn't start.
        """
        command = [sys.executable, "-P", "-m", "wakeful_runtime.demo.documents", str(seed)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert process.stdin and process.stdout
        try:
            said = process.stdout.readline()
            if not said:
                raise NodeError("the demo's server didn't start; its words are above")
            yield cls(process, json.loads(said)["port"])
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

    def served(self) -> dict[str, Any]:
        """Which life was sent what whole, the tricks played, how often each report was put."""
        content: dict[str, Any] = json.loads(self._get("/served"))
        return content

    def report(self, name: str) -> str:
        """A published report, `{}` if there is none."""
        try:
            return self._get(f"/reports/{name}")
        except HTTPError:
            return "{}"

    def _get(self, path: str) -> str:
        with urlopen(self.base + path, timeout=10) as answer:
            text: str = answer.read().decode()
            return text


@contextmanager
def started_node(directory: NodeDirectory, base: str, documents: int) -> Generator[NodeDirectory]:
    """Run the demo's node for the length of a block, as a person would run it.

    Raises:
        NodeError: it ended before it was ready, with its own words.
    """
    settings = json.dumps({"base": base, "documents": documents})
    command = [sys.executable, "-P", "-m", "wakeful_runtime.cli", "--node", str(directory.root), "run"]
    with tempfile.TemporaryFile() as said:
        keeper = subprocess.Popen(
            [*command, "wakeful_runtime.demo.tree:tree"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**os.environ, SETTINGS: settings},
            start_new_session=True,
        )
        try:
            _wait_until_ready(directory, keeper, said)
            yield directory
        finally:
            _stop(keeper, directory)


def _wait_until_ready(directory: NodeDirectory, keeper: subprocess.Popen[bytes], said: Any) -> None:
    from wakeful_runtime.cli.running import is_ready

    deadline = time.monotonic() + START_S
    while not is_ready(directory):
        if keeper.poll() is not None or time.monotonic() > deadline:
            said.seek(0)
            words = said.read().decode("utf-8", "replace").strip().splitlines()
            raise NodeError(f"the demo's node isn't ready: {words[-1] if words else f'status {keeper.poll()}'}")
        time.sleep(0.05)


def _stop(keeper: subprocess.Popen[bytes], directory: NodeDirectory) -> None:
    """Stop the node in order; what doesn't stop is killed whole."""
    pids = _lives(directory)
    keeper.terminate()
    try:
        keeper.wait(STOP_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
        for pid, started in pids.items():
            _kill(pid, started)
    if not directory.sockets.is_relative_to(directory.root):
        shutil.rmtree(directory.sockets, ignore_errors=True)


def _lives(directory: NodeDirectory) -> dict[int, float]:
    """The node's processes with their start times, so that no stranger with a used pid is ever hit."""
    import psutil

    from wakeful_runtime.clients.client import NoNode

    found: dict[int, float] = {}
    try:
        with Client(directory.root) as node:
            for row in node.call("ps", {}):
                if row.get("pid"):
                    found[int(row["pid"])] = psutil.Process(int(row["pid"])).create_time()
    except (NoNode, NodeError, psutil.NoSuchProcess):
        pass
    return found


def _kill(pid: int, started: float) -> None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.create_time() == started:
            process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        pass
