from __future__ import annotations

from tests.system.node.conftest import harness

__all__ = ["harness"]
