"""The gateway's part: what waits for an acknowledgement goes on with it, and a route that fails is no good health."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.alerts.office import Office, finding
from tests.unit.store.books import Books
from tests.unit.store.test_rows import open_incident

from wakeful import Alert, Gateway
from wakeful.errors import NodeError
from wakeful_runtime.gateway import alerts as module
from wakeful_runtime.gateway.alerts import Alerts
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.verbs import Verbs


class Desk:
    """The verbs on a store in memory; other verbs of the gateway are noted."""

    def __init__(self, books: Books, *alerts: Alert | str) -> None:
        self.books = books
        self.rows: list[dict[str, Any]] = []
        self.called: list[tuple[str, dict[str, Any]]] = []
        self.herald: Any = []
        self.away = False
        self.refusal: Exception | None = None
        lines = cast("Lines", SimpleNamespace(store=SimpleNamespace(request=self._request)))
        system = cast("Verbs", SimpleNamespace(ask=self._ask))
        self.alerts = Alerts(Gateway(alerts=list(alerts)).plan(), lines, system, self._call)

    def do(self, verb: str, **args: Any) -> Any:
        return asyncio.run(cast("Any", self.alerts.verbs[verb](args)))

    async def _request(self, op: str, *, timeout: float, **arguments: Any) -> dict[str, Any]:
        if self.away:
            raise NodeError("away")
        return self.books.ask(op, **arguments)

    async def _ask(self, path: str, verb: str, args: dict[str, Any]) -> Any:
        if isinstance(self.herald, Exception):
            raise self.herald
        return self.herald

    async def _call(self, verb: str, args: dict[str, Any]) -> Any:
        self.called.append((verb, args))
        if verb == "resume" and self.refusal is not None:
            raise self.refusal
        return self.rows


@pytest.mark.parametrize(
    ("state", "why", "resumes"),
    [
        ("review", "alert_first: exited: killed", True),
        ("review", "3 failures in a row without progress", False),
        ("running", "alert_first: exited: killed", False),
    ],
)
def test_only_what_waits_for_an_acknowledgement_goes_on_with_it(
    books: Books, state: str, why: str, resumes: bool
) -> None:
    desk = Desk(books)
    desk.rows = [{"path": "x", "state": "review", "why": "alert_first"}, {"path": "a/b", "state": state, "why": why}]
    open_incident(books, "a/b#1")
    told = desk.do("ack", id="a/b#1")
    who = {"no": None, "incident": "a/b#1", "path": "a/b", "first": True}
    assert told == {**who, "resumed": resumes, "not_resumed": ""}
    assert (("resume", {"path": "a/b"}) in desk.called) is resumes


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (NodeError("a/b is running: it does not wait for anybody"), "a/b is running: it does not wait for anybody"),
        (TimeoutError(), "its monitor does not answer"),
    ],
)
def test_an_acknowledgement_is_kept_and_answered_though_nothing_is_left_to_resume(
    books: Books, refusal: Exception, why: str
) -> None:
    desk = Desk(books)
    desk.rows = [{"path": "a/b", "state": "review", "why": "alert_first: exited: killed"}]
    desk.refusal = refusal
    open_incident(books, "a/b#1")
    told = desk.do("ack", id="a/b#1")
    assert (told["first"], told["resumed"], told["not_resumed"]) == (True, False, why)
    assert desk.do("ack", id="a/b#1")["first"] is False


def test_a_route_is_trouble_when_it_fails_for_a_minute(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(books, "env:MAIL", "env:CHAT")
    office = Office([Alert("env:MAIL")], down={"env:MAIL": None})
    office.take(finding())
    office.wait(5)
    books.ask(
        "herald_commit", notices=[], states=[office.book.states["env:MAIL"].model_dump(mode="json")], forgotten=[]
    )
    assert asyncio.run(desk.alerts.trouble()) == ""  # it began after the clock's now
    monkeypatch.setattr(module, "FAILING_S", -1e12)
    assert asyncio.run(desk.alerts.trouble()) == "alerts do not get out by env:MAIL (HTTP 503): see `wakeful alerts`"
    desk.away = True
    assert asyncio.run(desk.alerts.trouble()) == ""


def test_every_route_of_the_tree_is_listed_with_when_it_opens(books: Books) -> None:
    desk = Desk(books, Alert("discord://id/token", when="mon 03:00-03:01", otherwise="env:PAGER", least="error"))
    first, second = desk.do("alerts")["routes"]
    assert (first["otherwise"], first["least"], first["error"]) == ("env:PAGER", "error", "")
    assert first["opens_at"] is not None
    assert second["opens_at"] is None
    assert "token" not in str(first)


def test_a_trial_without_routes_or_without_a_herald_says_what_to_do(books: Books) -> None:
    with pytest.raises(NodeError, match=r"write Gateway\(…, alerts="):
        Desk(books).do("alerts_test")
    desk = Desk(books, "env:MAIL")
    desk.herald = TimeoutError()
    with pytest.raises(NodeError, match="wakeful logs herald"):
        desk.do("alerts_test")
    desk.herald = [{"route": "env:MAIL", "ok": True, "error": ""}]
    assert desk.do("alerts_test") == desk.herald
