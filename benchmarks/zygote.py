"""The baseline of the node benchmarks: a bare zygote that forks, and children that only answer. It keeps no promises.

The zygote has imported what a node's init has; a child opens a ZeroMQ context, dials its parent's caller, and answers
with its pid whatever it is sent. With `keep=True` the zygote forks it again when it dies.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import zmq
from measure import tidy

from wakeful_runtime.init.preload import preload
from wakeful_runtime.roles import PRELOAD


class Bare:
    """The caller's side: one ROUTER, and a line to the zygote."""

    def __init__(self, line: socket.socket, endpoint: str) -> None:
        self._line = line
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.bind(endpoint)
        self.child = b""

    def fork(self, count: int = 1) -> None:
        """Have children forked."""
        self._line.send(struct.pack("I", count))

    def hello(self) -> int:
        """Wait for a child to dial, and for its first answer; its pid."""
        self.child, _ = self._socket.recv_multipart()
        self.ask()
        self.child, pid = self._socket.recv_multipart()
        return int(pid)

    def ask(self) -> None:
        """Send the child something to answer."""
        self._socket.send_multipart([self.child, b"ping"])

    def answered(self, within: float) -> bool:
        """Whether it did, within so many seconds."""
        if not self._socket.poll(int(within * 1000)):
            return False
        self._socket.recv_multipart()
        return True

    def hellos(self, count: int) -> list[bytes]:
        """Wait until so many children have dialled; their names."""
        return [self._socket.recv_multipart()[0] for _ in range(count)]

    def beat(self, names: list[bytes], seconds: int) -> None:
        """Probe all of them once a second, and read every answer."""
        for _ in range(seconds):
            until = time.monotonic() + 1.0
            for name in names:
                self._socket.send_multipart([name, b"probe"])
            while (left := until - time.monotonic()) > 0:
                if self._socket.poll(max(1, int(left * 1000))):
                    self._socket.recv_multipart()

    def close(self) -> None:
        """The zygote kills its children and ends."""
        self._line.close()
        self._socket.close(0)
        self._context.term()


@contextmanager
def zygote(endpoint: str, *, keep: bool = False) -> Iterator[Bare]:
    """Run a bare zygote; its children dial `endpoint`."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            preload(PRELOAD)
            tidy()
            theirs.send(b"r")
            _serve(theirs, endpoint, keep)
        finally:
            os._exit(0)
    theirs.close()
    ours.recv(1)
    bare = Bare(ours, endpoint)
    try:
        yield bare
    finally:
        bare.close()
        os.waitpid(pid, 0)


def _serve(line: socket.socket, endpoint: str, keep: bool) -> None:
    living: dict[int, int] = {}
    poll = select.poll()
    poll.register(line, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == line.fileno():
                asked = line.recv(4)
                if not asked:
                    _end(living)
                    return
                for _ in range(struct.unpack("I", asked)[0]):
                    _fork(line, endpoint, living, poll)
            else:
                poll.unregister(descriptor)
                os.waitpid(living.pop(descriptor), 0)
                os.close(descriptor)
                if keep:
                    _fork(line, endpoint, living, poll)


def _fork(line: socket.socket, endpoint: str, living: dict[int, int], poll: select.poll) -> None:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        line.close()
        _answer(endpoint)
    descriptor = os.pidfd_open(pid)
    living[descriptor] = pid
    poll.register(descriptor, select.POLLIN)


def _answer(endpoint: str) -> None:
    try:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        link = context.socket(zmq.DEALER)
        link.setsockopt(zmq.ROUTING_ID, str(os.getpid()).encode())
        link.connect(endpoint)
        link.send(b"hello")
        while True:
            link.recv()
            link.send(str(os.getpid()).encode())
    finally:
        os._exit(0)


def _end(living: dict[int, int]) -> None:
    for descriptor, pid in living.items():
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        os.waitpid(pid, 0)
