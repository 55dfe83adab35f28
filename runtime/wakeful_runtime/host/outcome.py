"""From what `run` returned to the run's one committed outcome."""

from __future__ import annotations

import time
from typing import Any

from wakeful.exits import ExitReason
from wakeful.life import Kept
from wakeful_runtime.host.nodelife import NodeLife

NOT_MET = "its postcondition was not met"


def judged(met: Any) -> tuple[str, str]:
    """Outcome and why, from a postcondition's answer.

    Raises:
        TypeError: it is neither a bool nor a text.
    """
    if met is True:
        return "ok", ""
    if met is False:
        return "incomplete", NOT_MET
    if isinstance(met, str):
        return "incomplete", met or NOT_MET
    raise TypeError(
        f"postcondition returned {type(met).__name__}; return True, False or a text that says what is missing"
    )


async def commit(life: NodeLife, kept: Kept, met: Any) -> ExitReason:
    """Commit; the reason the life ends with."""
    outcome, why = judged(met)
    await life.finish(outcome, kept, why)
    return ExitReason(kind="returned", what=why or outcome, at=time.time())
