"""What every system test stands on: a directory of its own, waiting with a deadline, and proof that nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.system.node.nursery import LASTING

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.birth import set_subreaper
from wakeful_runtime.processes import children, descendants, read_stat

LEFT_S = 5.0
"""How long what a test has ended may take to be gone."""

set_subreaper()  # whatever a test starts and loses becomes this process's child: nothing can hide


def _living(known: set[int]) -> list[int]:
    left: list[int] = []
    for pid in descendants(os.getpid()):
        stat = read_stat(pid)
        if pid not in known and pid not in LASTING and stat is not None and stat.state not in "ZX":
            left.append(pid)
    return left


def _reap_orphans() -> None:
    """Zombies that fell to us; called when no test of this process has a subprocess of its own any more."""
    for pid in children(os.getpid()):
        stat = read_stat(pid)
        if stat is not None and stat.state == "Z":
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return "?"


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Fails the test that leaves a process behind, and ends that process."""
    known = set(descendants(os.getpid()))
    yield
    until = time.monotonic() + LEFT_S
    while (left := _living(known)) and time.monotonic() < until:
        time.sleep(0.01)
    names = [f"{pid} {_command(pid)}" for pid in left]
    while left := _living(known):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap_orphans()
        time.sleep(0.01)
    _reap_orphans()
    assert not names, f"processes left behind: {names}"


@pytest.fixture
def node_directory() -> Iterator[NodeDirectory]:
    """A directory for one node, its name short enough for sockets; removed with all that is in it."""
    root = Path(tempfile.mkdtemp(prefix="wk-"))
    yield NodeDirectory(root / "n").create()
    shutil.rmtree(root)


@pytest.fixture
def memory_cgroup() -> Iterator[Path]:
    """A memory cgroup of 64 MiB without swap; skips where none can be made."""
    root = Path("/sys/fs/cgroup/memory")
    limits = {"memory.limit_in_bytes": 64 * 2**20, "memory.swappiness": 0}
    if not root.is_dir():
        root = Path("/sys/fs/cgroup")
        limits = {"memory.max": 64 * 2**20, "memory.swap.max": 0}
    folder = root / f"wakeful-test-{os.getpid()}"
    try:
        folder.mkdir()
        for name, value in limits.items():
            (folder / name).write_text(str(value))
    except OSError as error:
        if folder.is_dir():
            folder.rmdir()
        pytest.skip(f"no memory cgroup can be made here: {error}")
    yield folder
    folder.rmdir()


Eventually = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """`await eventually(lambda: condition)`: returns when it is true, fails after 15 seconds."""

    async def wait(condition: Callable[[], object]) -> None:
        until = time.monotonic() + 15.0
        while not condition():
            assert time.monotonic() < until, "it did not happen within 15 s"
            await asyncio.sleep(0.005)

    return wait
