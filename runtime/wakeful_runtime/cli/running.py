"""Starting a node from a plan, in this process or detached, and waiting for it to be ready or gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wakeful.errors import NodeError
from wakeful.plan import NodePlan
from wakeful_runtime.directory import NodeDirectory

READY_S = 60.0
"""How long `run --detach` waits for the node to be ready."""

_POLL_S = 0.05


def foreground(directory: NodeDirectory, plan: NodePlan) -> int:
    """Be the node's keeper until it has stopped; its exit code.

    Raises:
        NodeError: the directory can't be used, or a node runs there.
    """
    from wakeful_runtime.keeper import keep
    from wakeful_runtime.roles import enter
    from wakeful_runtime.treefile import pack

    directory.create()
    _announce_when_ready(directory, ready_line(directory, plan))
    return keep(directory, enter, plan=pack(plan))


def detached(directory: NodeDirectory, plan: NodePlan) -> int:
    """Start the node in the background and return when it is ready.

    Raises:
        NodeError: it ended before it was ready, with its own words, or wasn't ready in time.
    """
    directory.create()
    said = directory.log("keeper")
    with said.open("ab") as out:
        start = out.tell()
        command = [sys.executable, "-P", "-m", "wakeful_runtime.cli", "--node", str(directory.root), "run", plan.target]
        keeper = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=Path.cwd(), start_new_session=True
        )
    deadline = time.monotonic() + READY_S
    while not is_ready(directory):
        if keeper.poll() is not None:
            with said.open("rb") as written:
                written.seek(start)
                words = written.read().decode("utf-8", "replace").splitlines()
            raise NodeError(
                words[-1].removeprefix("wakeful: ") if words else f"it ended with status {keeper.returncode}"
            )
        if time.monotonic() > deadline:
            raise NodeError(f"the node isn't ready after {READY_S:.0f} s; see {said} and wakeful ps")
        time.sleep(_POLL_S)
    print(ready_line(directory, plan))
    return 0


def is_ready(directory: NodeDirectory) -> bool:
    """Whether a node answers there and says that it is ready."""
    answer = _status(directory)
    return answer is not None and bool(answer.get("ready", True))


def wait_until_gone(directory: NodeDirectory, timeout: float) -> None:
    """Wait until no node answers there.

    Raises:
        NodeError: one still does after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while _status(directory) is not None:
        if time.monotonic() > deadline:
            raise NodeError(f"it is still stopping after {timeout:.0f} s; see wakeful ps")
        time.sleep(_POLL_S)


def ready_line(directory: NodeDirectory, plan: NodePlan) -> str:
    """The one line of `run`."""
    return f"wakeful: ready: {plan.target} in {directory.root} (wakeful ps, wakeful down; Ctrl-C stops it in order)"


def _status(directory: NodeDirectory) -> dict[str, Any] | None:
    from wakeful_runtime.client import Client, NoNode

    try:
        with Client(directory.root) as client:
            answer: dict[str, Any] = client.call("status", {})
            return answer
    except NoNode:
        return None
    except NodeError:  # it is coming up or going down: there, and not ready
        return {"ready": False}


def _announce_when_ready(directory: NodeDirectory, line: str) -> None:
    """Say the line once the node answers; by a process of its own, for the keeper only waits for its children."""
    _orphan(lambda: _wait_and_say(directory, line, os.getppid()))


def _wait_and_say(directory: NodeDirectory, line: str, _: int) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if is_ready(directory):
            print(line, flush=True)
            return
        time.sleep(_POLL_S)


def _orphan(work: Callable[[], None]) -> None:
    """Run `work` in a process that is nobody's child: the keeper must not take it for one of its own."""
    middle = os.fork()
    if middle:
        os.waitpid(middle, 0)
        return
    if os.fork():
        os._exit(0)
    try:
        work()
    finally:
        os._exit(0)
