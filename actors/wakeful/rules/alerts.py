"""Who is told what, and when: one alert per incident, cooldown, storms, recovery, escalation. Pure.

What is told next is kept per notice and route until that route has it (`notices`). Several that wait for the same
route go out as one summary. Nothing is dropped: what a route can't take now waits, and what it is told then is how
things are then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wakeful.rules.deliveries import Batch, Item, RouteState, together
from wakeful.rules.findings import Finding
from wakeful.rules.notices import ENDS, Notice, Stage, Telling
from wakeful.rules.ownfindings import FLOOD, flood, route_fails
from wakeful.rules.routes import Route, Routes, placed, rank

FAILING_S = 300.0
"""A route that takes nothing for so long is itself an alert, on the others."""

MOST_LIVE = 2000
"""Notices that are open or wait; what comes on top is counted in one."""

SHORTEST_JOIN_S = 600.0
"""What follows the same trouble within this, or the longest cooldown, is counted with it."""


class Book:
    """All that is open or still to be told. Changes are collected in `changed` until they are written down.

    Args:
        routes: of the tree.
        notices, states: as they were written down last.
        last_no: the highest number a notice has had.
    """

    def __init__(
        self,
        routes: Routes,
        notices: Iterable[Notice] = (),
        states: Iterable[RouteState] = (),
        *,
        last_no: int = 0,
    ) -> None:
        self.routes = routes
        self.notices = {notice.no: notice for notice in notices}
        kept = {state.name: state for state in states}
        self.states = {name: kept.get(name) or RouteState(name=name) for name in routes}
        self.changed: set[int] = set()
        self.changed_routes: set[str] = set()
        self._last_no = max([last_no, *self.notices])
        self._join_s = max([SHORTEST_JOIN_S, *(route.cooldown for route in routes.values())])
        self._of_key = {key: notice.no for notice in self.notices.values() for key in notice.keys}
        self._of_subject = {notice.finding.subject: no for no, notice in sorted(self.notices.items())}
        for notice in self.notices.values():
            self._take_up(notice)

    # what has happened

    def take(self, finding: Finding, now: float) -> None:
        """News of something that happened: the first, or another one of the same finding."""
        notice = self.notices.get(self._of_key.get(finding.key, 0))
        if notice is not None:
            if finding.key == notice.keys[-1] and finding != notice.finding:
                self._updated(notice, finding, now)
            return
        if not self._concerns(finding) or (finding.acked and finding.state != "open"):
            return
        earlier = self._earlier(finding, now)
        if earlier is not None:
            self._repeated(earlier, finding, now)
        elif len(self.notices) >= MOST_LIVE and finding.verdict != FLOOD:
            self.take(flood(finding, MOST_LIVE), now)
        else:
            self._new(finding, now)

    def acked(self, no: int, now: float) -> None:
        """Somebody knows: nobody else is asked."""
        notice = self.notices.get(no)
        if notice is not None and notice.acked_at is None:
            notice.acked_at = now
            for telling in notice.tellings.values():
                if telling.wanted == "escalation" and not telling.sending:
                    telling.wanted = None
            self.changed.add(no)

    def tick(self, now: float) -> None:
        """Time has passed: escalate, tell of routes that fail, forget what is over and told."""
        for notice in list(self.notices.values()):
            self._escalate(notice, now)
        for state in self.states.values():
            since = state.failing_since
            if since is not None and now - since >= FAILING_S:
                self.take(route_fails(state, since), now)
        for notice in list(self.notices.values()):
            silent = now - max(notice.last_at, notice.opened_at) > self._join_s
            if silent and notice.state != "open" and not notice.waits:
                self._forget(notice)

    def knows(self, key: str) -> bool:
        """Whether this finding is part of a notice that is still looked after."""
        return key in self._of_key

    def take_over(self, other: Book) -> None:
        """Take in the notices of a book that was kept while the written one could not be read."""
        for notice in other.notices.values():
            if not self.knows(notice.keys[-1]):
                self._last_no += 1
                notice.no = self._last_no
                self.notices[notice.no] = notice
                self._of_key |= dict.fromkeys(notice.keys, notice.no)
                self._of_subject[notice.finding.subject] = notice.no
                self.changed.add(notice.no)

    # what is to be sent

    def batch(self, name: str, now: float) -> Batch | None:
        """The next message for a route, if one is due and the route can take it."""
        route, state = self.routes[name], self.states[name]
        if state.next_at > now or not route.open(now):
            return None
        waiting = [(notice, telling) for notice, telling in self.waiting(name) if telling.due <= now]
        count = together([telling for _, telling in waiting], state, now)
        waiting.sort(key=lambda each: (-rank(each[0].severity), each[1].since))
        items = tuple(Item(notice, telling.wanted or "alert") for notice, telling in waiting[:count])
        return Batch(name, items) if items else None

    def waiting(self, name: str) -> Iterator[tuple[Notice, Telling]]:
        """What a route is still to be told."""
        for notice in self.notices.values():
            telling = notice.tellings.get(name)
            if telling is not None and telling.wanted is not None:
                yield notice, telling

    def begun(self, batch: Batch) -> None:
        """It is about to be sent: written down before, an attempt that nobody has seen the end of is known for one."""
        for item in batch.items:
            telling = item.notice.telling(batch.route)
            telling.sending = True
            telling.tries += 1
            self.changed.add(item.notice.no)

    def sent(self, batch: Batch, now: float) -> None:
        """It has arrived."""
        for item in batch.items:
            item.notice.telling(batch.route).sent(item.stage, now, item.notice.repeats)
            self.changed.add(item.notice.no)
        self.works(batch.route, now, counts=True)

    def withdrawn(self, batch: Batch) -> None:
        """It was not sent after all."""
        for item in batch.items:
            item.notice.telling(batch.route).failed(item.stage, perhaps=False)
            self.changed.add(item.notice.no)

    def works(self, name: str, now: float, *, counts: bool = False) -> None:
        """The route has taken a message; one that counts for storms, or a test."""
        state = self.states[name]
        if state.failing_since is not None and now - state.failing_since >= FAILING_S:
            fails = route_fails(state, state.failing_since)
            self.take(fails.model_copy(update={"state": "recovered", "done": "it takes messages again"}), now)
        state.works(now, counts=counts)
        self.changed_routes.add(name)

    def failed(self, batch: Batch, now: float, error: str, *, pause: float | None, perhaps: bool, luck: float) -> None:
        """It has not, or nobody knows (`perhaps`); it is tried again for ever."""
        for item in batch.items:
            item.notice.telling(batch.route).failed(item.stage, perhaps=perhaps)
            self.changed.add(item.notice.no)
        self.fails(batch.route, now, error, pause=pause, luck=luck)

    def fails(self, name: str, now: float, error: str, *, pause: float | None = None, luck: float = 0.5) -> None:
        """The route takes no messages now; as `RouteState.fails`."""
        self.states[name].fails(now, error, pause=pause, luck=luck)
        self.changed_routes.add(name)

    # inside

    def _new(self, finding: Finding, now: float) -> None:
        self._last_no += 1
        notice = Notice(
            no=self._last_no,
            keys=[finding.key],
            finding=finding,
            severity=finding.severity,
            opened_at=now,
            last_at=now,
            acked_at=now if finding.acked else None,
        )
        self.notices[notice.no] = notice
        self._of_key[finding.key] = self._of_subject[finding.subject] = notice.no
        self._tell(notice, "alert", now)

    def _updated(self, notice: Notice, finding: Finding, now: float) -> None:
        was = notice.state
        graver = notice.update(finding)
        self.changed.add(notice.no)
        if finding.acked:
            self.acked(notice.no, now)
        if graver:
            self._tell(notice, "raised", now)
        elif was == "open" and finding.state != "open":
            notice.last_at = now
            self._ended(notice, now)

    def _repeated(self, notice: Notice, finding: Finding, now: float) -> None:
        before = notice.keys
        graver = notice.repeat(finding, now)
        for key in set(before) - set(notice.keys):
            self._of_key.pop(key, None)
        self._of_key[finding.key] = notice.no
        self._tell(notice, "raised" if graver else "again", now)

    def _ended(self, notice: Notice, now: float) -> None:
        """Those who were told of the trouble are told of its end; `not recovered` has the next incident follow it."""
        if notice.state == "over" and "not recovered" in notice.finding.done:
            return
        for telling in notice.tellings.values():
            if telling.wanted == "escalation" and not telling.sending:
                telling.wanted = None
            if telling.sending or (telling.told is not None and telling.told not in ENDS):
                telling.want("recovered" if notice.state == "recovered" else "over", now)

    def _tell(self, notice: Notice, stage: Stage, now: float) -> None:
        self.changed.add(notice.no)
        for route in self._first(notice):
            telling = notice.telling(placed(self.routes, route, notice.severity, notice.finding.names, now).name)
            if stage == "again" and telling.told_at is not None:
                telling.want("again", now, due=telling.told_at + route.cooldown)
            else:
                telling.want("alert" if telling.told is None else stage, now)

    def _first(self, notice: Notice) -> Iterator[Route]:
        for route in self.routes.values():
            if (
                route.first
                and route.name != notice.finding.not_for
                and route.wants(notice.severity, notice.finding.names)
            ):
                yield route

    def _escalate(self, notice: Notice, now: float) -> None:
        if notice.state != "open" or notice.acked_at is not None:
            return
        for name, telling in list(notice.tellings.items()):
            route = self.routes.get(name)
            above = self.routes.get((route.escalate if route else None) or "")
            if route is None or above is None:
                continue
            since = telling.told_at if telling.told_at is not None else telling.since if self._fails(name) else None
            if since is None or now - since < route.escalate_after:
                continue
            asked = placed(self.routes, above, notice.severity, notice.finding.names, now).name
            if not {above.name, asked} & notice.tellings.keys():
                notice.telling(asked).want("escalation", now)
                self.changed.add(notice.no)

    def _fails(self, name: str) -> bool:
        state = self.states.get(name)
        return state is not None and state.failing_since is not None

    def _concerns(self, finding: Finding) -> bool:
        return rank(finding.severity) >= rank("warning") or any(
            route.wants(finding.severity, finding.names) for route in self.routes.values()
        )

    def _earlier(self, finding: Finding, now: float) -> Notice | None:
        """The same trouble of a short while ago: this is the next of it."""
        notice = self.notices.get(self._of_subject.get(finding.subject, 0))
        return notice if notice is not None and now - notice.last_at <= self._join_s else None

    def _take_up(self, notice: Notice) -> None:
        """After a start: an attempt that was under way may have arrived; what waits for a route that is no part of
        the tree any more goes to those that are."""
        for name, telling in list(notice.tellings.items()):
            if telling.sending:
                telling.sending, telling.perhaps = False, True
                self.changed.add(notice.no)
            if telling.wanted is not None and self.routes and name not in self.routes:
                stage, telling.wanted = telling.wanted, None
                self._tell(notice, stage, telling.since)

    def _forget(self, notice: Notice) -> None:
        del self.notices[notice.no]
        for key in notice.keys:
            self._of_key.pop(key, None)
        if self._of_subject.get(notice.finding.subject) == notice.no:
            del self._of_subject[notice.finding.subject]
