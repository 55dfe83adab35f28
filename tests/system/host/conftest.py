"""A fake supervisor made of a ControlServer, and real forked lives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wakeful.plan import ChildPlan, Code
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.host.go import write_boot
from wakeful_runtime.transport.control import ControlServer
from wakeful_runtime.transport.mailbox import Mailbox

HERE = Path(__file__).parent
PATIENCE = 20.0
"""Seconds a test waits for an event before it fails; generous, for loaded machines."""

Body = dict[str, Any]


class Life:
    """One forked life, and what its control thread said."""

    def __init__(self, node: Node, path: str, token: str) -> None:
        self.node, self.path, self.token = node, path, token
        self.pid = 0
        self.forked_at = 0.0
        self.heard: list[tuple[float, str, Body]] = []
        self._changed = asyncio.Event()
        self._nonce = 0

    def note(self, kind: str, body: Body) -> None:
        self.heard.append((time.monotonic(), kind, body))
        self._changed.set()

    @property
    def status(self) -> int | None:
        return self.node.status(self.pid)

    async def until(self, found: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        deadline = time.monotonic() + patience
        while not (value := found()):
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 0.02)  # files have no event: looked at again
            if time.monotonic() > deadline:
                log = self.node.directory.log(self.path)
                shown = log.read_text() if log.exists() else ""
                pytest.fail(f"no {what} within {patience} s; heard {[kind for _, kind, _ in self.heard]}\n{shown}")
        return value

    async def message(self, kind: str, **fields: Any) -> Body:
        """The first message of this kind with these fields."""

        def found() -> Body | None:
            for _, each, body in self.heard:
                if each == kind and fields.items() <= body.items():
                    return body
            return None

        body: Body = await self.until(found, f"{kind} {fields or ''}")
        return body

    async def exit(self) -> int:
        await self.until(lambda: self.status is not None, "exit")
        status = self.status
        assert status is not None
        return status

    def say(self, kind: str, body: Body) -> None:
        self.node.server.send(self.path, 1, self.token, kind, body)

    def probe(self) -> int:
        self._nonce += 1
        self.say("probe", {"nonce": self._nonce})
        return self._nonce

    async def answer(self) -> Body:
        return await self.message("answer", nonce=self.probe())

    async def go(self, **body: Any) -> None:
        await self.message("hello")
        self.say("go", {"incarnation": 1, "run_id": "r1", "run_started_at": time.time(), "lives": 1, **body})

    async def ready(self, **body: Any) -> None:
        await self.go(**body)
        await self.message("ready")

    def stop(self, kind: str = "stop", deadline: float | None = 5.0) -> None:
        self.say("stop", {"reason": {"kind": kind, "what": "because"}, "deadline_s": deadline})

    async def bye(self) -> Body:
        reason: Body = (await self.message("bye"))["reason"]
        return reason

    async def asked(self, op: str, **fields: Any) -> Body:
        """What the life asked of its store."""

        def found() -> Body | None:
            file = self.node.directory.root / "asked.jsonl"
            lines = file.read_text().splitlines() if file.exists() else []
            rows: list[Body] = [json.loads(line) for line in lines]
            return next((row for row in rows if row["op"] == op and fields.items() <= row.items()), None)

        deadline = time.monotonic() + PATIENCE
        while (row := found()) is None:
            assert time.monotonic() < deadline, f"the store was never asked {op} {fields}"
            await asyncio.sleep(0.01)
        return row

    def log(self) -> str:
        return self.node.directory.log(self.path).read_text()


class Node:
    """A directory, a control server, and the cradle that forks."""

    def __init__(self, directory: NodeDirectory, cradle: Cradle) -> None:
        self.directory = directory
        self.lives: dict[str, Life] = {}
        self.open_server()
        self._cradle = cradle

    async def life(self, cls: str, *, go_wait: float = 15.0, name: str = "", **plan: Any) -> Life:
        """Fork a life of the class `cls` in people.py."""
        name = name or cls
        kind = "actor" if cls == "Counter" else "session"
        code = Code(module="people", name=cls, file=str(HERE / "people.py"))
        task = {"args": {"task": "t"}} if kind == "session" else {}
        child = ChildPlan(**({"name": name, "kind": kind, "code": code} | task | plan))
        path, token = f"boss/{name}", os.urandom(16).hex()
        birth = {
            "path": path,
            "kind": kind,
            "incarnation": 1,
            "token": token,
            "directory": str(self.directory.root),
            "boot": write_boot(child).hex(),
            "owner": "boss",
            "go_wait": go_wait,
        }
        life = self.lives[path] = Life(self, path, token)
        life.pid, life.forked_at = await asyncio.to_thread(self._cradle.fork, birth)
        return life

    def open_server(self) -> None:
        """The supervisor comes, again."""
        self.server = ControlServer(self.directory, "boss", self._heard)
        self.server.open()

    def status(self, pid: int) -> int | None:
        """How a life ended, as subprocess has it; None: it lives."""
        return self._cradle.statuses.get(pid)

    def mailbox(self) -> Mailbox:
        """A client's end of the mailbox lane."""
        return Mailbox(self.directory, "tester", 1, bind=False)

    async def close(self) -> None:
        for life in self.lives.values():
            if life.status is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(life.pid, signal.SIGKILL)
                await life.exit()
        self.server.close()

    def _heard(self, kind: str, path: str, incarnation: int, token: str, body: Body) -> None:
        life = self.lives.get(path)
        if life is not None and life.token == token:
            life.note(kind, body)


class Cradle:
    """The process that forks; one for all tests of a test process, for its imports take long."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "cradle.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._forked: queue.Queue[Body] = queue.Queue()
        self.statuses: dict[int, int] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        said = self._forked.get(timeout=60)
        assert said.get("ready"), "the cradle did not start; its error is on stderr"

    def fork(self, birth: Body) -> tuple[int, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(birth).encode() + b"\n")
        self._process.stdin.flush()
        born = self._forked.get(timeout=PATIENCE)
        return born["pid"], born["at"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(PATIENCE) == 0
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "exit" in told:
                self.statuses[told["exit"]] = told["status"]
            else:
                self._forked.put(told)
        self._forked.put({"ended": True})


@pytest.fixture(scope="session")
def cradle() -> Iterator[Cradle]:
    cradle = Cradle()
    yield cradle
    cradle.close()


@pytest.fixture
async def node(cradle: Cradle, node_directory: NodeDirectory) -> AsyncIterator[Node]:
    node = Node(node_directory, cradle)
    yield node
    await node.close()
