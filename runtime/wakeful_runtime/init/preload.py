"""Imports that all processes of a node share: done once, before the first fork, and they must start no thread."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence

from wakeful.errors import NodeError

RUNTIME = ("zmq", "msgpack", "pydantic", "structlog", "sqlite3", "asyncio", "setproctitle")


def count_threads() -> int:
    """Threads of this process, native ones included (`threading.active_count` doesn't see those)."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 (a count is wanted)
    except FileNotFoundError:
        import psutil  # not Linux

        return psutil.Process().num_threads()


def preload(modules: Sequence[str] = ()) -> None:
    """Import the runtime's modules and `modules`, and freeze what they made out of the collector's sight.

    Raises:
        NodeError: one can't be imported, or started a thread (a fork of a threaded process can hang for ever); the
            text names it and says what to do.
    """
    if count_threads() > 1:
        raise NodeError(
            f"{count_threads()} threads run in this process; a node must be started from one with a single thread"
        )
    for name in (*RUNTIME, *modules):
        _import(name)
    gc.collect()
    gc.freeze()


def _import(name: str) -> None:
    if name in sys.modules:
        return
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise NodeError(f"can't preload {name}: {error}") from None
    except Exception as error:
        raise NodeError(f"can't preload {name}: it raised {type(error).__name__}: {error}") from error
    if count_threads() > 1:
        raise NodeError(
            f"can't preload {name}: its import started {count_threads() - 1} thread(s). Take it out of "
            f"Gateway(preload=...); for numpy and what uses it, OPENBLAS_NUM_THREADS=1 in the environment helps too"
        )
