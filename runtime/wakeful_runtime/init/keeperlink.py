"""The line between keeper and init: the keeper orders and is asked to reap, init reports; both answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wakeful_runtime.init.connection import Connection

Answer = Callable[[dict[str, Any] | None], None]
"""Called with the reply; with None when the line broke first."""


class KeeperLink:
    """Requests both ways over one connection.

    Args:
        serve: answers a request or takes a push; its result is the reply's body.
    """

    def __init__(self, connection: Connection, serve: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.connection = connection
        self._serve = serve
        self._asked: dict[int, Answer] = {}
        self._number = 0

    @property
    def open(self) -> bool:
        """Whether the other end is there."""
        return self.connection.open

    def ask(self, verb: str, answer: Answer, **body: object) -> None:
        """Send a request."""
        self._number += 1
        self._asked[self._number] = answer
        self.connection.send({"do": verb, "id": self._number, **body})

    def push(self, verb: str, **body: object) -> None:
        """Send what needs no answer."""
        self.connection.send({"do": verb, **body})

    def received(self, message: dict[str, Any]) -> None:
        """Feed it what the connection received."""
        if "re" in message:
            answer = self._asked.pop(message["re"], None)
            if answer is not None:
                answer(message)
            return
        reply = self._serve(message)
        if "id" in message:
            self.connection.send({"re": message["id"], **reply})

    def broke(self) -> None:
        """The connection closed: nobody will answer."""
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer(None)
