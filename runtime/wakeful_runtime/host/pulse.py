"""The control thread of a node process: it answers for the process while the process is busy, stuck or starting.

Messages are `(kind, body)`; the control lane adds path, incarnation and token, and drops what doesn't carry this
life's token.

From the supervisor:
    go {incarnation, run_id, run_started_at, lives, resumed, previous, …}: user code may run.
    probe {nonce} -> answer {nonce, loop_age, facts}
    stop {reason: ExitReason dump, deadline_s}: end in order.
    cancel {reason}: cancel `run`, nothing else; the life ends with `reason` if it can.
    dump {nonce} -> dumped {nonce, tasks, threads}
    rows {nonce} -> rows {nonce, rows}
    call {nonce, verb, args} -> called {nonce, ok, value | error, why}: answered by the main loop.
    chaos {mode} · adopt {token} -> hello · moved {endpoint} -> hello, there
    reply {nonce, ok, value | error, why}: to a `request`.
To the supervisor:
    hello {token, pid, kind, incarnation, go, ready, facts}: on every connection; `go`: it was told GO.
    ready {took} · event {event, …} · bye {reason: ExitReason dump}
    request {nonce, verb, args}: the life asks something of its supervisor (spawn, child_result).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import structlog

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.life import Log
from wakeful_runtime.evidence.vitals import CONTROL_THREAD
from wakeful_runtime.host.echo import LoopEcho
from wakeful_runtime.host.orders import Body, Orders
from wakeful_runtime.host.solitude import TICK, Solitude
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.init.lives import owner_of
from wakeful_runtime.transport.thread import ControlThreadSocket

ORPHAN_TTL = 600.0
"""Seconds of own waking time without a supervisor after which a life stops in order (design.md §2)."""

BYE_WAIT = 0.1
"""How long the last words may take to leave, seconds."""


class RequestRefused(NodeError):
    """The supervisor said no; the text says why."""


class Link(Protocol):
    """The child's end of the control lane; only `wake` may be called from other threads."""

    @property
    def connected(self) -> bool: ...

    def receive(self, timeout: float | None) -> list[tuple[str, Body]]:
        """Block for messages, a `wake`, or a change of `connected`; seconds, None for ever."""
        ...

    def send(self, kind: str, body: Body) -> None: ...
    def wake(self) -> None: ...
    def move(self, endpoint: str) -> None: ...
    def close(self, linger: float) -> None: ...


class Pulse:
    """One control thread, one connection to the supervisor.

    Args:
        birth: who this life is.
        post: runs a call on the main loop, from any thread; how long it waits there is the loop's age.
        facts: the life's facts, asked in the control thread: must not block.
        orders: what to do when told; may be filled in later.
        link: makes the control lane's end, in the control thread.
        orphan_ttl: seconds of own waking time without a supervisor before `orders.orphaned`.

    Attributes:
        stopped_early: the stop that came before GO.
    """

    def __init__(
        self,
        birth: Birth,
        post: Callable[[Callable[[], None]], None],
        facts: Callable[[], Body],
        orders: Orders | None = None,
        *,
        link: Callable[[Birth], Link] | None = None,
        orphan_ttl: float = ORPHAN_TTL,
    ) -> None:
        self.orders = orders or Orders()
        self._birth = birth
        self._post = post
        self._facts = facts
        self._make_link = link or _control_lane
        self._link: Link | None = None
        self._endpoint = birth.directory.control(birth.owner)
        self._solitude = Solitude(orphan_ttl)
        self._echo = LoopEcho(post)
        self._outbox: deque[tuple[str, Body, threading.Event | None]] = deque()
        self._nonces = itertools.count(1)
        self._asked: dict[int, tuple[Body, Callable[[Body], None]]] = {}
        self._go: Body | None = None
        self._decided = threading.Event()
        self.stopped_early: ExitReason | None = None
        self._closing = False
        self._probed = False
        self._log: Log = structlog.get_logger("wakeful.pulse")
        self._takers: dict[str, Callable[[Body], None]] = {
            "go": self._take_go,
            "probe": self._take_probe,
            "stop": self._take_stop,
            "cancel": self._take_cancel,
            "dump": self._take_dump,
            "rows": self._take_rows,
            "call": self._take_call,
            "chaos": self._take_chaos,
            "adopt": self._take_adopt,
            "moved": self._take_moved,
            "reply": self._take_reply,
        }
        self._thread = threading.Thread(target=self._run, name=CONTROL_THREAD, daemon=True)

    def start(self) -> None:
        """Before anything else of the process: it must answer while user code is still being imported."""
        self._thread.start()

    def wait_go(self, timeout: float) -> Body | None:
        """The supervisor's GO; None when it doesn't come within `timeout` seconds, or a stop comes instead."""
        self._decided.wait(timeout)
        return self._go

    def push(self, kind: str, body: Body, *, flush: float = 0.0) -> None:
        """Send from any thread; with `flush`, wait up to so many seconds until the control lane has it."""
        sent = threading.Event() if flush and threading.current_thread() is not self._thread else None
        self._outbox.append((kind, body, sent))
        if self._link is not None:
            self._link.wake()
        if sent is not None:
            sent.wait(flush)

    def ready(self, took: float) -> None:
        """`on_start` returned, `took` seconds after GO."""
        self.push("ready", {"took": took})

    async def request(self, verb: str, args: Body) -> Any:
        """Ask the supervisor something, from the main loop; the next one is asked again.

        Raises:
            RequestRefused: the answer is no.
        """
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Body] = loop.create_future()
        nonce = next(self._nonces)
        asked = {"nonce": nonce, "verb": verb, "args": args}
        self._asked[nonce] = (asked, lambda body: None if reply.done() else reply.set_result(body))
        try:
            self.push("request", asked)
            body = await reply
        finally:
            self._asked.pop(nonce, None)
        if not body.get("ok"):
            raise RequestRefused(f"{verb}: {body.get('why') or body.get('error')}")
        return body.get("value")

    def bye(self, reason: ExitReason) -> None:
        """The last words: sent, flushed for 100 ms at most, and the control lane closed."""
        self._outbox.append(("bye", {"reason": reason.model_dump(mode="json")}, None))
        self._closing = True
        if self._link is not None:
            self._link.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(2 * BYE_WAIT)

    def _run(self) -> None:
        _name_thread()
        link = self._link = self._make_link(self._birth)
        connected = False
        while True:
            closing = self._closing  # looked at first: what was said before it is still sent
            self._flush(link)
            if closing:
                break
            if self._probed:
                self._probed = False
                self._guarded("probed", self.orders.probed)
            before = time.monotonic()
            for kind, body in link.receive(None if link.connected else TICK):
                self._take(kind, body)
            self._notice(link, connected, time.monotonic() - before)
            connected = link.connected
        link.close(BYE_WAIT)

    def _flush(self, link: Link) -> None:
        while self._outbox:
            kind, body, sent = self._outbox.popleft()
            link.send(kind, body)
            if sent is not None:
                sent.set()

    def _notice(self, link: Link, was: bool, slept: float) -> None:
        """A new connection gets a hello; time alone counts only as far as this process was awake."""
        if link.connected:
            self._solitude.ended()
            if not was:
                self._hello()
                for asked, _ in list(self._asked.values()):
                    self._say("request", asked)  # a new supervisor doesn't know what the old one was asked
            return
        if slept > 0.9 * TICK:  # not in the moment in which it changes hands
            self._follow(link)
        if self._solitude.lasts(slept):
            self._post(lambda: self.orders.orphaned())

    def _follow(self, link: Link) -> None:
        """Whoever told this life to move may have died before another one had it: its file says who has."""
        owner = owner_of(self._birth.directory, self._birth.path, self._birth.incarnation)
        endpoint = self._birth.directory.control(owner) if owner is not None else self._endpoint
        if endpoint != self._endpoint:
            self._endpoint = endpoint
            link.move(endpoint)

    def _take(self, kind: str, body: Body) -> None:
        taker = self._takers.get(kind)
        if taker is None:
            self._log.warning("control message of an unknown kind", kind=kind)
            return
        self._guarded(kind, lambda: taker(body))

    def _guarded(self, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:  # noqa: BLE001 - an order that fails must not silence the thread that answers for this process
            self._log.exception("order failed", kind=what)

    def _say(self, kind: str, body: Body) -> None:
        self._outbox.append((kind, body, None))

    def _hello(self) -> None:
        facts = self._facts()
        birth = self._birth
        body = {"token": birth.token, "pid": birth.pid, "kind": birth.kind, "incarnation": birth.incarnation}
        body |= {"go": self._go is not None, "ready": facts.get("ready", False), "facts": facts}
        self._say("hello", body)

    def _take_go(self, body: Body) -> None:
        if not self._decided.is_set():
            self._go = body
            self._decided.set()

    def _take_probe(self, body: Body) -> None:
        self._say("answer", {"nonce": body.get("nonce"), "loop_age": self._echo.age(), "facts": self._facts()})
        self._probed = True

    def _take_stop(self, body: Body) -> None:
        reason = ExitReason.model_validate(body.get("reason") or {"kind": "stop"})
        if not self._decided.is_set():
            self.stopped_early = reason
            self._decided.set()
        deadline = body.get("deadline_s")
        self._post(lambda: self.orders.stop(reason, deadline))

    def _take_cancel(self, body: Body) -> None:
        given = body.get("reason")
        reason = ExitReason.model_validate(given) if given else None
        self._post(lambda: self.orders.cancel(reason))

    def _take_dump(self, body: Body) -> None:
        tasks, threads = self.orders.dump()
        self._say("dumped", {"nonce": body.get("nonce"), "tasks": tasks, "threads": threads})

    def _take_rows(self, body: Body) -> None:
        self._say("rows", {"nonce": body.get("nonce"), "rows": self.orders.rows()})

    def _take_call(self, body: Body) -> None:
        nonce, verb = body.get("nonce"), str(body.get("verb"))
        args: Body = body.get("args") or {}
        self._post(lambda: self.orders.call(verb, args, lambda told: self.push("called", {"nonce": nonce} | told)))

    def _take_chaos(self, body: Body) -> None:
        self.orders.chaos(str(body.get("mode")))

    def _take_adopt(self, body: Body) -> None:
        self._hello()

    def _take_moved(self, body: Body) -> None:
        if self._link is not None:
            self._endpoint = str(body["endpoint"])
            self._link.move(self._endpoint)
            self._hello()

    def _take_reply(self, body: Body) -> None:
        found = self._asked.get(int(body.get("nonce") or 0))
        if found is not None:
            self._post(lambda: found[1](body))


def _name_thread() -> None:
    """So that a monitor finds this thread in /proc, also when nothing answers any more."""
    comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
    with contextlib.suppress(OSError):
        comm.write_text(CONTROL_THREAD)


def _control_lane(birth: Birth) -> Link:
    return ControlThreadSocket(birth)
