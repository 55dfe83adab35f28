"""What reads bytes of anybody: each takes any bytes, and raises nothing that its caller does not await."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from tests.fuzz.desk import PlayedDesk, message
from tests.fuzz.source import Source

from wakeful.errors import CodecError
from wakeful.rules import notify
from wakeful_runtime.init.framing import Decoder, FrameError, encode
from wakeful_runtime.store.group import Groups
from wakeful_runtime.store.ops import DURABLE, OPERATIONS, READING, RIDING_ALONG
from wakeful_runtime.store.protocol import Request, unpack_reply, unpack_request
from wakeful_runtime.store.schema import open_store
from wakeful_runtime.store.work import Moment
from wakeful_runtime.transport import calls, frames
from wakeful_runtime.transport.controlframe import read_control
from wakeful_runtime.wire import VERSION, pack, unpack, unpack_frame

Target = Callable[[bytes], None]

READERS: tuple[Callable[[list[Any]], object], ...] = (
    frames.read_mail,
    frames.read_hello,
    frames.read_replies,
    lambda frame: frames.read_numbers(frame, 3),
    lambda frame: frames.read_numbers(frame, 4),
    lambda frame: frames.read_ask(frame[2:]),
)


def wire(data: bytes) -> None:
    """`wire.unpack`, and that what it reads is written as what it was."""
    with contextlib.suppress(CodecError):
        unpack_frame(data)
    try:
        value = unpack(data)
    except CodecError:
        return
    again = unpack(pack(value))
    assert again == value or "nan" in repr(value)


def mailbox(data: bytes) -> None:
    """The mailbox lane: any bytes, and frames whose parts are anything."""
    with contextlib.suppress(CodecError):
        _read_all(frames.read(data))
    source = Source(data)
    parts = [VERSION, source.below(8), *[source.value() for _ in range(source.below(16))]]
    with contextlib.suppress(CodecError):
        _read_all(frames.read(pack(parts)))


def _read_all(frame: list[Any]) -> None:
    for read in READERS:
        with contextlib.suppress(CodecError):
            read(frame)


def control(data: bytes) -> None:
    """The control lane."""
    source = Source(data)
    for parts in ([data], [data[:5], data[5:]], []):
        with contextlib.suppress(CodecError):
            read_control(parts)
    with contextlib.suppress(CodecError):
        read_control([pack([VERSION, *[source.value() for _ in range(5)]])])


def call(data: bytes) -> None:
    """The call lane, both ends."""
    source = Source(data)
    heard: list[str] = []
    server = calls.CallServer("ipc:///nowhere", lambda verb, args, reply: heard.append(verb))
    take: Callable[[list[bytes]], None] = server._take
    take([b"me", data])
    with contextlib.suppress(CodecError):
        calls.read_answer(data)
    with contextlib.suppress(CodecError):
        take([b"me", pack([1, *[source.value() for _ in range(3 + source.below(2))]])])


def request(data: bytes) -> None:
    """A store's request, as it comes in."""
    try:
        asked = unpack_request(data)
    except CodecError:
        return
    _serve([asked])


def operations(data: bytes) -> None:
    """Requests of known operations with arguments of any kind, some in one group."""
    source = Source(data)
    asked: list[Request] = []
    for number in range(1 + source.below(4)):
        op = source.one(sorted(OPERATIONS))
        arguments = {name: source.value() for name in _parameters(op) if source.below(8)}
        with contextlib.suppress(CodecError):
            asked.append(unpack_request(pack([1, f"r{number}", op, arguments])))
    _serve(asked)


def _parameters(op: str) -> list[str]:
    found = next(body for body in (*DURABLE, *RIDING_ALONG, *READING) if body.__name__ == op)
    return list(found.__code__.co_varnames[1 : 1 + found.__code__.co_kwonlyargcount])


def _serve(asked: list[Request]) -> None:
    groups = Groups(open_store(":memory:"), lambda: Moment(1_000_000.0, 1.0, "boot"))
    replies = groups.run(asked)
    for each in asked:
        unpack_reply(replies[each.id], each.id)


def init(data: bytes) -> None:
    """Init's frames: any bytes, cut anywhere, and questions of any kind to its desk, from all who may ask."""
    decoder = Decoder()
    with contextlib.suppress(FrameError):
        for start in range(0, len(data), 7):
            decoder.feed(data[start : start + 7])
    with PlayedDesk() as desk:
        desk.heard(data)
    source = Source(data)
    with PlayedDesk() as desk:
        desk.greet(source.one(("gateway", "m", "")))
        while not source.over:
            with contextlib.suppress(TypeError):  # bytes are no JSON
                desk.heard(encode(message(source)))


def program(data: bytes) -> None:
    """What a program says of itself."""
    notify.read(data)


TARGETS: dict[str, Target] = {
    each.__name__: each for each in (wire, mailbox, control, call, request, operations, init, program)
}

SEEDS: dict[str, list[bytes]] = {
    "wire": [pack([1, "a", {"k": [None, True, 1.5, b"x"]}])],
    "mailbox": [pack([VERSION, 1, 0, "a", 1, "b", 1, None, "Add", 0, [{"n": 1}]]), pack([VERSION, 2, 0, "a", 1, "b"])],
    "control": [pack([VERSION, "hello", "m/w", 1, "0" * 32, {"nonce": 1}])],
    "call": [pack([1, "c.1", "ps", {}])],
    "request": [pack([1, f"r{number}", op, {}]) for number, op in enumerate(sorted(OPERATIONS))],
    "operations": [bytes(range(256))],
    "init": [encode({"do": "table", "id": 1}), encode({"do": "hello", "id": 1, "path": "m", "incarnation": 1})],
    "program": [b"READY=1\nX_WAKEFUL_PROGRESS=1/3\nX_WAKEFUL_STATE={}\nX_WAKEFUL_CHECKPOINT=a"],
}
"""What a fuzzer begins with."""
