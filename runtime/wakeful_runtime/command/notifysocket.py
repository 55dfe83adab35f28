"""The datagram socket of sd_notify(3), and who speaks on it."""

from __future__ import annotations

import array
import contextlib
import os
import secrets
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from wakeful_runtime.processes import LINUX, read_stat

LONGEST = 256 * 1024
"""Bytes of a datagram; Linux carries about 200 KiB. More goes to a file: X_WAKEFUL_STATE=/path."""

DESCRIPTORS = 16
"""At most so many come with one datagram; the kernel closes the others."""

ANCESTORS = 64
"""Steps up the tree of processes before a sender counts as a stranger."""

_CREDENTIALS = struct.Struct("iII")
_SO_PASSCRED = getattr(socket, "SO_PASSCRED", 16)
_SCM_CREDENTIALS = getattr(socket, "SCM_CREDENTIALS", 2)


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom the kernel vouches for; the process may be gone by now."""

    pid: int
    uid: int


@dataclass(frozen=True, slots=True)
class Datagram:
    """What came.

    Attributes:
        sender: None where the machine doesn't tell.
        whole: it was not cut off.
        descriptors: ours to close.
    """

    data: bytes
    sender: Sender | None
    whole: bool
    descriptors: tuple[int, ...]


class NotifySocket:
    """Bound and never blocking.

    Args:
        file: where; None for an abstract name, which a program of another user can reach too.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        if LINUX:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_PASSCRED, 1)
        if file is None:
            self.address = f"@wakeful-{secrets.token_hex(12)}"
            self._socket.bind("\0" + self.address[1:])
        else:
            self.address = str(file)
            file.unlink(missing_ok=True)
            self._socket.bind(self.address)

    def fileno(self) -> int:
        """For the loop."""
        return self._socket.fileno()

    def receive(self) -> Datagram | None:
        """The next one; None if none waits."""
        room = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(DESCRIPTORS * array.array("i").itemsize)
        try:
            data, extra, flags, _ = self._socket.recvmsg(LONGEST, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
        except (BlockingIOError, InterruptedError):
            return None
        sender: Sender | None = None
        descriptors = array.array("i")
        for level, kind, content in extra:
            if level != socket.SOL_SOCKET:
                continue
            if kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
            elif kind == _SCM_CREDENTIALS and len(content) >= _CREDENTIALS.size:
                pid, uid, _ = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])
                sender = Sender(pid, uid)
        return Datagram(data, sender, not flags & socket.MSG_TRUNC, tuple(descriptors))

    def close(self) -> None:
        """Nothing is left of it."""
        self._socket.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def is_of(sender: Sender | None, group: int, host: int, users: frozenset[int]) -> bool:
    """Whether a sender belongs to a program: by its process group or session, or as a descendant of the host.

    A process that has left already can't be looked up: then its user decides (systemd-notify doesn't wait for us).

    Args:
        group: the program's process group, which is its session too.
        host: the process below which all of it stays (a subreaper).
        users: who may run parts of it.
    """
    if sender is None:
        return not LINUX
    try:
        if os.getpgid(sender.pid) == group or os.getsid(sender.pid) == group:
            return True
    except ProcessLookupError:
        return sender.uid in users
    except PermissionError:  # OpenBSD's getsid of another session
        return False
    return _below(sender.pid, host)


def _below(pid: int, host: int) -> bool:
    for _ in range(ANCESTORS):
        stat = read_stat(pid)
        if stat is None or pid <= 1:
            return False
        if stat.parent == host:
            return True
        pid = stat.parent
    return False


def close_all(descriptors: tuple[int, ...]) -> None:
    """Of a datagram."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
