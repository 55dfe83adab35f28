"""The store itself tells a path that a durable message came: no word of a sender's is needed, or can be lost."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.system.store.conftest import Asking, Store

from wakeful.errors import Fenced
from wakeful_runtime.directory import NodeDirectory

WAIT_S = 20.0


class Listener(Asking):
    """The life of a path that has asked for its deliveries."""

    def __init__(self, directory: NodeDirectory, path: str) -> None:
        super().__init__(directory, f"{path}#{secrets.token_hex(4)}")
        self.path = path
        self.told = asyncio.Event()
        self.on_arrival(self.told.set)

    async def ask(self) -> list[str]:
        found: list[dict[str, Any]] = (await self.request("deliveries", to=self.path, incarnation=1))["rows"]
        self.told.clear()
        return [row["id"] for row in found]

    async def wait(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.told.wait()


@pytest.fixture
async def listener(store: Store, node_directory: NodeDirectory) -> AsyncIterator[Listener]:
    made = Listener(node_directory, "t/x")
    await made.begin("t/x")
    assert await made.ask() == []
    yield made
    await made.close()


async def post(asking: Asking, number: str) -> None:
    await asking.request("post", id=number, to="t/x", sender="t/y", tag="Parcel", body=b"x")


async def test_a_path_that_asked_is_told_when_something_comes(asking: Asking, listener: Listener) -> None:
    await post(asking, "first")
    await listener.wait()
    assert await listener.ask() == ["first"]
    await post(asking, "second")
    await listener.wait()
    assert await listener.ask() == ["second"]


async def test_a_new_store_makes_every_path_ask_again(store: Store, asking: Asking, listener: Listener) -> None:
    store.kill()
    store.start()
    await listener.wait()
    await listener.ask()
    await post(asking, "first")
    await listener.wait()
    assert await listener.ask() == ["first"]


async def test_an_older_life_that_asks_is_not_told_in_the_place_of_the_present_one(
    asking: Asking, listener: Listener, node_directory: NodeDirectory
) -> None:
    await asking.begin("t/x", 2)
    present = Listener(node_directory, "t/x")
    try:
        found = await present.request("deliveries", to="t/x", incarnation=2)
        assert found["rows"] == []
        with pytest.raises(Fenced):
            await listener.ask()
        present.told.clear()
        await post(asking, "first")
        await present.wait()
    finally:
        await present.close()


async def test_a_dead_letter_that_is_retried_is_told_of(asking: Asking, listener: Listener) -> None:
    await post(asking, "first")
    await listener.ask()
    about: dict[str, Any] = {"path": "t/x", "incarnation": 1}
    await listener.request("in_hand", id="first", **about)
    await listener.request("not_handled", id="first", error="never", final=True, **about)
    listener.told.clear()
    await asking.request("deadletter_retry", id="first")
    await listener.wait()
    assert await listener.ask() == ["first"]
