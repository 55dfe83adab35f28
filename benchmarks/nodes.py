"""A node for the benchmarks: started in a directory of its own, spoken to from outside, stopped at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from measure import directory

from wakeful import Gateway
from wakeful.errors import ActorDead, AskTimeout
from wakeful.message import Request
from wakeful_runtime.clients.client import Client
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeplan import pack_plan
from wakeful_runtime.transport.mailbox import Mailbox

WITHIN_S = 120.0
LOOK_S = 0.005

HERE = str(Path(__file__).parent)


class RunningNode:
    """What a benchmark asks of its node."""

    def __init__(self, where: NodeDirectory, keeper: subprocess.Popen[bytes], started_at: float) -> None:
        self.directory = where
        self.keeper = keeper
        self.client = Client(where.root)
        self.started_at = started_at

    def rows(self) -> dict[str, dict[str, Any]]:
        """`ps` by path."""
        return {row["path"]: row for row in self.client.ps()}

    def row(self, path: str) -> dict[str, Any]:
        """One of them."""
        return self.rows()[path]

    def stop(self) -> float:
        """Stop it in order; seconds that took."""
        began = time.monotonic()
        self.client.close()
        if self.keeper.poll() is None:
            self.keeper.send_signal(signal.SIGTERM)
        self.keeper.wait(WITHIN_S)
        return time.monotonic() - began


@contextmanager
def node(tree: Gateway) -> Iterator[RunningNode]:
    """Run a tree for as long as the block lasts."""
    with directory() as where:
        path = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
        began = time.monotonic()
        keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", "wakeful_runtime.keeping_node", str(where.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        assert keeper.stdin is not None and keeper.stdout is not None
        keeper.stdin.write(pack_plan(tree.plan()))
        keeper.stdin.close()
        ready = keeper.stdout.readline()
        keeper.stdout.close()
        if ready != b"ready\n":
            raise SystemExit(f"the node did not start: status {keeper.wait(WITHIN_S)}")
        running = RunningNode(where, keeper, began)
        try:
            yield running
        finally:
            running.stop()


@asynccontextmanager
async def caller(where: NodeDirectory) -> AsyncIterator[Mailbox]:
    """Somebody outside who asks the node's actors."""
    mailbox = Mailbox(where, f"bench-{os.getpid()}", 1, bind=False)
    await mailbox.open()
    try:
        yield mailbox
    finally:
        mailbox.close()


async def answer(mailbox: Mailbox, path: str, request: Request[int], *, above: int = 0) -> int:
    """The first answer of a life above an incarnation; asked again when the asked one died."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                found = await mailbox.ask(path, request, 60.0)
            except (ActorDead, AskTimeout):
                continue
            if found > above:
                return found


def pss_kib(pid: int) -> int:
    """A process's share of memory, KiB: its private pages, and its part of each shared one."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError(f"no Pss of {pid}")


def cpu_s(pid: int) -> float:
    """CPU seconds all threads of a process have used."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


async def until(condition: Callable[[], bool], what: str, *, look: float = LOOK_S) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {WITHIN_S:g} s")
        await asyncio.sleep(look)
