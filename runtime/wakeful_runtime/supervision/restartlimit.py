"""Restarts and resumes are metered for the whole node, so that a mass death does not become a restart storm."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from wakeful.rules.restarts import Bucket

LOCK_TRIES = 5
LOCK_PAUSE_S = 0.01
"""A process that was stopped while it held the file's lock holds up nobody: after so many tries each has its own."""

_FORM = struct.Struct("<16sdd")
"""The mark, and a `Bucket`'s tokens and time."""


class RestartLimit:
    """One bucket in a file that all supervisors of a node share. Fresh starts don't pass through it.

    The file needs nobody to be alive: a supervisor waits for no other process. What waits here holds no token, so that
    nothing is lost with a supervisor that dies while its children wait.

    Args:
        file: the shared one; None: this supervisor has a limit of its own.
        mark: 16 bytes; what was written under another one (before a reboot, say) is void.
        full: the bucket to begin with.
    """

    def __init__(self, file: Path | None = None, mark: bytes = b"", *, full: Bucket | None = None) -> None:
        self._file = file
        self._mark = mark[:16].ljust(16, b"\0")
        self._full = self._own = full or Bucket()
        self._turn = asyncio.Lock()

    async def admitted(self) -> None:
        """Done when this restart may begin; first come, first served within a supervisor."""
        async with self._turn:
            wait = await self._wait()
            while wait:
                await asyncio.sleep(wait)  # another supervisor may have been faster
                wait = await self._wait()

    async def _wait(self) -> float:
        for _ in range(LOCK_TRIES if self._file is not None else 0):
            try:
                return self._shared()
            except BlockingIOError:
                await asyncio.sleep(LOCK_PAUSE_S)
            except OSError:
                break  # a full disk, or a file that can't be used: no reason to restart nothing
        self._own, wait = _take(self._own, time.monotonic())
        return wait

    def _shared(self) -> float:
        assert self._file is not None
        with _locked(self._file) as descriptor:
            data = os.pread(descriptor, _FORM.size, 0)
            bucket, now = self._full, time.monotonic()
            if len(data) == _FORM.size:
                mark, tokens, at = _FORM.unpack(data)
                if mark == self._mark and at <= now:
                    bucket = replace(bucket, tokens=tokens, at=at)
            bucket, wait = _take(bucket, now)
            os.pwrite(descriptor, _FORM.pack(self._mark, bucket.tokens, bucket.at), 0)
        return wait


def _take(bucket: Bucket, now: float) -> tuple[Bucket, float]:
    """Take a token, or leave it and hear how long to wait before asking again: what waits holds none."""
    after, wait = bucket.take(now)
    return (bucket, wait) if wait else (after, 0.0)


@contextlib.contextmanager
def _locked(file: Path) -> Generator[int, None, None]:
    """Its descriptor, locked.

    Raises:
        BlockingIOError: another process has it.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)
