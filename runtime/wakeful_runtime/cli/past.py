"""What happened, asked of the running node, or read from its store where none runs: history outlives processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from wakeful_runtime.cli.options import directory
from wakeful_runtime.cli.shapes import as_list, as_mapping

T = TypeVar("T")
Row = dict[str, Any]
Ask = Callable[..., Any]
"""A verb, or an operation of the store, with its arguments by name."""


def events(node: str | None, *, after: int, limit: int, path: str | None) -> list[Row]:
    """Journal rows above `after`, oldest first; the newest `limit` of them where `after` is negative."""

    def of(ask: Ask) -> list[Row]:
        return rows(ask("events", after=after, limit=limit, path=path))

    return _live_or_kept(node, of, of)


def incidents(node: str | None, *, since: str | None, open_only: bool, number: str | None) -> list[Row]:
    """Incidents, newest first; the one with `number` if that is given."""

    def live(ask: Ask) -> list[Row]:
        return rows(ask("incidents", since=since, open=open_only, id=number))

    def kept(ask: Ask) -> list[Row]:
        if number is not None:
            return [ask("incident", id=number)]
        return rows(ask("incidents", since=since, open=open_only))

    return _live_or_kept(node, live, kept)


def alerts(node: str | None, *, open_only: bool, limit: int) -> Row:
    """`{rows, routes}`: what people were told of, newest first, and how each route does."""

    def of(ask: Ask) -> Row:
        answer: Row = ask("alerts", open=open_only, limit=limit)
        return answer

    def kept(ask: Ask) -> Row:
        answer: Row = ask("notices", open=open_only, limit=limit)
        return answer

    return _live_or_kept(node, of, kept)


def why(node: str | None, path: str | None) -> Row | list[Row]:
    """`{path verdict since what facts evidence action outcome next}`; a list of the last 24 h without a path."""

    def live(ask: Ask) -> Row | list[Row]:
        answer: Row | list[Row] = ask("why", path=path)
        return answer

    def kept(ask: Ask) -> Row | list[Row]:
        from wakeful_runtime.evidence.why import of_incident
        from wakeful_runtime.evidence.why import why as explained
        from wakeful_runtime.gateway.history import gone, since_yesterday

        if path is None:
            return [of_incident(row) for row in rows(ask("incidents", since=since_yesterday()))]
        full = logged_path(node, path)
        found = [row for row in rows(ask("incidents", path=full)) if row["path"] == full]
        runs, lives = rows(ask("runs", path=full, limit=1)), rows(ask("lives", path=full, limit=1))
        row = gone(runs[0]) if runs else {"path": full, "state": "down", "why": "nothing runs it now"}
        return explained(row, found[0] if found else None, lives[0] if lives else None)

    return _live_or_kept(node, live, kept)


def checkpoints_of(node: str | None, path: str) -> list[Row]:
    """The kept checkpoints of a path's run, newest first."""

    def live(ask: Ask) -> list[Row]:
        return rows(ask("checkpoints", path=str(ask("resolve", path=path))))

    def kept(ask: Ask) -> list[Row]:
        return rows(ask("checkpoints", path=logged_path(node, path)))

    return _live_or_kept(node, live, kept)


def job_runs(node: str | None, *, job: str | None, limit: int) -> list[Row]:
    """Runs of a job, or of all, newest first."""

    def live(ask: Ask) -> list[Row]:
        return rows(ask("cron", action="runs", limit=limit, **({} if job is None else {"jobId": job})))

    def kept(ask: Ask) -> list[Row]:
        from wakeful_runtime.scheduler.runs import runs_kept

        return runs_kept(ask, job, limit)

    return _live_or_kept(node, live, kept)


def logged_path(node: str | None, name: str) -> str:
    """The path meant by a path or an unambiguous end of one, among those that have ever had a log here.

    Raises:
        NodeError: none, or more than one; with the candidates.
        NoNode: no node has ever run there.
    """
    from wakeful_runtime.clients.client import NoNode
    from wakeful_runtime.gateway.naming import find_row

    where = directory(node)
    if not where.logs.is_dir():
        raise NoNode(f"no node has run in {where.root}")
    known = [{"path": file.stem.replace("~", "/")} for file in where.logs.glob("*.log")]
    if name != "keeper" and all(row["path"] == "keeper" for row in known):
        raise NoNode(f"no tree has run in {where.root} yet; what was tried is in `wakeful logs keeper`")
    return str(find_row(known, name)["path"])


def rows(answer: Any) -> list[Row]:
    """The rows of an answer: the list itself, or the store's `rows`."""
    return as_list(as_mapping(cast("object", answer))["rows"] if isinstance(answer, dict) else answer)


def _live_or_kept(node: str | None, live: Callable[[Ask], T], kept: Callable[[Ask], T]) -> T:
    """From the running node if there is one, else from its store.

    Raises:
        NoNode: no node runs, and none has ever kept anything there.
        NodeError: the answer is an error.
    """
    from wakeful_runtime.clients.client import Client, NoNode

    where = directory(node)
    try:
        with Client(where.root) as client:

            def ask(verb: str, **arguments: Any) -> Any:
                return client.call(verb, arguments)

            return live(ask)
    except NoNode:
        if not where.store.exists():
            raise
    from wakeful_runtime.store.reader import reader

    with reader(where.store) as store:
        return kept(store.request)
