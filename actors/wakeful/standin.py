"""What an actor has outside a node: a life that only logs, so that the same file runs as a plain script."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.life import (
    ChildOutcome,
    Courier,
    EffectState,
    Kept,
    KeptCheckpoint,
    LeaseState,
    Life,
    Log,
    MailItem,
    Plain,
    Waiting,
)
from wakeful.message import Message, Request

R = TypeVar("R")
PATH = "script"
_HOW = "no node runs here; start this file with `wakeful run FILE:tree`"


class ScriptLog:
    """A `Log` on the standard library's logging: `event key=value …`, logger "wakeful"."""

    def __init__(self, name: str = "wakeful") -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: object) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        self._write(logging.ERROR, event, fields, trace=True)

    def _write(self, level: int, event: str, fields: dict[str, object], *, trace: bool = False) -> None:
        words = " ".join([event, *(f"{key}={value!r}" for key, value in fields.items())])
        self._logger.log(level, "%s", words, exc_info=trace, stacklevel=3)


class ScriptCourier:
    """Logs what would have been sent; there is nobody to answer."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def tell(self, to: str, message: Message) -> None:
        self._log.info("tell", to=to, message=message)

    async def tell_durable(self, to: str, message: Message) -> None:
        self.tell(to, message)

    async def drain(self, to: str) -> None:
        return None

    async def ask(self, to: str, request: Request[R], timeout: float) -> R:
        raise NodeError(f"can't ask {to}: {_HOW}")


class ScriptLife:
    """Every act of a run, logged. Effects are remembered as long as the script runs, checkpoints aren't."""

    path = PATH
    incarnation = 1
    run_id = "script"
    resumed: KeptCheckpoint | None = None
    previous: ExitReason | None = None
    stopping = False
    time_left: float | None = None

    def __init__(self) -> None:
        self.log: Log = ScriptLog()
        self.courier: Courier = ScriptCourier(self.log)
        self.directory = Path.cwd()
        self._seq = itertools.count(1)
        self._effects: dict[tuple[str, str], EffectState] = {}

    @property
    def node(self) -> NoReturn:
        raise NodeError(_HOW)

    def now(self) -> float:
        return time.monotonic()

    async def save(self, name: str, state: Kept, version: int) -> int:
        seq = next(self._seq)
        self.log.info("checkpoint", name=name, seq=seq)
        return seq

    def progressed(self, done: int | None, total: int | None, note: str | None) -> None:
        self.log.info("progress", done=done, total=total, note=note)

    def lease_opened(self, lease: LeaseState) -> None:
        self.log.info("lease", what=lease.what, seconds=round(lease.until - lease.since, 3))

    def lease_changed(self, lease: LeaseState) -> None:
        self.log.info("lease extended", what=lease.what, seconds=round(lease.until - self.now(), 3))

    def lease_closed(self, lease: LeaseState) -> None:
        self.log.info("lease over", what=lease.what, took=round(self.now() - lease.since, 3))

    async def effect_begin(self, key: str, scope: Literal["run", "node"]) -> EffectState:
        known = self._effects.get((scope, key))
        self.log.info("once", key=key, status=known.status if known else "new")
        return known or EffectState("new")

    async def effect_end(
        self,
        key: str,
        scope: Literal["run", "node"],
        status: Literal["done", "failed", "unknown", "skipped"],
        result: Kept | None,
    ) -> None:
        self.log.info("once ended", key=key, status=status)
        if status == "failed":
            self._effects.pop((scope, key), None)
        else:
            self._effects[scope, key] = EffectState(status, result)

    async def spend(self, tokens: int, cost: float, calls: int) -> None:
        self.log.info("spend", tokens=tokens, cost=cost, calls=calls)

    @contextmanager
    def waiting(self, what: Waiting) -> Generator[None]:
        yield

    async def next_mail(self) -> MailItem:
        raise NodeError(f"nobody can send mail: {_HOW}")

    async def mail_done(self, mail: MailItem, reply: str | None) -> None:
        self.log.info("mail done", id=mail.id, reply=reply)

    async def spawn(self, number: int, code: str, args: dict[str, Plain]) -> str:
        raise NodeError(f"can't spawn {code}: {_HOW}")

    async def child_result(self, path: str, timeout: float | None) -> ChildOutcome:
        raise NodeError(f"there is no {path}: {_HOW}")

    def journal(self, event: str, fields: dict[str, Plain]) -> None:
        self.log.info(event, **fields)

    @contextmanager
    def started_processes(self) -> Generator[NoProcesses]:
        yield NoProcesses()

    def call(self, work: Coroutine[Any, Any, R], *, interruptible: bool = False) -> R:
        return asyncio.run(work)


class NoProcesses:
    """A `Started` that knows of none."""

    def kill(self) -> int:
        return 0


@cache
def life() -> Life:
    """The script's one life."""
    return ScriptLife()


def courier() -> Courier:
    """What carries a ref's messages where there is no node: nothing, it logs."""
    return life().courier
