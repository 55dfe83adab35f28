"""The control lane: it blocks without polling, survives the supervisor's replacement, and drops what is no message."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import zmq
from tests.system.conftest import Eventually

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.control import ControlServer, ControlThreadSocket

TOKEN = "0123"


@dataclass(frozen=True)
class Who:
    directory: NodeDirectory
    path: str = "m/child"
    incarnation: int = 3
    token: str = TOKEN
    owner: str = "m"


class Child:
    """A control thread that says hello on each connection and echoes what it is told."""

    def __init__(self, who: Who) -> None:
        self.says: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self.turns = 0
        self.closed_after = -1.0
        self.told: list[str] = []
        self._who = who
        self._made = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._made.wait(10)

    def say(self, kind: str, body: dict[str, Any]) -> None:
        self.says.put((kind, body))
        self.socket.wake()

    def end(self) -> None:
        self._ended = True
        self.socket.wake()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        socket = self.socket = ControlThreadSocket(self._who)
        self._made.set()
        socket.send("hello", {})
        connected = True
        while not self._ended:
            self.turns += 1
            for kind, body in socket.receive(None):
                self.told.append(kind)
                if kind == "move":
                    socket.move(body["endpoint"])
                    socket.send("hello", {})
                else:
                    socket.send("answer", {"to": kind, **body})
            if socket.connected and not connected:
                socket.send("hello", {})
            connected = socket.connected
            while not self.says.empty():
                socket.send(*self.says.get())
        began = time.monotonic()
        socket.close(0.5)
        self.closed_after = time.monotonic() - began


@pytest.fixture
def child(node_directory: NodeDirectory) -> Iterator[Child]:
    child = Child(Who(node_directory))
    yield child
    child.end()


class Supervisor:
    def __init__(self, directory: NodeDirectory, path: str = "m") -> None:
        self.heard: list[tuple[str, str, int, str, dict[str, Any]]] = []
        self.server = ControlServer(directory, path, lambda *message: self.heard.append(message))
        self.server.open()

    def kinds(self) -> list[str]:
        return [message[0] for message in self.heard]

    def send(self, kind: str, **body: Any) -> bool:
        return self.server.send("m/child", 3, TOKEN, kind, body)


async def test_messages_go_both_ways_with_who_sent_them(
    node_directory: NodeDirectory, child: Child, eventually: Eventually
) -> None:
    supervisor = Supervisor(node_directory)
    await eventually(lambda: supervisor.kinds() == ["hello"])
    assert supervisor.heard[0] == ("hello", "m/child", 3, TOKEN, {})
    assert supervisor.send("probe", nonce=7)
    await eventually(lambda: len(supervisor.heard) == 2)
    assert supervisor.heard[1] == ("answer", "m/child", 3, TOKEN, {"to": "probe", "nonce": 7})
    supervisor.server.close()


async def test_sending_to_a_life_that_is_not_connected_says_so(node_directory: NodeDirectory) -> None:
    supervisor = Supervisor(node_directory)
    assert not supervisor.send("probe")
    supervisor.server.close()


async def test_drain_takes_all_that_has_come_before_it_returns(
    node_directory: NodeDirectory, child: Child, eventually: Eventually
) -> None:
    supervisor = Supervisor(node_directory)
    await eventually(lambda: supervisor.kinds() == ["hello"])
    for n in range(300):
        supervisor.send("probe", nonce=n)
    deadline = time.monotonic() + 10
    while len(supervisor.heard) < 301 and time.monotonic() < deadline:
        time.sleep(0.001)  # the loop has no turn: only drain reads  # noqa: ASYNC251
        supervisor.server.drain()
    assert [body.get("nonce") for _, _, _, _, body in supervisor.heard[1:]] == list(range(300))
    supervisor.server.close()


async def test_a_thread_wakes_its_socket_to_send(
    node_directory: NodeDirectory, child: Child, eventually: Eventually
) -> None:
    supervisor = Supervisor(node_directory)
    await eventually(lambda: supervisor.kinds() == ["hello"])
    child.say("event", {"n": 1})
    await eventually(lambda: supervisor.kinds() == ["hello", "event"])
    supervisor.server.close()


async def test_an_idle_control_thread_does_not_wake_up(
    node_directory: NodeDirectory, child: Child, eventually: Eventually
) -> None:
    supervisor = Supervisor(node_directory)
    await eventually(lambda: supervisor.kinds() == ["hello"])
    await eventually(lambda: supervisor.send("probe") and "answer" in supervisor.kinds())
    before = child.turns
    await asyncio.sleep(0.5)
    assert child.turns - before <= 2
    supervisor.server.close()


async def test_a_new_supervisor_gets_a_hello_within_milliseconds_and_what_was_said_meanwhile(
    node_directory: NodeDirectory, child: Child, eventually: Eventually
) -> None:
    first = Supervisor(node_directory)
    await eventually(lambda: first.kinds() == ["hello"])
    first.server.close()
    await eventually(lambda: not child.socket.connected)
    child.say("event", {"n": 1})
    second = Supervisor(node_directory)
    await eventually(lambda: sorted(second.kinds()) == ["event", "hello"])
    assert second.send("probe", nonce=1)
    await eventually(lambda: "answer" in second.kinds())
    second.server.close()


async def test_a_supervisor_that_takes_the_endpoint_over_gets_a_hello(
    node_directory: NodeDirectory, child: Child, eventually: Eventually
) -> None:
    """As when the old one was killed: the new one binds at once, the old connection breaks at about the same time."""
    first = Supervisor(node_directory)
    await eventually(lambda: first.kinds() == ["hello"])
    second = Supervisor(node_directory)
    first.server.close()
    await eventually(lambda: "hello" in second.kinds())
    second.server.close()


async def test_a_child_moves_to_another_supervisor(
    node_directory: NodeDirectory, child: Child, eventually: Eventually
) -> None:
    old, new = Supervisor(node_directory), Supervisor(node_directory, "other")
    await eventually(lambda: old.kinds() == ["hello"])
    old.send("move", endpoint=node_directory.control("other"))
    await eventually(lambda: new.kinds() == ["hello"])
    old.server.close()
    new.server.close()


async def test_messages_with_a_wrong_token_are_dropped(
    node_directory: NodeDirectory, child: Child, eventually: Eventually
) -> None:
    supervisor = Supervisor(node_directory)
    await eventually(lambda: supervisor.kinds() == ["hello"])
    supervisor.server.send("m/child", 3, "wrong", "stop", {})
    supervisor.send("probe", nonce=1)
    await eventually(lambda: "answer" in supervisor.kinds())
    assert child.told == ["probe"]
    supervisor.server.close()


async def test_last_words_arrive_before_close_returns(node_directory: NodeDirectory, eventually: Eventually) -> None:
    supervisor = Supervisor(node_directory)
    child = Child(Who(node_directory))
    await eventually(lambda: supervisor.kinds() == ["hello"])
    child.say("bye", {"why": "done"})
    await asyncio.to_thread(child.end)
    assert supervisor.kinds()[-1] == "bye"
    assert 0 <= child.closed_after < 0.5
    supervisor.server.close()


async def test_closing_without_a_supervisor_takes_no_longer_than_it_may(node_directory: NodeDirectory) -> None:
    child = Child(Who(node_directory))
    child.say("bye", {})
    await asyncio.to_thread(child.end)
    assert 0.4 < child.closed_after < 2.0


@pytest.mark.parametrize(
    "parts", [[b"garbage"], [b"\x91" * 5000], [b""], [b"a", b"b", b"c"], [b"\x96\x01\x01\x01\x01\x01\x01"]]
)
async def test_garbage_is_counted_and_dropped(
    node_directory: NodeDirectory, child: Child, eventually: Eventually, parts: list[bytes]
) -> None:
    supervisor = Supervisor(node_directory)
    await eventually(lambda: supervisor.kinds() == ["hello"])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    socket = context.socket(zmq.DEALER)
    socket.connect(node_directory.control("m"))
    socket.send_multipart([*parts, b""] if parts == [b""] else parts)
    await eventually(lambda: supervisor.server.bad_frames == 1)
    assert supervisor.send("probe", nonce=1)
    await eventually(lambda: "answer" in supervisor.kinds())
    socket.close(0)
    supervisor.server.close()
