"""What the herald follows and keeps: nothing changes unseen, and how far it is goes with what came of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.unit.alerts.office import NOON, Office, finding
from tests.unit.store.books import Books, RefusedError
from tests.unit.store.test_rows import entry, open_incident

from wakeful import Alert
from wakeful_runtime.store import reader
from wakeful_runtime.store.notices import drop_old_notices
from wakeful_runtime.store.schema import ALERTS, STEPS, migrate, open_store
from wakeful_runtime.store.sqlite import Writer


def feed(books: Books, journal: int = 0, incidents: int = 0, **more: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"journal_after": journal, "incidents_after": incidents, "events": ["alert", "acked"]}
    return books.ask("herald_feed", **asked, **more)


def commit(books: Books, office: Office, **more: Any) -> None:
    kept = [notice.model_dump(mode="json") for notice in office.book.notices.values()]
    states = [state.model_dump() for state in office.book.states.values()]
    books.ask("herald_commit", notices=kept, states=states, forgotten=[], **more)


def told(books: Books, *findings: Any) -> Office:
    """Notices of these, as they are kept."""
    office = Office([Alert("env:MAIL")])
    office.take(*(findings or (finding(),)))
    office.wait(5)
    commit(books, office)
    return office


def test_each_change_of_an_incident_comes_after_all_that_has_been_seen(books: Books) -> None:
    open_incident(books, "a/b#1")
    open_incident(books, "c#1", "c")
    first = feed(books)
    assert [row["id"] for row in first["incidents"]] == ["a/b#1", "c#1"]
    books.ask("incident_update", id="a/b#1", outcome="ended")
    books.ask("incident_update", id="a/b#1", closed_at=1_000_001.0)
    (row,) = feed(books, incidents=first["incidents_after"])["incidents"]
    assert (row["id"], row["outcome"], row["closed_at"] is not None) == ("a/b#1", "ended", True)
    assert feed(books, incidents=feed(books)["incidents_after"])["incidents"] == []


def test_an_incident_that_is_opened_again_changes_nothing(books: Books) -> None:
    open_incident(books, "a/b#1")
    after = feed(books)["incidents_after"]
    open_incident(books, "a/b#1")
    assert feed(books, incidents=after)["incidents"] == []


def test_the_feed_has_pages_and_leaves_out_what_nobody_asked_for(books: Books) -> None:
    books.ask("journal", entries=[entry(n, event="alert" if n % 2 else "checkpoint") for n in range(1, 10)])
    page = feed(books, limit=3)
    assert ([row["seq"] for row in page["events"]], page["more"], page["journal_after"]) == ([1, 3, 5], True, 5)
    page = feed(books, page["journal_after"], limit=3)
    assert ([row["seq"] for row in page["events"]], page["more"], page["journal_after"]) == ([7, 9], False, 9)


def test_of_the_evidence_only_the_line_and_the_lease_are_handed_to_the_herald(books: Books) -> None:
    open_incident(books, "a/b#1", evidence={"line": "x.py:1", "lease": None, "log": ["secret"], "tasks": ["secret"]})
    (row,) = feed(books)["incidents"]
    assert row["evidence"] == {"line": "x.py:1", "lease": None}


def test_a_new_herald_has_what_is_open_or_waits_and_where_to_go_on(kept: Books) -> None:
    kept.now = NOON
    office = told(kept)
    commit(kept, office, journal_after=7, incidents_after=3)
    kept.restart()
    loaded = kept.ask("herald_load")
    assert (loaded["journal_after"], loaded["incidents_after"], loaded["last_no"]) == (7, 3, 1)
    assert loaded["notices"] == [office.book.notices[1].model_dump(mode="json")]
    assert loaded["states"] == [office.book.states["env:MAIL"].model_dump()]


def test_an_acknowledgement_of_a_notice_is_one_of_its_incident_and_the_other_way_round(books: Books) -> None:
    open_incident(books, "a/b#1")
    told(books)
    after = feed(books)
    answer = books.ask("notice_ack", id="1")
    assert answer == {"no": 1, "incident": "a/b#1", "path": "a/b", "first": True}
    news = feed(books, after["journal_after"], after["incidents_after"])
    assert [row["acked_at"] is not None for row in news["incidents"]] == [True]
    assert [(row["event"], row["notice"]) for row in news["events"]] == [("acked", 1)]
    for name in ("a/b#1", "a/b#", "1", "a/b"):
        assert books.ask("notice_ack", id=name) == {**answer, "first": False}
    assert len(feed(books)["events"]) == 1


def test_an_incident_nobody_was_told_of_yet_can_be_acknowledged(books: Books) -> None:
    open_incident(books, "a/b#1")
    assert books.ask("notice_ack", id="a/b#1")["no"] is None
    assert books.ask("incidents", open=True)["rows"] == []


def test_what_does_not_exist_cannot_be_acknowledged(books: Books) -> None:
    for name in ("17", "nobody", "9" * 30):
        with pytest.raises(RefusedError, match="no alert"):
            books.ask("notice_ack", id=name)


def test_an_acknowledgement_the_herald_has_not_heard_of_yet_stays(books: Books) -> None:
    books.now = NOON + 60
    office = told(books)
    books.ask("notice_ack", id="1")
    commit(books, office)
    assert books.ask("notices")["rows"][0]["acked_at"] is not None
    office.now = NOON + 120
    office.take(finding("a/b#2", severity="error", needs=True))
    commit(books, office)
    assert books.ask("notices")["rows"][0]["acked_at"] is None


def test_a_listing_says_what_was_told_where_and_how_the_routes_do(books: Books) -> None:
    office = told(books)
    office.down["env:MAIL"] = None
    office.take(finding("c#1", severity="error", needs=True, commands=("resume c", "why c")))
    office.wait(5)
    commit(books, office)
    listed = books.ask("notices")
    new, old = listed["rows"]
    assert (new["id"], new["path"], new["state"], new["next"][0]) == (2, "c", "open", "wakeful resume c")
    assert [(each["route"], each["told"], each["waits"]) for each in new["routes"]] == [("env:MAIL", None, "alert")]
    assert [(each["told"], each["waits"]) for each in old["routes"]] == [("alert", None)]
    (route,) = listed["routes"]
    assert (route["route"], route["error"], route["failures"]) == ("env:MAIL", "HTTP 503", 1)
    assert books.ask("routes")["routes"] == [route]


def test_old_notices_go_when_they_are_over_and_told(books: Books) -> None:
    office = told(books, *(finding(f"m/s{number}#1") for number in range(20)))
    for number in range(10):
        office.take(finding(f"m/s{number}#1", state="recovered"))
    office.wait(120)
    commit(books, office)
    assert drop_old_notices(books.db, kept=5, batch=6) == 6
    assert drop_old_notices(books.db, kept=5, batch=6) == 4
    assert len(books.ask("notices")["rows"]) == 10


def test_a_store_of_before_is_followed_from_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    before = STEPS[: STEPS.index(ALERTS)]
    db = Writer.connect(path)
    migrate(db, str(path), before)
    with sqlite3.connect(path) as old:
        old.execute(
            "INSERT INTO journal (at, mono, boot_id, event, path, fields) VALUES (1, 1, '', 'alert', 'a', x'80')"
        )
    old.close()
    db.close()
    open_store(path).close()
    with reader(path) as opened:
        loaded = opened.request("herald_load")
    assert (loaded["journal_after"], loaded["incidents_after"]) == (1, 0)
