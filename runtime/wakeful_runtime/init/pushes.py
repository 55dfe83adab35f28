"""What init tells a supervisor without being asked, and the lives it hands over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wakeful_runtime.init.lives import ExitReport, LifeRecord


@dataclass(frozen=True, slots=True)
class Forked:
    """A new life. `pidfd` is the receiver's to close; None where there are no pidfds, or it is gone already."""

    life: LifeRecord
    pidfd: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """A life in the table: running, with its pidfd (the receiver's to close), or exited and not acknowledged."""

    life: LifeRecord
    pidfd: int | None
    exit: ExitReport | None


@dataclass(frozen=True, slots=True)
class LifeEmpty:
    """What was left of a life that had been reported as not empty is gone now."""

    path: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class LifeStopped:
    """The process was stopped by a signal (SIGSTOP, SIGTSTP, a debugger)."""

    path: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class LifeContinued:
    """The process goes on after a stop."""

    path: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class LifeGiven:
    """This supervisor is the life's owner from now on; `pidfd` is the receiver's to close."""

    life: LifeRecord
    pidfd: int | None


@dataclass(frozen=True, slots=True)
class StopOrder:
    """The node is to stop in order (to the gateway; repeated after a reconnect)."""

    why: str


@dataclass(frozen=True, slots=True)
class Disowned:
    """Init refuses this life: a newer one has taken its place. It must do nothing more; the client has given up."""

    why: str


@dataclass(frozen=True, slots=True)
class NodeNews:
    """Init has news of the node itself (its keeper died, or has come); `facts` as at the hello."""

    facts: dict[str, Any]


Push = NodeNews | ExitReport | LifeEmpty | LifeStopped | LifeContinued | LifeGiven | StopOrder | Disowned


def parse_push(message: dict[str, Any], descriptors: list[int]) -> Push | None:
    """A push frame as data; None for a word of a newer init. Takes the descriptors it uses out of the list.

    Raises:
        ValueError, KeyError: it isn't what init sends.
    """
    word = message["push"]
    if word == "exit":
        return ExitReport.from_json(message)
    if word == "given":
        return LifeGiven(LifeRecord.from_json(message["life"]), descriptors.pop(0) if descriptors else None)
    if word == "node":
        return NodeNews({key: value for key, value in message.items() if key != "push"})
    if word == "stop":
        return StopOrder(str(message["why"]))
    kinds: dict[str, Callable[[str, int], Push]] = {
        "empty": LifeEmpty,
        "stopped": LifeStopped,
        "continued": LifeContinued,
    }
    kind = kinds.get(str(word))
    return kind(str(message["path"]), int(message["incarnation"])) if kind is not None else None


def parse_held(row: dict[str, Any], descriptors: list[int]) -> Held:
    """A row of a table; takes its descriptor out of the list.

    Raises:
        ValueError, KeyError: it isn't what init sends.
    """
    exit_data = row["exit"]
    pidfd = descriptors.pop(0) if row["pidfd"] and descriptors else None
    return Held(LifeRecord.from_json(row), pidfd, ExitReport.from_json(exit_data) if exit_data else None)
