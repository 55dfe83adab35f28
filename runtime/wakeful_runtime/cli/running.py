"""Starting a node from a plan, in this process or detached, and waiting for it to be ready or gone."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from wakeful.errors import NodeError, SpecError
from wakeful.plan import NodePlan, WebPlan
from wakeful_runtime.cli.options import prompt
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.prompt import PLAIN

READY_S = 60.0
"""How long `run --detach` waits for the node to be ready."""

WEB_S = 15.0
"""How long the ready line waits for the web."""

_POLL_S = 0.05
_READY = "wakeful: ready:"
_FOREGROUND = "; Ctrl-C stops it in order"
_BAD_TREE = 2


def foreground(directory: NodeDirectory, plan: NodePlan) -> int:
    """Be the node's keeper until it has stopped; its exit code.

    Raises:
        NodeError: the directory can't be used, or a node runs there.
    """
    from wakeful_runtime.node import run_node

    directory.create()
    # Of two runs at once only one may write the plan, and the other must not say that it is ready.
    starting = _start_lock(directory)
    _refuse_second(directory)
    _check_port(directory, plan)
    _announce_when_ready(directory, plan)
    return run_node(directory, plan, on_ready=lambda gateway: fcntl.flock(starting, fcntl.LOCK_UN))


def detached(directory: NodeDirectory, target: str, web: WebPlan | None = None) -> int:
    """Start the node of a target in the background and return when it is ready.

    Raises:
        SpecError: the tree can't be right.
        NodeError: it ended before it was ready, with its own words, or wasn't ready in time.
    """
    directory.create()
    _refuse_second(directory)
    said = directory.log("keeper")
    with said.open("ab") as out:
        start = out.tell()
        named = [] if prompt() == PLAIN else ["--node", str(directory.root)]  # its ready line is for this person
        command = [sys.executable, "-P", "-m", "wakeful_runtime.cli", *named, "run", target]
        command += ["--no-web"] if web is None else ["--web", f"{web.host}:{web.port}"]
        env = {**os.environ, "WAKEFUL_NODE": str(directory.root)}
        keeper = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True
        )
    deadline = time.monotonic() + READY_S
    while True:
        status = keeper.poll()  # before its words are read: what it said last must be among them
        words = _lines_from(said, start)
        ready = [line for line in words if line.startswith(_READY)]
        if ready:
            for line in words[: words.index(ready[0])]:
                if line.startswith("wakeful: "):  # what it lacks, what looks forgotten
                    print(line, file=sys.stderr)
            print(ready[0].replace(_FOREGROUND, ""))
            return 0
        if status is not None:
            kind = SpecError if status == _BAD_TREE else NodeError
            raise kind(words[-1].removeprefix("wakeful: ") if words else f"the node ended with status {status}")
        if time.monotonic() > deadline:
            raise NodeError(f"the node isn't ready after {READY_S:.0f} s; see {said} and wakeful ps")
        time.sleep(_POLL_S)


def is_ready(directory: NodeDirectory) -> bool:
    """Whether a node answers there."""
    return _status(directory) is not None


def wait_until_gone(directory: NodeDirectory, timeout: float) -> None:
    """Wait until nothing of a node runs there.

    Raises:
        NodeError: something still does after `timeout` seconds.
    """
    from wakeful_runtime.clients.client import runs_in

    deadline = time.monotonic() + timeout
    while runs_in(directory):
        if time.monotonic() > deadline:
            raise NodeError(f"it is still stopping after {timeout:.0f} s; see wakeful ps")
        time.sleep(_POLL_S)


def ready_line(directory: NodeDirectory, plan: NodePlan) -> str:
    """The one line of `run`."""
    commands = prompt().put("wakeful ps, wakeful down")
    return f"{_READY} {plan.target} in {directory.root} ({commands}{_FOREGROUND})"


def _lines_from(file: Path, start: int) -> list[str]:
    with file.open("rb") as opened:
        opened.seek(start)
        return opened.read().decode("utf-8", "replace").splitlines()


def _refuse_second(directory: NodeDirectory) -> None:
    from wakeful_runtime.init import locks

    keeper = directory.lock("keeper")
    if locks.held(keeper):
        raise NodeError(f"a node runs in {directory.root} already, pid {locks.holder(keeper).pid}; see wakeful status")


def _check_port(directory: NodeDirectory, plan: NodePlan) -> None:
    """A port that is taken is told before anything starts; what runs on without a keeper has its own already."""
    from wakeful_runtime.clients.client import runs_in

    if plan.web is not None and not runs_in(directory):
        from wakeful_runtime.web.address import check_free

        check_free(plan.web)


def _start_lock(directory: NodeDirectory) -> int:
    starting = os.open(directory.lock("start"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(starting, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(starting)
        raise NodeError(f"another `wakeful run` is starting a node in {directory.root}") from None
    return starting


def _status(directory: NodeDirectory) -> dict[str, Any] | None:
    from wakeful_runtime.clients.client import Client

    try:
        with Client(directory.root) as client:
            answer: dict[str, Any] = client.call("status", {})
            return answer
    except NodeError:  # none there, or it is coming up or going down
        return None


def _announce_when_ready(directory: NodeDirectory, plan: NodePlan) -> None:
    """Say the line once the node answers.

    From a process of its own, for this one will only wait for init; and from nobody's child, so that the keeper
    neither has to reap it nor takes it for a leftover of its node.
    """
    gone, alive = os.pipe()  # end of file: this process has ended, waited for or not
    sys.stdout.flush()
    middle = os.fork()
    if middle:
        os.close(gone)
        os.waitpid(middle, 0)
        return
    if os.fork():
        os._exit(0)
    os.close(alive)
    try:
        _say_when_ready(directory, plan, gone)
    finally:
        os._exit(0)


def _say_when_ready(directory: NodeDirectory, plan: NodePlan, gone: int) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if is_ready(directory):
            print(ready_line(directory, plan) + prompt().put(_web_words(directory, plan.web, gone)), flush=True)
            return
        if select.select([gone], [], [], _POLL_S)[0]:
            return


def _web_words(directory: NodeDirectory, asked: WebPlan | None, gone: int) -> str:
    """Where the web listens, once it does; a node whose web can't come up is ready all the same, and says so."""
    from wakeful_runtime.gateway.nodeplan import read_start
    from wakeful_runtime.web.address import is_loopback
    from wakeful_runtime.web.place import read_place

    deadline = time.monotonic() + WEB_S
    start = read_start(directory)
    if start.plan.web is None:
        return "; it runs on as it was begun, without a web: wakeful down, then run it anew" if asked else ""
    while time.monotonic() < deadline:
        place = read_place(directory)
        if place is not None and place["epoch"] == start.epoch:
            open_to_all = (
                "" if is_loopback(start.plan.web.host) else "; others can reach it and the token is not encrypted"
            )
            return f"; web at {place['url']} (wakeful token{open_to_all})"
        if select.select([gone], [], [], _POLL_S)[0]:
            break
    return "; the web is not up yet: see wakeful logs web"
