"""What hangs on an actor beside its life: the machinery behind its methods."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from wakeful.checkpoint import Checkpoint
from wakeful.effects import Effects
from wakeful.errors import CodecError, Fatal
from wakeful.hints import Unresolvable
from wakeful.life import Kept, Life, MailItem
from wakeful.values import decode, encode


class Attached:
    """One actor's machinery, made by the runtime before `__init__`.

    Attributes:
        life: what the runtime lends.
        effects: behind `once`.
        numbers: of spawned children: the n-th of a run is the same child in every life of it.
        opening: held while a resource opens: the processes started meanwhile are its own.
        mail: taken from the inbox and not yet marked as handled.
        told: whether a BlockingSession was already told to stop, by Stopped.
    """

    def __init__(self, life: Life, cls: type, effects: Effects) -> None:
        self.life = life
        self.cls = cls
        self.effects = effects
        self.numbers = itertools.count(1)
        self.opening = asyncio.Lock()
        self.mail: MailItem | None = None
        self.told = False
        self._resumed: Checkpoint[Any] | None = None
        self._read = False

    def resumed(self) -> Checkpoint[Any] | None:
        """The life's checkpoint, decoded once.

        Raises:
            Fatal: the class has another `state_version` and is not `idempotent`.
            CodecError: the class's type of state doesn't fit what is stored.
        """
        if not self._read:
            self._resumed = self._decoded(self.life.resumed)
            self._read = True
        return self._resumed

    def _decoded(self, kept: Any) -> Checkpoint[Any] | None:
        if kept is None:
            return None
        version = getattr(self.cls, "state_version", 1)
        if kept.version != version:
            if getattr(self.cls, "idempotent", False):
                return None
            raise Fatal(
                f"checkpoint {kept.name!r} is of state_version {kept.version}, {self.cls.__name__} now has {version}: "
                f"run the earlier code, or start anew with `wakeful resume {self.life.path} --fresh`"
            )
        state = decode(kept.state, self._state_type(), of=f"checkpoint {kept.name!r}")
        return Checkpoint(name=kept.name, state=state, seq=kept.seq, at=kept.at)

    def encode_state(self, name: str, state: object) -> Kept:
        """As `values.encode`, by the class's type of state."""
        return encode(state, self._state_type(), of=f"checkpoint {name!r}")

    async def close_mail(self, reply: str | None = None) -> None:
        """Mark the mail in hand, if there is one, as handled."""
        mail, self.mail = self.mail, None
        if mail is not None:
            await self.life.mail_done(mail, reply)

    def _state_type(self) -> Any:
        try:
            return getattr(self.cls, "state_type", _untyped)()
        except Unresolvable as error:
            raise CodecError(f"{self.cls.__name__}: its type of state names {error}, which can't be found") from None


def _untyped() -> Any:
    return Any
