"""Messages of the lane's tests."""

from __future__ import annotations

from wakeful.message import Message, Request


class Add(Message):
    n: int
    text: str = ""


class Big(Message):
    data: bytes


class Unknown(Message):
    n: int = 0


class Total(Message):
    n: int


class GetTotal(Request[Total]):
    pass


class Echo(Request[str]):
    text: str


class Sleep(Request[int]):
    """Answered after `seconds`, or never."""

    seconds: float


class Block(Request[int]):
    """Blocks the loop for `seconds`."""

    seconds: float


class Break(Request[int]):
    text: str


class Refuse(Request[int]):
    why: str


class Lie(Request[int]):
    """Answered with what is no int."""


class Who(Request[int]):
    """Which life answers."""


class Ask(Request[str]):
    """Asks `whom` an Echo before it answers."""

    whom: str
    text: str
