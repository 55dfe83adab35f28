"""A life's log: JSON lines on stderr, which init made the life's log file."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog

from wakeful.life import Log


def open_log(path: str, incarnation: int) -> Log:
    """Send structlog, `logging` and `warnings` to stderr as JSON lines; the logger bound to this life.

    Each line has `at` (RFC 3339 UTC), `level`, `event`, `path`, `incarnation`. Values are written as they are given:
    nothing of the environment, of arguments or of messages is added.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    about = {"path": path, "incarnation": incarnation}

    def whose(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**about, **event}

    structlog.configure(
        processors=[whose, *shared, structlog.processors.JSONRenderer(default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[whose, structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    return cast(Log, structlog.get_logger(path))
