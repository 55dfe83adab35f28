"""Jobs and their runs in the store: a time fires once, and what became of it stays."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.store.books import Books, RefusedError

from wakeful_runtime.store import jobs


def job(name: str = "nightly", **changes: Any) -> dict[str, Any]:
    return {
        "id": f"{name}-1",
        "name": name,
        "spec": {"name": name},
        "declared": False,
        "enabled": True,
        "why": "",
        "cursor": 100.0,
        "anchor": 100.0,
        "failures": 0,
        "held_until": 0.0,
        "created_at": 100.0,
        **changes,
    }


def fired(scheduled: float, state: str = "due", **changes: Any) -> dict[str, Any]:
    return {
        "run_id": f"nightly-1-{scheduled:g}",
        "job_id": "nightly-1",
        "job": "nightly",
        "agent": "main",
        "scheduled": scheduled,
        "state": state,
        "why": "",
        **changes,
    }


def test_a_job_comes_back_as_it_was_put(books: Books) -> None:
    books.ask("job_put", jobs=[job(), job("weekly", enabled=False, why="ten failures")])
    assert books.ask("jobs")["rows"] == [job(), job("weekly", enabled=False, why="ten failures")]
    books.ask("job_put", jobs=[job(cursor=200.0)])
    assert books.ask("jobs")["rows"][0]["cursor"] == 200.0
    assert books.ask("job_remove", id="nightly-1")["removed"]
    assert [row["name"] for row in books.ask("jobs")["rows"]] == ["weekly"]


def test_two_jobs_of_one_name_are_refused(books: Books) -> None:
    books.ask("job_put", jobs=[job()])
    with pytest.raises(RefusedError) as refused:
        books.ask("job_put", jobs=[job(id="other")])
    assert refused.value.code == "taken"


def test_a_time_is_fired_once_whoever_asks_again(books: Books) -> None:
    books.ask("job_put", jobs=[job()])
    assert books.ask("job_fire", runs=[fired(160.0)], jobs=[job(cursor=160.0)]) == {"new": ["nightly-1-160"]}
    assert books.ask("job_fire", runs=[fired(160.0), fired(220.0)], jobs=[]) == {"new": ["nightly-1-220"]}
    other_id = fired(160.0, run_id="another")
    assert books.ask("job_fire", runs=[other_id], jobs=[]) == {"new": []}
    assert books.ask("jobs")["rows"][0]["cursor"] == 160.0


def test_a_job_that_was_removed_is_not_kept_again_by_its_firing(books: Books) -> None:
    books.ask("job_fire", runs=[fired(160.0)], jobs=[job()])
    assert books.ask("jobs")["rows"] == []


def test_what_became_of_a_run_stays(books: Books) -> None:
    books.ask("job_put", jobs=[job()])
    books.ask("job_fire", runs=[fired(160.0)], jobs=[])
    run = "nightly-1-160"
    assert books.ask("job_run_set", run_id=run, state="accepted", path="sessions/x")["changed"]
    books.ask("job_run_began", run_id=run, at=160.5)
    books.ask("job_run_began", run_id=run, at=170.0)
    ended: dict[str, Any] = {"state": "over", "outcome": "error", "finished_at": 165.0, "began_at": 159.0}
    assert books.ask("job_run_set", run_id=run, **ended, job=job(failures=1))["changed"]
    assert not books.ask("job_run_set", run_id=run, state="over", outcome="ok", job=job(failures=0))["changed"]
    row = books.ask("job_runs", job_id="nightly-1")["rows"][0]
    assert (row["outcome"], row["began_at"], row["finished_at"], row["path"]) == ("error", 160.5, 165.0, "sessions/x")
    assert books.ask("jobs")["rows"][0]["failures"] == 1


def test_open_runs_are_those_not_at_their_end_oldest_first(books: Books) -> None:
    states = ("due", "queued", "accepted", "missed", "skipped", "over")
    books.ask("job_fire", runs=[fired(100.0 + n, state) for n, state in enumerate(states)], jobs=[])
    assert [row["state"] for row in books.ask("job_runs", open=True)["rows"]] == ["due", "queued", "accepted"]
    assert [row["state"] for row in books.ask("job_runs", limit=2)["rows"]] == ["over", "skipped"]


def test_a_run_shows_the_outcome_of_its_session(books: Books) -> None:
    books.ask("job_fire", runs=[fired(160.0)], jobs=[])
    assert books.ask("job_runs")["rows"][0]["run_outcome"] is None
    books.ask(
        "begin_life",
        path="sessions/x",
        incarnation=1,
        owner="sessions",
        kind="session",
        boot_id="b",
        new_run=True,
        run={"run_id": "nightly-1-160"},
    )
    books.ask("finish", path="sessions/x", incarnation=1, run_id="nightly-1-160", outcome="ok")
    row = books.ask("job_runs", open=True)["rows"][0]
    assert (row["run_outcome"], row["run_began_at"]) == ("ok", books.now)


def test_old_runs_go_and_open_ones_stay(books: Books) -> None:
    rows = [fired(float(n), "due" if n == 0 else "missed") for n in range(20)]
    books.ask("job_fire", runs=rows, jobs=[])
    assert jobs.drop_old_job_runs(books.db, kept=5) == 15
    assert [row["scheduled"] for row in books.ask("job_runs")["rows"]] == [19.0, 18.0, 17.0, 16.0, 0.0]
