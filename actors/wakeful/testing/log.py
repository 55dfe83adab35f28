"""A logger that remembers."""

from __future__ import annotations

from wakeful.testing.record import PlayedLife


class RecordingLog:
    """A `wakeful.life.Log` whose lines are in `life.log`."""

    def __init__(self, record: PlayedLife) -> None:
        self._lines = record.log

    def debug(self, event: str, **fields: object) -> None:
        self._lines.append(("debug", event, fields))

    def info(self, event: str, **fields: object) -> None:
        self._lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self._lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self._lines.append(("error", event, fields))

    def exception(self, event: str, **fields: object) -> None:
        self._lines.append(("exception", event, fields))
