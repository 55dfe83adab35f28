from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.unit.store.books import PATH, Books, RefusedError


def begin(
    books: Books,
    run_id: str,
    incarnation: int = 1,
    *,
    key: str = "k",
    path: str = PATH,
    scope: str = "run",
    request: str | None = None,
) -> dict[str, Any]:
    about: dict[str, Any] = {"run_id": run_id, "path": path, "incarnation": incarnation, "key": key, "scope": scope}
    return books.ask("effect_begin", request=request, **about)


def end(
    books: Books, run_id: str, status: str, incarnation: int = 1, *, scope: str = "run", **result: Any
) -> dict[str, Any]:
    about: dict[str, Any] = {"run_id": run_id, "path": PATH, "incarnation": incarnation, "key": "k", "scope": scope}
    return books.ask("effect_end", **about, status=status, **result)


def test_a_first_intent_is_new_and_the_stored_result_comes_back(books: Books) -> None:
    run_id = books.begin()["run_id"]
    assert begin(books, run_id)["status"] == "new"
    end(books, run_id, "done", form="plain", result={"id": 7})
    assert begin(books, run_id) == {"status": "done", "form": "plain", "result": {"id": 7}}
    books.begin(2)
    assert begin(books, run_id, 2)["status"] == "done"


def test_the_same_request_is_new_again_also_over_a_store_restart(kept: Books) -> None:
    run_id = kept.begin()["run_id"]
    assert begin(kept, run_id, request="same")["status"] == "new"
    kept.restart()
    assert begin(kept, run_id, request="same")["status"] == "new"


def test_another_request_of_the_same_life_finds_it_unknown(books: Books) -> None:
    run_id = books.begin()["run_id"]
    begin(books, run_id)
    assert begin(books, run_id)["status"] == "unknown"


def test_an_intent_of_an_ended_life_is_unknown(books: Books) -> None:
    run_id = books.begin()["run_id"]
    begin(books, run_id, request="same")
    books.begin(2)
    assert begin(books, run_id, 2)["status"] == "unknown"
    assert [row["key"] for row in books.ask("effects", path=PATH, open=True)["rows"]] == ["k"]


def test_failed_takes_the_intent_back(books: Books) -> None:
    run_id = books.begin()["run_id"]
    begin(books, run_id)
    assert end(books, run_id, "failed") == {"status": None}
    assert end(books, run_id, "failed") == {"status": None}
    assert begin(books, run_id)["status"] == "new"


@pytest.mark.parametrize(("status", "then"), [("unknown", "unknown"), ("skipped", "skipped")])
def test_what_a_life_says_of_its_effect_stays(books: Books, status: str, then: str) -> None:
    run_id = books.begin()["run_id"]
    begin(books, run_id)
    end(books, run_id, status)
    books.begin(2)
    assert begin(books, run_id, 2)["status"] == then


def test_what_is_done_stays_done(books: Books) -> None:
    run_id = books.begin()["run_id"]
    begin(books, run_id)
    end(books, run_id, "done", form="plain", result=1)
    for status in ("failed", "unknown", "skipped", "done"):
        assert end(books, run_id, status, form="plain", result=2) == {"status": "done"}
    assert begin(books, run_id)["result"] == 1


def test_an_older_life_may_neither_begin_nor_end_an_effect(books: Books) -> None:
    run_id = books.begin()["run_id"]
    begin(books, run_id)
    books.begin(2)
    with pytest.raises(RefusedError) as refused:
        begin(books, run_id, 1, key="other")
    assert refused.value.code == "fenced"
    with pytest.raises(RefusedError) as refused:
        end(books, run_id, "done", 1)
    assert refused.value.code == "fenced"


def test_the_next_run_does_it_anew_but_a_node_wide_one_is_done_once_ever(books: Books) -> None:
    first = books.begin()["run_id"]
    for scope in ("run", "node"):
        begin(books, first, scope=scope)
        end(books, first, "done", scope=scope)
    second = books.begin(2, new_run=True)["run_id"]
    assert begin(books, second, 2)["status"] == "new"
    assert begin(books, second, 2, scope="node")["status"] == "done"


def test_a_node_wide_effect_that_another_living_session_is_at_is_waited_for(books: Books) -> None:
    run_id = books.begin()["run_id"]
    other = books.begin(path="other")["run_id"]
    begin(books, run_id, scope="node")
    with pytest.raises(RefusedError) as refused:
        begin(books, other, path="other", scope="node")
    assert refused.value.again
    books.end(1)
    assert begin(books, other, path="other", scope="node")["status"] == "unknown"


def test_a_person_settles_an_unknown_effect_either_way(books: Books) -> None:
    run_id = books.begin()["run_id"]
    begin(books, run_id)
    with pytest.raises(RefusedError) as refused:
        books.ask("settle", path=PATH, key="k", done=True)
    assert refused.value.code == "living"
    books.end(1)
    assert books.ask("settle", path=PATH, key="k", done=False) == {"status": None}
    books.begin(2)
    assert begin(books, run_id, 2)["status"] == "new"
    books.end(2)
    books.ask("settle", path=PATH, key="k", done=True, form="plain", result="sent")
    books.begin(3)
    assert begin(books, run_id, 3) == {"status": "done", "form": "plain", "result": "sent"}
    with pytest.raises(RefusedError) as refused:
        books.ask("settle", path=PATH, key="k", done=False)
    assert refused.value.code == "done"
    assert [(row["key"], row["done"]) for row in books.events("settled")] == [("k", False), ("k", True)]


def test_there_is_nothing_to_settle_where_nothing_was_begun(books: Books) -> None:
    books.begin()
    with pytest.raises(RefusedError, match="no effect"):
        books.ask("settle", path=PATH, key="k", done=True)


class Ledger(RuleBasedStateMachine):
    """A world outside counts how often the effect was let through: never again while it may have happened."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.incarnation = 1
        self.run_id = self.books.begin()["run_id"]
        self.happened = 0
        self.at_it = False

    @precondition(lambda self: not self.at_it)
    @rule()
    def once(self) -> None:
        told = begin(self.books, self.run_id, self.incarnation)["status"]
        assert (told == "new") <= (self.happened == 0)
        self.at_it = told == "new"

    @precondition(lambda self: self.at_it)
    @rule(happened=st.booleans())
    def ends(self, happened: bool) -> None:
        self.happened += happened
        end(self.books, self.run_id, "done" if happened else "failed", self.incarnation)
        self.at_it = False

    @rule(happened=st.booleans())
    def crashes(self, happened: bool) -> None:
        self.happened += happened and self.at_it
        self.at_it = False
        self.incarnation += 1
        self.books.begin(self.incarnation)
        assert self.happened <= 1

    @precondition(lambda self: not self.at_it)
    @rule()
    def is_verified(self) -> None:
        if begin(self.books, self.run_id, self.incarnation)["status"] in ("unknown", "new"):
            end(self.books, self.run_id, "done" if self.happened else "failed", self.incarnation)

    def teardown(self) -> None:
        self.books.close()


Ledger.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestLedger = Ledger.TestCase
