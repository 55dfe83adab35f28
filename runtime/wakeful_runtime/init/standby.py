"""A process forked ahead of need: a life that takes its place begins without waiting for a fork.

It is nobody until its order comes: no path, no log, no lock, no user code. It dies with init, whose end closes its
gate.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import struct
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.birth import Birth, Enter, Order, be_born
from wakeful_runtime.init.gate import fork_behind_gate
from wakeful_runtime.init.sweep import kill_child
from wakeful_runtime.processes import ProcessHandle

LARGEST = 32 * 1024
"""Bytes an order may have: less than a pipe holds, so that init never waits for the process at its other end."""

_LENGTH = struct.Struct("!I")


class Standby:
    """One process that waits."""

    def __init__(self, handle: ProcessHandle, gate: int) -> None:
        self.handle = handle
        self._gate = gate

    @classmethod
    def fork(cls, directory: NodeDirectory, enter: Enter, warm: Callable[[], None]) -> Standby:
        """Have one wait.

        Raises:
            OSError: the machine gives no process.
        """

        def begin(gate: int, mask: set[Any]) -> None:
            be_born(lambda: _read(gate, directory), enter, gate=gate, mask=mask, warm=warm)

        return cls(*fork_behind_gate(begin))

    def alive(self) -> bool:
        """Whether it still waits."""
        return self.handle.alive()

    def begin(self, order: bytes) -> None:
        """Give it its order; if it died this moment, the life it has become has ended like any other."""
        try:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._gate, order)
        finally:
            os.close(self._gate)

    def dismiss(self) -> None:
        """End and reap it."""
        os.close(self._gate)
        kill_child(self.handle.pid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.handle.pid, 0)
        self.handle.close()


def pack_order(birth: Birth, roles: tuple[str, ...]) -> bytes | None:
    """An order; None if it is too large for one."""
    told: dict[str, Any] = {each.name: getattr(birth, each.name) for each in fields(birth)}
    told |= {"directory": None, "boot": base64.b64encode(birth.boot).decode(), "roles": roles}
    data = json.dumps(told).encode()
    return _LENGTH.pack(len(data)) + data if len(data) <= LARGEST else None


def unpack_order(data: bytes, directory: NodeDirectory) -> Order:
    """What `pack_order` made, without its length; read by the process that it is for."""
    told: dict[str, Any] = json.loads(data)
    roles = tuple(told.pop("roles"))
    told |= {"directory": directory, "boot": base64.b64decode(told["boot"]), "pid": os.getpid()}
    return Birth(**told), roles


def _read(gate: int, directory: NodeDirectory) -> Order | None:
    head = _exactly(gate, _LENGTH.size)
    data = _exactly(gate, _LENGTH.unpack(head)[0]) if head is not None else None
    return unpack_order(data, directory) if data is not None else None


def _exactly(gate: int, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        piece = os.read(gate, size - len(data))
        if not piece:
            return None
        data += piece
    return data
