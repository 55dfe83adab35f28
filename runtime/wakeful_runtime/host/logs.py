"""A life's log: JSON lines on stderr, which init made the life's log file."""

from __future__ import annotations

import logging
import sys
from typing import Any, cast

import structlog

from wakeful.life import Log

_about: dict[str, Any] = {}
"""Whose lines these are."""


def _whose(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {**_about, **event}


# Made when imported, in the image that lives are forked from: making it is a third of a life's start and of its memory.
_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    structlog.processors.format_exc_info,
]
_JSON = structlog.processors.JSONRenderer(default=str)
_LEVEL = structlog.make_filtering_bound_logger(logging.INFO)
_FORMATTER = structlog.stdlib.ProcessorFormatter(
    foreign_pre_chain=[_whose, structlog.stdlib.add_logger_name, *_SHARED],
    processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _JSON],
)


def open_log(path: str, incarnation: int) -> Log:
    """Send structlog, `logging` and `warnings` to stderr as JSON lines; the logger bound to this life.

    Each line has `at` (RFC 3339 UTC), `level`, `event`, `path`, `incarnation`. Values are written as they are given:
    nothing of the environment, of arguments or of messages is added.
    """
    _about.update(path=path, incarnation=incarnation)
    structlog.configure(
        processors=[_whose, *_SHARED, _JSON],
        wrapper_class=_LEVEL,
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTER)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    return cast(Log, structlog.get_logger(path))
