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
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.birth import Birth, Enter, Order, be_born
from wakeful_runtime.init.gate import fork_behind_gate
from wakeful_runtime.init.sweep import kill_child
from wakeful_runtime.processes import ProcessHandle

LARGEST = 32 * 1024
"""Bytes an order may have: far less than the socket holds."""

READY = b"r"

WARM_S = 10.0
"""How long a process may take to get ready; usually it is 20 ms."""

_LENGTH = struct.Struct("!I")


class Standby:
    """One process that waits."""

    def __init__(self, handle: ProcessHandle, gate: int) -> None:
        self.handle = handle
        self._gate = gate
        self._since = time.monotonic()
        self._ready = False

    @classmethod
    def fork(cls, directory: NodeDirectory, enter: Enter, warm: Callable[[], None]) -> Standby:
        """Have one wait.

        Raises:
            OSError: the machine gives no process.
        """

        def begin(gate: int, mask: set[Any]) -> None:
            def made_ready() -> None:
                warm()
                os.write(gate, READY)

            be_born(lambda: _read(gate, directory), enter, gate=gate, mask=mask, warm=made_ready)

        return cls(*fork_behind_gate(begin))

    def ready(self) -> bool:
        """Whether it waits for its order."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self._ready = self._ready or os.read(self._gate, len(READY)) == READY
        return self._ready and self.handle.alive()

    def failed(self) -> bool:
        """It has ended, or takes too long to get ready."""
        return not self.ready() and (not self.handle.alive() or time.monotonic() - self._since > WARM_S)

    def begin(self, order: bytes) -> None:
        """Give it its order; if it died this moment, the life it has become has ended like any other."""
        try:
            if os.write(self._gate, order) < len(order):
                raise BlockingIOError
        except ConnectionError:
            pass
        except BlockingIOError:  # nobody has read what little there is: half an order is none, and it leaves
            kill_child(self.handle.pid)
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Close the gate; without an order it leaves."""
        os.close(self._gate)

    def dismiss(self) -> None:
        """End and reap it."""
        self.let_go()
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
