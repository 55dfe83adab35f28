"""Journal, incidents, placements, meta: rows that are written once and read for long."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.store.books import Books, RefusedError

from wakeful_runtime.store.journal_rows import drop_old_entries


def entry(number: int, path: str = "a/b", event: str = "ready", **fields: Any) -> dict[str, Any]:
    at = {"at": 1_000_000.0 + number, "mono": float(number), "boot_id": "boot-a"}
    return {"id": f"e{number}", **at, "event": event, "path": path, "incarnation": 1, "fields": fields}


def test_an_entry_is_stored_once_by_its_id(kept: Books) -> None:
    assert kept.ask("journal", entries=[entry(1, n=1), entry(2, n=2)]) == {"stored": 2}
    kept.restart()
    assert kept.ask("journal", entries=[entry(2, n=2), entry(3, n=3)]) == {"stored": 1}
    assert [row["n"] for row in kept.events()] == [1, 2, 3]


def test_a_row_has_its_fields_and_rfc_3339_time(books: Books) -> None:
    books.ask("journal", entries=[entry(1, verdict="wedged")])
    fixed = {"seq": 1, "at": "1970-01-12T13:46:41.000Z", "event": "ready", "path": "a/b", "incarnation": 1}
    assert books.events() == [{**fixed, "verdict": "wedged"}]


def test_events_are_read_on_from_where_one_was(books: Books) -> None:
    books.ask("journal", entries=[entry(n) for n in range(1, 6)])
    told = books.ask("events", after=2, limit=2)
    assert ([row["seq"] for row in told["rows"]], told["last"]) == ([3, 4], 5)
    assert [row["seq"] for row in books.ask("events", after=-1, limit=2)["rows"]] == [4, 5]


def test_events_of_a_path_are_its_own_and_those_below(books: Books) -> None:
    paths = ["a", "a/b", "ab", "a/b/c", "x"]
    books.ask("journal", entries=[entry(n, path) for n, path in enumerate(paths)])
    assert [row["path"] for row in books.ask("events", path="a")["rows"]] == ["a", "a/b", "a/b/c"]
    assert [row["path"] for row in books.ask("events", path="a/b", event="ready")["rows"]] == ["a/b", "a/b/c"]


def test_the_oldest_rows_go_when_there_are_too_many(books: Books) -> None:
    books.ask("journal", entries=[entry(n) for n in range(10)])
    assert drop_old_entries(books.db, kept=4, batch=5) == 5
    assert drop_old_entries(books.db, kept=4, batch=5) == 1
    assert [row["seq"] for row in books.events()] == [7, 8, 9, 10]


def open_incident(books: Books, number: str, path: str = "a/b", **more: Any) -> dict[str, Any]:
    about: dict[str, Any] = {
        "path": path,
        "incarnation": 1,
        "verdict": "wedged",
        "severity": "critical",
        "action": "restart",
    }
    return books.ask("incident_open", id=number, **about, facts={"words": "no answer"}, **more)


def test_an_incident_is_opened_once_and_updated_in_place(books: Books) -> None:
    assert open_incident(books, "i1", thresholds={"seconds": 20.0})["first"] is True
    assert open_incident(books, "i1")["first"] is False
    books.ask("incident_update", id="i1", evidence={"line": "x.py:3"})
    books.now += 10
    told = books.ask("incident_update", id="i1", outcome="recovered", closed_at=books.now)
    assert (told["facts"], told["thresholds"]) == ({"words": "no answer"}, {"seconds": 20.0})
    assert (told["evidence"], told["outcome"], told["action"]) == ({"line": "x.py:3"}, "recovered", "restart")
    assert (told["opened_at"], told["closed_at"]) == ("1970-01-12T13:46:40.000Z", "1970-01-12T13:46:50.000Z")


def test_incidents_are_listed_newest_first_by_time_path_and_openness(books: Books) -> None:
    for number, path in (("i1", "a/b"), ("i2", "a"), ("i3", "c")):
        open_incident(books, number, path)
        books.now += 1
    books.ask("incident_update", id="i2", acked_at=books.now)

    def ids(**asked: Any) -> list[str]:
        return [row["id"] for row in books.ask("incidents", **asked)["rows"]]

    assert ids() == ["i3", "i2", "i1"]
    assert ids(open=True) == ["i3", "i1"]
    assert ids(open=True, acked=True) == ["i3", "i2", "i1"]
    assert ids(path="a") == ["i2", "i1"]
    assert ids(since=1_000_001.0) == ids(since="1970-01-12T13:46:41Z") == ["i3", "i2"]
    with pytest.raises(RefusedError, match="no time"):
        ids(since="yesterday")


def test_an_incident_is_found_by_the_beginning_of_its_id(books: Books) -> None:
    open_incident(books, "abc1")
    open_incident(books, "abd2")
    assert books.ask("incident", id="abc")["id"] == "abc1"
    for unclear in ("ab", "x"):
        with pytest.raises(RefusedError) as refused:
            books.ask("incident", id=unclear)
        assert refused.value.code == "missing"
    with pytest.raises(RefusedError):
        books.ask("incident_update", id="ab", outcome="x")


def put(books: Books, path: str, state: str, by: int | None = None, owner: str = "a") -> None:
    books.ask("placement_put", path=path, owner=owner, plan={"name": path}, state=state, data={"n": 1}, by=by)


def test_the_next_supervisor_reads_what_the_one_before_kept(books: Books) -> None:
    put(books, "a/x", "running")
    put(books, "a/x", "paused")
    put(books, "b/y", "running", owner="b")
    books.begin(4, path="a/x")
    rows = books.ask("placements", owner="a")["rows"]
    assert rows == [
        {"path": "a/x", "owner": "a", "incarnation": 4, "plan": {"name": "a/x"}, "state": "paused", "data": {"n": 1}}
    ]
    assert books.ask("placement_delete", path="a/x") == {"deleted": True}
    assert books.ask("placement_delete", path="a/x") == {"deleted": False}
    assert [row["incarnation"] for row in books.ask("placements")["rows"]] == [0]


def test_an_older_supervisor_is_fenced_once_a_newer_one_has_read(books: Books) -> None:
    put(books, "a/x", "running", by=1)
    books.ask("placements", owner="a", by=2)
    attempts = ({"op": "placements"}, {"op": "placement_delete", "path": "a/x"})
    for attempt in attempts:
        asked = dict(attempt)
        with pytest.raises(RefusedError) as refused:
            books.ask(asked.pop("op"), owner="a", by=1, **asked)
        assert refused.value.code == "fenced"
    with pytest.raises(RefusedError):
        put(books, "a/x", "stolen", by=1)
    put(books, "a/x", "running", by=2)
    assert len(books.events("fenced")) == 3


def test_meta_is_kept_and_forgotten(books: Books) -> None:
    assert books.ask("meta_get", key="k") == {"value": None}
    books.ask("meta_put", key="k", value={"boots": [1.5]})
    assert books.ask("meta_get", key="k") == {"value": {"boots": [1.5]}}
    books.ask("meta_put", key="k", value=None)
    assert books.ask("meta_get", key="k") == {"value": None}
