"""The call lane over its two ends: a call that was given up is not carried out by the gateway that comes after."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.calls import VERSION, CallClient, CallServer, Reply
from wakeful_runtime.transport.callsaside import AsyncCallClient
from wakeful_runtime.wire import pack

GIVEN_UP_S = 0.05
LONG_S = 15.0


class Gateway:
    """Notes which verbs it was asked for, and answers."""

    def __init__(self, directory: NodeDirectory) -> None:
        self.endpoint = directory.control("api")
        self.heard: list[str] = []
        self.server = CallServer(self.endpoint, self.take)

    def take(self, verb: str, args: dict[str, Any], reply: Reply) -> None:
        self.heard.append(verb)
        reply({"ok": True})


@pytest.fixture
def gateway(node_directory: NodeDirectory) -> Iterator[Gateway]:
    made = Gateway(node_directory)
    yield made
    made.server.close()


async def test_the_next_gateway_carries_out_only_what_is_still_waited_for(gateway: Gateway) -> None:
    calls = AsyncCallClient(gateway.endpoint)
    assert await calls.call("given up", {}, GIVEN_UP_S) is None
    waiting = asyncio.create_task(calls.call("waits", {}, LONG_S))
    await asyncio.sleep(0)
    gateway.server.open()
    assert await waiting == {"ok": True}
    assert (gateway.heard, gateway.server.dropped) == (["waits"], 1)
    calls.close()


async def test_the_same_holds_for_one_that_blocks(gateway: Gateway) -> None:
    calls = CallClient(gateway.endpoint)
    assert calls.call("given up", {}, GIVEN_UP_S) is None
    gateway.server.open()
    assert await asyncio.to_thread(calls.call, "waits", {}, LONG_S) == {"ok": True}
    assert (gateway.heard, gateway.server.dropped) == (["waits"], 1)
    calls.close()


@pytest.mark.parametrize(
    ("more", "heard"), [([], True), ([1.0e18], True), ([0.0], False), (["soon"], False), ([1.0e18, 1], False)]
)
def test_a_call_may_name_a_deadline(gateway: Gateway, more: list[object], heard: bool) -> None:
    gateway.server._take([b"me", pack([VERSION, "me.1", "status", {}, *more])])
    assert (gateway.heard == ["status"], gateway.server.dropped == 0) == (heard, heard)
