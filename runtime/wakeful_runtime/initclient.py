"""A supervisor's line to init: fork, end, signal, acknowledge; survives the replacement of init."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.initstream import InitStream, close_all
from wakeful_runtime.lives import LifeRecord
from wakeful_runtime.pushes import (
    Disowned,
    Forked,
    Held,
    LifeContinued,
    LifeEmpty,
    LifeGiven,
    LifeStopped,
    Push,
    StopOrder,
    parse_held,
    parse_push,
)

__all__ = [
    "Disowned",
    "Forked",
    "Held",
    "InitClient",
    "InitRefused",
    "LifeContinued",
    "LifeEmpty",
    "LifeGiven",
    "LifeStopped",
    "Push",
    "StopOrder",
]

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


class InitClient:
    """One connection at a time; reconnects by itself and says hello again.

    Everything runs on the event loop that called `connect`. Callbacks are plain functions and must not block.

    Args:
        path, incarnation, token: the life that speaks (its `Birth`).
        on_push: called with each push; exits are repeated (in the table) until `ack`.
        on_table: called with the lives this path owns, after each replacement of init (with new pidfds; the old ones
            stay good). The table of the first hello is what `connect` returns.
    """

    def __init__(
        self,
        directory: NodeDirectory,
        path: str,
        incarnation: int,
        token: str,
        *,
        on_push: Callable[[Push], None],
        on_table: Callable[[list[Held]], None] | None = None,
    ) -> None:
        self._address = directory.init_socket
        self._hello = {"do": "hello", "path": path, "incarnation": incarnation, "token": token}
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

    async def fork(
        self,
        path: str,
        kind: str,
        incarnation: int | None,
        boot: bytes = b"",
        *,
        owner: str | None = None,
        timeout: float = REQUEST_S,
    ) -> Forked:
        """Start a life. Survives the death of init in between: done once, never twice.

        Args:
            incarnation: above the last one of the path; None lets init number it (the node's own processes).
            boot: handed to `enter` as `Birth.boot`.
            owner: whose it is; default the caller.

        Raises:
            InitRefused: alive, stale, stopping, bad.
            NodeError: no answer within `timeout` seconds.
        """
        reply, descriptors = await self._ask(
            timeout,
            do="fork",
            path=path,
            kind=kind,
            incarnation=incarnation,
            boot=base64.b64encode(boot).decode(),
            owner=owner,
        )
        return Forked(LifeRecord.from_json(reply["life"]), descriptors[0] if descriptors else None)

    async def signal(self, path: str, incarnation: int, number: int, *, group: bool = False) -> None:
        """Send a signal to a living life that matches. Raises InitRefused (`gone`), NodeError."""
        await self._ask(do="signal", path=path, incarnation=incarnation, signal=int(number), group=group)

    async def end(self, path: str, incarnation: int) -> None:
        """SIGKILL it whole; returns when that is under way, the exit comes as a push. Raises InitRefused, NodeError."""
        await self._ask(do="end", path=path, incarnation=incarnation)

    async def ack(self, path: str, incarnation: int) -> None:
        """The exit report is taken (after what it caused is kept): init forgets the life. Idempotent."""
        await self._ask(do="ack", path=path, incarnation=incarnation)

    async def give(self, path: str, to: str) -> None:
        """Change the owner of a path's lives; the new one gets `LifeGiven`. Raises InitRefused, NodeError."""
        await self._ask(do="give", path=path, to=to)

    async def table(self) -> dict[str, Any]:
        """All lives: `{init, init_incarnation, keeper, boot_id, stopping, table: [...]}`; no descriptors."""
        reply, _ = await self._ask(do="table")
        return reply

    async def beat(self, timeout: float = 2.0) -> None:
        """The gateway's main loop lives. Raises NodeError when init doesn't answer."""
        await self._ask(timeout, do="beat")

    async def stop(self, why: str) -> None:
        """Ask for an orderly stop of the node."""
        await self._ask(do="stop", why=why)

    async def stopped(self) -> None:
        """The gateway has stopped everything and exits now."""
        await self._ask(do="stopped")

    async def _ask(self, timeout: float = REQUEST_S, **message: Any) -> tuple[dict[str, Any], list[int]]:
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
        while self._closed is None:
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
            if self._on_table is not None:
                self._on_table(table)
            else:
                close_all([held.pidfd for held in table if held.pidfd is not None])
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
        for attempt in itertools.count():
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(HELLO_S):
                    return await self._greet()
            self._drop()
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
        raise AssertionError("unreachable")

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
