"""What the benchmarks share: a forked peer, interleaved rounds, medians, and the way results are shown."""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from wakeful_runtime.directory import NodeDirectory


@contextmanager
def directory() -> Iterator[NodeDirectory]:
    """A node directory for one run."""
    with tempfile.TemporaryDirectory(prefix="wakeful-bench-") as root:
        yield NodeDirectory(root).create()


@contextmanager
def peer(work: Callable[[Connection], None]) -> Iterator[Connection]:
    """A forked process that runs `work` with its end of a pipe; it must end when asked to, or is killed."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            ours.close()
            tidy()
            work(theirs)
            status = 0
        except BaseException:  # noqa: BLE001 (it ends with its process)
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        os.waitpid(pid, 0)


def tidy() -> None:
    """The collector as the host sets it for an actor."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pin(cpu: int) -> None:
    """This process, and what it forks, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cpu})


def arguments(about: str, **numbers: int) -> argparse.Namespace:
    """`--json` and the numbers a benchmark can be run with."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default:,}")
    return parser.parse_args()


def rounds(count: int, **ways: Callable[[], float]) -> dict[str, list[float]]:
    """Each way once a round, interleaved, so that a slow window of the machine meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(count):
        for name, way in ways.items():
            found[name].append(way())
    return found


def ratio(found: dict[str, list[float]], of: str, to: str) -> float:
    """The median of the rounds' own ratios."""
    return statistics.median(a / b for a, b in zip(found[of], found[to], strict=True))


def show(name: str, unit: str, found: dict[str, list[float]], ratios: dict[str, float], as_json: bool) -> None:
    """Medians with their ranges, and the ratios."""
    if as_json:
        rows: dict[str, Any] = {
            way: {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}
            for way, values in found.items()
        }
        print(json.dumps({"benchmark": name, "unit": unit, "results": rows, "ratios": ratios}))
        return
    print(f"{name} ({unit}), median [min-max] of {len(next(iter(found.values())))} interleaved runs")
    for way, values in found.items():
        print(f"  {way:<10} {statistics.median(values):>12,.1f}  [{min(values):,.1f}-{max(values):,.1f}]")
    for which, value in ratios.items():
        print(f"  {which}: {value:.3g}")
