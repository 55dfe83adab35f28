"""Reading a tree file: a short-lived check process imports it and hands the tree back as data.

No process of a node imports the file that describes the tree; a hang, a crash or a `print` in it can therefore hurt
nobody. `load` starts the check process (`treecheck`), waits for one framed answer on a pipe of its own, and ends
whatever the file started.
"""

from __future__ import annotations

import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from wakeful.errors import NodeError, SpecError
from wakeful.plan import NodePlan
from wakeful_runtime.gateway.nodeplan import unpack_plan
from wakeful_runtime.tree.blame import dumped_at

GOOD, REFUSED = b"+", b"-"
"""An answer's first byte: a packed plan follows, or a line of text."""

_LENGTH = struct.Struct("!I")
_START_S = 15.0
"""For the check process to begin, before the time of the import counts."""
_LOOK_S = 0.1
_TOO_LONG = re.compile(r"^Timeout \(\d", re.MULTILINE)
"""How `faulthandler` begins what it writes when the time is up."""
_MOST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """What `FILE.py:NAME` or `MODULE:NAME` means, relative to the current directory.

    Attributes:
        text: as it was typed.
        file: the script's absolute path, or None for a module.
        module: the module's name; for a script the file's stem.
        name: the attribute that holds the tree; dots allowed.
    """

    text: str
    file: Path | None
    module: str
    name: str

    @property
    def where(self) -> str:
        """What to call it in front of people."""
        return self.text.rpartition(":")[0]


def parse(text: str) -> Target:
    """Split a target.

    Raises:
        SpecError: no `:NAME`, no such file, or not a module's name.
    """
    where, colon, name = text.rpartition(":")
    if not colon or not where or not all(part.isidentifier() for part in name.split(".")):
        raise SpecError(f"{text}: write FILE.py:NAME or MODULE:NAME, such as overnight.py:tree")
    if where.endswith(".py") or "/" in where:
        file = Path(where).expanduser().absolute()
        if not file.is_file():
            raise SpecError(f"{where}: no such file (looked for {file})")
        return Target(text, file, file.stem, name)
    if not all(part.isidentifier() for part in where.split(".")):
        raise SpecError(f"{text}: {where!r} is neither a file nor a module's name; write FILE.py:NAME or MODULE:NAME")
    return Target(text, None, where, name)


def load(target: str, *, timeout: float = 30.0) -> NodePlan:
    """The tree of a target, as data.

    Args:
        target: `FILE.py:NAME` or `MODULE:NAME`, relative to the current directory.
        timeout: seconds the import may take.

    Raises:
        SpecError: one line with file and line: the file is missing, doesn't import, takes too long, or the tree in it
            can't be right.
    """
    parsed = parse(target)
    with tempfile.TemporaryFile() as said:
        reader, writer = os.pipe()
        try:
            checker = _start(target, timeout, writer, said)
        finally:
            os.close(writer)
        try:
            answer = _read(reader, checker, time.monotonic() + timeout + _START_S)
        finally:
            os.close(reader)
            end = _end(checker, answered_in=0.2)
        if answer is None:
            raise SpecError(_silence(parsed, timeout, end, said))
    return _plan(parsed, answer)


def _start(target: str, timeout: float, writer: int, said: IO[bytes]) -> subprocess.Popen[bytes]:
    # -P: a file called random.py beside the tree must not replace the library's before the check has begun.
    command = [sys.executable, "-P", "-m", "wakeful_runtime.tree.treecheck", target, str(writer), str(timeout)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        pass_fds=(writer,),
        start_new_session=True,
    )


def _read(reader: int, checker: subprocess.Popen[bytes], deadline: float) -> bytes | None:
    """One frame; None if none came in time. Doesn't wait for the end of the file: what the tree started may hold it."""
    data = b""
    while len(data) < _LENGTH.size or len(data) < _LENGTH.size + _LENGTH.unpack_from(data)[0]:
        over = checker.poll() is not None or time.monotonic() > deadline
        if not select.select([reader], [], [], 0 if over else _LOOK_S)[0]:
            if over:
                return None
            continue
        piece = os.read(reader, 1 << 16)
        if not piece or len(data) > _MOST:
            return None
        data += piece
    return data[_LENGTH.size :]


def frame(body: bytes) -> bytes:
    """What the check process writes to its pipe."""
    return _LENGTH.pack(len(body)) + body


def _end(checker: subprocess.Popen[bytes], *, answered_in: float) -> int | None:
    """End the check process and its group; its status, or None if it had to be killed."""
    try:
        status: int | None = checker.wait(answered_in)
    except subprocess.TimeoutExpired:
        status = None
    with suppress(ProcessLookupError, PermissionError):  # the group is empty; macOS says it with EPERM
        os.killpg(checker.pid, signal.SIGKILL)
    checker.wait()
    return status


def _silence(target: Target, timeout: float, status: int | None, said: IO[bytes]) -> str:
    said.seek(0)
    text = said.read(1 << 20).decode("utf-8", "replace")
    if status is None or _TOO_LONG.search(text):
        at = dumped_at(text)
        return f"{target.where}: importing it took more than {timeout:g} s{f'; it was at {at}' if at else ''}"
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    last = [line.strip() for line in text.splitlines() if line.strip()][-1:]
    return f"{target.where}: the process that imported it ended with {how}{f': {last[0]}' if last else ''}"


def _plan(target: Target, answer: bytes) -> NodePlan:
    kind, content = answer[:1], answer[1:]
    if kind == REFUSED:
        raise SpecError(content.decode("utf-8", "replace"))
    try:
        return unpack_plan(content)
    except NodeError as error:
        raise SpecError(f"{target.where}: {error}") from None
