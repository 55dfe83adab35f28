"""What tests of the public face share."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from wakeful import present


@pytest.fixture(autouse=True)
def _nobody_is_left() -> Generator[None]:
    """Actors made by hand in a plain test would stay current in the tests after it."""
    yield
    here = present.actor()
    if here is not None:
        present.leave(here)
