from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.system.herald.hook import Hook, hooked


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as made:
        yield made
