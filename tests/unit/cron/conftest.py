from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.unit.cron.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A scheduler that has nothing to do yet."""
    made = World()
    await made.begin()
    yield made
    made.close()
