"""A fake supervisor made of a ControlServer, and real forked lives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from wakeful.plan import ChildPlan, Code
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.go import write_boot
from wakeful_runtime.transport.control import ControlServer
from wakeful_runtime.transport.mailbox import Mailbox

HERE = Path(__file__).parent
PATIENCE = 20.0
"""Seconds a test waits for an event before it fails; generous, for loaded machines."""

Body = dict[str, Any]


class Life:
    """One forked life, and what its control thread said."""

    def __init__(self, node: Node, path: str, token: str, pid: int, forked_at: float) -> None:
        self.node, self.path, self.token, self.pid, self.forked_at = node, path, token, pid, forked_at
        self.heard: list[tuple[float, str, Body]] = []
        self.status: int | None = None
        self._changed = asyncio.Event()
        self._nonce = 0

    def note(self, kind: str, body: Body) -> None:
        self.heard.append((time.monotonic(), kind, body))
        self._changed.set()

    def ended(self, status: int) -> None:
        self.status = status
        self._changed.set()

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
        assert self.status is not None
        return self.status

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

    def __init__(self, directory: NodeDirectory, cradle: asyncio.subprocess.Process) -> None:
        self.directory = directory
        self.lives: dict[str, Life] = {}
        self.open_server()
        self._cradle = cradle
        self._forked: asyncio.Queue[Body] = asyncio.Queue()
        self._reader = asyncio.ensure_future(self._read())

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
        assert self._cradle.stdin is not None
        early = Life(self, path, token, 0, 0.0)
        self.lives[path] = early
        self._cradle.stdin.write(json.dumps(birth).encode() + b"\n")
        born = await asyncio.wait_for(self._forked.get(), PATIENCE)
        early.pid, early.forked_at = born["pid"], born["at"]
        return early

    def open_server(self) -> None:
        """The supervisor comes, again."""
        self.server = ControlServer(self.directory, "boss", self._heard)
        self.server.open()

    def mailbox(self) -> Mailbox:
        """A client's end of the mailbox lane."""
        return Mailbox(self.directory, "tester", 1, bind=False)

    async def close(self) -> None:
        for life in self.lives.values():
            if life.status is None and life.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(life.pid, signal.SIGKILL)
                await life.exit()
        self.server.close()
        assert self._cradle.stdin is not None
        self._cradle.stdin.close()
        assert await asyncio.wait_for(self._cradle.wait(), PATIENCE) == 0
        await self._reader

    def _heard(self, kind: str, path: str, incarnation: int, token: str, body: Body) -> None:
        life = self.lives.get(path)
        if life is not None and life.token == token:
            life.note(kind, body)

    async def _read(self) -> None:
        assert self._cradle.stdout is not None
        async for line in self._cradle.stdout:
            told = json.loads(line)
            if "at" in told:
                self._forked.put_nowait(told)
            elif "exit" in told:
                for life in self.lives.values():
                    if life.pid == told["exit"]:
                        life.ended(told["status"])


@pytest.fixture
async def node(node_directory: NodeDirectory) -> AsyncIterator[Node]:
    cradle = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "cradle.py"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert cradle.stdout is not None
    assert b"ready" in await asyncio.wait_for(cradle.stdout.readline(), 60)
    node = Node(node_directory, cradle)
    try:
        yield node
    finally:
        await node.close()
