"""Frames of the mailbox lane: one list each, whose head says version and kind.

    MAIL     [version, 1, base, from, incarnation, to, to_incarnation, traceparent, (tag, mode, items)…]
    HELLO    [version, 2, sent, from, incarnation, to]
    WELCOME  [version, 3, path, incarnation, begun, consumed, window]
    CREDIT   [version, 4, path, incarnation, consumed, window]
    REPLY    [version, 5, path, incarnation, (id, status, form, body)…]

Numbers of messages count all that a sender's life sent to a path, over all lives of that path. `mode` is the bodies'
form, plus ASK: then an item is `[id, deadline, body]`, else the body alone. Deadlines are CLOCK_MONOTONIC seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wakeful.errors import CodecError
from wakeful_runtime.packing import is_list
from wakeful_runtime.wire import VERSION, array_header, pack_scalar, unpack_frame

MAIL, HELLO, WELCOME, CREDIT, REPLY = 1, 2, 3, 4, 5
ASK = 8
"""Added to the form of a run's bodies."""

OK, FAILED, REFUSED = 0, 1, 2

_HEAD = 8
_MAIL = bytes((VERSION, MAIL))
_LONE = array_header(_HEAD + 3) + _MAIL
_ITEM = array_header(3)
_NIL = pack_scalar(None)


@dataclass(slots=True)
class Run:
    """Messages of one type in a row: `items` as they came, not yet checked."""

    tag: str
    mode: int
    items: list[Any]


def pair(sender: str, incarnation: int, to: str, to_incarnation: int) -> bytes:
    """The part of a batch's head that stays the same between two lives."""
    return pack_scalar(sender) + pack_scalar(incarnation) + pack_scalar(to) + pack_scalar(to_incarnation)


def mail_head(base: int, between: bytes, traceparent: str | None, runs: int) -> bytes:
    """The bytes before the runs; `between` is a `pair`."""
    return array_header(_HEAD + 3 * runs) + _MAIL + pack_scalar(base) + between + pack_scalar(traceparent)


def lone_ask(base: int, between: bytes, traceparent: str | None, run: bytes, number: int, deadline: float) -> bytes:
    """The bytes before the body of a batch that is one ask; `run` is its `run_head`."""
    trace = _NIL if traceparent is None else pack_scalar(traceparent)
    return b"".join((_LONE, pack_scalar(base), between, trace, run, _ITEM, pack_scalar(number), pack_scalar(deadline)))


def run_head(tag: str, mode: int, count: int) -> bytes:
    """The bytes before a run's items."""
    return pack_scalar(tag) + bytes((mode,)) + array_header(count)


def ask_head(number: int, deadline: float) -> bytes:
    """The bytes before an asked message's body."""
    return _ITEM + pack_scalar(number) + pack_scalar(deadline)


def read(data: bytes) -> list[Any]:
    """A frame of anybody, as a list that begins with the version and the kind.

    Raises:
        CodecError: it is none.
    """
    return unpack_frame(data)


def read_mail(frame: list[Any]) -> list[Run]:
    """The runs of a MAIL frame; when it returns, the head's six fields have the types they must have.

    Raises:
        CodecError: its parts aren't what they must be.
    """
    if len(frame) < _HEAD or (len(frame) - _HEAD) % 3:
        raise CodecError("a batch with a wrong head")
    _, _, base, sender, incarnation, to, to_incarnation, traceparent = frame[:_HEAD]
    numbers = type(base) is int and base >= 0 and type(incarnation) is int and type(to_incarnation) is int
    texts = type(sender) is str and type(to) is str and (traceparent is None or type(traceparent) is str)
    if not (numbers and texts):
        raise CodecError("a batch with a wrong head")
    runs: list[Run] = []
    for at in range(_HEAD, len(frame), 3):
        tag, mode, items = frame[at], frame[at + 1], frame[at + 2]
        if type(tag) is not str or type(mode) is not int or not is_list(items):
            raise CodecError("a batch with a wrong run")
        runs.append(Run(tag, mode, items))
    return runs


def read_ask(item: Any) -> tuple[int, float, Any]:
    """The id, the deadline and the body of an asked item.

    Raises:
        CodecError: it is none.
    """
    if not is_list(item) or len(item) != 3 or type(item[0]) is not int or type(item[1]) is not float:
        raise CodecError("not an asked message")
    number, deadline, body = item
    return number, deadline, body


def read_hello(frame: list[Any]) -> tuple[int, str, int]:
    """How many messages went before, from which path and incarnation.

    Raises:
        CodecError: it is no HELLO.
    """
    match frame:
        case [_, _, int(sent), str(sender), int(incarnation), str()] if sent >= 0:
            return sent, sender, incarnation
        case _:
            raise CodecError("a wrong HELLO")


def read_numbers(frame: list[Any], count: int) -> tuple[str, list[int]]:
    """The path of a WELCOME or a CREDIT, and the `count` numbers after it.

    Raises:
        CodecError: it is none.
    """
    if len(frame) != 3 + count or type(frame[2]) is not str or any(type(each) is not int for each in frame[3:]):
        raise CodecError("a wrong WELCOME or CREDIT")
    return frame[2], frame[3:]


def reply_head(path: str, incarnation: int) -> bytes:
    """The bytes before the one reply of a frame."""
    return array_header(8) + bytes((VERSION, REPLY)) + pack_scalar(path) + pack_scalar(incarnation)


def reply_item(number: int, status: int, form: int, body: bytes) -> bytes:
    """A packed reply; `body` is packed already."""
    return pack_scalar(number) + bytes((status, form)) + body


def read_replies(frame: list[Any]) -> list[tuple[int, int, int, Any]]:
    """(id, status, form, body) of each reply.

    Raises:
        CodecError: it is no REPLY.
    """
    if len(frame) < 4 or len(frame) % 4 or type(frame[2]) is not str or type(frame[3]) is not int:
        raise CodecError("a wrong REPLY")
    if len(frame) == 8 and type(frame[4]) is type(frame[5]) is type(frame[6]) is int:
        return [(frame[4], frame[5], frame[6], frame[7])]
    found: list[tuple[int, int, int, Any]] = []
    for at in range(4, len(frame), 4):
        number, status, form, body = frame[at : at + 4]
        if type(number) is not int or type(status) is not int or type(form) is not int:
            raise CodecError("a wrong REPLY")
        found.append((number, status, form, body))
    return found
