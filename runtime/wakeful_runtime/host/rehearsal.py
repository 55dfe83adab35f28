"""The first steps of a life, taken ahead by the process that stands by for one.

Most of a life's start is the kernel copying pages that it writes to for the first time: reference counts, counters of
the interpreter, locks. A process that has been through the same code before has its own pages already. Nothing of it
is kept, and no path, file or socket of a node is touched.
"""

from __future__ import annotations

import asyncio
import threading

from wakeful.actor import Actor
from wakeful.exits import ExitReason
from wakeful.handlers import handler, handlers_of
from wakeful.message import Request
from wakeful.plan import ChildPlan, Code
from wakeful_runtime.host.facts import LifeClocks
from wakeful_runtime.host.go import read_boot, read_go, write_boot
from wakeful_runtime.host.postbox import Postbox
from wakeful_runtime.store.protocol import Request as StoreRequest
from wakeful_runtime.store.protocol import pack_request, unpack_request
from wakeful_runtime.transport.context import start_threads


class _Cue(Request[int]):
    """What an actor may be asked first."""

    number: int = 0


class _Understudy(Actor):
    """What an actor may be."""

    @handler
    async def cue(self, cue: _Cue) -> int:
        return cue.number


_PLAN = write_boot(ChildPlan(name="standby", kind="session", code=Code(module="wakeful", name="Actor")))


def rehearse() -> None:
    """Take them."""
    start_threads()
    thread = threading.Thread(target=_away_from_the_loop)
    thread.start()
    thread.join()
    asyncio.run(_on_the_loop())


def _away_from_the_loop() -> None:
    read_boot(_PLAN)
    reason = ExitReason(kind="returned", at=0.0).model_dump(mode="json")
    read_go({"run_id": "0", "run_started_at": 0.0, "lives": 2, "previous": reason})
    unpack_request(pack_request(StoreRequest("0", "begin_life", {"path": "standby"})))


async def _on_the_loop() -> None:
    clocks, postbox = LifeClocks(), Postbox()
    postbox.attach(asyncio.get_running_loop())
    done = asyncio.Event()
    postbox.post(done.set)
    clocks.starting()
    await asyncio.wait([asyncio.ensure_future(done.wait())], timeout=1.0)
    clocks.ready()
    clocks.snapshot()
    for spec in handlers_of(_Understudy).values():
        _ = spec.reply
    postbox.close()
