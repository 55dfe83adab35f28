"""A real node for every scene."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from tests.system.node.conftest import Harness

from wakeful import Heartbeat
from wakeful_runtime.directory import NodeDirectory

QUICK = Heartbeat(every=0.3, timeout=0.7, progress=2.0)
"""A hang is found within 1.0 s, a standstill within 2.0 s."""


@pytest.fixture
def harness(node_directory: NodeDirectory, no_process_left: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    """A node that isn't started yet; stopped after the test."""
    found = Harness(node_directory)
    yield found
    found.end()


def at(row: dict[str, Any], key: str = "at") -> float:
    """When the journal or an incident says it happened, seconds."""
    return datetime.fromisoformat(row[key]).timestamp()


def lives(harness: Harness, prefix: str = "") -> dict[str, tuple[int, int]]:
    """Path -> (pid, incarnation) of the sessions."""
    return {
        path: (row["pid"], row["incarnation"])
        for path, row in harness.rows().items()
        if row["kind"] == "session" and path.startswith(prefix)
    }
