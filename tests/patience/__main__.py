"""`python -m tests.patience [SCENE …]`: plays what must never end a healthy session at full length, a line each.

Takes about eight minutes, saturates the machine for one of them. Exit status 0 if no session was touched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import scenes
from tests.patience.world import CannotPlay, FakeTime, WallClock
from tests.system.node.conftest import Harness
from tests.system.scenes.conftest import QUICK

from wakeful import Heartbeat
from wakeful_runtime.directory import NodeDirectory

CALM = Heartbeat(every=2.0, timeout=10.0, progress=60.0)

Scene = Callable[[Harness, Path], scenes.Why]


def by(clock: Callable[[Path], WallClock], heartbeat: Heartbeat = QUICK) -> Scene:
    """The clock scene by one of the two ways to fake a clock."""

    def play(harness: Harness, folder: Path) -> scenes.Why:
        stepped = clock(folder)
        os.environ |= stepped.environment
        try:
            return scenes.clock_stepped(harness, stepped, 10.0, heartbeat)
        finally:
            for name in stepped.environment:
                del os.environ[name]

    return play


SCENES: dict[str, tuple[str, Scene]] = {
    "lease": ("a silent call of 60 s under a lease", lambda node, _: scenes.silent_call(node, 60.0)),
    "load": (
        "50 sessions with a heartbeat of 1 s, every core saturated for 60 s",
        lambda node, _: scenes.saturated(node, 60.0, hogs=os.cpu_count()),
    ),
    "monitor": (
        "the monitor stopped for five timeouts of 10 s",
        lambda node, _: scenes.monitor_stopped(node, CALM),
    ),
    "node": (
        "the whole node stopped for 60 s, the keeper first awake",
        lambda node, _: scenes.node_stopped(node, 60.0),
    ),
    "sessions": (
        "the whole node stopped for 60 s, the sessions first awake",
        lambda node, _: scenes.node_stopped(node, 60.0, first="sessions"),
    ),
    "clock": ("the wall clock an hour ahead, two back, and right again: a clock of our own", by(WallClock)),
    "faketime": ("the same by libfaketime", by(FakeTime, CALM)),
    "import": (
        "an import of 20 s, in both lives",
        lambda node, _: scenes.slow_import(node, 20.0, os.environ.__setitem__),
    ),
    "compute": ("10 s of pure Python in a BlockingSession", lambda node, _: scenes.long_computation(node, 10.0)),
    "quota": ("ten sessions that share 5 % of a CPU for 60 s", lambda node, _: scenes.starved(node, 60.0)),
}


@contextmanager
def fresh() -> Iterator[tuple[Harness, Path]]:
    """A node that isn't started yet, and a folder beside it; both are gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="wk-"))
    harness = Harness(NodeDirectory(root / "n").create())
    try:
        yield harness, root
    finally:
        harness.end()
        shutil.rmtree(root)


def played(name: str) -> bool:
    """Play one and say how it went; whether no session was touched."""
    about, scene = SCENES[name]
    began = time.monotonic()
    with fresh() as (harness, folder):
        try:
            why = "; ".join(scene(harness, folder)) or "nothing to say"
            well = "untouched"
        except CannotPlay as error:
            why, well = str(error), "not played"
        except AssertionError as error:
            why, well = str(error), "TOUCHED"
    print(f"{name:<9} {well}: {about} ({time.monotonic() - began:.0f} s). The journal: {why}", flush=True)
    return well != "TOUCHED"


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.patience", description=__doc__)
    parser.add_argument("scene", nargs="*", help=f"which ones; without: all of {', '.join(SCENES)}")
    asked = parser.parse_args().scene or list(SCENES)
    if unknown := set(asked) - set(SCENES):
        parser.error(f"no such scene: {', '.join(sorted(unknown))}; there are {', '.join(SCENES)}")
    well = [played(name) for name in asked]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
