from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.store.books import Books


@pytest.fixture
def books() -> Iterator[Books]:
    """A store in memory."""
    made = Books()
    yield made
    made.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Books]:
    """A store in a file, which can be opened again."""
    made = Books(tmp_path / "store.sqlite3")
    yield made
    made.close()
