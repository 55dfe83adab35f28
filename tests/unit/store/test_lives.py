from __future__ import annotations

import pytest
from tests.unit.store.books import PATH, Books, RefusedError


def test_first_life_begins_a_run_from_nothing(books: Books) -> None:
    begun = books.begin()
    assert begun["resumed"] is None
    assert begun["previous"] is None
    assert begun["lives"] == 1
    assert begun["run_started_at"] == books.now
    assert begun["run"] == {"agent": "r"}


def test_an_incarnation_that_is_not_above_the_last_is_refused_with_the_last(books: Books) -> None:
    books.begin(7)
    for stale in (6, 7):
        with pytest.raises(RefusedError) as refused:
            books.begin(stale)
        assert (refused.value.code, refused.value.facts) == ("stale", {"last": 7})


def test_a_repeated_begin_gets_the_first_answer_even_from_the_next_store(kept: Books) -> None:
    run_id = kept.begin(1)["run_id"]
    kept.checkpoint(run_id, "one")
    first = kept.begin(2, request="same")
    assert kept.begin(2, request="same") == first
    kept.restart()
    assert kept.begin(2, request="same") == first
    assert first["lives"] == 2


def test_a_late_repeat_of_begin_sets_nothing_aside_of_what_the_life_wrote_since(kept: Books) -> None:
    run_id = kept.begin(1)["run_id"]
    kept.begin(2, request="same")
    kept.checkpoint(run_id, "new", incarnation=2)
    kept.restart()
    assert kept.begin(2, request="same")["resumed"] is None
    assert kept.begin(3)["resumed"]["name"] == "at new"


def test_the_next_life_learns_how_the_one_before_ended(books: Books) -> None:
    books.begin(1)
    books.end(1, reason={"kind": "loop_blocked", "what": "in regex", "in_a_row": 2})
    previous = books.begin(2)["previous"]
    assert (previous["kind"], previous["what"], previous["in_a_row"]) == ("loop_blocked", "in regex", 2)


def test_a_life_whose_end_nobody_reported_ended_unknown(books: Books) -> None:
    books.begin(1)
    assert books.begin(2)["previous"]["kind"] == "unknown"


def test_the_first_report_of_an_end_stays(books: Books) -> None:
    run_id = books.begin(1)["run_id"]
    books.end(1, reason={"kind": "wedged", "what": "first"})
    told = books.end(1, reason={"kind": "killed", "what": "second"})
    assert told["reason"]["what"] == "first"
    assert (told["run_id"], told["outcome"], told["checkpoints"]) == (run_id, None, [])


def test_an_end_of_a_life_that_never_began_is_missing(books: Books) -> None:
    with pytest.raises(RefusedError, match="no life") as refused:
        books.end(1)
    assert refused.value.code == "missing"


def test_an_end_without_a_known_kind_is_refused(books: Books) -> None:
    books.begin(1)
    with pytest.raises(RefusedError, match="reason"):
        books.end(1, reason={"kind": "evaporated"})


def test_a_new_run_leaves_the_unfinished_one_with_outcome_unknown(books: Books) -> None:
    first = books.begin(1)["run_id"]
    books.checkpoint(first, "one")
    second = books.begin(2, new_run=True)
    assert second["run_id"] != first
    assert (second["resumed"], second["previous"], second["lives"]) == (None, None, 1)
    assert books.ask("run", run_id=first)["outcome"] == "unknown"


def test_a_finished_run_gets_no_further_life(books: Books) -> None:
    run_id = books.begin(1)["run_id"]
    books.ask("finish", path=PATH, incarnation=1, run_id=run_id, outcome="ok", form="plain", value=3)
    with pytest.raises(RefusedError) as refused:
        books.begin(2)
    assert (refused.value.code, refused.value.facts) == ("finished", {"run_id": run_id, "outcome": "ok"})
    assert books.ask("last_incarnation", path=PATH)["incarnation"] == 1
    assert books.begin(2, new_run=True)["run_id"] != run_id


def test_last_lives_are_listed_per_owner(books: Books) -> None:
    books.begin(3, path="a/x")
    books.begin(1, path="b/y")
    books.end(3, path="a/x")
    rows = books.ask("paths", owner="a")["rows"]
    assert [(row["path"], row["incarnation"], row["reason"]["kind"]) for row in rows] == [("a/x", 3, "killed")]
    assert len(books.ask("paths")["rows"]) == 2
    assert books.ask("last_incarnation", path="a/x") == {"incarnation": 3}
    assert books.ask("last_incarnation", path="nobody") == {"incarnation": 0}


def test_lives_are_listed_newest_first(books: Books) -> None:
    for incarnation in (1, 2, 5):
        books.begin(incarnation)
    assert [row["incarnation"] for row in books.ask("lives", path=PATH, limit=2)["rows"]] == [5, 2]
