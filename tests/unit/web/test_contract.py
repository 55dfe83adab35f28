"""The JSON of the API as types: what is taken, what is refused, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from wakeful_runtime.contract.verbs import VERBS
from wakeful_runtime.web.problems import of_validation

TAKEN: list[tuple[str, dict[str, Any]]] = [
    ("sessions_spawn", {"task": "x", "runTimeoutSeconds": 28800, "cleanup": "keep"}),
    ("sessions_spawn", {"task": "watch", "agentId": "heartbeat-monitor", "watch": "agent:a:session:1"}),
    ("sessions_spawn", {"task": "x", "heartbeat": {"every": "5m", "timeout": 20, "progress": None}}),
    ("sessions_spawn", {"task": "x", "args": {"depth": 2, "deep": [{"a": None, "b": 1.5, "c": 6.02e23}]}}),
    ("sessions_spawn", {"task": "x", "model": {"any": 1}, "thinking": True}),
    ("sessions_spawn", {"task": "x", "label": None}),
    ("sessions_spawn", {"task": "x", "label": "Nightly report", "heartbeat": "research", "runId": "job:1@2"}),
    ("sessions_send", {"label": "a", "message": "checkpoint:drafts", "timeoutSeconds": 2.5}),
    ("sessions_list", {"limit": 5.0}),
    (
        "cron",
        {
            "action": "add",
            "job": {
                "name": "nightly",
                "schedule": {"kind": "cron", "expr": "0 3 * * *", "tz": "America/New_York"},
                "sessionTarget": "isolated",
                "wakeMode": "now",
                "payload": {"kind": "agentTurn", "message": "report", "timeoutSeconds": 900, "thinking": "low"},
                "delivery": {"mode": "announce"},
            },
        },
    ),
    (
        "cron",
        {"action": "add", "name": "n", "schedule": {"expr": "@daily"}, "payload": {"message": "x"}, "wakeMode": "now"},
    ),
    ("incidents", {"since": "2026-12-01T22:00:00Z", "open": True}),
    ("ps", {}),
]

REFUSED: list[tuple[str, Any, str]] = [
    ("sessions_spawn", {}, "sessions_spawn: task: field required"),
    ("sessions_spawn", {"taks": "x"}, "did you mean 'task'?"),
    ("sessions_spawn", {"task": "x", "run_timeout_seconds": 1}, "did you mean 'runTimeoutSeconds'?"),
    ("sessions_spawn", {"task": 5}, "task: input should be a valid string"),
    ("sessions_spawn", {"task": "x", "runTimeoutSeconds": "28800"}, "runTimeoutSeconds"),
    ("sessions_spawn", {"task": "x", "runTimeoutSeconds": -1}, "runTimeoutSeconds"),
    ("sessions_spawn", {"task": "x", "cleanup": "maybe"}, "cleanup: input should be 'keep' or 'delete'"),
    ("sessions_spawn", {"task": "x", "heartbeat": {"evry": 5}}, "heartbeat: there is no key 'evry'"),
    ("sessions_spawn", {"task": "x", "heartbeat": {"every": "soon"}}, "heartbeat.every"),
    ("sessions_spawn", {"task": "x", "label": "a" * 65}, "label"),
    ("sessions_spawn", {"task": ""}, "task"),
    ("sessions_spawn", {"task": "x", "heartbeat": "often"}, "heartbeat"),
    ("sessions_spawn", {"task": "x", "args": {"n": 2**70}}, "args"),
    ("sessions_send", {"label": "a", "message": "x", "timeoutSeconds": 1e9}, "timeoutSeconds"),
    ("sessions_list", {"limit": True}, "limit"),
    ("sessions_list", {"limit": 0}, "limit"),
    ("cron", {"action": "drop"}, "action"),
    (
        "cron",
        {"action": "add", "job": {"schedul": {}}},
        "cron: job: there is no key 'schedul'; did you mean 'schedule'?",
    ),
    ("incidents", {"since": "yesterday"}, "'yesterday' is no time; write 2026-12-01T22:00:00Z"),
    ("ps", {"all": True}, "there is no key 'all'"),
]


@pytest.mark.parametrize(("verb", "args"), TAKEN)
def test_what_api_and_openclaw_write_is_taken_as_it_stands(verb: str, args: dict[str, Any]) -> None:
    VERBS[verb].arguments.model_validate(args)


@pytest.mark.parametrize(("verb", "args", "said"), REFUSED)
def test_what_can_not_be_right_is_refused_in_one_line_that_says_where(verb: str, args: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        VERBS[verb].arguments.model_validate(args)
    line = of_validation(verb, caught.value).error
    assert said in line
    assert "\n" not in line


def test_null_is_nothing_and_a_foreign_key_travels_without_what_it_holds() -> None:
    given: dict[str, Any] = {"task": "x", "label": None, "thinking": {"much": 2**70}}
    found = VERBS["sessions_spawn"].arguments.model_validate(given)
    assert found.sent(given) == {"task": "x", "thinking": None}


def test_null_travels_where_it_says_something_and_whole_numbers_are_whole() -> None:
    given: dict[str, Any] = {"task": "x", "heartbeat": {"every": 5.0, "progress": None}}
    assert VERBS["sessions_spawn"].arguments.model_validate(given).sent(given) == given
    listed = VERBS["sessions_list"].arguments.model_validate({"limit": 5.0}).sent({"limit": 5.0})
    assert isinstance(listed["limit"], int)


def test_foreign_keys_deep_inside_travel_empty_too() -> None:
    given: dict[str, Any] = {"action": "add", "job": {"schedule": {"expr": "@daily", "staggerMs": 2**70}}}
    sent = VERBS["cron"].arguments.model_validate(given).sent(given)
    assert sent == {"action": "add", "job": {"schedule": {"expr": "@daily", "staggerMs": None}}}
