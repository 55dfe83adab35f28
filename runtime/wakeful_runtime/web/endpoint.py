"""One route of the API: check the arguments, call the node, answer with the same JSON as everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar, cast

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from wakeful.errors import WakefulError
from wakeful_runtime.contract.verbs import Verb
from wakeful_runtime.contract.written import as_json
from wakeful_runtime.web.bodies import read_object
from wakeful_runtime.web.problems import Problem, of_error, of_validation

CALLS_AT_ONCE = 64
"""Calls under way for all clients together; waits count."""

LONGEST_WAIT_S = 30.0
"""What one request may wait for an outcome or a reply: proxies and browsers give up on those that are silent longer."""

T = TypeVar("T")


class Call(Protocol):
    """Asks the node (`clients.calling.Calling.call`)."""

    def __call__(self, verb: str, args: dict[str, Any], /) -> Awaitable[Any]: ...


class Seats:
    """So many at once, the next one is told to come again."""

    def __init__(self, seats: int, of: str) -> None:
        self._free = seats
        self._full = f"{seats} {of} already; try again"

    def __enter__(self) -> None:
        if self._free <= 0:
            raise Problem(429, self._full)
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


class VerbEndpoint:
    """`POST /v1/VERB`."""

    def __init__(self, verb: Verb, call: Call, seats: Seats) -> None:
        self._verb = verb
        self._call = call
        self._seats = seats

    async def __call__(self, request: Request) -> Response:
        """Starlette's way in."""
        with self._seats:
            args = await read_object(request)
            answer = await unless_gone(request, ask(self._call, self._verb, args))
        return Response(as_json(answer), self._status(answer), media_type="application/json")

    def _status(self, answer: Any) -> int:
        if not self._verb.problems or not isinstance(answer, dict):
            return 200
        return self._verb.problems.get(str(cast("dict[str, Any]", answer).get("status")), 200)


async def ask(call: Call, verb: Verb, args: dict[str, Any]) -> Any:
    """The node's answer.

    Raises:
        Problem: the arguments can't be right, or the node can't do it.
    """
    try:
        sent = verb.arguments.model_validate(args).sent(args)
    except ValidationError as error:
        raise of_validation(verb.name, error) from None
    try:
        return await call(verb.name, _bounded(sent) if verb.waits else sent)
    except WakefulError as error:
        raise of_error(error) from None


def _bounded(args: dict[str, Any]) -> dict[str, Any]:
    """No wait is longer than a request may be."""
    if "timeoutSeconds" not in args:
        return args
    return {**args, "timeoutSeconds": min(args["timeoutSeconds"], LONGEST_WAIT_S)}


async def unless_gone(request: Request, answer: Awaitable[T]) -> T:
    """The answer, unless its client leaves before: then nobody waits for it, and its seat is free.

    Raises:
        Problem: the client is gone; nobody reads it.
    """
    asking = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(left(request.receive))
    try:
        await asyncio.wait((asking, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            raise Problem(408, "the client is gone")
        return asking.result()
    finally:
        asking.cancel()
        leaving.cancel()


async def left(receive: Receive) -> None:
    """Until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
