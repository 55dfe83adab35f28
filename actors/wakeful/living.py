"""What actors, sessions and blocking sessions have in common, and how a runtime makes one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from wakeful import present, standin
from wakeful.attached import Attached
from wakeful.checkpoint import Checkpoint
from wakeful.effects import Effects
from wakeful.errors import SpecError
from wakeful.exits import ExitReason
from wakeful.handlers import collect
from wakeful.life import Life, Log
from wakeful.message import Message, Request

A = TypeVar("A", bound="Living")
_HOOKS = frozenset({"on_start", "on_stop", "run", "postcondition", "idempotent", "state_version", "accepts"})


class Living:
    """What actors, sessions and blocking sessions have in common. Subclass one of those."""

    idempotent: bool = False
    """Whether a run may start from nothing when no checkpoint of it can be used."""
    state_version: int = 1
    """Raise it when checkpoints of earlier versions of the class can't be resumed."""

    accepts: tuple[type[Message], ...] = ()
    """Of a session: types of told messages that come into its inbox, as `mail.message`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_accepts(cls)
        if not cls.__module__.startswith("wakeful."):
            _check_names(cls)
        cls.__wakeful_handlers__ = collect(cls)  # type: ignore[attr-defined]

    @property
    def _attached(self) -> Attached:
        found = self.__dict__.get("_wakeful")
        if found is None:  # made by hand: in a test, in a script
            found = self.__dict__["_wakeful"] = _attach(type(self), standin.life())
        assert isinstance(found, Attached)
        return found

    @classmethod
    def _effects_on(cls, life: Life) -> Effects:
        return Effects(life)

    @property
    def life(self) -> Life:
        """What the runtime lends to this life; the names beside it are what one uses."""
        return self._attached.life

    @property
    def path(self) -> str:
        """Where it is in the tree: "research/weekly"."""
        return self.life.path

    @property
    def incarnation(self) -> int:
        """The number of this life."""
        return self.life.incarnation

    @property
    def log(self) -> Log:
        """A structlog logger that knows path and incarnation."""
        return self.life.log

    @property
    def directory(self) -> Path:
        """The run's own directory, kept over its lives."""
        return self.life.directory

    @property
    def node(self) -> Any:
        """The client of the node this actor is in."""
        return self.life.node

    @property
    def previous(self) -> ExitReason | None:
        """How the life before this one ended; None in the first."""
        return self.life.previous

    @property
    def resumed(self) -> Checkpoint[Any] | None:
        """The checkpoint this life continues from; None at the start of a run."""
        return self._attached.resumed()


def make(cls: type[A], life: Life, kwargs: Mapping[str, Any], *, process: bool = True) -> A:
    """An actor with its life: attached before `__init__(**kwargs)` runs, and current from then on.

    Args:
        cls: a subclass of Actor, Session or BlockingSession.
        life: what it lives on.
        kwargs: for `__init__`.
        process: whether it is the only actor of this process.
    """
    actor = object.__new__(cls)
    actor.__dict__["_wakeful"] = _attach(cls, life)
    present.enter(actor, process=process)
    actor.__init__(**kwargs)  # type: ignore[misc]
    return actor


async def settled(result: Any) -> Any:
    """The value of a hook, which may be `def` or `async def`."""
    return await result if inspect.isawaitable(result) else result


def _attach(cls: type[Living], life: Life) -> Attached:
    return Attached(life, cls, cls._effects_on(life))


def _check_accepts(cls: type[Living]) -> None:
    accepted: tuple[Any, ...] = cls.accepts
    for kind in accepted:
        if not inspect.isclass(kind) or not issubclass(kind, Message) or issubclass(kind, Request):
            raise SpecError(f"{cls.__name__}.accepts: {kind!r} is no Message; what is asked needs a handler")


def _check_names(cls: type[Living]) -> None:
    """A method called `progress` would silently replace the runtime's."""
    for name in vars(cls):
        ours = not name.startswith("__") and name not in _HOOKS
        if ours and any(
            name in vars(parent) and parent.__module__.startswith("wakeful.") for parent in cls.__mro__[1:]
        ):
            raise SpecError(f"{cls.__name__}.{name}: every actor has a `{name}` of its own; choose another name")
