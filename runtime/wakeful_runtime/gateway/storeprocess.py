"""The store as a child of the gateway: its loop, and the control thread that answers for it."""

from __future__ import annotations

import threading
import time

from wakeful.exits import ExitReason
from wakeful_runtime.host.host import prepare
from wakeful_runtime.host.lifeline import Lifeline, open_lifeline
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.store.server import START_FAILED, Server, serve

GO_S = 15.0


def main(birth: Birth) -> int:
    """Run the store; the exit status."""
    lifeline = open_lifeline(birth)
    prepare(birth)
    if lifeline.pulse.wait_go(GO_S) is None:
        return 0
    stopping = threading.Event()
    lifeline.pulse.orders.stop = lambda reason, deadline: stopping.set()
    lifeline.pulse.orders.orphaned = stopping.set
    status = serve(birth.directory, stopping.is_set, lambda server: _serving(lifeline, server))
    lifeline.pulse.bye(_reason(status))
    return status


def _serving(lifeline: Lifeline, server: Server) -> None:
    lifeline.postbox.attach_to(server.post)
    lifeline.clocks.ready()
    lifeline.pulse.ready(time.monotonic() - lifeline.since)


def _reason(status: int) -> ExitReason:
    if status == START_FAILED:
        return ExitReason(
            kind="start_failed", what="the database can't be used; the store's log says why", at=time.time()
        )
    return ExitReason(kind="returned", at=time.time())
