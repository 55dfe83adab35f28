"""The application: routes below the guard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from wakeful_runtime.contract.fields import Seq
from wakeful_runtime.contract.verbs import VERBS, Verb
from wakeful_runtime.contract.written import as_json
from wakeful_runtime.web.address import Names
from wakeful_runtime.web.endpoint import CALLS_AT_ONCE, Call, Seats, VerbEndpoint, ask, unless_gone
from wakeful_runtime.web.guard import Guard
from wakeful_runtime.web.journalstream import STREAMS, JournalStream, Page
from wakeful_runtime.web.openapi import document
from wakeful_runtime.web.problems import HANDLERS, Problem
from wakeful_runtime.web.token import Door

EVENT_STREAM = "text/event-stream"
_QUERY = frozenset({"after", "path", "limit"})
_SEQ: TypeAdapter[int] = TypeAdapter(Seq)


def application(
    *,
    names: Names,
    door: Door,
    url: str,
    call: Call,
    journal: Callable[[str | None], Page],
    stopping: asyncio.Event,
    beside: ASGIApp | None = None,
) -> ASGIApp:
    """The web of one node.

    Args:
        url: where it is found, for the OpenAPI document.
        call: asks the gateway.
        journal: pages of the journal, of one path or of all.
        stopping: set when streams have to end.
        beside: the MCP server at /mcp; None: it isn't installed.
    """
    seats = Seats(CALLS_AT_ONCE, "calls are under way")
    described = as_json(document(list(VERBS.values()), url))

    async def openapi(request: Request) -> Response:
        return Response(described, media_type="application/json")

    routes: list[BaseRoute] = [_route("/openapi.json", openapi, "GET")]
    for verb in VERBS.values():
        post = VerbEndpoint(verb, call, seats)
        if verb.name == "events":
            get = JournalEndpoint(verb, call, seats, journal, stopping)
            routes.append(_either(f"/v1/{verb.name}", get, post))
        else:
            routes.append(_route(f"/v1/{verb.name}", post, "POST"))
    routes.append(Route("/mcp", beside or _no_mcp, methods=["GET", "POST", "DELETE"]))
    guard = Middleware(Guard, names=names, door=door)
    return Starlette(routes=routes, middleware=[guard], exception_handlers=HANDLERS)


class JournalEndpoint:
    """`GET /v1/events`: a page, or the stream for who accepts one."""

    def __init__(
        self,
        verb: Verb,
        call: Call,
        seats: Seats,
        journal: Callable[[str | None], Page],
        stopping: asyncio.Event,
    ) -> None:
        self._verb = verb
        self._call = call
        self._seats = seats
        self._journal = journal
        self._stopping = stopping
        self._streams = Seats(STREAMS, "streams are open")

    async def __call__(self, request: Request) -> Any:
        """Starlette's way in."""
        args = _query(request)
        if EVENT_STREAM in request.headers.get("accept", ""):
            return JournalStream(self._journal(args.get("path")), args.get("after"), self._stopping, self._streams)
        with self._seats:
            answer = await unless_gone(request, ask(self._call, self._verb, args))
        return Response(as_json(answer), media_type="application/json")


def _query(request: Request) -> dict[str, Any]:
    """The query as arguments; Last-Event-ID wins over `after`: it is what a browser knows of its last connection."""
    found: dict[str, Any] = {}
    for key, text in request.query_params.multi_items():
        if key not in _QUERY or key in found:
            raise Problem(422, f"events: write each of {', '.join(sorted(_QUERY))} at most once; there is no other key")
        found[key] = text if key == "path" else _number(key, text)
    last = request.headers.get("last-event-id")
    if last is not None:
        found["after"] = _number("Last-Event-ID", last)
    return found


def _number(key: str, text: str) -> int:
    try:
        if text.isascii() and text.isdecimal() and len(text) < 20:
            return _SEQ.validate_python(int(text))
    except ValidationError:
        pass
    raise Problem(422, f"events: {key} is the seq of an entry, a whole number, not {text!r}")


def _route(path: str, endpoint: Any, method: str) -> Route:
    return _only(Route(path, _plain(endpoint), methods=[method]), method)


def _either(path: str, get: Any, post: Any) -> Route:
    async def both(request: Request) -> Any:
        return await (get if request.method == "GET" else post)(request)

    return _only(Route(path, both, methods=["GET", "POST"]), "GET", "POST")


def _plain(endpoint: Any) -> Any:
    """A function: an object that can be called, Starlette takes for an application of its own."""

    async def answer(request: Request) -> Any:
        return await endpoint(request)

    return answer


def _only(route: Route, *methods: str) -> Route:
    """No HEAD: it would begin what GET begins."""
    route.methods = set(methods)
    return route


async def _no_mcp(request: Request) -> Response:
    raise Problem(404, "the MCP server is not installed here: pip install 'wakeful[mcp]', then start the node anew")
