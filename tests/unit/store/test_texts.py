"""Texts belong to a run: delivered to its lives until handled, answered, given back, or dead letters at its end."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.store.books import PATH, Books, RefusedError

from wakeful_runtime.store.post import MAX_DELIVERIES


def run_of(books: Books) -> str:
    return str(books.ask("run", path=PATH)["run_id"])


def send(books: Books, number: str, run_id: str | None = None, **more: Any) -> Any:
    run = run_id or run_of(books)
    return books.ask("text_post", id=number, path=PATH, run_id=run, sender="client", tag="text", body=b"x", **more)


def take(books: Books, incarnation: int = 1) -> str | None:
    """The next text, in hand."""
    whose: dict[str, Any] = {"incarnation": incarnation, "run_id": run_of(books)}
    rows = books.ask("deliveries", to=PATH, limit=1, **whose)["rows"]
    if not rows:
        return None
    assert books.ask("in_hand", id=rows[0]["id"], path=PATH, **whose)["go"]
    return str(rows[0]["id"])


def handle(books: Books, number: str, incarnation: int = 1, reply: str | None = None) -> None:
    books.ask("handled", ids=[number], path=PATH, incarnation=incarnation, run_id=run_of(books), reply=reply)


def finish(books: Books) -> None:
    books.ask("finish", path=PATH, incarnation=1, run_id=run_of(books), outcome="ok")


def told(books: Books, number: str) -> tuple[str, str | None]:
    found = books.ask("text", id=number)
    return found["state"], found["reply"]


def test_texts_come_in_order_and_once_each(books: Books) -> None:
    books.begin(1)
    for number in ("a", "b", "a"):
        send(books, number)
    assert [take(books), take(books), take(books)] == ["a", "b", None]


def test_texts_are_no_messages_for_handlers_and_the_other_way_round(books: Books) -> None:
    books.begin(1)
    send(books, "text")
    books.ask("post", id="message", to=PATH, sender="s", tag="T", body=b"x")
    rows = books.ask("deliveries", to=PATH, incarnation=1)["rows"]
    assert [row["id"] for row in rows] == ["message"]
    assert take(books) == "text"


def test_a_reply_is_kept_for_whoever_waits_for_it_also_a_late_one(books: Books) -> None:
    books.begin(1)
    send(books, "a")
    send(books, "b")
    take(books)
    handle(books, "a", reply="half way")
    take(books)
    handle(books, "b")
    assert (told(books, "a"), told(books, "b")) == (("handled", "half way"), ("handled", None))
    handle(books, "b", reply="late")
    handle(books, "b", reply="later")
    assert told(books, "b") == ("handled", "late")


def test_a_checkpoint_handles_the_text_in_hand_in_the_same_commit(books: Books) -> None:
    books.begin(1)
    send(books, "a")
    take(books)
    books.checkpoint(run_of(books), handled=["a"])
    assert told(books, "a") == ("handled", None)


def test_what_a_checkpoint_handled_may_still_be_replied_to_and_its_sender_waits_for_that(books: Books) -> None:
    books.begin(1)
    for number in "abc":
        send(books, number)
        take(books)
        books.checkpoint(run_of(books), handled=[number])
    assert books.ask("settled", runs=[], texts=["a", "b", "c"])["texts"] == []
    handle(books, "a", reply="done")
    assert told(books, "a") == ("handled", "done")
    handle(books, "b")
    assert books.ask("settled", runs=[], texts=["a", "b", "c"])["texts"] == ["a", "b"]
    books.begin(2)
    assert take(books, 2) is None
    assert books.ask("settled", runs=[], texts=["c"])["texts"] == ["c"]


def test_the_next_life_gets_what_was_not_handled_until_it_is_a_dead_letter(books: Books) -> None:
    books.begin(1)
    send(books, "poison")
    send(books, "innocent")
    assert take(books, 1) == "poison"
    books.begin(2)
    assert take(books, 2) == "poison"
    books.begin(3)
    assert take(books, 3) == "innocent"
    letters = books.ask("deadletters", to=PATH)["rows"]
    assert [(row["id"], row["to"]) for row in letters] == [("poison", PATH)]
    assert [row["path"] for row in books.events("deadletter")] == [PATH]


def test_what_a_stopped_life_gives_back_is_no_failed_delivery(books: Books) -> None:
    books.begin(1)
    send(books, "a")
    for incarnation in range(1, MAX_DELIVERIES + 3):
        if incarnation > 1:
            books.begin(incarnation)
        assert take(books, incarnation) == "a"
        books.ask("put_back", id="a", path=PATH, incarnation=incarnation, run_id=run_of(books))


def test_a_text_may_come_before_its_run_begins(books: Books) -> None:
    send(books, "early", "r1")
    books.begin(1, run={"run_id": "r1"})
    assert take(books) == "early"


def test_a_late_text_is_a_dead_letter(books: Books) -> None:
    books.begin(1)
    send(books, "a", deadline=books.now + 5)
    books.now += 6
    assert take(books) is None
    assert told(books, "a") == ("dead", None)


def test_the_end_of_its_run_makes_a_text_a_dead_letter_and_refuses_the_next(books: Books) -> None:
    books.begin(1)
    send(books, "a")
    finish(books)
    assert "the run was over before it was handled: ok" in str(books.ask("text", id="a")["error"])
    assert send(books, "a") == {"first": False}
    for ask in (lambda: send(books, "b"), lambda: books.ask("deadletter_retry", id="a")):
        with pytest.raises(RefusedError) as refused:
            ask()
        assert refused.value.code == "finished"


def test_who_waits_is_told_what_has_ended(books: Books) -> None:
    books.begin(1)
    run = run_of(books)
    send(books, "a")
    assert books.ask("settled", runs=[run], texts=["a", "gone"]) == {"runs": [], "texts": ["gone"]}
    finish(books)
    assert books.ask("settled", runs=[run], texts=["a"]) == {"runs": [run], "texts": ["a"]}


def test_a_durable_message_can_be_moved_to_the_inbox(books: Books) -> None:
    books.begin(1)
    books.ask("post", id="m", to=PATH, sender="s", tag="T", body=b"x")
    books.ask("deliveries", to=PATH, incarnation=1)
    assert books.ask("to_inbox", id="m", path=PATH, incarnation=1, run_id=run_of(books)) == {"moved": True}
    assert take(books) == "m"
