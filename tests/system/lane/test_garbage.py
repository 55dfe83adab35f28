"""Whatever is sent to a mailbox's socket, it goes on working and says what it dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from tests.system.conftest import Eventually
from tests.system.lane.conftest import Lanes
from tests.system.lane.words import Add, Echo

from wakeful_runtime.transport import frames
from wakeful_runtime.transport.outbox import OUTBOX
from wakeful_runtime.transport.sender import MAX_WINDOW
from wakeful_runtime.wire import MAX_BYTES, VERSION, pack


@contextmanager
def stranger(endpoint: str, identity: bytes = b"stranger") -> Iterator[zmq.Socket[bytes]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.ROUTING_ID, identity)
    socket.connect(endpoint)
    try:
        yield socket
    finally:
        socket.close(0)


def mail(items: bytes, count: int, tag: str = "Add", *, base: int = 0, life: int = 0, to: str = "b") -> bytes:
    between = frames.pair("stranger", 1, to, life)
    return frames.mail_head(base, between, None, 1) + frames.run_head(tag, 0, count) + items


BAD = {
    "empty": [b""],
    "random": [b"\xc1\xff\x00random"],
    "text": [pack("hello")],
    "empty list": [pack([])],
    "of another version": [pack([VERSION + 1, 1, 0, "a", 1, "b", 1, None])],
    "of an unknown kind": [pack([VERSION, 77, 0])],
    "a wrong head": [pack([VERSION, frames.MAIL, "x", 1, 2, 3, 4, 5])],
    "a run that is none": [pack([VERSION, frames.MAIL, 0, "a", 1, "b", 1, None, 1, 2, 3])],
    "for somebody else": [mail(pack({"n": 1}), 1, to="c")],
    "for a later life": [mail(pack({"n": 1}), 1, life=99)],
    "deep": [b"\x91" * 100_000 + b"\x00"],
    "deep, short of the parser's end": [b"\x91" * 900 + b"\x00"],
    "claims four billion": [b"\xdd\xff\xff\xff\xff"],
    "an extension": [pack([VERSION, frames.MAIL, 0]) + b"\xd4\x63\x00"],
    "several parts": [b"one", b"two", b"three"],
    "a wrong hello": [pack([VERSION, frames.HELLO, -1, "a", 1, "b"])],
}


@pytest.mark.parametrize("parts", BAD.values(), ids=BAD.keys())
async def test_bad_frames_are_counted_and_dropped(lanes: Lanes, eventually: Eventually, parts: list[bytes]) -> None:
    seen: list[int] = []
    receiver = await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)), (Echo, lambda m: m.text))
    client = await lanes.open("a")
    assert await client.ask("b", Echo(text="before"), 10.0) == "before"
    with stranger(lanes.directory.mailbox("b")) as socket:
        socket.send_multipart(parts)
        await eventually(lambda: receiver.bad_frames >= 1)
        assert await client.ask("b", Echo(text="after"), 10.0) == "after"
        client.tell("b", Add(n=1))
        await eventually(lambda: seen == [1])


@pytest.mark.parametrize(
    "item",
    [
        pack("no fields"),
        pack({"n": "x"}),
        pack({"n": 1, "extra": 2}),
        pack({}),
        pack({"n": 1, 5: [[[[]]]]}),
        pack(None),
    ],
)
async def test_a_body_that_is_not_what_its_tag_says_is_a_dead_letter(
    lanes: Lanes, eventually: Eventually, item: bytes
) -> None:
    seen: list[int] = []
    receiver = await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)))
    with stranger(lanes.directory.mailbox("b")) as socket:
        socket.send(mail(item + pack({"n": 3, "text": "x"}), 2))
        await eventually(lambda: seen == [3])
    assert receiver.dead_letters == 1


async def test_a_huge_frame_costs_its_sender_the_connection_and_nobody_else(
    lanes: Lanes, eventually: Eventually
) -> None:
    await lanes.open("b", 1, (Echo, lambda message: message.text))
    client = await lanes.open("a")
    assert await client.ask("b", Echo(text="before"), 10.0) == "before"
    with stranger(lanes.directory.mailbox("b")) as socket:
        socket.send(b"x" * (MAX_BYTES + 1))
        for n in range(20):
            assert await client.ask("b", Echo(text=str(n)), 10.0) == str(n)


async def test_a_sender_that_ignores_its_credit_is_cut_off(lanes: Lanes, eventually: Eventually) -> None:
    free = asyncio.Event()

    async def add(message: Add) -> None:
        await free.wait()

    receiver = await lanes.open("b", 1, (Add, add))
    item = pack({"n": 1, "text": ""})
    with stranger(lanes.directory.mailbox("b")) as socket:
        for batch in range(100):
            socket.send(mail(item * 250, 250, base=batch * 250))
        await eventually(lambda: receiver.bad_frames > 0)
    assert receiver.depth <= 2 * MAX_WINDOW < OUTBOX
    free.set()


async def test_a_multipart_message_that_begins_well_does_not_confuse_the_reader(
    lanes: Lanes, eventually: Eventually
) -> None:
    seen: list[int] = []
    receiver = await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)), (Echo, lambda m: m.text))
    client = await lanes.open("a")
    assert await client.ask("b", Echo(text="before"), 10.0) == "before"
    with stranger(lanes.directory.mailbox("b")) as socket:
        good = mail(pack({"n": 1, "text": ""}), 1)
        socket.send_multipart([good, b"more", b"and more", b"and more"])
        await eventually(lambda: receiver.bad_frames >= 1)
        for n in range(5):
            assert await client.ask("b", Echo(text=str(n)), 10.0) == str(n)


async def test_messages_of_an_older_life_are_refused_once_a_newer_one_was_met(
    lanes: Lanes, eventually: Eventually
) -> None:
    seen: list[int] = []
    receiver = await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)))
    zombie = await lanes.open("a", 1, bind=False)
    zombie.tell("b", Add(n=1))
    await eventually(lambda: seen == [1])
    new = await lanes.open("a", 2, bind=False)
    new.tell("b", Add(n=2))
    await eventually(lambda: seen == [1, 2])
    zombie.tell("b", Add(n=3))
    await eventually(lambda: receiver.bad_frames >= 1)
    assert seen == [1, 2]


async def test_p12_an_identity_that_connects_again_takes_the_place_of_its_old_connection(
    lanes: Lanes, eventually: Eventually
) -> None:
    """Pitfall P12: without ROUTER_HANDOVER nothing of the new connection is seen."""
    seen: list[int] = []
    await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)))
    item = [pack({"n": n, "text": ""}) for n in range(3)]
    with stranger(lanes.directory.mailbox("b")) as old:
        old.send(mail(item[0], 1, base=0))
        await eventually(lambda: seen == [0])
        with stranger(lanes.directory.mailbox("b")) as new:
            new.send(mail(item[1], 1, base=1))
            await eventually(lambda: seen == [0, 1])
            new.send(mail(item[2], 1, base=2))
            await eventually(lambda: seen == [0, 1, 2])
