"""The line to init on an asyncio loop: hello, requests, pushes; reconnects, and asks again what was not answered."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.init.initstream import InitStream, close_all
from wakeful_runtime.init.pushes import Disowned, Held, Push, parse_held, parse_push

REQUEST_S = 30.0
"""How long a request waits for its answer, replacements of init included."""
HELLO_S = 5.0
RETRY_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


class InitRefused(NodeError):
    """Init said no.

    Args:
        code: `alive` (a life of the path runs, or something of it is left), `stale` (incarnation not above the last),
            `stopping`, `gone` (no such living life), `denied` (not yours; or a newer life has this connection), `bad`.
    """

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


@dataclass(eq=False)
class _Request:
    """One question, kept until it is answered: it is asked again of the next init."""

    message: dict[str, Any]
    future: asyncio.Future[tuple[dict[str, Any], list[int]]]
    asked_at: float = field(default_factory=time.monotonic)
    sent: bool = False


class InitLine:
    """One connection at a time to whichever init there is.

    Args:
        address: init's socket.
        hello: who speaks.
        on_push: called with each push, after the table it came behind.
        on_table: called with the table of each hello but the first; the descriptors are the callee's.
    """

    def __init__(
        self,
        address: Path,
        hello: dict[str, Any],
        on_push: Callable[[Push], None],
        on_table: Callable[[list[Held]], None],
    ) -> None:
        self._address = address
        self._hello = hello
        self._on_push = on_push
        self._on_table = on_table
        self._numbers = itertools.count(1)
        self._requests: dict[int, _Request] = {}
        self._stream: InitStream | None = None
        self._greeted = False
        self._early: list[Push] | None = []
        self._rows: list[Held] = []
        self._hello_number = 0
        self._answered: asyncio.Future[list[Held]] | None = None
        self._runner: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._closed: str | None = None
        self.facts: dict[str, Any] = {}
        """What init said of itself at the last hello: `init init_incarnation boot_id keeper stopping`."""

    @property
    def connected(self) -> bool:
        """Whether init answered the last hello and the line stands."""
        return self._greeted

    async def connect(self, timeout: float = 10.0) -> list[Held]:
        """Say hello; the lives this path owns.

        Raises:
            InitRefused: this life isn't the living one of its path (`denied`).
            NodeError: no init answered within `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                table = await self._dial()
        except TimeoutError:
            raise NodeError(f"no init answers at {self._address}") from None
        self._begin(table)
        self._runner = asyncio.create_task(self._keep_connected(), name="init line")
        asyncio.get_running_loop().call_soon(self._deliver_early)
        return table

    async def close(self) -> None:
        """Give the line up. Outstanding requests get NodeError."""
        self._give_up("the line to init is closed")
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner

    async def ask(self, timeout: float = REQUEST_S, **message: Any) -> tuple[dict[str, Any], list[int]]:
        """Ask, and ask again of the next init; the reply, and descriptors that are the caller's to close.

        Raises:
            InitRefused, NodeError.
        """
        if self._closed is not None:
            raise NodeError(self._closed)
        number = next(self._numbers)
        request = _Request({**message, "id": number}, asyncio.get_running_loop().create_future())
        self._requests[number] = request
        if self._greeted:
            self._send(request)
        try:
            async with asyncio.timeout(timeout):
                return await request.future
        except TimeoutError:
            raise NodeError(f"init did not answer {message['do']} within {timeout:g} s") from None
        finally:
            self._requests.pop(number, None)

    def _send(self, request: _Request) -> None:
        request.sent = True
        if self._stream is not None:
            self._stream.send(request.message)

    async def _keep_connected(self) -> None:
        while True:
            await self._lost.wait()
            if self._closed is not None:
                return
            try:
                table = await self._dial()
            except InitRefused as refused:
                self._give_up(f"init refuses this life: {refused.why}")
                self._on_push(Disowned(refused.why))
                return
            self._begin(table)
            self._on_table(table)
            self._deliver_early()

    def _begin(self, table: list[Held]) -> None:
        self._greeted = self._stream is not None and self._stream.open
        self._ask_again(table)

    def _deliver_early(self) -> None:
        """Pushes that came right behind the table are told after it."""
        early, self._early = self._early, None
        for push in early or []:
            self._on_push(push)

    async def _dial(self) -> list[Held]:
        """Connect and say hello, again and again: a dying init hangs up in the middle of an answer."""
        attempt = 0
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(HELLO_S):
                    return await self._greet()
            self._drop()
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1

    async def _greet(self) -> list[Held]:
        self._lost.clear()
        self._rows = []
        self._early = []
        self._answered = asyncio.get_running_loop().create_future()
        self._stream = await InitStream.connect(self._address, self._received, self._line_lost)
        self._hello_number = next(self._numbers)
        self._stream.send({**self._hello, "id": self._hello_number})
        return await self._answered

    def _drop(self) -> None:
        self._greeted = False
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        close_all([held.pidfd for held in self._rows if held.pidfd is not None])
        self._rows = []

    def _line_lost(self) -> None:
        greeted, self._greeted = self._greeted, False
        if not greeted and self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionResetError("init hung up"))
        self._lost.set()

    def _give_up(self, why: str) -> None:
        self._closed = why
        self._lost.set()
        self._drop()
        for request in self._requests.values():
            if not request.future.done():
                request.future.set_exception(NodeError(why))

    def _received(self, message: dict[str, Any], descriptors: list[int]) -> None:
        try:
            self._take(message, descriptors)
        finally:
            close_all(descriptors)  # what nobody took out of the list

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if "push" in message:
            push = parse_push(message, descriptors)
            if push is not None and self._early is not None:
                self._early.append(push)
            elif push is not None:
                self._on_push(push)
        elif message.get("re") == self._hello_number:
            self._take_hello(message, descriptors)
        else:
            request = self._requests.get(int(message.get("re", 0)))
            if request is None or request.future.done():
                return
            if message.get("ok"):
                request.future.set_result((message, list(descriptors)))
                descriptors.clear()
            else:
                request.future.set_exception(InitRefused(str(message.get("error")), str(message.get("why"))))

    def _take_hello(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if self._answered is None or self._answered.done():
            return
        if not message.get("ok"):
            self._answered.set_exception(InitRefused(str(message.get("error")), str(message.get("why"))))
            return
        self._rows += [parse_held(row, descriptors) for row in message["table"]]
        if not message.get("more"):
            self.facts = {
                key: value for key, value in message.items() if key not in ("re", "ok", "table", "more", "fds")
            }
            rows, self._rows = self._rows, []
            self._answered.set_result(rows)

    def _ask_again(self, table: list[Held]) -> None:
        """Requests the old init did not answer. A fork it did do is found in the table: it must not be done twice."""
        for request in list(self._requests.values()):
            if request.future.done():
                continue
            done = self._find_fork(request, table) if request.sent and request.message["do"] == "fork" else None
            if done is None:
                self._send(request)
            else:
                descriptors = [os.dup(done.pidfd)] if done.pidfd is not None else []
                request.future.set_result(({"life": done.life.to_json()}, descriptors))

    @staticmethod
    def _find_fork(request: _Request, table: list[Held]) -> Held | None:
        wanted = request.message
        for held in table:
            same = held.life.path == wanted["path"] and held.life.forked_at >= request.asked_at
            if same and wanted["incarnation"] in (None, held.life.incarnation):
                return held
        return None
