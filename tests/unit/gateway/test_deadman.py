"""The switch on the scheduler: it finds the one that answers and does nothing, and the one that doesn't answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.store.books import Books

from wakeful.errors import NodeError
from wakeful_runtime.gateway.deadman import AWAY_S, EVERY_S, STILL_S, DeadMan
from wakeful_runtime.store.client import StoreAway


class Watched:
    """A scheduler that is played, and the switch on it."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.now = 1000.0
        self.turned_at = 1000.0
        self.answers = True
        self.away = 0.0
        self.kills = 0
        self.lost = ""
        self.switch = self.gateway()

    def gateway(self) -> DeadMan:
        return DeadMan(self, self.call, clock=lambda: self.now, wall=lambda: 1_000_000.0 + self.now)

    async def call(self, verb: str) -> Any:
        if verb == "kill":
            self.kills += 1
            return {}
        if not self.answers:
            raise NodeError("scheduler did not answer within 10 s")
        return {"turned_s": self.now - self.turned_at}

    async def request(self, op: str, *, timeout: float | None = None, **arguments: Any) -> dict[str, Any]:
        answer = self.books.ask(op, **arguments) if self.lost != "request" or op != "incident_open" else {}
        if self.lost and op == "incident_open":
            raise StoreAway("it did not answer")
        return answer

    def away_for(self) -> float:
        return self.away

    async def look_for(self, seconds: float, *, turns: bool = False) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += EVERY_S
            self.turned_at = self.now if turns else self.turned_at
            await self.switch.look()

    def incidents(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.books.ask("incidents")["rows"]
        return rows


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched(Books())
    yield made
    made.books.close()


async def test_one_that_turns_is_left_alone(watched: Watched) -> None:
    await watched.look_for(600.0, turns=True)
    assert (watched.incidents(), watched.kills, watched.switch.trouble) == ([], 0, "")


@pytest.mark.parametrize("answers", [True, False])
async def test_one_that_stands_still_is_told_of_and_ended_and_its_recovery_is_told(
    watched: Watched, answers: bool
) -> None:
    watched.answers = answers
    await watched.look_for(STILL_S)
    assert watched.incidents() == []
    await watched.look_for(EVERY_S)
    assert [(row["verdict"], row["severity"]) for row in watched.incidents()] == [("stands_still", "critical")]
    assert watched.kills == 1 and "stands still" in watched.switch.trouble
    await watched.look_for(STILL_S)
    assert watched.kills > 1 and len(watched.incidents()) == 1
    watched.answers = True
    await watched.look_for(EVERY_S, turns=True)
    assert str(watched.incidents()[0]["outcome"]).startswith("recovered")
    assert watched.switch.trouble == ""


async def test_a_gateway_closes_what_the_one_before_it_has_opened(watched: Watched) -> None:
    await watched.look_for(STILL_S + EVERY_S)
    watched.switch = watched.gateway()
    await watched.look_for(EVERY_S, turns=True)
    assert watched.incidents()[0]["closed_at"] is not None


async def test_a_store_that_is_away_and_a_gateway_that_was_held_up_accuse_nobody(watched: Watched) -> None:
    watched.away = 2 * AWAY_S
    await watched.look_for(300.0)
    watched.away = 0.0
    watched.now += 3600.0
    await watched.switch.look()
    assert (watched.incidents(), watched.kills) == ([], 0)


async def test_a_request_that_is_under_way_hides_no_standstill(watched: Watched) -> None:
    watched.away = AWAY_S / 4
    await watched.look_for(STILL_S + EVERY_S)
    assert (len(watched.incidents()), watched.kills) == (1, 1)


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_a_standstill_that_could_not_be_written_is_ended_and_written_once(watched: Watched, lost: str) -> None:
    watched.lost = lost
    await watched.look_for(STILL_S + EVERY_S)
    assert watched.kills == 1
    watched.lost = ""
    await watched.look_for(STILL_S)
    assert len(watched.incidents()) == 1
    await watched.look_for(EVERY_S, turns=True)
    assert watched.incidents()[0]["closed_at"] is not None


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_one_that_turns_again_before_it_was_written_leaves_nothing_open(watched: Watched, lost: str) -> None:
    watched.lost = lost
    await watched.look_for(STILL_S + EVERY_S)
    await watched.look_for(600.0, turns=True)
    assert all(row["closed_at"] is not None for row in watched.incidents())
