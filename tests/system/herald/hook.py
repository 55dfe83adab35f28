"""A server that takes messages as a chat's webhook does, or refuses them as one does: slow down, errors, cut lines."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Message:
    """What has arrived: `answer` is what the sender is told, if it still listens."""

    at: float
    title: str
    text: str
    answer: str


class Hook:
    """Answers with what is in `answers`, then with 204: a status, `429 SECONDS`, `cut` before or `lost` after the
    message was read, `hang`."""

    def __init__(self) -> None:
        self.answers: deque[str] = deque()
        self.delay = 0.0  # seconds from having the message to the answer
        self.seen: list[Message] = []
        self._over = threading.Event()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook._take(self)

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook-of-secret-token-0123456789"

    @property
    def arrived(self) -> list[Message]:
        """What was taken."""
        return [message for message in self.seen if message.answer == "204"]

    def titles(self) -> list[str]:
        return [message.title for message in self.arrived]

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, request: http.server.BaseHTTPRequestHandler) -> None:
        answer = self.answers.popleft() if self.answers else "204"
        if answer == "cut":
            _reset(request.connection)
            return
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        title, text = body.get("title", ""), body.get("message") or body.get("content") or json.dumps(body)
        self.seen.append(Message(time.monotonic(), title, text, answer))
        self._over.wait(self.delay)
        if answer == "lost":
            _reset(request.connection)
        elif answer == "hang":
            self._over.wait(PATIENCE_S)
        else:
            status, _, pause = answer.partition(" ")
            with contextlib.suppress(OSError):
                request.send_response(int(status))
                if pause:
                    request.send_header("Retry-After", pause)
                request.send_header("Content-Length", "0")
                request.end_headers()


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def hooked() -> Iterator[Hook]:
    made = Hook()
    try:
        yield made
    finally:
        made.close()
