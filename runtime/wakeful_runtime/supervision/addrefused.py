"""Why a supervisor takes no further child."""

from __future__ import annotations

from wakeful.errors import NodeError


class AddRefused(NodeError):
    """A spawned child wasn't taken.

    Attributes:
        code: as of `wakeful.rules.commands.Refuse`: "limit", "alive", "stopping".
    """

    def __init__(self, why: str, code: str) -> None:
        super().__init__(why)
        self.code = code
