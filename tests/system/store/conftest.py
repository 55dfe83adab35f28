"""A real store process and clients of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.store.checkpoints import state_hash
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.wire import pack

ROOT = Path(__file__).parents[3]


class Store:
    """The process; may be killed and started again."""

    def __init__(self, directory: NodeDirectory) -> None:
        self.directory = directory
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.system.store.process", str(self.directory.root)]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def files(self) -> list[str]:
        """What lies beside the database under its name."""
        return sorted(file.name for file in self.directory.root.glob("store.sqlite3*"))

    def restore(self, copy: Path) -> None:
        """Put a backup in the database's place."""
        for name in self.files():
            (self.directory.root / name).unlink()
        shutil.copy(copy, self.directory.store)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """SIGTERM; its exit status and what it said."""
        assert self.process is not None
        self.process.terminate()
        return self.wait()

    def wait(self) -> tuple[int, str]:
        assert self.process is not None
        said = self.process.communicate(timeout=30)[1]
        return self.process.returncode, said


@pytest.fixture
def store(node_directory: NodeDirectory) -> Iterator[Store]:
    made = Store(node_directory)
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


class Asking(StoreClient):
    """A client with the requests that the tests make."""

    async def begin(self, path: str, incarnation: int = 1, **more: Any) -> dict[str, Any]:
        about: dict[str, Any] = {
            "path": path,
            "incarnation": incarnation,
            "owner": "t",
            "kind": "session",
            "boot_id": "b",
        }
        return await self.request("begin_life", **{**about, "new_run": False, "run": {}, **more})

    async def checkpoint(self, path: str, run_id: str, value: Any, incarnation: int = 1, **more: Any) -> int:
        state = pack(value)
        about: dict[str, Any] = {
            "path": path,
            "incarnation": incarnation,
            "run_id": run_id,
            "name": "n",
            "form": "plain",
            "version": 1,
        }
        seq: int = (await self.request("checkpoint", **about, state=state, hash=state_hash(state), **more))["seq"]
        return seq


@pytest.fixture
async def asking(node_directory: NodeDirectory) -> AsyncIterator[Asking]:
    made = Asking(node_directory, "tester#1")
    yield made
    await made.close()
