"""A small node of keeper, init and a gateway of the tests' own; the test speaks for its supervisor `sup`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from wakeful.errors import NodeError
from wakeful_runtime import processes
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init import initcall
from wakeful_runtime.init.initclient import Forked, Held, InitClient, Push
from wakeful_runtime.init.lives import LifeFile, LifeFiles, LifeRecord

MAIN = Path(__file__).with_name("smallnode.py")
DEADLINE_S = 20.0
P = TypeVar("P")


class Supervisor:
    """The test's side of `sup`: an InitClient and all it was told."""

    def __init__(self, directory: NodeDirectory, life: LifeRecord) -> None:
        self.pushes: asyncio.Queue[Push] = asyncio.Queue()
        self.tables: asyncio.Queue[list[Held]] = asyncio.Queue()
        self.first: list[Held] = []
        self._descriptors: list[int] = []
        self.client = InitClient(
            directory,
            life.path,
            life.incarnation,
            life.token,
            on_push=self.pushes.put_nowait,
            on_table=self.tables.put_nowait,
        )

    async def fork(self, path: str, kind: str, incarnation: int = 1, boot: bytes = b"") -> Forked:
        """Fork a life of `sup`'s; its descriptor is closed with the supervisor."""
        forked = await self.client.fork(path, kind, incarnation, boot)
        if forked.pidfd is not None:
            self._descriptors.append(forked.pidfd)
        return forked

    async def told(self, kind: type[P]) -> P:
        """The next push of a kind; others are dropped."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                push = await self.pushes.get()
                if isinstance(push, kind):
                    return push

    async def table(self) -> list[Held]:
        """The table of the next hello."""
        async with asyncio.timeout(DEADLINE_S):
            table = await self.tables.get()
        self.hold(table)
        return table

    def hold(self, table: list[Held]) -> None:
        """Close a table's descriptors with the supervisor."""
        self._descriptors += [held.pidfd for held in table if held.pidfd is not None]

    async def close(self) -> None:
        await self.client.close()
        while not self.tables.empty():
            self.hold(self.tables.get_nowait())
        for descriptor in self._descriptors:
            os.close(descriptor)


class SmallNode:
    """Keeper, init, gateway and `sup` in a directory of their own."""

    def __init__(self, directory: NodeDirectory) -> None:
        self.directory = directory
        self.keepers: list[subprocess.Popen[str]] = []
        self._supervisors: list[Supervisor] = []

    def start(self, *preload: str, gateway_mode: str = "") -> subprocess.Popen[str]:
        """Run a keeper until its node is ready."""
        if gateway_mode:
            (self.directory.root / "gateway-mode").write_text(gateway_mode)
        keeper = self.spawn(*preload)
        assert keeper.stdout is not None
        line = keeper.stdout.readline()
        assert line.startswith("ready"), (line, keeper.communicate(timeout=5), self.log("init"), self.log("gateway"))
        return keeper

    def start_through_shell(self) -> subprocess.Popen[str]:
        """A shell with a child of its own becomes the keeper."""
        script = f'sleep 1000 & echo $! > {self.directory.root}/before.pid; exec "$@"'
        keeper = self._popen(["sh", "-c", script, "sh", sys.executable, str(MAIN), str(self.directory.root)])
        assert keeper.stdout is not None
        assert keeper.stdout.readline().startswith("ready")
        return keeper

    def start_below(self, command: list[str]) -> subprocess.Popen[str]:
        """Run the keeper as the program of another command."""
        outer = self._popen([*command, sys.executable, str(MAIN), str(self.directory.root)])
        assert outer.stdout is not None
        assert outer.stdout.readline().startswith("ready"), (self.log("init"), self.log("keeper"))
        return outer

    def record(self, path: str, pid: int, *, boot_id: str | None = None) -> LifeRecord:
        """A life file as a dead node may have left it; `pid` was somebody else's then."""
        life = LifeRecord(
            path=path,
            kind="idle",
            incarnation=1,
            pid=pid,
            start=1.0,
            inode=0,
            boot_id=boot_id or processes.boot_id(),
            token="0" * 32,
            owner="sup",
            forked_at=0.0,
        )
        LifeFiles(self.directory).write(LifeFile(life, "running"))
        return life

    def spawn(self, *preload: str) -> subprocess.Popen[str]:
        """Start a keeper and wait for nothing."""
        return self._popen([sys.executable, str(MAIN), str(self.directory.root), *preload])

    def _popen(self, command: list[str]) -> subprocess.Popen[str]:
        keeper = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.keepers.append(keeper)
        return keeper

    def table(self) -> dict[str, Any]:
        """What an observer sees."""
        return initcall.table(self.directory)

    def life(self, path: str) -> LifeRecord:
        """The living life of a path, from the life files."""
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            for record in LifeFiles(self.directory).read():
                if record.life.path == path and record.state == "running":
                    return record.life
            time.sleep(0.005)
        raise AssertionError(f"{path} does not run")

    async def supervisor(self) -> Supervisor:
        """Speak for `sup`."""
        supervisor = Supervisor(self.directory, await asyncio.to_thread(self.life, "sup"))
        self._supervisors.append(supervisor)
        supervisor.first = await supervisor.client.connect()
        supervisor.hold(supervisor.first)
        return supervisor

    def supervisor_of(self, life: LifeRecord) -> Supervisor:
        """One that hasn't said hello."""
        supervisor = Supervisor(self.directory, life)
        self._supervisors.append(supervisor)
        return supervisor

    async def facts(self, path: str, incarnation: int = 1) -> dict[str, Any]:
        """What a life left for the test."""
        file = self.directory.root / f"{path.replace('/', '~')}.{incarnation}.facts"
        until = time.monotonic() + DEADLINE_S
        while not file.exists():
            assert time.monotonic() < until, f"{path} says nothing: {self.log(path)}"
            await asyncio.sleep(0.005)
        facts: dict[str, Any] = json.loads(file.read_text())
        return facts

    def log(self, path: str) -> str:
        """The log of a path."""
        file = self.directory.log(path)
        return file.read_text() if file.exists() else ""

    async def close(self) -> None:
        """Stop in order where that is still possible; then everything that is recorded, by its identity."""
        for supervisor in self._supervisors:
            await supervisor.client.close()
        with contextlib.suppress(NodeError):
            initcall.stop(self.directory, "the test is over")
        for keeper in self.keepers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                keeper.wait(10.0)
            if keeper.returncode is None:
                keeper.kill()
            keeper.communicate()
        for supervisor in self._supervisors:
            await supervisor.close()


@pytest.fixture
async def small_node(node_directory: NodeDirectory) -> AsyncIterator[SmallNode]:
    """Not started yet; stopped after the test."""
    node = SmallNode(node_directory)
    yield node
    await node.close()


@pytest.fixture
def descriptors_are_kept() -> Iterator[None]:
    """This process has no more open files after the test than before."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
