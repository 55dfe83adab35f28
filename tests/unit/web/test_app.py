"""What the web answers, and to whom."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.unit.web.conftest import PlayedNode

from wakeful.errors import CodecError, NodeError
from wakeful_runtime.clients.calling import CallRefused, NoAnswer
from wakeful_runtime.clients.client import NoNode
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.web.bodies import MAX_BYTES
from wakeful_runtime.web.endpoint import CALLS_AT_ONCE
from wakeful_runtime.web.token import token_file

EVERYTHING = ["/openapi.json", "/v1/events", "/v1/ps", "/v1/nothing", "/mcp", "/"]


def is_problem(answer: httpx.Response, status: int) -> str:
    """It has this status and says one line; the line."""
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    assert told["error"]
    assert "\n" not in told["error"]
    return str(told["error"])


@pytest.mark.parametrize("given", [None, "Bearer", "Bearer wrong", "Basic dG9rZW4=", "Bearer \xff"])
async def test_without_the_token_there_is_no_entry(web: httpx.AsyncClient, node: PlayedNode, given: str | None) -> None:
    del web.headers["Authorization"]
    headers = [] if given is None else [(b"Authorization", given.encode("latin-1"))]
    for method, path in itertools.product(["GET", "POST", "HEAD", "OPTIONS"], EVERYTHING):
        answer = await web.request(method, path, headers=headers)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Connection"] == "close"
        if method != "HEAD":
            assert "wakeful token" in is_problem(answer, 401)
    assert node.asked == []


async def test_two_authorizations_are_none(web: httpx.AsyncClient) -> None:
    right = web.headers["Authorization"]
    answer = await web.post("/v1/ps", headers=[("Authorization", right), ("Authorization", right)])
    is_problem(answer, 401)


async def test_another_host_or_page_is_refused_though_it_has_the_token(
    web: httpx.AsyncClient, node: PlayedNode
) -> None:
    for path in EVERYTHING:
        is_problem(await web.post(path, headers={"Host": "evil.example:8717"}), 403)
        is_problem(await web.post(path, headers={"Origin": "http://evil.example"}), 403)
        is_problem(await web.post(path, headers={"Origin": "null"}), 403)
    assert node.asked == []


async def test_a_page_of_our_own_may_ask(web: httpx.AsyncClient) -> None:
    assert (await web.post("/v1/ps", headers={"Origin": "http://localhost:8717"})).status_code == 200


async def test_a_token_that_others_can_read_lets_nobody_in(web: httpx.AsyncClient, directory: NodeDirectory) -> None:
    token_file(directory).chmod(0o640)
    assert "wakeful token --new" in is_problem(await web.post("/v1/ps"), 503)


async def test_a_verb_is_asked_with_the_same_json_and_answers_with_the_same(
    web: httpx.AsyncClient, node: PlayedNode
) -> None:
    node.answers["sessions_spawn"] = told = {"status": "accepted", "runId": "r", "ignored": ["thinking"]}
    answer = await web.post("/v1/sessions_spawn", json={"task": "x", "label": "a", "thinking": "low"})
    assert (answer.status_code, answer.json()) == (200, told)
    assert node.asked == [("sessions_spawn", {"task": "x", "label": "a", "thinking": None})]


async def test_a_verb_without_arguments_needs_no_body(web: httpx.AsyncClient) -> None:
    for body in (b"", b"  ", b"{}"):
        answer = await web.post("/v1/ps", content=body, headers={"Content-Type": "application/json"})
        assert answer.json() == []


@pytest.mark.parametrize(
    ("verb", "args", "told", "status"),
    [
        ("sessions_spawn", {"task": "x"}, {"status": "forbidden", "error": "8 of 8 run"}, 403),
        ("sessions_spawn", {"task": "x"}, {"status": "error", "error": "no such argument"}, 409),
        ("sessions_send", {"label": "a", "message": "m"}, {"status": "error", "error": "a is over"}, 409),
        ("sessions_send", {"label": "a", "message": "m"}, {"status": "timeout", "runId": "r"}, 200),
    ],
)
async def test_an_answer_that_says_no_has_a_status_that_says_so_and_the_same_json(
    web: httpx.AsyncClient, node: PlayedNode, verb: str, args: dict[str, Any], told: dict[str, Any], status: int
) -> None:
    node.answers[verb] = told
    answer = await web.post(f"/v1/{verb}", json=args)
    assert (answer.status_code, answer.json()) == (status, told)


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (CallRefused("there is no 'a' in this node", "missing"), 404),
        (CallRefused("there is no verb 'ps'", "no_verb"), 404),
        (CallRefused("'a' may be x/a, y/a", "refused"), 409),
        (CallRefused("limit is too large", "bad"), 422),
        (CallRefused("1000 calls are under way", "busy"), 429),
        (CallRefused("the store did not do it", "away"), 503),
        (NoAnswer("ps: no answer within 10 s"), 503),
        (NoNode("no node runs there"), 503),
        (NodeError("closed"), 503),
        (CodecError("can't be written"), 422),
    ],
)
async def test_what_the_node_refuses_has_the_right_status(
    web: httpx.AsyncClient, node: PlayedNode, trouble: Exception, status: int
) -> None:
    node.answers["ps"] = trouble
    answer = await web.post("/v1/ps")
    assert is_problem(answer, status) == str(trouble)
    assert ("Retry-After" in answer.headers) == (status in (429, 503))


async def test_a_fault_of_ours_tells_nothing_but_where_to_look(web: httpx.AsyncClient, node: PlayedNode) -> None:
    node.answers["ps"] = RuntimeError("a secret")
    assert is_problem(await web.post("/v1/ps"), 500) == "this is a fault of Wakeful; see `wakeful logs web`"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"task": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b'"x"', "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b" " * (MAX_BYTES + 1), "application/json", 413),
    ],
)
async def test_a_body_that_is_none_is_a_problem(
    web: httpx.AsyncClient, node: PlayedNode, body: bytes, kind: str, status: int
) -> None:
    is_problem(await web.post("/v1/ps", content=body, headers={"Content-Type": kind}), status)
    assert node.asked == []


async def test_a_body_that_never_ends_is_not_read_to_its_end(web: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536

    is_problem(await web.post("/v1/ps", content=endless()), 413)
    assert sent <= MAX_BYTES + 2 * 65536


async def test_paths_and_methods_that_are_not_there_say_what_is(web: httpx.AsyncClient) -> None:
    assert "/openapi.json" in is_problem(await web.get("/v1/nothing"), 404)
    wrong = await web.get("/v1/ps")
    assert "write POST" in is_problem(wrong, 405)
    assert wrong.headers["Allow"] == "POST"
    assert (await web.head("/v1/events")).status_code == 405
    assert "pip install 'wakeful[mcp]'" in is_problem(await web.post("/mcp"), 404)


async def test_a_wait_is_no_longer_than_a_request_may_be(web: httpx.AsyncClient, node: PlayedNode) -> None:
    await web.post("/v1/sessions_result", json={"label": "a", "timeoutSeconds": 3600})
    assert node.asked == [("sessions_result", {"label": "a", "timeoutSeconds": 30.0})]


async def test_a_runs_own_time_is_not_a_wait(web: httpx.AsyncClient, node: PlayedNode) -> None:
    await web.post("/v1/sessions_spawn", json={"task": "x", "timeoutSeconds": 3600})
    assert node.asked == [("sessions_spawn", {"task": "x", "timeoutSeconds": 3600})]


async def test_so_many_calls_at_once_and_the_next_one_is_told_to_come_again(
    web: httpx.AsyncClient, node: PlayedNode
) -> None:
    node.waiting = asyncio.Event()
    calls = [asyncio.create_task(web.post("/v1/ps")) for _ in range(CALLS_AT_ONCE)]
    async with asyncio.timeout(20):
        await node.until_asked(CALLS_AT_ONCE)
    refused = await web.post("/v1/ps")
    assert "64 calls are under way" in is_problem(refused, 429)
    assert refused.headers["Retry-After"] == "1"
    node.waiting.set()
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
    assert (await web.post("/v1/ps")).status_code == 200


async def test_what_json_has_no_word_for_is_written_all_the_same(web: httpx.AsyncClient, node: PlayedNode) -> None:
    node.answers["sessions_result"] = {"status": "ok", "outcome": "ok", "result": [b"\xff\x00", float("inf"), {1: 2}]}
    answer = await web.post("/v1/sessions_result", json={"label": "a"})
    assert answer.json()["result"] == ["_wA=", None, {"1": 2}]
