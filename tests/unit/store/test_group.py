from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.store.books import PATH, Books

from wakeful.errors import CodecError
from wakeful_runtime.store import group as group_module
from wakeful_runtime.store.ops import OPERATIONS
from wakeful_runtime.store.protocol import Reply, Request, pack_reply, pack_request, unpack_reply, unpack_request
from wakeful_runtime.wire import pack

PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def put(key: str, value: Any, request: str) -> Request:
    return Request(request, "meta_put", {"key": key, "value": value})


def test_a_refused_request_takes_nothing_of_its_group_with_it(books: Books) -> None:
    run_id = books.begin()["run_id"]
    zombie: dict[str, Any] = {"run_id": run_id, "path": PATH, "incarnation": 9, "key": "k"}
    replies = books.group(
        put("a", 1, "x1"), Request("x2", "effect_begin", zombie), Request("x3", "nonsense", {}), put("b", 2, "x4")
    )
    assert [reply.kind for reply in replies] == ["ok", "no", "no", "ok"]
    assert [books.ask("meta_get", key=key)["value"] for key in "ab"] == [1, 2]
    assert len(books.events("fenced")) == 1


def test_a_request_that_fails_half_way_leaves_no_half(books: Books) -> None:
    good = {"id": "e1", "at": 1.0, "mono": 1.0, "boot_id": "b", "event": "e", "path": "p"}
    late = {**good, "id": "e2", "at": float("nan")}
    replies = books.group(put("a", 1, "x1"), Request("x2", "journal", {"entries": [good, late]}))
    assert [reply.kind for reply in replies] == ["ok", "no"]
    assert books.events() == []
    assert books.ask("meta_get", key="a")["value"] == 1


def test_a_request_that_is_twice_in_a_group_is_done_once(books: Books) -> None:
    run_id = books.begin()["run_id"]
    spend = Request("same", "spend", {"run_id": run_id, "path": PATH, "incarnation": 1, "tokens": 5})
    replies = books.group(spend, spend)
    assert [reply.body["tokens"] for reply in replies] == [5, 5]
    assert books.group(spend)[0].body["tokens"] == 5


def test_requests_of_a_group_see_what_those_before_them_did(books: Books) -> None:
    replies = books.group(put("a", 1, "x1"), Request("x2", "meta_get", {"key": "a"}), put("a", 2, "x3"))
    assert replies[1].body == {"value": 1}


def test_remembered_answers_are_bounded(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_module, "REMEMBERED", 3)
    for number in range(5):
        books.group(put("a", number, f"x{number}"))
    books.group(put("a", "again", "x4"))
    assert books.ask("meta_get", key="a")["value"] == 4
    books.group(put("a", "again", "x0"))
    assert books.ask("meta_get", key="a")["value"] == "again"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"path": PATH},
        {"path": 5, "limit": 1},
        {"limit": True},
        {"limit": 0},
        {"limit": 2**70},
        {"unknown": 1},
        {"work": 1},
        {"path": "x" * 5000},
    ],
)
def test_arguments_that_are_not_the_operations_are_refused_with_a_reason(
    books: Books, arguments: dict[str, Any]
) -> None:
    asked = books.request("lives", arguments)
    reply = books.group(asked)[0]
    assert (reply.kind == "ok") is (arguments == {"path": PATH})
    if reply.kind == "no":
        assert reply.body["code"] == "bad"
        assert "lives" in reply.body["why"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_arguments_end_the_store(data: st.DataObject) -> None:
    logging.getLogger("wakeful.store").setLevel(logging.CRITICAL)
    books = Books()
    run_id = books.begin()["run_id"]
    likely = st.sampled_from([PATH, run_id, "", "done", "plain", "ok", 0, 1, -1, b"x", True, None, [], {}])
    for number in range(data.draw(st.integers(1, 6))):
        op = data.draw(st.sampled_from(sorted(OPERATIONS)))
        names = [
            "path",
            "incarnation",
            "run_id",
            "key",
            "id",
            "ids",
            "to",
            "entries",
            "status",
            "outcome",
            "limit",
            "from_seq",
        ]
        arguments = data.draw(st.dictionaries(st.sampled_from(names), likely | PLAIN, max_size=8))
        assert books.group(books.request(op, arguments, f"q{number}"))[0].kind in ("ok", "no", "wait")
    assert books.ask("meta_get", key="alive") == {"value": None}
    books.close()


@given(st.binary(max_size=200) | PLAIN.map(lambda value: pack(value) if _packs(value) else b""))
def test_bytes_of_anybody_are_a_request_or_a_codec_error(data: bytes) -> None:
    try:
        request = unpack_request(data)
    except CodecError:
        return
    assert isinstance(request, Request)


def _packs(value: Any) -> bool:
    try:
        pack(value)
    except CodecError:
        return False
    return True


@given(st.text(min_size=1, max_size=20), st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.integers(0, 99)))
def test_requests_and_replies_come_back_equal(number: str, op: str, body: dict[str, Any]) -> None:
    request = Request(number, op, body)
    assert unpack_request(pack_request(request)) == request
    reply = Reply("ok", body)
    assert unpack_reply(pack_reply(number, reply), number) == reply


def test_an_answer_to_another_request_is_no_answer() -> None:
    with pytest.raises(CodecError):
        unpack_reply(pack_reply("a", Reply("ok", {})), "b")


def test_a_request_of_another_version_is_refused() -> None:
    with pytest.raises(CodecError, match="version 2"):
        unpack_request(pack([2, "a", "op", {}]))


def test_a_request_above_the_limit_is_refused_before_it_is_sent() -> None:
    with pytest.raises(CodecError, match="at most"):
        pack_request(Request("a", "meta_put", {"key": "k", "value": b"x" * (21 * 1024 * 1024)}))
