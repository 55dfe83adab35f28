"""Answers what a supervisor calls over the control lane: one verb, one answer, whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.host.orders import Answer


async def answer_call(verb: str, call: Callable[[], Awaitable[Any]], answer: Answer) -> None:
    """Answer with what `call` gives; a refusal, a missing argument and a time-out are answers too."""
    try:
        value = await call()
    except TimeoutError:
        answer({"ok": False, "error": "timeout", "why": f"{verb}: no reply in time"})
    except NodeError as error:
        answer({"ok": False, "error": "refused", "why": str(error)})
    except (KeyError, ValueError, TypeError) as error:
        answer({"ok": False, "error": "bad", "why": f"{verb}: {error!r}"})
    else:
        with contextlib.suppress(TypeError):
            answer({"ok": True, "value": value})
