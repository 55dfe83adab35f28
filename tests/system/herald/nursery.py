"""Heralds without a node: `python -m tests.system.herald.nursery DIRECTORY PACE`, then a line `begin NUMBER` for each.

A herald is forked from a process that has imported everything, so that it can be killed at any moment of its life and
the next one is there at once. Its gateway answers as long as DIRECTORY/gateway is there. PACE shortens what is waited
for; `storm` leaves storms as they are.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
import traceback
import warnings
from typing import Any, cast

from wakeful.errors import NodeError
from wakeful.rules import deliveries
from wakeful_runtime.clients.asyncclient import AsyncClient
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeactor import Place
from wakeful_runtime.gateway.nodeplan import read_start
from wakeful_runtime.herald import herald as module
from wakeful_runtime.herald import ledger
from wakeful_runtime.herald.delivery import ByApprise
from wakeful_runtime.herald.hearing import GATEWAY, STORE, Hearing
from wakeful_runtime.host.logs import open_log
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.store.client import StoreClient

QUICK_S = 0.05
SILENCE_S = 0.5


class Gateway:
    """Only says that it is there."""

    def __init__(self, directory: NodeDirectory) -> None:
        self._sign = directory.root / "gateway"

    async def call(self, verb: str, args: Any, *, timeout: float) -> bool:
        if not self._sign.exists():
            raise NodeError("no answer")
        return True


async def live(directory: NodeDirectory, number: int, *, storm: bool) -> None:
    birth = Birth("herald", "herald", number, "token", directory, b"", "gateway", os.getpid(), time.monotonic())
    deliveries.GATHER_S = 10 * QUICK_S if storm else QUICK_S
    deliveries.FIRST_PAUSE_S = QUICK_S
    deliveries.LONGEST_PAUSE_S = 1.0
    deliveries.STORM = deliveries.STORM if storm else 1000
    module.POLL_S = QUICK_S
    ledger.STORE_S = 0.3
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    place = Place(
        birth=birth,
        start=read_start(directory),
        store=StoreClient(directory, f"herald#{number}"),
        node=cast("AsyncClient", Gateway(directory)),
        log=open_log("herald", number),
        ready=lambda: None,
        stopping=stopping,
    )
    gateway, store = Hearing(GATEWAY, SILENCE_S), Hearing(STORE, SILENCE_S)
    await module.Herald(place, ByApprise(deadline=5.0), gateway=gateway, store=store, look=QUICK_S).run()
    await place.store.close()


def child(directory: NodeDirectory, number: int, *, storm: bool) -> None:
    try:
        asyncio.run(live(directory, number, storm=storm))
    except BaseException:  # noqa: BLE001 - the last frame of a forked child
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    warnings.simplefilter("ignore")
    import apprise
    import requests

    assert apprise.Apprise().add("json://localhost")
    assert requests
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    directory = NodeDirectory(sys.argv[1])
    for line in sys.stdin:
        number = int(line.split()[1])
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            child(directory, number, storm=sys.argv[2] == "storm")
        print(pid, flush=True)


if __name__ == "__main__":
    main()
