"""A node asked over HTTP, while its processes die."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from tests.system.web.conftest import ANY_PORT, BUSY, Harness, client_of

from wakeful_runtime.contract.verbs import VERBS
from wakeful_runtime.web.token import token_file

pytestmark = pytest.mark.timeout(300)


def test_the_web_answers_with_the_nodes_own_json(harness: Harness, web: httpx.Client) -> None:
    assert stat.S_IMODE(token_file(harness.directory).stat().st_mode) == 0o600
    spawned = web.post("/v1/sessions_spawn", json={"task": "x", "label": "one", "thinking": "low"}).json()
    assert spawned["status"] == "accepted"
    assert spawned["ignored"] == ["thinking"]
    told = web.post("/v1/sessions_result", json={"sessionKey": spawned["key"], "timeoutSeconds": 20}).json()
    assert told == harness.call("sessions_result", sessionKey=spawned["key"])
    assert told["result"] == {"task": "x"}
    assert {row["path"] for row in web.post("/v1/ps").json()} == set(harness.rows())
    assert web.post("/v1/session_status", json={"label": "two"}).status_code == 404
    twice = web.post("/v1/sessions_spawn", json={"task": "x", "agentId": "nobody"})
    assert twice.status_code == 409
    assert "agents are" in twice.json()["error"]
    assert httpx.post(f"{web.base_url}/v1/ps").status_code == 401


def test_answers_are_of_the_types_the_document_says(harness: Harness, web: httpx.Client) -> None:
    web.post("/v1/sessions_spawn", json={"task": "x", "label": "one"})
    harness.until_event("sessions/one", "exited")
    for verb, args in {
        "ps": {},
        "status": {},
        "review": {},
        "why": {},
        "incidents": {},
        "events": {"limit": 50},
        "sessions_list": {},
        "session_status": {"label": "one"},
        "sessions_history": {"label": "one"},
        "sessions_result": {"label": "one"},
        "checkpoints": {"path": "sessions/one"},
    }.items():
        answer = web.post(f"/v1/{verb}", json=args)
        assert answer.status_code == 200, (verb, answer.text)
        VERBS[verb].adapter().validate_python(answer.json())


def entries(client: httpx.Client, after: int) -> Iterator[int]:
    """The seqs a client reads from the stream until it breaks, as a browser would come back with them."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    with suppress(httpx.TransportError), client.stream("GET", "/v1/events", headers=headers, timeout=5.0) as stream:
        if stream.status_code != 200:
            return
        for line in stream.iter_lines():
            if line.startswith("data: "):
                yield int(json.loads(line[6:])["seq"])


def test_a_web_that_is_killed_comes_back_where_it_was_and_the_stream_misses_nothing(harness: Harness) -> None:
    harness.start(BUSY, ANY_PORT)
    with client_of(harness) as client:
        seen: list[int] = []
        deadline = time.monotonic() + 100
        kills = 0
        while len(seen) < 200 or kills < 2:
            assert time.monotonic() < deadline, (len(seen), kills)
            for seq in entries(client, seen[-1] if seen else 0):
                seen.append(seq)
                if kills < 2 and len(seen) > 60 * (kills + 1):
                    harness.kill("web")  # in the middle of the stream; what was read ahead is asked for again
                    kills += 1
                    break
                if len(seen) >= 200 and kills >= 2:
                    break
    assert seen == list(range(1, len(seen) + 1))
    assert [row["seq"] for row in harness.events()][: len(seen)] == seen


def test_while_the_gateway_is_replaced_the_web_says_so_and_goes_on(harness: Harness) -> None:
    harness.start(BUSY, ANY_PORT)
    with client_of(harness) as client:
        before = client.post("/v1/ps").json()
        pid = next(row["pid"] for row in before if row["path"] == "work/busy")
        harness.kill("gateway")
        statuses = [client.post("/v1/status").status_code for _ in range(20)]
        assert set(statuses) <= {200, 503}
        assert harness.until(lambda: client.post("/v1/status").status_code == 200)
        after = client.post("/v1/ps").json()
        assert next(row["pid"] for row in after if row["path"] == "work/busy") == pid
        web = {row["path"]: row["incarnation"] for row in after}["web"]
        assert web == {row["path"]: row["incarnation"] for row in before}["web"]
