"""A trial message: whoever asks for it learns what came of it on each route, also when deliveries hang."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import structlog

from wakeful import Alert, Gateway
from wakeful.rules.letters import Letter
from wakeful.rules.routes import Route
from wakeful_runtime.clients.asyncclient import AsyncClient
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeactor import Place
from wakeful_runtime.gateway.nodeplan import NodeStart
from wakeful_runtime.herald.delivery import StuckError
from wakeful_runtime.herald.herald import Herald
from wakeful_runtime.herald.outcome import ARRIVED, Outcome
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.store.client import StoreClient


class HangingDelivery:
    """One route hangs, so often that no attempt is made on it any more."""

    async def send(self, route: Route, letter: Letter) -> Outcome:
        if route.url == "env:HANGS":
            raise StuckError("8 attempts to deliver hang")
        return ARRIVED

    async def check(self, route: Route) -> str:
        return ""


def place(directory: NodeDirectory, *alerts: Alert) -> Place:
    return Place(
        birth=Birth("herald", "herald", 1, "token", directory, b"", "gateway", 1, 0.0),
        start=NodeStart(Gateway(alerts=list(alerts), timezone="UTC").plan(), "epoch", 0.0),
        store=cast("StoreClient", None),
        node=cast("AsyncClient", None),
        log=structlog.get_logger("test"),
        ready=lambda: None,
        stopping=asyncio.Event(),
    )


async def test_a_trial_is_answered_though_a_route_hangs(tmp_path: Path) -> None:
    herald = Herald(place(NodeDirectory(tmp_path), Alert("env:HANGS"), Alert("env:WORKS")), HangingDelivery())
    rows: list[dict[str, Any]] = await herald.test({})
    assert [(row["ok"], row["error"]) for row in rows] == [(False, "8 attempts to deliver hang"), (True, "")]
