"""One of the node's own actors, in a process of its own: the scheduler, the herald, the web.

What is the same for all: a control thread that answers from the first moment, GO before any work, a store client, a
client of the gateway, and an end in order. What each does is its own `Work`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.life import Log
from wakeful_runtime.clients.asyncclient import AsyncClient
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeplan import NodeStart, read_start
from wakeful_runtime.host.answering import answer_call
from wakeful_runtime.host.host import prepare
from wakeful_runtime.host.lifeline import Lifeline, open_lifeline
from wakeful_runtime.host.orders import Answer, Body
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.processes import boot_id
from wakeful_runtime.store.client import StoreClient

GO_S = 15.0
FAILED = 70
"""Exit status of one whose work raised (EX_SOFTWARE)."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the work of a node's own actor stands on.

    Attributes:
        start: the tree and the epoch of this start of the node.
        node: calls the gateway; it may be away for a while, then calls raise NodeError.
        ready: to be called once, when the actor does what it is there for.
        stopping: set when it has to end; work returns soon after.
        verbs: what the gateway may ask it over the control lane, by name; plain data in and out, NodeError refuses.
    """

    birth: Birth
    start: NodeStart
    store: StoreClient
    node: AsyncClient
    log: Log
    ready: Callable[[], None]
    stopping: asyncio.Event
    verbs: dict[str, Callable[[Body], Awaitable[Any]]] = field(
        default_factory=dict[str, Callable[[Body], Awaitable[Any]]]
    )

    @property
    def directory(self) -> NodeDirectory:
        """The node's."""
        return self.birth.directory

    def journal(self, event: str, path: str, fields: Body, *, key: str = "") -> None:
        """An entry about `path`; buffered, never waits.

        Args:
            key: names what happened, for ever and wherever it is told from: it is stored once.
        """
        entry = {
            "id": key or uuid.uuid4().hex,
            "at": time.time(),
            "mono": time.monotonic(),
            "boot_id": boot_id(),
            "event": event,
            "path": path,
            "incarnation": self.birth.incarnation,
            "fields": fields,
        }
        self.store.journal([entry])


Work = Callable[[Place], Awaitable[None]]


def run_node_actor(birth: Birth, work: Work) -> int:
    """Live: GO, the work, the last words; the exit status."""
    lifeline = open_lifeline(birth)
    prepare(birth)
    if lifeline.pulse.wait_go(GO_S) is None:
        return 0
    reason = asyncio.run(_live(lifeline, work))
    lifeline.pulse.bye(reason)
    return FAILED if reason.failure else 0


async def _live(lifeline: Lifeline, work: Work) -> ExitReason:
    """Do the work until it returns; raising is a failure, and the gateway starts the actor anew."""
    birth = lifeline.birth
    lifeline.postbox.attach(asyncio.get_running_loop())
    place = _place(lifeline)
    tasks: set[asyncio.Task[None]] = set()

    def stop(reason: ExitReason, deadline: float | None) -> None:
        lifeline.clocks.stopping()
        place.stopping.set()

    def call(verb: str, args: Body, answer: Answer) -> None:
        task = asyncio.get_running_loop().create_task(answer_call(verb, lambda: _called(place, verb, args), answer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    lifeline.pulse.orders.stop = stop
    lifeline.pulse.orders.orphaned = place.stopping.set
    lifeline.pulse.orders.call = call
    try:
        await work(place)
    except Exception as error:  # whatever it is, the gateway is to hear it and to start the actor anew
        place.log.exception("failed", path=birth.path)
        return ExitReason(kind="error", what=f"{type(error).__name__}: {error}", at=time.time())
    finally:
        for task in tasks:
            task.cancel()
        await place.store.close()
    return ExitReason(kind="returned", at=time.time())


def _place(lifeline: Lifeline) -> Place:
    birth = lifeline.birth

    def ready() -> None:
        lifeline.clocks.ready()
        lifeline.pulse.ready(time.monotonic() - birth.forked_at)

    return Place(
        birth=birth,
        start=read_start(birth.directory),
        store=StoreClient(birth.directory, f"{birth.path}#{birth.incarnation}"),
        node=AsyncClient(birth.directory.root),
        log=lifeline.log,
        ready=ready,
        stopping=asyncio.Event(),
    )


async def _called(place: Place, verb: str, args: Body) -> Any:
    answer = place.verbs.get(verb)
    if answer is None:
        raise NodeError(f"{place.birth.path} answers no {verb!r}")
    return await answer(args)
