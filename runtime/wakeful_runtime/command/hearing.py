"""What a program says, carried out: signs and notes at once, what is to be kept in order and one by one."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import stat
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path

from wakeful.errors import CodecError, NodeError
from wakeful.life import Kept, LeaseState, MailItem
from wakeful.rules import news, notify
from wakeful.rules.news import Said
from wakeful_runtime.command.notifysocket import close_all
from wakeful_runtime.command.program import Program
from wakeful_runtime.command.signs import Signs
from wakeful_runtime.host.go import STATE_BYTES
from wakeful_runtime.host.nodelife import NodeLife
from wakeful_runtime.host.stage import Stage

PENDING = 64
PENDING_BYTES = 32 * 1024 * 1024
"""More than that waiting to be kept, and no more is read: the program waits for the store."""

REFUSALS = 20
"""Refusals that are told of one by one; a program that talks nonsense must not fill its log."""

TEXTS = 1000
"""Texts it may still reply to."""


class Hearing:
    """One life's. Lives on the host's loop.

    Args:
        cwd: where a relative path of a state is meant.
        owner: whose files may be read as a state; None: any this process may read.

    Attributes:
        result: the run's, once it was said.
        errno: what the program said it will fail with.
        ready: set by READY=1.
    """

    def __init__(
        self, stage: Stage, life: NodeLife, program: Program, signs: Signs, cwd: str | None, owner: int | None
    ) -> None:
        self._stage, self._life, self._program, self._signs = stage, life, program, signs
        self._cwd, self._owner = Path(cwd or "."), owner
        self.ready = asyncio.Event()
        self.result: Kept | None = None
        self.errno: int | None = None
        self._state = life.resumed.state if life.resumed is not None else Kept("plain", None)
        self._state_refused = False
        self._pending: deque[tuple[Said, tuple[int, ...]]] = deque()
        self._bytes = 0
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._lease: LeaseState | None = None
        self._leases = itertools.count(1)
        self._waiting = ExitStack()
        self._texts: dict[str, MailItem] = {}
        self._note: str | None = None
        self._refused = 0

    @property
    def full(self) -> bool:
        """Whether no more should be read for now."""
        return len(self._pending) >= PENDING or self._bytes >= PENDING_BYTES

    def take(self, said: Said, descriptors: tuple[int, ...] = ()) -> None:
        """One thing the program said."""
        match said:
            case news.State() | news.Checkpoint() | news.Result() | news.Barrier():
                self._pending.append((said, descriptors))
                self._bytes += _size(said)
                self._idle.clear()
                self._wake.set()
                return
            case news.Ready():
                self.ready.set()
                self._close_lease()
            case news.Note(text):
                self._note = text
                self._stage.clocks.noted(text)
            case news.Progress(done, total, note):
                self._close_lease()
                self._waiting.close()
                self._life.progressed(done, total, note if note is not None else self._note)
            case news.Extend(seconds):
                self._extend(seconds)
            case news.Errno(number):
                self.errno = number
            case news.MainPid(pid):
                if why := self._program.moved_to(pid):
                    self.refuse("MAINPID", why)
            case news.Waiting(on):
                self._wait(on)
            case news.Reply(ident, text):
                self._reply(ident, text)
            case news.Refused(key, why):
                self.refuse(key, why)
            case _:
                self._sign(said)

    def refuse(self, key: str, why: str) -> None:
        """Tell in the life's log what can't be taken, as often as that helps."""
        self._refused += 1
        if self._refused <= REFUSALS:
            last = self._refused == REFUSALS
            self._stage.log.warning("refused", key=key, why=why, **({"more": "not told"} if last else {}))

    def gave(self, mail: MailItem) -> None:
        """A text was written: waiting for one is over."""
        self._waiting.close()
        while len(self._texts) >= TEXTS:
            self._stage.inbox.done_soon(self._texts.pop(next(iter(self._texts))), None)
        self._texts[mail.id] = mail

    def taken(self, mail: MailItem) -> None:
        """The program has read it: it is done with those before that want no reply."""
        self._stage.inbox.taken(mail)
        for each in [each for each in self._texts.values() if each is not mail and not each.wants_reply]:
            self._stage.inbox.done_soon(self._texts.pop(each.id), None)

    async def work(self) -> None:
        """Keep what is to be kept, in order, for as long as the life lasts."""
        while True:
            while self._pending:
                said, descriptors = self._pending[0]
                try:
                    await self._keep(said)
                finally:
                    close_all(descriptors)
                self._pending.popleft()
                self._bytes -= _size(said)
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()

    async def done(self) -> None:
        """All that was said so far is kept."""
        await self._idle.wait()

    async def _keep(self, said: Said) -> None:
        try:
            if isinstance(said, news.State):
                await self._take_state(said.text)
            elif isinstance(said, news.Checkpoint):
                await self._checkpoint(said.name)
            elif isinstance(said, news.Result):
                self.result = Kept("json", _as_json(said.text))
        except (ValueError, CodecError) as error:
            self.refuse(type(said).__name__.lower(), str(error))

    async def _take_state(self, text: str) -> None:
        self._state_refused = True
        try:
            kept = notify.json_text(text)
        except ValueError as error:
            kept = await asyncio.to_thread(self._read, text, str(error))
        self._state, self._state_refused = Kept("json", kept), False

    def _read(self, path: str, no_json: str) -> str:
        """A state from a file: small enough, regular, and the program's own."""
        try:
            descriptor = os.open(self._cwd / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except (OSError, ValueError):
            raise ValueError(f"it is neither JSON ({no_json}) nor a file that can be read") from None
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or (self._owner is not None and about.st_uid != self._owner):
                raise ValueError(f"{path} is not a file of this program's")
            if about.st_size > STATE_BYTES:
                raise ValueError(f"{path} has {about.st_size:,} bytes; at most 16 MiB are kept")
            return notify.json_text(file.read(STATE_BYTES + 1).decode())

    async def _checkpoint(self, name: str) -> None:
        if self._state_refused:
            raise ValueError(f"{name!r} is not kept: the state before it was refused")
        await self._life.save(name, self._state, 1)
        self._close_lease()
        self._waiting.close()

    def _sign(self, said: Said) -> None:
        if isinstance(said, news.Hung):
            missed = self._signs.hung(self._stage.plan.heartbeat.timeout)
        elif isinstance(said, news.AliveWithin):
            self._signs.what = "WATCHDOG=1"
            missed = self._signs.promised(said.seconds)
        else:
            missed = self._signs.came()
        if missed:
            self._stage.tell_facts()

    def _extend(self, seconds: float) -> None:
        self._close_lease()
        if seconds > 0:
            now = time.monotonic()
            what = self._note or "EXTEND_TIMEOUT_USEC"
            self._lease = LeaseState(next(self._leases), what, now, now + seconds, blocking=False)
            self._life.lease_opened(self._lease)

    def _close_lease(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            self._life.lease_closed(lease)

    def _wait(self, on: bool) -> None:
        self._waiting.close()
        if on:
            self._close_lease()
            self._waiting.enter_context(self._life.waiting("inbox"))

    def _reply(self, ident: str, text: str) -> None:
        mail = self._texts.pop(ident, None)
        try:
            if mail is None:
                raise NodeError("no text with this id waits for an answer")
            self._stage.inbox.done_soon(mail, text)
        except NodeError as error:
            self.refuse("X_WAKEFUL_REPLY", str(error))


def _size(said: Said) -> int:
    return len(said.text) if isinstance(said, news.State | news.Result) else 0


def _as_json(text: str) -> str:
    try:
        return notify.json_text(text)
    except ValueError:
        return json.dumps(text)
