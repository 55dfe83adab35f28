"""The demo's live table, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from wakeful_runtime.cli.screen import cell, title

_COLUMNS = ("path", "pid", "incarnation", "state", "verdict", "beat_age_s", "progress_age_s", "documents")
_STYLE = {"running": "green", "healthy": "green", "done": "bold green", "backoff": "yellow", "review": "red"}


class Watching:
    """Shows rows and happenings while the demo runs; on stderr, so that stdout stays for the report."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._told: list[str] = []
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def tell(self, what: str) -> None:
        """One thing that happened."""
        line = f"{time.monotonic() - self._began:5.1f} s  {what}"
        self._told.append(line)
        if not self._live:
            self._console.print(line, markup=False, soft_wrap=True)

    def show(self, rows: Sequence[Mapping[str, Any]], read: Mapping[str, int], share: Mapping[str, int]) -> None:
        """The state of now.

        Args:
            rows: of `ps`.
            read: documents read so far, by path.
            share: documents to read, by path.
        """
        if not self._live:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for key in _COLUMNS:
            table.add_column(title(key), no_wrap=True)
        for row in rows:
            path = str(row.get("path"))
            done = f"{read.get(path, 0)}/{share[path]}" if path in share else ""
            values = {**row, "documents": done}
            table.add_row(
                *(Text(cell(key, values.get(key)), style=_STYLE.get(str(values.get(key)), "")) for key in _COLUMNS)
            )
        told = [Text(line, style="dim") for line in self._told[-12:]]
        self._live.update(Group(table, Text(""), *told), refresh=True)
