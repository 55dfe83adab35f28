"""Which keys of JSON from outside are taken, ignored and refused."""

from __future__ import annotations

import pytest

from wakeful.errors import NodeError
from wakeful_runtime.gateway.keys import SPAWN_FOREIGN, Keys

SPAWN = Keys("sessions_spawn", ("task", "agentId", "label", "runTimeoutSeconds", "cleanup"), SPAWN_FOREIGN)


def test_known_keys_are_taken() -> None:
    assert SPAWN.ignored({"task": "x", "runTimeoutSeconds": 28800, "cleanup": "keep"}) == []


def test_keys_of_openclaw_are_ignored_and_told() -> None:
    assert SPAWN.ignored({"thread": True, "task": "x", "model": "large"}) == ["thread", "model"]


def test_an_ignored_key_inside_another_object_says_where() -> None:
    payload = Keys("cron: payload", ("kind", "message"), ("model",), within="payload.")
    assert payload.ignored({"kind": "agentTurn", "message": "x", "model": "large"}) == ["payload.model"]


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("taks", "task"),
        ("agent_id", "agentId"),
        ("AgentID", "agentId"),
        ("runTimeoutSecond", "runTimeoutSeconds"),
        ("run_timeout_seconds", "runTimeoutSeconds"),
        ("labels", "label"),
        ("thinkin", "thinking"),
    ],
)
def test_any_other_key_is_refused_with_the_nearest_valid_one(wrong: str, nearest: str) -> None:
    with pytest.raises(NodeError, match=rf"sessions_spawn: there is no key '{wrong}'; did you mean '{nearest}'\?"):
        SPAWN.ignored({"task": "x", wrong: 1})


def test_a_key_far_from_all_is_refused_with_those_there_are() -> None:
    with pytest.raises(NodeError, match="there are task, agentId, label"):
        SPAWN.ignored({"qqqqqqq": 1})
