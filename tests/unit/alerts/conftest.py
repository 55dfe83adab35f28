from __future__ import annotations

from tests.unit.store.conftest import books

__all__ = ["books"]
