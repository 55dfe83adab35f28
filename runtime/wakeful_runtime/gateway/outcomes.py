"""A run's outcome as JSON callers see it."""

from __future__ import annotations

import json
from typing import Any

from wakeful_runtime.host.go import unpack_value
from wakeful_runtime.supervision.child import Body


def outcome_json(told: Body) -> Body:
    """From the store's `result` to `{outcome, why, result | partial}`; an incomplete run may have both."""
    answer: Body = {"outcome": told["outcome"], "why": told.get("why") or ""}
    if told["outcome"] == "ok":
        return {**answer, "result": shown(told.get("form"), told.get("value"))}
    if told["outcome"] == "incomplete":  # it returned, and its postcondition was not met
        answer["result"] = shown(told.get("form"), told.get("value"))
    partial = told.get("partial")
    if partial is not None:
        answer["partial"] = shown(partial["form"], unpack_value(partial["state"]))
    return answer


def shown(form: str | None, value: Any) -> Any:
    """A stored value as plain data: what pydantic wrote as JSON text is read again."""
    return json.loads(value) if form == "json" and isinstance(value, str) else value
