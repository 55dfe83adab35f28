"""What goes wrong, as one line a person understands, with the right HTTP status."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wakeful.errors import CodecError, WakefulError
from wakeful_runtime.clients.calling import CallRefused

AGAIN_S = "1"
"""What a client that was too many should wait."""

STATUS_OF = {
    "missing": 404,
    "no_verb": 404,
    "bad": 422,
    "busy": 429,
    "full": 429,
    "away": 503,
}
"""HTTP statuses by `gateway.refusals.code_of`; any other refusal is a conflict with how things are."""

CONFLICT = 409
MEANINGS = {
    400: "The body is no JSON.",
    401: "No token, or not the right one.",
    403: "Not from this host or page; or a limit of the node.",
    404: "There is no such session, path, agent or verb.",
    405: "Another method is needed.",
    408: "The body did not come in time.",
    409: "It can't be done as things are.",
    413: "The body is too large.",
    415: "The body must be application/json.",
    422: "The arguments can't be right.",
    429: "Too much is under way; ask again after Retry-After seconds.",
    503: "The gateway or the store is away; ask again after Retry-After seconds.",
}


class Problem(Exception):
    """An answer that is no success.

    Args:
        status: HTTP's.
        error: one line for people: what is wrong, and what to do.
    """

    def __init__(self, status: int, error: str, **headers: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def problem(found: Problem) -> Response:
    """`{status: "error", error}`: the shape in which verbs refuse, too."""
    headers = dict(found.headers)
    if found.status in (429, 503):
        headers.setdefault("Retry-After", AGAIN_S)
    body = {"status": "error", "error": found.error}
    return JSONResponse(body, status_code=found.status, headers=headers)


def of_error(error: WakefulError) -> Problem:
    """What a failed call to the node is over HTTP."""
    if isinstance(error, CallRefused):
        return Problem(STATUS_OF.get(error.code, CONFLICT), str(error))
    if isinstance(error, CodecError):
        return Problem(422, str(error))
    return Problem(503, str(error))  # no answer in time, or no node


def of_validation(verb: str, error: ValidationError) -> Problem:
    """The first thing that is wrong with the arguments, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("function-", "constrained-")))
    what = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error" and not where:
        return Problem(422, what)
    return Problem(422, f"{verb}: {where or 'the body'}: {what[:1].lower()}{what[1:]}")


async def answer_problem(request: Request, error: Exception) -> Response:
    """Starlette's way to a response."""
    assert isinstance(error, Problem)
    return problem(error)


async def answer_not_found(request: Request, error: Exception) -> Response:
    """No such path; what there is, is in the OpenAPI document."""
    return problem(Problem(404, f"there is no {request.url.path}; /openapi.json says what there is"))


async def answer_wrong_method(request: Request, error: Exception) -> Response:
    """The path is right."""
    allowed: dict[str, str] = dict(getattr(error, "headers", None) or {})
    allow = allowed.get("Allow", "POST")
    return problem(Problem(405, f"{request.url.path}: write {allow}, not {request.method}", Allow=allow))


async def answer_crash(request: Request, error: Exception) -> Response:
    """Ours; the log has it all."""
    return JSONResponse({"status": "error", "error": "this is a fault of Wakeful; see `wakeful logs web`"}, 500)


HANDLERS: dict[Any, Any] = {
    Problem: answer_problem,
    404: answer_not_found,
    405: answer_wrong_method,
    Exception: answer_crash,
}
