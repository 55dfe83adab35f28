"""The control thread, with a connection played by the test."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wakeful.exits import ExitReason
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.host.orders import Orders
from wakeful_runtime.host.pulse import Pulse, RequestRefused
from wakeful_runtime.host.solitude import TICK, Solitude
from wakeful_runtime.init.birth import Birth

Body = dict[str, Any]


class PlayedLink:
    """Hands out what the test puts in; keeps what is sent."""

    def __init__(self) -> None:
        self.connected = False
        self.inbox: queue.Queue[tuple[str, Body] | bool | None] = queue.Queue()
        self.sent: queue.Queue[tuple[str, Body]] = queue.Queue()
        self.closed = threading.Event()
        self.moved = ""

    def receive(self, timeout: float | None) -> list[tuple[str, Body]]:
        item = self.inbox.get(timeout=30)
        if isinstance(item, bool):
            self.connected = item
        return [item] if isinstance(item, tuple) else []

    def send(self, kind: str, body: Body) -> None:
        self.sent.put((kind, body))

    def wake(self) -> None:
        self.inbox.put(None)

    def move(self, endpoint: str) -> None:
        self.moved = endpoint

    def close(self, linger: float) -> None:
        self.closed.set()

    def said(self) -> tuple[str, Body]:
        return self.sent.get(timeout=10)


@pytest.fixture
def link() -> PlayedLink:
    return PlayedLink()


def at_once(call: Callable[[], None]) -> None:
    call()


@pytest.fixture
def pulse(link: PlayedLink, tmp_path: Path) -> Iterator[Pulse]:
    birth = Birth("m/a", "session", 3, "ab" * 16, NodeDirectory(tmp_path), b"", "m", 7, 0.0)
    pulse = Pulse(birth, at_once, lambda: {"ready": False}, Orders(), link=lambda _: link)
    pulse.start()
    yield pulse
    pulse.bye(ExitReason(kind="returned"))
    assert link.closed.wait(10)


def test_it_says_hello_on_every_connection(pulse: Pulse, link: PlayedLink) -> None:
    for _ in range(2):
        link.inbox.put(True)
        kind, body = link.said()
        assert (kind, body["token"], body["pid"], body["incarnation"]) == ("hello", "ab" * 16, 7, 3)
        link.inbox.put(False)


def test_a_probe_is_answered_with_the_facts_and_the_loops_age(pulse: Pulse, link: PlayedLink) -> None:
    link.inbox.put(("probe", {"nonce": 5}))
    assert link.said() == ("answer", {"nonce": 5, "loop_age": 0.0, "facts": {"ready": False}})


def test_go_counts_once_and_a_stop_before_it_counts_instead(pulse: Pulse, link: PlayedLink) -> None:
    link.inbox.put(("go", {"run_id": "first"}))
    assert pulse.wait_go(10) == {"run_id": "first"}
    link.inbox.put(("go", {"run_id": "second"}))
    link.inbox.put(("probe", {"nonce": 1}))
    link.said()
    assert pulse.wait_go(0) == {"run_id": "first"}


def test_a_stop_before_go_is_remembered(pulse: Pulse, link: PlayedLink) -> None:
    link.inbox.put(("stop", {"reason": {"kind": "shutdown"}}))
    assert pulse.wait_go(10) is None
    assert pulse.stopped_early == ExitReason(kind="shutdown")


def test_a_push_with_flush_returns_when_the_lane_has_it(pulse: Pulse, link: PlayedLink) -> None:
    pulse.push("event", {"event": "lease"}, flush=10)
    assert link.sent.get_nowait() == ("event", {"event": "lease"})


def test_the_last_words_are_the_last(link: PlayedLink, pulse: Pulse) -> None:
    pulse.push("event", {"event": "x"})
    pulse.bye(ExitReason(kind="error", what="ValueError: x"))
    assert link.closed.is_set()
    said = [link.said() for _ in range(link.sent.qsize())]
    assert [kind for kind, _ in said] == ["event", "bye"]
    assert said[-1][1]["reason"]["what"] == "ValueError: x"


async def test_a_request_is_asked_again_of_a_new_supervisor(pulse: Pulse, link: PlayedLink) -> None:
    loop = asyncio.get_running_loop()
    pulse._post = loop.call_soon_threadsafe  # type: ignore[assignment]
    asked = asyncio.ensure_future(pulse.request("spawn", {"number": 1}))
    kind, first = await asyncio.to_thread(link.said)
    assert (kind, first["verb"]) == ("request", "spawn")
    link.inbox.put(True)
    assert (await asyncio.to_thread(link.said))[0] == "hello"
    assert await asyncio.to_thread(link.said) == ("request", first)
    link.inbox.put(("reply", {"nonce": first["nonce"], "ok": True, "value": "m/child"}))
    assert await asked == "m/child"


async def test_a_refused_request_says_why(pulse: Pulse, link: PlayedLink) -> None:
    loop = asyncio.get_running_loop()
    pulse._post = loop.call_soon_threadsafe  # type: ignore[assignment]
    asked = asyncio.ensure_future(pulse.request("spawn", {}))
    _, first = await asyncio.to_thread(link.said)
    link.inbox.put(("reply", {"nonce": first["nonce"], "ok": False, "error": "limit", "why": "8 run already"}))
    with pytest.raises(RequestRefused, match="8 run already"):
        await asked


def test_solitude_ends_with_a_supervisor_and_is_told_once() -> None:
    solitude = Solitude(3 * TICK)
    assert not solitude.lasts(TICK)
    solitude.ended()
    assert [solitude.lasts(TICK) for _ in range(4)] == [False, False, True, False]


def test_a_machine_that_slept_for_hours_makes_no_orphan() -> None:
    solitude = Solitude(600.0)
    assert not solitude.lasts(8 * 3600.0)
