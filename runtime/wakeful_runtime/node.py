"""Running a node: here as its keeper, or in a process of its own for as long as a block lasts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from wakeful.errors import NodeError
from wakeful.plan import NodePlan
from wakeful.tree import Gateway
from wakeful_runtime import boots
from wakeful_runtime.clients.asyncclient import AsyncClient, connect
from wakeful_runtime.clients.client import runs_in
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeplan import pack_plan, write_start
from wakeful_runtime.keeper import keep
from wakeful_runtime.roles import PRELOAD, enter, warm
from wakeful_runtime.store.reader import check_usable

START_S = 60.0
STOP_S = 60.0


def run_node(directory: NodeDirectory, plan: NodePlan, *, on_ready: Callable[[int], None] | None = None) -> int:
    """Be the keeper of a node until it is stopped; the exit status.

    A node that lost its keeper and runs on is attached to, with the plan it runs; otherwise a node starts from `plan`.

    Raises:
        NodeError: a node with a keeper runs there, or the directory, or the store in it, can't be used.
    """
    directory.create()
    if not runs_in(directory):
        if directory.store.exists() or directory.store.is_symlink():
            check_usable(directory.store)  # told here, in one line, before anything has started
        try:
            write_start(directory, plan, unclean=boots.unclean(directory))
        except OSError as error:
            raise NodeError(f"can't start a node in {directory.root}: {error.strerror}") from None
    status = keep(directory, enter, warm=warm, preload=(*PRELOAD, *plan.preload), on_ready=on_ready)
    if status == 0:
        boots.ended_in_order(directory)
    return status


class Node:
    """`async with Node(tree, directory=path) as node:` runs a node; leaving the block stops it.

    Args:
        tree: what to run.
        directory: the node's; default a temporary one that is removed afterwards.
    """

    def __init__(self, tree: Gateway, directory: Path | str | None = None) -> None:
        self._plan = tree.plan()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        if directory is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="wakeful-")
            directory = self._scratch.name
        self._directory = NodeDirectory(directory)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._client: AsyncClient | None = None

    async def __aenter__(self) -> AsyncClient:
        self._directory.create()
        with tempfile.TemporaryFile() as said:
            self._keeper = await asyncio.to_thread(self._start, said)
            try:
                self._client = await connect(self._directory.root)
            except BaseException:
                await self._stop()
                raise
        return self._client

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()
        await self._stop()

    def _start(self, said: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "wakeful_runtime.keeping_node", str(self._directory.root)]
        keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True
        )
        assert keeper.stdin is not None and keeper.stdout is not None
        keeper.stdin.write(pack_plan(self._plan))
        keeper.stdin.close()
        ready = keeper.stdout.readline()
        keeper.stdout.close()
        if not ready:
            keeper.wait(STOP_S)
            said.seek(0)
            words = said.read().decode("utf-8", "replace").strip().splitlines()
            raise NodeError(words[-1] if words else f"the node did not start: status {keeper.returncode}")
        return keeper

    async def _stop(self) -> None:
        keeper = self._keeper
        if keeper is not None and keeper.poll() is None:
            keeper.terminate()
            await asyncio.to_thread(keeper.wait, STOP_S)
        if self._scratch is not None:
            self._scratch.cleanup()
