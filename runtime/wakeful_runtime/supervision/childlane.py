"""What supervisor and children say to each other over the control lane."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.rules.events import Condemned, Ready
from wakeful_runtime.supervision.child import Body, Child, Present

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor


class ChildLane:
    """The supervisor's side; only the present life of a child is heard, and only with its token."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._lines = supervisor.lines
        self._log = structlog.get_logger("wakeful.control").bind(supervisor=self._lines.path)

    def heard(self, kind: str, path: str, incarnation: int, token: str, body: Body) -> None:
        """A message of a child's control thread; anything that isn't from its present life is dropped."""
        child = self._supervisor.child(path)
        if child is None:
            return
        present = child.living(incarnation)
        if present is None:
            if kind == "hello" and (child.present is None or child.present.life.incarnation < incarnation):
                child.hello = (incarnation, token, body)
            return
        if present.life.token != token:
            self._log.warning("control message with a wrong token", path=path, incarnation=incarnation)
            return
        self._take(child, present, kind, body)

    def _take(self, child: Child, present: Present, kind: str, body: Body) -> None:
        supervisor = self._supervisor
        match kind:
            case "hello":
                self._hello(child, present, body)
            case "event" if body.get("event") == "watch":
                supervisor.spawn(
                    supervisor.deaths.watch(child, str(body.get("target")), int(body.get("incarnation") or 0))
                )
            case "answer" | "event":
                supervisor.watch.heard(child, present, kind, body)
            case "ready":
                self._ready(child, present)
            case "request":
                supervisor.spawn(supervisor.requests.answer(child, present, body))
            case "bye":
                self._take_bye(child, present, body)
            case _:
                waiter = present.waiters.pop(int(body.get("nonce") or 0), None)
                if waiter is not None:
                    waiter(body)

    def _hello(self, child: Child, present: Present, body: Body) -> None:
        present.connected = True
        if present.go is None and body.get("go") is False:
            self._untold(child, present)
        if present.go is not None and not present.went:
            present.went = True
            self._send(child, present, "go", present.go)
        waiting, present.orders = present.orders, []
        for kind, order in waiting:
            self._send(child, present, kind, order)
        self._supervisor.watch.heard(child, present, "hello", body)
        if body.get("ready"):
            self._ready(child, present)

    def _untold(self, child: Child, present: Present) -> None:
        """A life whose supervisor died before it told it GO: none of the user's code has run in it.

        What it was to continue is known to nobody any more, so it is ended and begun anew; a process of the node's own
        has nothing to continue, and is told GO now.
        """
        if not child.stored:
            present.go, present.went = {}, False
        elif present.condemned is None:
            what = "its supervisor died before it could tell it to begin"
            present.condemned = ExitReason(kind="node_lost", what=what, at=time.time())
            self._supervisor.tell(Condemned(child.name, present.number, present.condemned))

    def take_early_hello(self, child: Child, present: Present) -> None:
        """A hello may come before init has told of its life."""
        if child.hello is not None and child.hello[0] == present.life.incarnation:
            _, token, body = child.hello
            child.hello = None
            self.heard("hello", child.path, present.life.incarnation, token, body)

    def _take_bye(self, child: Child, present: Present, body: Body) -> None:
        try:
            present.bye = ExitReason.model_validate(body.get("reason"))
        except ValidationError as error:
            self._log.warning("last words that are none", path=child.path, error=str(error))

    def _send(self, child: Child, present: Present, kind: str, body: Body) -> None:
        self._lines.control.send(child.path, present.life.incarnation, present.life.token, kind, body)

    def _ready(self, child: Child, present: Present) -> None:
        if not present.ready:
            present.ready = True
            self._supervisor.watch.ready(child, present)
            if self._supervisor.booted.is_set():
                self._supervisor.tell(Ready(child.name, present.number))

    def send(self, child: Child, present: Present, kind: str, body: Body) -> None:
        """To the child's control thread: now, or as soon as it connects."""
        if present.connected:
            self._send(child, present, kind, body)
        else:
            present.orders.append((kind, body))

    def call(self, child: Child, present: Present) -> None:
        """To a life that has not said hello, or was not heard: to say it now."""
        if not present.exited:
            self._send(child, present, "adopt", {})

    async def ask(self, child: Child, kind: str, body: Body, timeout: float) -> Body:
        """A control message that is answered with the same nonce.

        Raises:
            NodeError: it has no life, that ended meanwhile, or it gave no answer within `timeout` seconds.
        """
        present = child.present
        if present is None or present.exited:
            raise NodeError(f"{child.path} is not running")
        nonce = self._lines.number()
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        present.waiters[nonce] = lambda got: None if answer.done() else answer.set_result(got)
        over = asyncio.ensure_future(present.over.wait())
        either: set[asyncio.Future[Any]] = {answer, over}
        try:
            self.send(child, present, kind, {"nonce": nonce, **body})
            await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if over.done():  # what it would have said is not heard any more
                raise NodeError(f"{child.path} ended before it answered")
            raise NodeError(f"{child.path} did not answer within {timeout:g} s")
        finally:
            over.cancel()
            present.waiters.pop(nonce, None)
