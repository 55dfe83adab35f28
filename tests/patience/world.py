"""What makes a healthy session look dead: a busy machine, a quota, a clock that jumps. Each is undone at its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

CPU = Path("/sys/fs/cgroup/cpu")
PERIOD_US = 100_000


class CannotPlay(Exception):
    """This machine does not allow the scene; the text says why."""


def hold(seconds: float) -> None:
    """The scene lasts so long."""
    threading.Event().wait(seconds)


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that want a whole CPU each: of stress-ng where it is installed."""
    stress = shutil.which("stress-ng")
    loop = [sys.executable, "-c", "while True: pass"]
    commands = [[stress, "--quiet", "--cpu", str(count), "--timeout", "600"]] if stress else [loop] * count
    processes = [subprocess.Popen(command) for command in commands]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def quota(share: float) -> Iterator[Path]:
    """A cgroup with this share of one CPU; its processes are put back before it goes.

    Raises:
        CannotPlay: this user may not make one here.
    """
    folder = CPU / f"wakeful-scene-{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir()
        (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (folder / "cpu.cfs_quota_us").write_text(str(int(share * PERIOD_US)))
    except OSError as error:
        raise CannotPlay(f"no cgroup v1 with a CPU quota: {error}") from None
    try:
        yield folder
    finally:
        release(folder)
        folder.rmdir()


def release(folder: Path) -> None:
    """Put its processes back."""
    for pid in (folder / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (CPU / "cgroup.procs").write_text(pid)


class WallClock:
    """The wall clock of processes started with `environment`, off by what it is set to; of nothing else."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None or sys.platform != "linux":
            raise CannotPlay("no C compiler to make a wall clock of")
        source, library = Path(__file__).with_name("wallclock.c"), folder / "wallclock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
        self._offset = folder / "offset"
        self.environment = {"LD_PRELOAD": str(library), "WALLCLOCK_OFFSET": str(self._offset)}
        self.set(0)

    def set(self, seconds: int) -> None:
        """So many seconds off from now on."""
        self._offset.write_text(str(seconds))


class FakeTime(WallClock):
    """The same by Debian's libfaketime, which fakes the wall clock alone when told to.

    Every look at any clock costs more with it: read uncached it slows a loaded node down until sessions do hang in it.
    """

    LIBRARY = "faketime/libfaketimeMT.so.1"

    def __init__(self, folder: Path) -> None:
        found = next((file for file in Path("/usr/lib").glob(f"*/{self.LIBRARY}")), None)
        if found is None:
            raise CannotPlay("libfaketime is not installed (Debian: apt-get install faketime)")
        self._offset = folder / "faketime"
        self.environment = {
            "LD_PRELOAD": str(found),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        self._offset.write_text(f"{seconds:+d}")
