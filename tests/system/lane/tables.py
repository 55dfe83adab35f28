"""Handler tables of plain functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from wakeful.message import Message, Request, reply_of, tag_of
from wakeful_runtime.transport.mailbox import Handler

Serves = tuple[type[Message], Callable[[Any], Any]]


def handlers(*serves: Serves) -> dict[str, Handler]:
    """A table of plain functions by the type they take."""
    return {
        tag_of(kind): Handler(
            type=kind,
            call=call,
            reply=TypeAdapter(reply_of(kind)) if issubclass(kind, Request) else None,
            is_async=asyncio.iscoroutinefunction(call),
        )
        for kind, call in serves
    }
