from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.system.herald.hook import Hook, hooked
from tests.system.node.conftest import harness

__all__ = ["harness", "hook"]


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as made:
        yield made
