"""What people may have to be told: incidents and journal events, brought into one shape."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict

Row = Mapping[str, Any]
Mask = Callable[[str], str]
State = Literal["open", "recovered", "over"]

_WITH_INCIDENT = frozenset({"unkillable"})
"""Verdicts whose journal entry only repeats what an incident says."""

_DONE = {
    "restart": "its life is ended and it is started again from its last checkpoint",
    "review": "it is parked: nothing of it runs",
    "stop": "its run is ended",
    "alert": "nothing is ended for this",
}
_GOES_ON = "the node runs on"
"""Of a keeper that is gone alone; when all of the node died, init's end tells of it."""

_ABOVE = {
    "init": "warning",
    "gateway": "warning",
    "keeper": "error",
}
"""Processes without a supervisor that could open an incident, and how grave it is that they are gone."""


class Finding(BaseModel):
    """One thing that happened to one path, in words without secrets.

    Attributes:
        key: of the incident, or names the event: told again, it is the same finding.
        what, where, done, advice: one line each; `advice` is what a person should do.
        commands: to type, after `wakeful`; the first one is the one to begin with.
        since: when it began, seconds since the epoch.
        state: `recovered` and `over` need nobody any more.
        needs: it stands still until a person acts.
        acked: somebody has said that they know.
        agent: what the session was started from, if it was.
        not_for: the route that can't be told of it: it is the trouble.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    path: str
    verdict: str
    severity: str
    what: str
    since: float
    where: str = ""
    done: str = ""
    advice: str = ""
    commands: tuple[str, ...] = ()
    incarnation: int = 0
    state: State = "open"
    needs: bool = False
    acked: bool = False
    agent: str = ""
    not_for: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What labels are compared with: the path, its last part (a session's label), the agent."""
        return tuple(name for name in (self.path, self.path.rpartition("/")[2], self.agent) if name)

    @property
    def subject(self) -> str:
        """Findings of one subject are the same trouble."""
        return f"{self.path} {self.verdict}"


def of_incident(row: Row, mask: Mask) -> Finding:
    """An incident as the store keeps it; from what was found, never from logs, tasks or dumps: they hold secrets."""
    path, facts, evidence = str(row["path"]), _mapping(row, "facts"), _mapping(row, "evidence")
    outcome, action = str(row.get("outcome") or ""), str(row.get("action") or "")
    state = _state(row, outcome)
    needs = action == "review" and state == "open"
    lease = _mapping(evidence, "lease").get("what")
    where = f"at {evidence['line']}" if evidence.get("line") else ""
    where += f"{' ' if where else ''}in {lease!r}" if lease else ""
    told = outcome or "its outcome is still open"
    return Finding(
        key=str(row["id"]),
        path=path,
        incarnation=int(row.get("incarnation") or 0),
        verdict=str(row["verdict"]),
        severity=str(row["severity"]),
        what=mask(_words(row, facts)),
        since=_since(facts.get("since"), row),
        where=mask(where),
        done=mask(f"{_DONE.get(action, action or 'nothing')}; {told}"),
        advice=_advice(state, needs=needs, unkillable=row["verdict"] == "unkillable"),
        commands=(f"resume {path}", f"why {path}") if needs else (f"why {path}",),
        state=state,
        needs=needs,
        acked=row.get("acked_at") is not None,
        agent=str(facts.get("agent") or ""),
    )


def of_event(row: Row, mask: Mask) -> Finding | None:
    """A journal row; None: nobody has to be told."""
    match row["event"]:
        case "alert":
            return _of_alert(row, mask)
        case "missed":
            what = f"its run of {row.get('scheduled') or 'a time'} was missed: {_told(row)}"
            return _plain(row, mask, "missed", what, (f"cron runs {shlex.quote(str(row.get('job') or ''))}".strip(),))
        case "deadletter":
            what = f"a message to it is a dead letter: {_told(row)}"
            return _plain(row, mask, "deadletter", what, ("deadletters",))
        case "escalated" if row.get("what"):
            return _plain(row, mask, "escalated", f"it gave up and is started anew: {row['what']}")
        case "exited" if row["path"] in _ABOVE and row.get("what"):
            return None if row["path"] == "keeper" and _GOES_ON not in row["what"] else _of_above(row, mask)
        case _:
            return None


def _of_alert(row: Row, mask: Mask) -> Finding | None:
    verdict = str(row.get("verdict") or "alert")
    if verdict in _WITH_INCIDENT:
        return None
    found = _plain(row, mask, verdict, _told(row), severity=str(row.get("severity") or "warning"))
    if verdict == "run_timeout":  # there may be an incident of this life as well
        key = f"{row['path']}#{row.get('incarnation')}"
        return found.model_copy(update={"key": key, "done": "its run is over: outcome timeout"})
    return found.model_copy(update={"done": str(row.get("done") or "nothing is ended for this")})


def _of_above(row: Row, mask: Mask) -> Finding:
    path = str(row["path"])
    found = _plain(row, mask, "exited", str(row["what"]), ("status",), severity=_ABOVE[path])
    if path == "keeper":
        return found
    return found.model_copy(update={"state": "recovered", "done": "another one has taken its place"})


def _plain(
    row: Row, mask: Mask, verdict: str, what: str, commands: tuple[str, ...] = (), *, severity: str = "warning"
) -> Finding:
    """A finding that is over when it is told: the journal doesn't come back to it."""
    path = str(row["path"])
    return Finding(
        key=f"event:{row['seq']}",
        path=path,
        incarnation=int(row.get("incarnation") or 0),
        verdict=verdict,
        severity=severity,
        what=mask(what),
        since=_since(None, row),
        advice="look at it when you have time",
        commands=commands or _commands(row),
        state="over",
    )


def _commands(row: Row) -> tuple[str, ...]:
    """What whoever told of it says to type, else the command that explains a path."""
    given = row.get("next")
    return (str(given).removeprefix("wakeful "),) if given else (f"why {row['path']}",)


def _told(row: Row) -> str:
    for key in ("words", "why", "what", "error", "reason"):
        if row.get(key):
            return str(row[key])
    return str(row.get("verdict") or row["event"])


def _words(row: Row, facts: dict[str, Any]) -> str:
    """What was found, without the kind of the end in front, which is often the verdict again."""
    words = str(facts.get("words") or row["verdict"])
    return words.removeprefix(f"{facts.get('kind')}: ") or words


def _state(row: Row, outcome: str) -> State:
    if row.get("closed_at") is None:
        return "open"
    return "recovered" if outcome.startswith(("recovered", "the run is over: ok")) else "over"


def _advice(state: State, *, needs: bool, unkillable: bool) -> str:
    if unkillable and needs:
        return "free what it hangs on (a dead disk or network mount); it goes on when the process is gone"
    if needs:
        return "look why, then let it go on"
    return "nothing: it goes on by itself" if state == "open" else "nothing"


def _since(value: object, row: Row) -> float:
    if isinstance(value, int | float) and value > 0:
        return float(value)
    return datetime.fromisoformat(str(row.get("opened_at") or row["at"])).timestamp()


def _mapping(row: Row, key: str) -> dict[str, Any]:
    value = row.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
