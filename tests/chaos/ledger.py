"""The world outside: what is done there is written down once per call, and can't be taken back.

Datagrams on one socket have one order: a call of a life that was killed is never read after one of the next life.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was made."""

    session: str
    key: str
    incarnation: int


class Ledger:
    """The server: a thread of the test's, its table an SQLite file of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "ledger")
        self._file = folder / "ledger.sqlite3"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as closing:
            closing.sendto(b"", self.address)
        self._thread.join()
        self._socket.close()

    def calls(self) -> list[Call]:
        """All of them, in order."""
        with contextlib.closing(sqlite3.connect(self._file)) as db:
            return [Call(*row) for row in db.execute("SELECT session, key, incarnation FROM calls ORDER BY rowid")]

    def _serve(self) -> None:
        db = sqlite3.connect(self._file, isolation_level=None)
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE IF NOT EXISTS calls (session TEXT, key TEXT, incarnation INTEGER)")
        db.execute("CREATE INDEX IF NOT EXISTS by_key ON calls (session, key)")
        while True:
            data, sender = self._socket.recvfrom(65536)
            if not data:
                db.close()
                return
            asked = json.loads(data)
            if asked["do"]:
                db.execute("INSERT INTO calls VALUES (?, ?, ?)", (asked["session"], asked["key"], asked["incarnation"]))
            found = db.execute(
                "SELECT COUNT(*) FROM calls WHERE session = ? AND key = ?", (asked["session"], asked["key"])
            ).fetchone()[0]
            with contextlib.suppress(OSError):  # the asker was killed
                self._socket.sendto(json.dumps({"count": found}).encode(), socket.MSG_DONTWAIT, sender)


async def ask(ledger: str, asked: dict[str, Any]) -> int:
    """How often this effect was done; with `do`, this time included."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.bind("")  # a name of the kernel's, that leaves no file
        await loop.sock_sendto(line, json.dumps(asked).encode(), ledger)
        async with asyncio.timeout(ANSWER_S):
            answer = json.loads(await loop.sock_recv(line, 4096))
    return int(answer["count"])
