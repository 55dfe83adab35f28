"""Forks a life: recorded before it may begin, refused while the old one may still act."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.birth import Birth, Enter, be_born
from wakeful_runtime.init.gate import fork_behind_gate
from wakeful_runtime.init.lives import LifeRecord
from wakeful_runtime.init.registry import Entry, Registry
from wakeful_runtime.init.saying import say
from wakeful_runtime.init.standby import Standby, pack_order
from wakeful_runtime.init.sweep import kill_child
from wakeful_runtime.processes import ProcessHandle

TRIES = 3
"""So many processes may fail to stand by; then none is asked to any more."""


class Refusal(Exception):
    """Init says no.

    Args:
        code: see `initclient.InitRefused`.
    """

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class Forker:
    """Starts lives from this process's image, by a fork or in the place of the process that stands by.

    Args:
        warm: see `birth.be_born`.
    """

    def __init__(
        self, directory: NodeDirectory, registry: Registry, enter: Enter, warm: Callable[[], None], boot_id: str
    ) -> None:
        self._directory = directory
        self._registry = registry
        self._enter = enter
        self._warm = warm
        self._boot_id = boot_id
        self._standby: Standby | None = None
        self._failed = 0

    @property
    def standby(self) -> int | None:
        """The pid of the process that stands by: no leftover of anybody."""
        return self._standby.handle.pid if self._standby is not None else None

    def stand_by(self) -> None:
        """Have a process ready for the next life. Where the machine gives none, the next life is simply forked."""
        if self._standby is not None and self._standby.failed():
            self.dismiss()
            self._failed += 1
            if self._failed == TRIES:
                say(f"{TRIES} processes in a row did not get ready to stand by: lives are forked as they come")
        if self._standby is None and self._failed < TRIES:
            try:
                self._standby = Standby.fork(self._directory, self._enter, self._warm)
            except OSError as error:
                say(f"no process stands by: {error}")

    def dismiss(self) -> None:
        """Nobody stands by any more."""
        if self._standby is not None:
            self._standby.dismiss()
            self._standby = None

    def fork(
        self,
        path: str,
        kind: str,
        incarnation: int | None,
        boot: bytes,
        owner: str,
        *,
        roles: tuple[str, ...] = (),
    ) -> Entry:
        """A new life, recorded and on its way.

        Raises:
            Refusal: `alive`, `stale`, or `bad` when the machine gives no process or the disk is full.
        """
        try:
            number = self._checked(path, incarnation)
        except OSError as error:
            raise Refusal("bad", f"can't number the next life of {path}: {error.strerror or error}") from None
        life = LifeRecord(
            path=path,
            kind=kind,
            incarnation=number,
            pid=0,
            start=0.0,
            inode=0,
            boot_id=self._boot_id,
            token=secrets.token_hex(16),
            owner=owner,
            forked_at=time.monotonic(),
        )
        try:
            entry = self._start(life, boot, roles)
        except OSError as error:
            self._registry.withdraw(life)
            raise Refusal("bad", f"can't start {path}: {error.strerror or error}") from None
        return entry

    def _checked(self, path: str, incarnation: int | None) -> int:
        living = self._registry.living(path)
        if living is not None:
            what = "something of it can't be killed" if living.haunted else f"it is {living.state}"
            raise Refusal("alive", f"{path}#{living.life.incarnation} has pid {living.life.pid}: {what}")
        if self._registry.lock_is_held(path):
            raise Refusal("alive", f"something of an earlier life of {path} still holds its lock")
        if incarnation is None:
            return self._registry.number(path)
        if incarnation <= self._registry.last(path):
            raise Refusal("stale", f"{path}#{incarnation}: the last one was #{self._registry.last(path)}")
        return incarnation

    def _start(self, life: LifeRecord, boot: bytes, roles: tuple[str, ...]) -> Entry:
        standby, order = self._standby, pack_order(self._birth(life, boot), roles)
        if standby is None or order is None or not standby.ready():
            self._registry.announce(life)
            return self._fork(life, boot, roles)
        self._standby = None
        try:
            entry = self._record(life, standby.handle)
        except OSError:
            standby.let_go()
            raise
        standby.begin(order)
        return entry

    def _fork(self, life: LifeRecord, boot: bytes, roles: tuple[str, ...]) -> Entry:
        def begin(gate: int, mask: set[Any]) -> None:
            be_born(
                lambda: (self._birth(life, boot), roles) if os.read(gate, 1) == b"!" else None,
                self._enter,
                gate=gate,
                mask=mask,
            )

        handle, gate = fork_behind_gate(begin)
        try:
            entry = self._record(life, handle)
            with contextlib.suppress(ConnectionError):  # it died meanwhile: an exit like any other
                os.write(gate, b"!")
        finally:
            os.close(gate)
        return entry

    def _record(self, life: LifeRecord, handle: ProcessHandle) -> Entry:
        entry = Entry(replace(life, pid=handle.pid, start=handle.start, inode=handle.inode), handle, own=True)
        try:
            self._registry.add(entry)
        except OSError:
            kill_child(handle.pid)  # it has not begun
            os.waitpid(handle.pid, 0)
            handle.close()
            raise
        return entry

    def _birth(self, life: LifeRecord, boot: bytes) -> Birth:
        return Birth(
            path=life.path,
            kind=life.kind,
            incarnation=life.incarnation,
            token=life.token,
            directory=self._directory,
            boot=boot,
            owner=life.owner,
            pid=os.getpid(),
            forked_at=life.forked_at,
        )


def is_path(path: str) -> bool:
    """Fit for a file's name (its log), and not init's own business."""
    parts = path.split("/")
    fit = path.isprintable() and len(path.encode()) <= 240 and not any(part in ("", ".", "..") for part in parts)
    return fit and path not in ("init", "keeper", "gateway")
