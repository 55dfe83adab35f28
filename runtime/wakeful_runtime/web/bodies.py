"""Request bodies: bounded, in time, JSON."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from wakeful_runtime.web.problems import Problem

MAX_BYTES = 1024 * 1024
"""Larger things are files."""

BODY_S = 15.0
"""How long a body may take to arrive."""


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty one.

    Raises:
        Problem: it is too large, too late, not JSON or no object.
    """
    data = await _read(request)
    if not data.strip():
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, f"the body must be application/json, not {kind or 'nothing said'}")
    try:
        value: Any = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Problem(422, f"the body must be a JSON object, not {type(value).__name__}")
    return cast("dict[str, Any]", value)


async def _read(request: Request) -> bytes:
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > MAX_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > MAX_BYTES:
                    raise _too_large()
                parts.append(part)
    except TimeoutError:
        raise Problem(408, f"the body did not come within {BODY_S:g} s", Connection="close") from None
    except ClientDisconnect:
        raise Problem(400, "the body ended early") from None
    return b"".join(parts)


def _too_large() -> Problem:
    return Problem(413, f"the body may have {MAX_BYTES:,} bytes; put larger things into files", Connection="close")
