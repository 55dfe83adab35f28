"""A wrapped command: its node in a process beside this one, its output and its fortunes told here."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from wakeful.errors import NodeError, SpecError
from wakeful.plan import NodePlan
from wakeful.tree import RESERVED
from wakeful_runtime.cli.options import prompt
from wakeful_runtime.clients.client import Client
from wakeful_runtime.directory import NodeDirectory

POLL_S = 0.1
_CALM_S = 1.0
_KNOWN_S = 20.0
_PIECE = 256 * 1024
_RUNS_OTHERS = frozenset({"python", "python3", "node", "deno", "bun", "ruby", "perl", "bash", "sh", "zsh", "uv", "npx"})


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A node that runs one command.

    Attributes:
        path: of the command in it.
        seq: the last row of the journal before it began.
        log_from: where the command's log ended then.
    """

    directory: NodeDirectory
    keeper: subprocess.Popen[bytes]
    path: str
    seq: int
    log_from: int


def name_of(command: Sequence[str]) -> str:
    """What a command is called: its program; of an interpreter, its script."""
    words = [Path(word) for word in command]
    script = len(words) > 1 and words[0].name in _RUNS_OTHERS and words[1].suffix and not command[1].startswith("-")
    text = "".join(char if char.isalnum() or char in "._-" else "-" for char in (words[1] if script else words[0]).stem)
    name = text.strip("._-")[:64] or "command"
    return f"{name}-command" if name in RESERVED else name


def check_program(command: Sequence[str]) -> None:
    """Refuse what can't be started at all, before a node starts for it.

    Raises:
        SpecError: there is no such program, or it may not be run.
    """
    program = command[0]
    if shutil.which(program) is not None:
        return
    if "/" not in program:
        here = f"; here is ./{program}" if Path(program).is_file() else ""
        raise SpecError(f"there is no command {program!r} on the PATH{here}")
    if not Path(program).exists():
        raise SpecError(f"{program}: no such file (looked for {Path(program).absolute()})")
    raise SpecError(f"{program} is not a program that may be run: chmod +x {program}, or name what runs it before it")


def start(directory: NodeDirectory, plan: NodePlan, path: str) -> Wrapped:
    """Start its node; returns when that stands.

    Raises:
        NodeError: a node runs there already, or it does not start.
    """
    from wakeful_runtime.gateway.nodeplan import pack_plan

    directory.create()
    log = directory.log(path)
    before = _last_seq(directory), log.stat().st_size if log.exists() else 0
    words = directory.log("keeper")
    with words.open("ab") as said:
        since = said.tell()
        command = [sys.executable, "-P", "-m", "wakeful_runtime.keeping_node", str(directory.root)]
        keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True
        )
    assert keeper.stdin is not None and keeper.stdout is not None
    keeper.stdin.write(pack_plan(plan))
    keeper.stdin.close()
    ready = keeper.stdout.readline()
    keeper.stdout.close()
    if not ready:
        status = keeper.wait()
        told = words.read_bytes()[since:].decode(errors="replace").splitlines()
        why = told[-1].removeprefix("wakeful: ") if told else f"the node ended with status {status}"
        raise NodeError(f"{why}; another directory is chosen with --node DIR")
    return Wrapped(directory, keeper, path, *before)


def let_go_on(wrapped: Wrapped) -> None:
    """Who wraps it again has seen what it waited for: a parked one goes on, as soon as the node knows of it."""
    deadline = time.monotonic() + _KNOWN_S
    with Client(wrapped.directory.root) as client:
        while time.monotonic() < deadline and wrapped.keeper.poll() is None:
            with contextlib.suppress(NodeError):  # it is coming up
                rows = [row for row in client.ps() if row["path"] == wrapped.path]
                if rows and rows[0]["state"] == "review":
                    client.call("resume", {"path": wrapped.path})
                    print(f"wakeful: it waited for a person ({rows[0].get('why')}); it goes on", file=sys.stderr)
                    return
                if rows and (rows[0]["state"] != "starting" or rows[0]["pid"] is not None):
                    return
            time.sleep(POLL_S)


def watch(wrapped: Wrapped) -> int:
    """Show its output and what becomes of it; stops the node when its run is over. The exit code."""
    stops: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stops.append(number)
        wrapped.keeper.terminate()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        outcome = _follow(wrapped)
        wrapped.keeper.terminate()
        wrapped.keeper.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if outcome == "ok" else 1


def _follow(wrapped: Wrapped) -> str | None:
    """Until the run has an outcome, or the node has ended."""
    output = _Tail(wrapped.directory.log(wrapped.path), wrapped.log_from)
    outcome: str | None = None
    with Client(wrapped.directory.root) as client:
        seq, pause = wrapped.seq, POLL_S
        while outcome is None and wrapped.keeper.poll() is None:
            rows: list[dict[str, Any]] = []
            with contextlib.suppress(NodeError):  # it is coming up, or going down
                rows = client.call("events", {"after": seq, "path": wrapped.path, "limit": 1000})
            new = output.copy()
            for row in rows:
                seq = max(seq, int(row["seq"]))
                if told := _told(row):
                    print(f"wakeful: {told}", file=sys.stderr, flush=True)
                if row["event"] == "finished":
                    outcome = str(row.get("outcome"))
            pause = POLL_S if rows or new else min(1.2 * pause, _CALM_S)  # a night of silence costs next to nothing
            time.sleep(pause)
    output.copy()
    return outcome


def _told(row: dict[str, Any]) -> str:
    """What a person at the terminal wants to know of it; empty: nothing."""
    match row["event"]:
        case "exited" if row.get("failure"):
            return f"life {row['incarnation']} is over: {row.get('what') or row.get('kind')}"
        case "restarted":
            return f"life {row['incarnation']} begins"
        case "confirmed":
            return f"{row.get('verdict')}: {row.get('words')}"
        case "review":
            path = row["path"]
            commands = prompt().put(
                f"wakeful why {path}; Ctrl-C, mend it and wrap it again, or in another terminal wakeful resume {path}"
            )
            return f"waits for a person: {row.get('why')} ({commands})"
        case "finished":
            return f"finished: {row.get('outcome')}" + (f", {row['why']}" if row.get("why") else "")
        case _:
            return ""


class _Tail:
    """Copies what is appended to a life's log, without the host's own lines."""

    def __init__(self, file: Path, since: int) -> None:
        self._file, self._at = file, since
        self._rest = b""

    def copy(self) -> bool:
        """Whether there was any."""
        before = self._at
        for line in self._new():
            if not (line.startswith(b"{") and b'"incarnation"' in line and b'"event"' in line):
                sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
        return self._at > before

    def _new(self) -> Iterator[bytes]:
        try:
            with self._file.open("rb") as log:
                log.seek(self._at)
                while data := log.read(_PIECE):
                    self._at += len(data)
                    *lines, self._rest = (self._rest + data).split(b"\n")
                    yield from lines
        except FileNotFoundError:
            return


def _last_seq(directory: NodeDirectory) -> int:
    """Of the journal as the last node left it."""
    from wakeful_runtime.store.reader import reader

    if not directory.store.exists():
        return 0
    with reader(directory.store) as kept:
        rows = kept.events(after=-1, limit=1)
    return int(rows[-1]["seq"]) if rows else 0
