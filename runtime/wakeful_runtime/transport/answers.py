"""What comes back for an ask, and who hears of messages that nobody handles."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from wakeful.message import Message
from wakeful_runtime.bodies import PLAIN, reply_shape
from wakeful_runtime.transport.frames import FAILED, OK, REFUSED
from wakeful_runtime.transport.sender import Sender
from wakeful_runtime.wire import pack

DeadLetter = Callable[[Mapping[str, Any]], None]

TEXT = 65_536
"""Characters of an error's text that travel."""

_NOTHING = (PLAIN, pack(None))


@dataclass(frozen=True, slots=True)
class Handler:
    """What handles one type of message.

    Attributes:
        type: the message's class.
        call: takes the message; what it returns answers a request.
        reply: says that answers are expected; None: nobody waits for one.
        is_async: whether `call` must be awaited.
    """

    type: type[Message]
    call: Callable[[Any], Any]
    reply: TypeAdapter[Any] | None
    is_async: bool


class Answers:
    """Writes replies for one life.

    Attributes:
        on_dead_letter: called with the facts of messages that nobody handled.
        dead_letters, expired: how many there were; expired are requests that came after their deadline.
    """

    def __init__(self, path: str, incarnation: int) -> None:
        self.on_dead_letter: DeadLetter | None = None
        self.dead_letters = self.expired = 0
        self._path = path
        self._incarnation = incarnation

    def value(self, sender: Sender, number: int, handler: Handler, value: Any) -> None:
        """The handler's answer.

        Raises:
            CodecError: it can't travel as the reply that was declared.
        """
        form, body = reply_shape(handler.type).write(value) if handler.reply is not None else _NOTHING
        sender.reply(self._path, self._incarnation, number, OK, form, body)

    def refused(self, sender: Sender, number: int, why: str) -> None:
        """The handler raised Refused."""
        sender.reply(self._path, self._incarnation, number, REFUSED, PLAIN, pack(_text(why)))

    def raised(self, sender: Sender, number: int, error: Exception) -> None:
        """The handler raised something else."""
        told = "".join(traceback.format_exception(error))
        self._failure(sender, number, type(error).__name__, str(error), told)

    def invalid(self, sender: Sender, number: int, why: str) -> None:
        """The request isn't what its type says."""
        self._failure(sender, number, "ValidationError", why, "")

    def unhandled(self, sender: Sender, number: int, tag: str, *, expired: bool) -> None:
        """There is no handler, or nobody waits for its answer any more."""
        if expired:
            self.expired += 1
        else:
            self._failure(sender, number, "Unhandled", f"{self._path} has no handler for {tag}", "")

    def lost(self, sender: Sender, tag: str, count: int, why: str) -> None:
        """Told messages that no handler gets."""
        self.dead_letters += count
        if self.on_dead_letter is not None:
            facts = {"why": why, "sender": sender.path, "to": self._path, "tag": tag, "count": count}
            self.on_dead_letter(facts)

    def _failure(self, sender: Sender, number: int, kind: str, message: str, told: str) -> None:
        body = pack([_text(kind), _text(message), _text(told)])
        sender.reply(self._path, self._incarnation, number, FAILED, PLAIN, body)


def _text(text: str) -> str:
    return text[:TEXT].encode(errors="replace").decode()
