"""A real node with a web, and who asks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.system.node.conftest import Harness as Harness
from tests.system.node.conftest import harness
from tests.system.web.people import Busy, Quick

from wakeful import Child, Gateway, Monitor
from wakeful.plan import WebPlan
from wakeful_runtime.web.place import read_place
from wakeful_runtime.web.token import read_token

__all__ = ["harness"]

START_S = 60.0
"""Its libraries are many: on a busy machine they take their time."""

ANY_PORT = WebPlan(host="127.0.0.1", port=0)
QUICK = Gateway(agents=[Child("quick", Quick)])
BUSY = Gateway(Monitor("work", Child("busy", Busy)), agents=[Child("quick", Quick)])


def url_of(harness: Harness) -> str:
    """Where the web listens, once it does."""

    def place() -> dict[str, Any] | None:
        return read_place(harness.directory) if harness.row("web")["state"] == "running" else None

    return str(harness.until(place, START_S)["url"])


def headers_of(harness: Harness) -> dict[str, str]:
    return {"Authorization": f"Bearer {read_token(harness.directory)}"}


def client_of(harness: Harness) -> httpx.Client:
    return httpx.Client(base_url=url_of(harness), headers=headers_of(harness), timeout=30.0)


@pytest.fixture
def web(harness: Harness) -> Iterator[httpx.Client]:
    """Who has the token, of a node with an agent called quick."""
    harness.start(QUICK, ANY_PORT)
    with client_of(harness) as client:
        yield client
