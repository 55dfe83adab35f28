"""A real node for every test, as the node tests have it."""

from __future__ import annotations

from tests.system.node.conftest import harness

__all__ = ["harness"]
