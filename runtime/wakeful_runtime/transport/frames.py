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
from wakeful_runtime.wire import VERSION, array_header, pack, unpack_frame

MAIL, HELLO, WELCOME, CREDIT, REPLY = 1, 2, 3, 4, 5
ASK = 8
"""Added to the form of a run's bodies."""

OK, FAILED, REFUSED = 0, 1, 2

_HEAD = 8


@dataclass(slots=True)
class Run:
    """Messages of one type in a row: `items` as they came, not yet checked."""

    tag: str
    mode: int
    items: list[Any]


@dataclass(slots=True)
class Mail:
    """A batch of messages from one life to another; `base` messages went before it."""

    base: int
    sender: str
    incarnation: int
    to: str
    to_incarnation: int
    traceparent: str | None
    runs: list[Run]


def mail_head(fields: tuple[int, int, str, int, str, int, str | None], runs: int) -> bytes:
    """The bytes before the runs: kind, base, from, incarnation, to, to_incarnation, traceparent."""
    return array_header(_HEAD + 3 * runs) + pack([VERSION, *fields])[1:]


def run_head(tag: str, mode: int, count: int) -> bytes:
    """The bytes before a run's items."""
    return pack(tag) + bytes((mode,)) + array_header(count)


def ask_head(number: int, deadline: float) -> bytes:
    """The bytes before an asked message's body."""
    return b"\x93" + pack(number) + pack(deadline)


def read(data: bytes) -> list[Any]:
    """A frame of anybody, as a list that begins with the version and the kind.

    Raises:
        CodecError: it is none.
    """
    return unpack_frame(data)


def read_mail(frame: list[Any]) -> Mail:
    """The batch in a MAIL frame.

    Raises:
        CodecError: its parts aren't what they must be.
    """
    match frame[:_HEAD]:
        case [_, _, int(base), str(sender), int(incarnation), str(to), int(to_incarnation), traceparent] if base >= 0:
            pass
        case _:
            raise CodecError("a batch with a wrong head")
    if (len(frame) - _HEAD) % 3 or not (traceparent is None or isinstance(traceparent, str)):
        raise CodecError("a batch with a wrong head")
    runs: list[Run] = []
    for at in range(_HEAD, len(frame), 3):
        tag, mode, items = frame[at], frame[at + 1], frame[at + 2]
        if type(tag) is not str or type(mode) is not int or type(items) is not list:
            raise CodecError("a batch with a wrong run")
        runs.append(Run(tag, mode, items))
    return Mail(base, sender, incarnation, to, to_incarnation, traceparent, runs)


def read_ask(item: Any) -> tuple[int, float, Any]:
    """The id, the deadline and the body of an asked item.

    Raises:
        CodecError: it is none.
    """
    match item:
        case [int(number), float(deadline), body]:
            return number, deadline, body
        case _:
            raise CodecError("not an asked message")


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


def reply_item(number: int, status: int, form: int, body: bytes) -> bytes:
    """A packed reply; `body` is packed already."""
    return pack(number) + bytes((status, form)) + body


def read_replies(frame: list[Any]) -> list[tuple[int, int, int, Any]]:
    """(id, status, form, body) of each reply.

    Raises:
        CodecError: it is no REPLY.
    """
    if len(frame) < 4 or len(frame) % 4 or type(frame[2]) is not str or type(frame[3]) is not int:
        raise CodecError("a wrong REPLY")
    found: list[tuple[int, int, int, Any]] = []
    for at in range(4, len(frame), 4):
        number, status, form, body = frame[at : at + 4]
        if type(number) is not int or type(status) is not int or type(form) is not int:
            raise CodecError("a wrong REPLY")
        found.append((number, status, form, body))
    return found
