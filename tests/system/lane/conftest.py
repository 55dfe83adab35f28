"""Mailboxes on the test's own loop, and lives in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.system.lane.tables import Serves, handlers

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.mailbox import Mailbox

ROOT = Path(__file__).parents[3]


class Lanes:
    """Opens mailboxes and starts lives; all are gone at the end of the test."""

    def __init__(self, directory: NodeDirectory) -> None:
        self.directory = directory
        self._open: list[Mailbox] = []
        self._pumps: dict[Mailbox, asyncio.Task[None]] = {}
        self._processes: list[Process] = []

    async def open(self, path: str, incarnation: int = 1, *serves: Serves, bind: bool = True) -> Mailbox:
        """A mailbox that handles what it serves."""
        mailbox = Mailbox(self.directory, path, incarnation, bind=bind)
        await mailbox.open()
        self._open.append(mailbox)
        if bind:
            mailbox.serve(handlers(*serves))
            self._pumps[mailbox] = asyncio.create_task(mailbox.pump())
        return mailbox

    def pump(self, mailbox: Mailbox) -> asyncio.Task[None]:
        """The task that handles its messages."""
        return self._pumps[mailbox]

    async def close(self, mailbox: Mailbox) -> None:
        """End one of them in order."""
        pump = self._pumps.pop(mailbox, None)
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        mailbox.close()
        self._open.remove(mailbox)

    async def start(self, path: str, incarnation: int = 1) -> Process:
        """A life in a process; it is ready when this returns."""
        arguments = ("-m", "tests.system.lane.actor", str(self.directory.root), path, str(incarnation))
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=PIPE, cwd=ROOT, env=environment
        )
        self._processes.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"ready\n"
        return process

    async def kill(self, process: Process) -> None:
        """SIGKILL, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
        self._processes.remove(process)

    async def end(self) -> None:
        """Close and kill what is left."""
        for mailbox in list(self._open):
            await self.close(mailbox)
        for process in list(self._processes):
            await self.kill(process)


@pytest.fixture
async def lanes(node_directory: NodeDirectory) -> AsyncIterator[Lanes]:
    """Mailboxes and lives of this test."""
    lanes = Lanes(node_directory)
    yield lanes
    await lanes.end()
