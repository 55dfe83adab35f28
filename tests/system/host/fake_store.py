"""A store inside the hosted process: answers at once and writes down what it was asked, one JSON object a line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wakeful.errors import Fenced
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.host.inbox import TEXT, pack_text


class FakeStore:
    """Refuses a checkpoint called `fenced`, never answers one called `away`."""

    def __init__(self, directory: NodeDirectory, identity: str) -> None:
        self._file: Path = directory.root / "asked.jsonl"
        self._seq = 0
        self._spent = 0

    async def request(self, op: str, *, timeout: float | None = None, **args: Any) -> dict[str, Any]:
        self._write(op, args)
        await asyncio.sleep(0)
        if op == "checkpoint":
            if args["name"] == "fenced":
                raise Fenced("a newer life exists")
            if args["name"] == "away":
                await asyncio.Event().wait()
            self._seq += 1
            return {"seq": self._seq}
        if op == "effect_begin":
            return {"status": "new", "form": None, "result": None}
        if op == "spend":
            self._spent += int(args["tokens"])
            return {"tokens": self._spent, "cost": 0.0, "calls": 0}
        if op == "deliveries":
            return {"rows": self._mails() if "run_id" in args else [], "more": False}
        if op == "in_hand":
            return {"go": True}
        return {}

    def _mails(self) -> list[dict[str, Any]]:
        """The text in the file `mail`, once."""
        file = self._file.with_name("mail")
        if not file.exists():
            return []
        body = pack_text(file.read_text())
        file.unlink()
        return [{"id": "m1", "sender": "tester", "tag": TEXT, "body": body}]

    def on_arrival(self, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().create_task(self._watch(call), name="wakeful-fake-arrivals")

    async def _watch(self, call: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(0.01)
            if self._file.with_name("mail").exists():
                call()

    def journal(self, entries: Sequence[dict[str, Any]]) -> None:
        for entry in entries:
            self._write("journal", entry)

    async def close(self, timeout: float = 0.5) -> None:
        pass

    def _write(self, op: str, args: dict[str, Any]) -> None:
        plain = {key: value.hex() if isinstance(value, bytes) else value for key, value in args.items()}
        with self._file.open("a") as file:
            file.write(json.dumps({"op": op, **plain}) + "\n")
