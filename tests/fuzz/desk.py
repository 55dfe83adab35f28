"""Init's desk with nobody behind it: a real connection, a table of two lives that have no process, and no init."""

from __future__ import annotations

import socket
import tempfile
from functools import cache
from typing import Any, Self, cast

from tests.fuzz.source import Source

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.connection import Connection
from wakeful_runtime.init.desk import Caller, Desk
from wakeful_runtime.init.forker import Refusal
from wakeful_runtime.init.lives import LifeRecord
from wakeful_runtime.init.registry import Entry, Registry

TOKEN = "0" * 32
VERBS = ("hello", "fork", "signal", "end", "ack", "give", "beat", "stopped", "table", "status", "stop", "nonsense")
KEYS = ("path", "incarnation", "token", "kind", "boot", "owner", "signal", "group", "to", "why", "observer", "pid")


class _Nobody:
    """The loop, the forker, the ends and the rest of init: nothing happens."""

    stopping: str | None = None

    def watch(self, *_: object) -> None: ...
    def unwatch(self, *_: object) -> None: ...
    def later(self, *_: object) -> None: ...
    def kill(self, *_: object) -> None: ...
    def acknowledged(self, *_: object) -> None: ...
    def forked(self, *_: object) -> None: ...
    def order_stop(self, *_: object) -> None: ...
    def gateway_said(self, *_: object) -> None: ...

    def facts(self) -> dict[str, Any]:
        return {"init": 1}

    def keeper_came(self, *_: object) -> tuple[dict[str, Any], list[int]]:
        return {}, []

    def fork(self, *_: object) -> Entry:
        raise Refusal("alive", "it lives")


@cache
def _registry() -> Registry:
    directory = NodeDirectory(tempfile.mkdtemp(prefix="wakeful-fuzz-")).create()
    return Registry(directory)


class PlayedDesk:
    """One connection to a desk, already greeted or not as its bytes say."""

    def __init__(self) -> None:
        nobody = cast(Any, _Nobody())
        self._registry = Registry(_registry()._directory)
        for path in ("gateway", "m"):
            life = LifeRecord(path, "monitor", 1, 2**22 + 1, 0.0, 0, "boot", TOKEN, "gateway", 0.0)
            entry = Entry(life, None, own=False)
            self._registry._entries[entry.key] = self._registry._living[path] = entry
        cast(Any, self._registry).give = lambda *_: None
        self._listener = socket.socket(socket.AF_UNIX)
        self._theirs, ours = socket.socketpair()
        self._theirs.setblocking(False)
        self.desk = Desk(nobody, self._listener, self._registry, nobody, nobody, nobody)
        self._line = Connection(nobody, ours, self.desk._received, self.desk._closed)
        self.desk._callers[self._line] = Caller(self._line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()
        self._theirs.close()
        self._listener.close()

    def greet(self, path: str) -> None:
        """As that life, or an observer for ""."""
        who: dict[str, Any] = {"path": path, "incarnation": 1, "token": TOKEN} if path else {"observer": True}
        self.desk._received(self._line, {"do": "hello", "id": 0, **who})

    def heard(self, data: bytes) -> None:
        """These bytes come in; replies are read and thrown away."""
        for start in range(0, len(data), 65_536):
            if not self._line.open:
                return
            self._theirs.send(data[start : start + 65_536])
            self._line._read()
            self._line._flush() if self._line.open else None
            self._throw_away()

    def _throw_away(self) -> None:
        try:
            while self._theirs.recv(1 << 20):
                pass
        except BlockingIOError:
            return


def message(source: Source) -> dict[str, Any]:
    """What somebody might ask of init, more or less."""
    asked: dict[str, Any] = {"do": source.one(VERBS), "id": source.one((1, 0, -1, 2**70))}
    for key in KEYS:
        if source.below(3):
            asked[key] = source.value()
    if source.below(2):
        asked |= {"path": source.one(("gateway", "m")), "incarnation": 1, "token": TOKEN}
    return asked
