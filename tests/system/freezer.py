"""Processes that take no SIGKILL, made for real: a cgroup v1 freezer."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup/freezer")
WITHIN_S = 10.0


class Freezer:
    """What is in it is in state D and dies only when it is thawed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def freeze(self, pid: int) -> None:
        (self._folder / "cgroup.procs").write_text(str(pid))
        self._set("FROZEN")

    def thaw(self) -> None:
        self._set("THAWED")

    def _set(self, state: str) -> None:
        (self._folder / "freezer.state").write_text(state)
        until = time.monotonic() + WITHIN_S
        while (self._folder / "freezer.state").read_text().strip() != state:
            assert time.monotonic() < until
            time.sleep(0.005)


@contextlib.contextmanager
def freezing() -> Iterator[Freezer]:
    """Skips where this user may not make one; thaws and removes it at the end."""
    folder = ROOT / f"wakeful-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup v1 freezer: {error}")
    freezer = Freezer(folder)
    yield freezer
    freezer.thaw()
    until = time.monotonic() + WITHIN_S
    while folder.exists():
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (ROOT / "cgroup.procs").write_text(pid)
        with contextlib.suppress(OSError):
            folder.rmdir()
        assert time.monotonic() < until
        time.sleep(0.005)
