"""Forks a life: recorded before it may begin, refused while the old one may still act."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import time
from dataclasses import replace

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.birth import Birth, Enter, be_born
from wakeful_runtime.init.lives import LifeRecord
from wakeful_runtime.init.registry import Entry, Registry
from wakeful_runtime.init.sweep import kill_child
from wakeful_runtime.processes import ProcessHandle


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
    """Starts lives from this process's image."""

    def __init__(self, directory: NodeDirectory, registry: Registry, enter: Enter, boot_id: str) -> None:
        self._directory = directory
        self._registry = registry
        self._enter = enter
        self._boot_id = boot_id

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
        number = self._checked(path, incarnation)
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
            self._registry.announce(life)
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
        gate_read, gate_write = os.pipe()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            sys.stderr.flush()
            pid = os.fork()
            if pid == 0:
                be_born(
                    lambda: self._birth(life, boot), self._enter, gate=gate_read, mask=mask, roles=roles
                )  # never returns
        except OSError:
            os.close(gate_write)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(gate_read)
        try:
            entry = self._record(life, pid)
            with contextlib.suppress(BrokenPipeError):  # it died meanwhile: an exit like any other
                os.write(gate_write, b"!")
        finally:
            os.close(gate_write)
        return entry

    def _record(self, life: LifeRecord, pid: int) -> Entry:
        handle = None
        try:
            handle = ProcessHandle.of_child(pid)
            entry = Entry(replace(life, pid=pid, start=handle.start, inode=handle.inode), handle, own=True)
            self._registry.add(entry)
        except OSError:
            kill_child(pid)  # nobody could find it again; it has not begun
            os.waitpid(pid, 0)
            if handle is not None:
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
