"""A real node for the agents of other frameworks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.system.node.conftest import Harness

from wakeful_runtime.directory import NodeDirectory


@pytest.fixture
def harness(node_directory: NodeDirectory, no_process_left: None) -> Iterator[Harness]:
    """A node that isn't started yet; stopped after the test."""
    found = Harness(node_directory)
    yield found
    found.end()
