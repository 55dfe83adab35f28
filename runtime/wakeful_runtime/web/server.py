"""uvicorn, made to fit into an actor: its own listener, nobody's signals, and no patience with the silent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 256
KEEP_ALIVE_S = 15
HEADERS_S = 10.0
"""How long a connection may be open, or a request's head under way, before there is a request."""

HEAD_BYTES = 32 * 1024
END_S = 3
"""What requests under way get when the web ends."""


class PatientProtocol(H11Protocol):
    """A connection that says nothing, or its head a byte at a time, is closed: others need its place."""

    _silence: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Once a request is being answered it has its own deadlines."""
        super().data_received(data)
        if self._answering():
            self._hear()
        elif self._silence is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for."""
        self._hear()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete  # None before the first request

    def _wait(self) -> None:
        self._silence = self.loop.call_later(HEADERS_S, self._silent)

    def _hear(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _silent(self) -> None:
        self._silence = None
        if not self._answering() and not self.transport.is_closing():
            self.transport.close()


class WebServer(uvicorn.Server):
    """One that leaves signals to the process it lives in."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=END_S,
                h11_max_incomplete_event_size=HEAD_BYTES,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """None: the supervisor ends this process."""
        yield

    async def run_until(self, stopping: asyncio.Event, listener: socket.socket) -> None:
        """Serve until told to stop; then what is under way gets END_S."""
        serving = asyncio.ensure_future(self.serve(sockets=[listener]))
        stopped = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
            self.should_exit = True
            await serving
        finally:
            stopped.cancel()
            serving.cancel()
