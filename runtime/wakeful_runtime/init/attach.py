"""How a new keeper gets its listening socket: from the init that lives here, whose keeper it becomes, or a new one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from dataclasses import dataclass

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init import locks
from wakeful_runtime.init.framing import Decoder, FrameError, encode
from wakeful_runtime.init.obituaries import Ended, read_ends
from wakeful_runtime.processes import ProcessHandle

ANSWER_S = 5.0
"""An init that does not answer a new keeper for so long is no init: it is killed and replaced."""


BACKLOG = 512


@dataclass(frozen=True)
class Attached:
    """An init that runs: the line to it, its listening socket, the process, the gateway's pid, what it was told."""

    line: socket.socket
    listener: socket.socket
    init: ProcessHandle
    gateway: int | None
    before: tuple[Ended, ...]


def listen(directory: NodeDirectory) -> socket.socket:
    """The listening socket; a stale one of a dead node is replaced (we hold keeper.lock and no init runs)."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        directory.init_socket.unlink(missing_ok=True)
        listener.bind(str(directory.init_socket))
        directory.init_socket.chmod(0o600)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise NodeError(f"can't listen on {directory.init_socket}: {error.strerror}") from None
    return listener


def attach(directory: NodeDirectory) -> Attached | None:
    """Become the keeper of the running init; None if none runs.

    Raises:
        NodeError: `init.lock` is held by something that is no init and can't be told.
    """
    lock = directory.lock("init")
    if not locks.held(lock):
        return None
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(ANSWER_S)
    try:
        line.connect(str(directory.init_socket))
        line.sendall(encode({"do": "hello", "id": 0, "keeper": True, "pid": os.getpid()}))
        return _answer(line)
    except (OSError, FrameError, KeyError):
        line.close()
    _replace(directory)
    return None


def _answer(line: socket.socket) -> Attached:
    """Read the reply and not a byte more: what follows belongs to the loop."""
    descriptors: list[int] = []
    head = _exactly(line, 4, descriptors)
    decoder = Decoder()
    decoder.feed(head + _exactly(line, int.from_bytes(head, "big"), descriptors))
    reply = decoder.pop() or {}
    listener = socket.socket(fileno=descriptors[0])
    pidfd = descriptors[1] if len(descriptors) > 1 else None
    gateway = reply.get("gateway")
    process = ProcessHandle(int(reply["init"]), pidfd, 0.0, 0)
    return Attached(line, listener, process, int(gateway) if gateway else None, read_ends(reply.get("before")))


def _exactly(line: socket.socket, count: int, descriptors: list[int]) -> bytes:
    data = b""
    while len(data) < count:
        more, received, _, _ = socket.recv_fds(line, count - len(data), 4)
        for each in received:
            os.set_inheritable(each, False)
        descriptors += received
        if not more:
            raise OSError("closed")
        data += more
    return data


def _replace(directory: NodeDirectory) -> None:
    """The holder of init.lock does not answer: kill it, by the identity it wrote down."""
    lock = directory.lock("init")
    until = time.monotonic() + ANSWER_S
    while locks.held(lock):
        holder = locks.holder(lock)
        process = holder.process()
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.close()
        if time.monotonic() > until:
            raise NodeError(f"{lock} is held by a process that can't be told (pid {holder.pid}?); end it and try again")
        with contextlib.suppress(InterruptedError):
            time.sleep(0.01)
