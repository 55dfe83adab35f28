"""Init's desk: who is connected, what they may ask, what they are told."""

from __future__ import annotations

import base64
import binascii
import secrets
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import getuid
from typing import Any, Protocol

from wakeful_runtime.init.connection import Connection
from wakeful_runtime.init.ends import Ends
from wakeful_runtime.init.forker import Forker, Refusal, is_path
from wakeful_runtime.init.framing import MAX_DESCRIPTORS
from wakeful_runtime.init.initloop import InitLoop
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.init.registry import Entry, Registry
from wakeful_runtime.init.sweep import signal_group, signal_session

HELLO_S = 10.0
"""A connection that has not said who it is by then is closed."""
MAX_CONNECTIONS = 1024
Reply = tuple[dict[str, Any], list[int]]


WHY_CHARS = 1000
"""Of an answer: what is refused may be as long as a frame, and longer as JSON."""


@dataclass(eq=False)
class Caller:
    """One connection. `path` is empty until hello; observers (command line, keeper) have none."""

    connection: Connection
    path: str = ""
    incarnation: int = 0
    observer: bool = False


class Node(Protocol):
    """What the desk needs of init besides the table."""

    stopping: str | None

    def facts(self) -> dict[str, Any]: ...
    def forked(self, entry: Entry) -> None: ...
    def order_stop(self, why: str) -> None: ...
    def gateway_said(self, word: str) -> None: ...
    def keeper_came(self, caller: Caller, request: dict[str, Any]) -> Reply: ...


class Desk:
    """Takes connections on the listener and answers them; garbage costs its sender the connection, nobody else."""

    def __init__(
        self, loop: InitLoop, listener: socket.socket, registry: Registry, forker: Forker, ends: Ends, node: Node
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._registry = registry
        self._forker = forker
        self._ends = ends
        self._node = node
        self._callers: dict[Connection, Caller] = {}
        self._by_path: dict[str, Caller] = {}
        self.dropped = 0
        """Connections closed for garbage, a wrong user or silence."""
        self._verbs: dict[str, Callable[[Caller, dict[str, Any]], Reply]] = {
            "fork": self._fork,
            "signal": self._signal,
            "end": self._end,
            "ack": self._ack,
            "give": self._give,
            "beat": self._beat,
            "stopped": self._stopped,
            "table": self._table,
            "status": self._status,
            "stop": self._stop,
        }
        listener.setblocking(False)
        loop.watch(listener.fileno(), 1, self._accept)

    def connected(self, path: str) -> bool:
        """Whether a life of this path has said hello and stands."""
        return path in self._by_path

    def push(self, path: str, word: str, body: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Tell a supervisor, if it is there; what must not be lost is repeated at its hello."""
        caller = self._by_path.get(path)
        if caller is not None:
            caller.connection.send({"push": word, **body}, descriptors or [])

    def tell_exit(self, entry: Entry, report: ExitReport) -> None:
        """Route an exit report to its owner."""
        self.push(entry.life.owner, "exit", report.to_json())

    def release(
        self,
        caller: Caller,
        on_message: Callable[[Connection, dict[str, Any]], None],
        on_closed: Callable[[Connection, str], None],
    ) -> None:
        """Hand a connection over: what arrives on it is no business of the desk any more."""
        del self._callers[caller.connection]
        caller.connection.hand_over(on_message, on_closed)

    def close(self) -> None:
        """Hang up on everybody."""
        for connection in list(self._callers):
            connection.close()

    def _accept(self, events: int) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if len(self._callers) >= MAX_CONNECTIONS:
            sock.close()
            return
        connection = Connection(self._loop, sock, self._received, self._closed)
        self._callers[connection] = Caller(connection)
        if connection.peer_uid() not in (None, getuid()):
            self._drop(connection, "another user")
        self._loop.later(HELLO_S, lambda: self._still_silent(connection))

    def _still_silent(self, connection: Connection) -> None:
        caller = self._callers.get(connection)
        if caller is not None and not caller.path and not caller.observer:
            self._drop(connection, "it never said hello")

    def _drop(self, connection: Connection, why: str) -> None:
        self.dropped += 1
        connection.close(why)

    def _closed(self, connection: Connection, why: str) -> None:
        caller = self._callers.pop(connection, None)
        if why.startswith("garbage"):
            self.dropped += 1
        if caller is not None and self._by_path.get(caller.path) is caller:
            del self._by_path[caller.path]

    def _received(self, connection: Connection, message: dict[str, Any]) -> None:
        caller = self._callers[connection]
        verb, number = message.get("do"), message.get("id")
        if not isinstance(verb, str) or not isinstance(number, int):
            self._drop(connection, "garbage: no verb or no id")
            return
        try:
            body, descriptors = self._answer(caller, verb, message)
        except Refusal as refusal:
            connection.send({"re": number, "ok": False, "error": refusal.code, "why": refusal.why[:WHY_CHARS]})
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:  # JSON knows infinite numbers
            why = f"{verb}: {error!r}"[:WHY_CHARS]
            connection.send({"re": number, "ok": False, "error": "bad", "why": why})
        else:
            self._reply(connection, number, body, descriptors)

    def _reply(self, connection: Connection, number: int, body: dict[str, Any], descriptors: list[int]) -> None:
        """A table is paged: as many lives a frame as descriptors may travel with it."""
        rows: list[dict[str, Any]] = body.get("table", [])
        if len(rows) <= MAX_DESCRIPTORS:
            connection.send({"re": number, "ok": True, **body}, descriptors)
            return
        rest = {key: value for key, value in body.items() if key != "table"}
        for first in range(0, len(rows), MAX_DESCRIPTORS):
            page = rows[first : first + MAX_DESCRIPTORS]
            count = sum(row["pidfd"] for row in page) if descriptors else 0
            mine, descriptors = descriptors[:count], descriptors[count:]
            more = first + MAX_DESCRIPTORS < len(rows)
            connection.send({"re": number, "ok": True, **rest, "table": page, "more": more}, mine)

    def _answer(self, caller: Caller, verb: str, message: dict[str, Any]) -> Reply:
        if verb == "hello":
            return self._hello(caller, message)
        if not caller.path and not caller.observer:
            raise Refusal("denied", "say hello first")
        if caller.observer and verb not in ("table", "status", "stop"):
            raise Refusal("denied", f"an observer may not {verb}")
        if verb not in self._verbs:
            raise Refusal("bad", f"unknown verb {verb!r}")
        return self._verbs[verb](caller, message)

    def _hello(self, caller: Caller, message: dict[str, Any]) -> Reply:
        if message.get("keeper"):
            return self._node.keeper_came(caller, message)
        if message.get("observer"):
            caller.observer = True
            return self._node.facts(), []
        path, incarnation, token = str(message["path"]), int(message["incarnation"]), str(message["token"])
        entry = self._registry.living(path)
        if entry is None or entry.state != "running" or entry.life.incarnation != incarnation:
            raise Refusal("denied", f"{path}#{incarnation} is not the living life of its path")
        if not secrets.compare_digest(entry.life.token.encode(), token.encode()):
            raise Refusal("denied", f"not the token of {path}#{incarnation}")
        earlier = self._by_path.get(path)
        caller.path, caller.incarnation = path, incarnation
        self._by_path[path] = caller
        if earlier is not None and earlier is not caller:
            earlier.connection.close("a newer connection of this path")
        if path == "gateway":
            self._loop.later(0.0, lambda: self._node.gateway_said("hello"))
        owned = [each for each in self._registry.owned(path) if each is not entry]
        rows = [each.row() for each in owned]
        handles = [each.handle for each in owned if each.handle is not None and each.handle.pidfd is not None]
        return {**self._node.facts(), "table": rows}, [handle.fileno() for handle in handles]

    def _fork(self, caller: Caller, message: dict[str, Any]) -> Reply:
        if self._node.stopping is not None:
            raise Refusal("stopping", f"the node stops: {self._node.stopping}")
        path, kind, incarnation = str(message["path"]), str(message["kind"]), message["incarnation"]
        if not is_path(path) or not isinstance(incarnation, int | None):
            raise Refusal("bad", f"can't fork {path!r} with incarnation {incarnation!r}")
        try:
            boot = base64.b64decode(message.get("boot", ""), validate=True)
        except binascii.Error as error:
            raise Refusal("bad", f"boot: {error}") from None
        owner = str(message.get("owner") or caller.path)
        if not _may_own(owner):
            raise Refusal("bad", f"{owner!r} can own nothing")
        entry = self._forker.fork(path, kind, incarnation, boot, owner)
        self._node.forked(entry)
        descriptors = [entry.handle.fileno()] if entry.handle and entry.handle.pidfd is not None else []
        return {"life": entry.life.to_json()}, descriptors

    def _signal(self, caller: Caller, message: dict[str, Any]) -> Reply:
        number = signal.Signals(int(message["signal"]))
        entry = self._living(caller, message)
        if entry.handle is None:
            raise Refusal("gone", f"{entry.life.path} has ended")
        if not message.get("group"):
            entry.handle.send_signal(number)
        elif entry.own:
            signal_group(entry.life.pid, number)
        else:
            signal_session(entry.life.pid, entry.life.start, number)
        return {}, []

    def _end(self, caller: Caller, message: dict[str, Any]) -> Reply:
        self._ends.kill(self._living(caller, message))
        return {}, []

    def _living(self, caller: Caller, message: dict[str, Any]) -> Entry:
        path, incarnation = str(message["path"]), int(message["incarnation"])
        entry = self._registry.living(path)
        if entry is None or entry.state != "running" or entry.life.incarnation != incarnation:
            raise Refusal("gone", f"{path}#{incarnation} does not run")
        _check_owner(caller, entry)
        return entry

    def _ack(self, caller: Caller, message: dict[str, Any]) -> Reply:
        entry = self._registry.find(str(message["path"]), int(message["incarnation"]))
        if entry is not None and entry.state == "exited":
            _check_owner(caller, entry)
            self._ends.acknowledged(entry)
        return {}, []

    def _give(self, caller: Caller, message: dict[str, Any]) -> Reply:
        path, to = str(message["path"]), str(message["to"])
        if not _may_own(to):
            raise Refusal("bad", f"can't give {path} to {to!r}")
        entries = [entry for entry in self._registry if entry.life.path == path]
        if not entries:
            raise Refusal("gone", f"no life of {path}")
        for entry in entries:
            _check_owner(caller, entry)
        for entry in entries:
            self._registry.give(entry, replace(entry.life, owner=to))
            if entry.exit is not None:
                self.tell_exit(entry, entry.exit)
            else:
                descriptors = [entry.handle.fileno()] if entry.handle and entry.handle.pidfd is not None else []
                self.push(to, "given", {"life": entry.life.to_json()}, descriptors)
        return {}, []

    def _beat(self, caller: Caller, message: dict[str, Any]) -> Reply:
        if caller.path == "gateway":
            self._node.gateway_said("beat")
        return {}, []

    def _stopped(self, caller: Caller, message: dict[str, Any]) -> Reply:
        if caller.path != "gateway":
            raise Refusal("denied", "only the gateway stops a node")
        self._node.gateway_said("stopped")
        return {}, []

    def _table(self, caller: Caller, message: dict[str, Any]) -> Reply:
        return {**self._node.facts(), "table": [entry.row() for entry in self._registry]}, []

    def _status(self, caller: Caller, message: dict[str, Any]) -> Reply:
        return {**self._node.facts(), "dropped": self.dropped, "connections": len(self._callers)}, []

    def _stop(self, caller: Caller, message: dict[str, Any]) -> Reply:
        if not caller.observer and caller.path != "gateway":
            raise Refusal("denied", "only the gateway, the keeper or a person stops a node")
        self._node.order_stop(str(message.get("why") or "asked to"))
        return {}, []


def _may_own(path: str) -> bool:
    return path in ("gateway", "init") or is_path(path)


def _check_owner(caller: Caller, entry: Entry) -> None:
    """A supervisor may touch its own lives and those below it; the gateway all but itself."""
    owner = entry.life.owner
    below = owner == caller.path or owner.startswith(f"{caller.path}/") or caller.path == "gateway"
    if not below:
        raise Refusal("denied", f"{entry.life.path} belongs to {owner}")
