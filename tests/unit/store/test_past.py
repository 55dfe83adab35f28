"""The past is bounded: but no result goes before somebody has it, and incarnations only grow."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.store.books import PATH, Books, RefusedError

from wakeful_runtime.store.past import OLD_S, PAGE, Past


def tidy(books: Books, *, lives: int = 1000) -> None:
    past = Past(books.db)
    for _ in range(100):
        if not past.page(books.now, lives=lives):
            return
    raise AssertionError("it does not come to an end")


def ended(books: Books, path: str = PATH, *, taken: bool = True, parent: str | None = None) -> str:
    run_id: str = books.begin(1, path=path, run={"parent_run": parent} if parent else {})["run_id"]
    books.ask("finish", path=path, incarnation=1, run_id=run_id, outcome="ok", form="plain", value=[1])
    if taken:
        books.ask("take_result", run_id=run_id)
    return run_id


def test_the_newest_lives_of_a_path_are_kept(books: Books) -> None:
    for incarnation in range(1, 2 * PAGE + 50):
        books.begin(incarnation, new_run=incarnation == 1)
    tidy(books, lives=20)
    rows = books.ask("lives", path=PATH, limit=1000)["rows"]
    assert [row["incarnation"] for row in rows] == list(range(2 * PAGE + 49, 2 * PAGE + 29, -1))


def test_a_result_is_kept_for_ever_until_it_is_taken(books: Books) -> None:
    run_id = ended(books, taken=False)
    books.now += 10 * OLD_S
    tidy(books)
    assert books.ask("take_result", run_id=run_id)["value"] == [1]
    tidy(books)
    assert books.ask("result", run_id=run_id)["value"] == [1]
    books.now += 1.1 * OLD_S
    tidy(books)
    with pytest.raises(RefusedError) as refused:
        books.ask("result", run_id=run_id)
    assert refused.value.code == "missing"


def test_a_path_whose_runs_are_forgotten_goes_on_with_its_incarnations(books: Books) -> None:
    ended(books)
    books.now += 1.1 * OLD_S
    tidy(books)
    assert books.ask("lives", path=PATH, limit=1)["rows"] == []
    with pytest.raises(RefusedError) as refused:
        books.begin(1)
    assert (refused.value.code, refused.value.facts) == ("stale", {"last": 1})
    assert books.begin(2)["resumed"] is None


def test_what_a_run_that_goes_on_may_ask_for_again_is_kept(books: Books) -> None:
    parent = books.begin(1, path="a/parent")["run_id"]
    child = ended(books, parent=parent)
    books.now += 2 * OLD_S
    tidy(books)
    assert books.ask("result", run_id=child)["value"] == [1]
    books.ask("finish", path="a/parent", incarnation=1, run_id=parent, outcome="ok")
    tidy(books)
    with pytest.raises(RefusedError):
        books.ask("result", run_id=child)


def test_a_child_that_is_still_placed_keeps_its_run(books: Books) -> None:
    run_id = ended(books)
    books.ask("placement_put", path=PATH, owner="research", plan=None, state="done")
    books.now += 2 * OLD_S
    tidy(books)
    assert books.ask("result", run_id=run_id)["value"] == [1]


def test_closed_incidents_go_after_90_days_and_open_ones_stay(books: Books) -> None:
    about: dict[str, Any] = {
        "path": "a/b",
        "incarnation": 1,
        "verdict": "wedged",
        "severity": "critical",
        "action": "restart",
    }
    for number in range(PAGE + 10):
        books.ask("incident_open", id=f"i{number}", **about, facts={})
        if number:
            books.ask("incident_update", id=f"i{number}", closed_at=books.now)
    books.now += 0.9 * OLD_S
    tidy(books)
    assert books.db.one("SELECT count(*) AS n FROM incidents")["n"] == PAGE + 10
    books.now += 0.2 * OLD_S
    tidy(books)
    assert [row["id"] for row in books.ask("incidents", limit=1000)["rows"]] == ["i0"]
