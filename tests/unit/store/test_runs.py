from __future__ import annotations

from typing import Any

import pytest
from tests.unit.store.books import PATH, Books, RefusedError

from wakeful_runtime.wire import unpack


def finish(books: Books, run_id: str, outcome: str = "ok", incarnation: int = 1, **more: Any) -> dict[str, Any]:
    return books.ask("finish", path=PATH, incarnation=incarnation, run_id=run_id, outcome=outcome, **more)


def test_a_run_has_one_committed_outcome_whoever_asks_again(kept: Books) -> None:
    run_id = kept.begin()["run_id"]
    assert finish(kept, run_id, form="plain", value=[1]) == {"outcome": "ok", "why": "", "first": True}
    kept.restart()
    assert finish(kept, run_id, "killed", why="late") == {"outcome": "ok", "why": "", "first": False}
    assert finish(kept, run_id, "timeout", incarnation=9)["outcome"] == "ok"
    told = kept.ask("result", run_id=run_id)
    assert (told["outcome"], told["form"], told["value"], told["partial"]) == ("ok", "plain", [1], None)
    assert [row["outcome"] for row in kept.events("finished")] == ["ok"]


def test_an_older_life_cannot_finish_the_run(books: Books) -> None:
    run_id = books.begin(1)["run_id"]
    books.begin(2)
    with pytest.raises(RefusedError) as refused:
        finish(books, run_id)
    assert refused.value.code == "fenced"
    assert books.ask("run", run_id=run_id)["outcome"] is None


def test_a_run_that_timed_out_keeps_its_last_checkpoint_as_partial_result(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.checkpoint(run_id, "half")
    finish(books, run_id, "timeout", why="run_timeout")
    told = books.ask("result", run_id=run_id)
    assert (told["outcome"], told["why"], unpack(told["partial"]["state"])) == ("timeout", "run_timeout", "half")


def test_p9_a_result_is_kept_until_taken_and_can_be_taken_again(books: Books) -> None:
    run_id = books.begin()["run_id"]
    with pytest.raises(RefusedError) as refused:
        books.ask("take_result", run_id=run_id)
    assert refused.value.code == "unfinished"
    finish(books, run_id, form="json", value='{"a":1}')
    assert books.ask("take_result", run_id=run_id)["taken"] is False
    assert books.ask("take_result", run_id=run_id)["value"] == '{"a":1}'
    assert books.ask("result", run_id=run_id)["taken"] is True


def test_runs_are_listed_newest_first(books: Books) -> None:
    first = books.begin(1)["run_id"]
    second = books.begin(2, new_run=True)["run_id"]
    books.begin(1, path="other")
    assert [row["run_id"] for row in books.ask("runs", path=PATH)["rows"]] == [second, first]
    assert len(books.ask("runs")["rows"]) == 3
    assert books.ask("run", path=PATH)["run_id"] == second
    with pytest.raises(RefusedError) as refused:
        books.ask("run", path="nobody")
    assert refused.value.code == "missing"


def test_spending_adds_up_once_per_request_over_a_store_restart(kept: Books) -> None:
    run_id = kept.begin()["run_id"]
    about = {"run_id": run_id, "path": PATH, "incarnation": 1}
    kept.ask("spend", tokens=10, cost=0.5, calls=1, **about)
    assert kept.ask("spend", request="same", tokens=5, **about) == {"tokens": 15, "cost": 0.5, "calls": 1}
    kept.restart()
    assert kept.ask("spend", request="same", tokens=5, **about) == {"tokens": 15, "cost": 0.5, "calls": 1}


@pytest.mark.parametrize("spent", [{"tokens": -1}, {"cost": -0.1}, {"cost": float("nan")}, {"calls": 2**63}])
def test_nothing_can_be_earned(books: Books, spent: dict[str, Any]) -> None:
    run_id = books.begin()["run_id"]
    with pytest.raises(RefusedError) as refused:
        books.ask("spend", run_id=run_id, path=PATH, incarnation=1, **spent)
    assert refused.value.code == "bad"
