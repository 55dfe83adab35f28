from __future__ import annotations

from typing import Any

import pytest
from tests.unit.store.books import PATH, Books, RefusedError

from wakeful_runtime.store import post
from wakeful_runtime.store.post import MAX_DELIVERIES, drop_old_ids


def send(books: Books, *ids: str, **more: Any) -> None:
    for each in ids:
        books.ask("post", **{"id": each, "to": PATH, "sender": "a", "tag": "Add", "body": each.encode(), **more})


def fetch(books: Books, incarnation: int = 1, limit: int = 100, request: str | None = None) -> list[str]:
    told = books.ask("deliveries", request=request, to=PATH, incarnation=incarnation, limit=limit)
    return [row["id"] for row in told["rows"]]


def in_hand(books: Books, number: str, incarnation: int = 1) -> bool:
    go: bool = books.ask("in_hand", id=number, path=PATH, incarnation=incarnation)["go"]
    return go


def dead(books: Books) -> dict[str, str]:
    return {row["id"]: row["error"] for row in books.ask("deadletters", to=PATH)["rows"]}


def test_messages_come_in_order_once_per_life_until_handled(books: Books) -> None:
    books.begin(1)
    send(books, "m1", "m2", "m3")
    assert fetch(books, limit=2) == ["m1", "m2"]
    assert fetch(books) == ["m3"]
    assert fetch(books) == []
    books.ask("handled", ids=["m2"], path=PATH, incarnation=1)
    books.begin(2)
    assert fetch(books, 2) == ["m1", "m3"]


def test_a_repeated_post_is_one_message_also_after_it_was_handled(books: Books) -> None:
    books.begin(1)
    send(books, "m1", "m1")
    assert fetch(books) == ["m1"]
    books.ask("handled", ids=["m1"], path=PATH, incarnation=1)
    send(books, "m1")
    assert fetch(books) == []


def test_a_repeated_fetch_gets_the_same_messages_over_a_store_restart(kept: Books) -> None:
    kept.begin(1)
    send(kept, "m1")
    assert fetch(kept, request="same") == ["m1"]
    kept.restart()
    assert fetch(kept, request="same") == ["m1"]
    assert fetch(kept) == []


def test_an_older_life_gets_and_handles_nothing(books: Books) -> None:
    books.begin(1)
    send(books, "m1")
    books.begin(2)
    for op, more in (("deliveries", {"to": PATH}), ("handled", {"path": PATH, "ids": ["m1"]})):
        with pytest.raises(RefusedError) as refused:
            books.ask(op, incarnation=1, **more)
        assert refused.value.code == "fenced"


def test_two_deaths_with_it_in_hand_make_a_dead_letter_and_spare_the_others(books: Books) -> None:
    send(books, "poison", "innocent")
    for incarnation in (1, 2):
        books.begin(incarnation)
        assert fetch(books, incarnation) == ["poison", "innocent"]
        assert in_hand(books, "poison", incarnation)
    books.begin(3)
    assert fetch(books, 3) == ["innocent"]
    assert "2 lives" in dead(books)["poison"]
    assert [row["id"] for row in books.events("deadletter")] == ["poison"]


def test_a_message_whose_handler_keeps_raising_is_dead_after_three_deliveries(books: Books) -> None:
    books.begin(1)
    send(books, "m1")
    for delivery in range(1, MAX_DELIVERIES + 1):
        assert fetch(books) == ["m1"]
        assert in_hand(books, "m1")
        told = books.ask("not_handled", id="m1", path=PATH, incarnation=1, error="ValueError: no")
        assert told["dead"] is (delivery == MAX_DELIVERIES)
    assert dead(books) == {"m1": "ValueError: no"}


def test_an_undeclared_type_is_dead_at_once(books: Books) -> None:
    books.begin(1)
    send(books, "m1")
    fetch(books)
    assert books.ask("not_handled", id="m1", path=PATH, incarnation=1, error="Unhandled", final=True) == {"dead": True}


def test_a_late_message_is_a_dead_letter_and_not_delivered(books: Books) -> None:
    books.begin(1)
    send(books, "m1", deadline=books.now + 5)
    books.now += 6
    assert fetch(books) == []
    assert "deadline" in dead(books)["m1"]


def test_a_dead_letter_is_retried_with_a_clean_record_or_dropped(books: Books) -> None:
    books.begin(1)
    send(books, "m1", "m2", deadline=books.now - 1)
    assert fetch(books) == []
    books.ask("deadletter_retry", id="m1")
    books.ask("deadletter_retry", id="m1")
    books.ask("deadletter_drop", id="m2")
    assert dead(books) == {}
    assert fetch(books) == ["m1"]
    with pytest.raises(RefusedError):
        books.ask("deadletter_drop", id="nobody")


def test_handling_commits_with_the_checkpoint_that_contains_it(books: Books) -> None:
    run_id = books.begin(1)["run_id"]
    send(books, "m1", "m2")
    fetch(books)
    books.checkpoint(run_id, "m1 applied", handled=["m1"])
    assert books.begin(2)["resumed"]["name"] == "at m1 applied"
    assert fetch(books, 2) == ["m2"]
    assert not in_hand(books, "m1", 2)


def test_a_path_has_a_bound_of_waiting_messages(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "MAX_WAITING", 2)
    send(books, "m1", "m2")
    with pytest.raises(RefusedError) as refused:
        send(books, "m3")
    assert refused.value.code == "full"
    send(books, "m2")
    send(books, "n1", to="other")


def test_ids_of_handled_messages_are_forgotten_in_the_end(books: Books) -> None:
    books.begin(1)
    send(books, "m1", "m2")
    books.ask("handled", ids=["m1"], path=PATH, incarnation=1)
    assert drop_old_ids(books.db, books.now) == 0
    assert drop_old_ids(books.db, books.now + 1) == 1
    assert fetch(books) == ["m2"]
