from __future__ import annotations

from tests.system.herald.conftest import hook
from tests.system.node.conftest import harness

__all__ = ["harness", "hook"]
