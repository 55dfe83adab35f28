"""What a program can say of itself, as data: the meaning of each key of sd_notify(3), and of Wakeful's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ready:
    """READY=1: it serves."""


@dataclass(frozen=True, slots=True)
class Note:
    """STATUS=…, RELOADING=1, STOPPING=1: a text for people; no sign that it gets anywhere."""

    text: str


@dataclass(frozen=True, slots=True)
class Errno:
    """ERRNO=…: why it will fail."""

    number: int


@dataclass(frozen=True, slots=True)
class Alive:
    """WATCHDOG=1."""


@dataclass(frozen=True, slots=True)
class Hung:
    """WATCHDOG=trigger: it asks to be taken for hung now."""


@dataclass(frozen=True, slots=True)
class AliveWithin:
    """WATCHDOG_USEC=…: from now on it says WATCHDOG=1 at least so often; seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Extend:
    """EXTEND_TIMEOUT_USEC=…: silence is fine for so many seconds; 0: no longer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class MainPid:
    """MAINPID=…: this process is the program from now on."""

    pid: int


@dataclass(frozen=True, slots=True)
class Barrier:
    """BARRIER=1: the descriptor that came with it is closed when all said before it has been dealt with."""


@dataclass(frozen=True, slots=True)
class Progress:
    """X_WAKEFUL_PROGRESS=3/10 or `3/10 pages` or `pages`."""

    done: int | None
    total: int | None
    note: str | None


@dataclass(frozen=True, slots=True)
class State:
    """X_WAKEFUL_STATE=: JSON, or the path of a file that holds it."""

    text: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """X_WAKEFUL_CHECKPOINT=name: the latest state is to be remembered."""

    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """X_WAKEFUL_RESULT=: JSON; what isn't JSON is the text it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """X_WAKEFUL_WAITING=1 or 0: it waits for its inbox, and its progress clock stands still."""

    on: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """X_WAKEFUL_REPLY={"id": …, "text": …}: to a text from its inbox."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It can't be taken; the reason is for the life's log."""

    key: str
    why: str


Said = (
    Ready
    | Note
    | Errno
    | Alive
    | Hung
    | AliveWithin
    | Extend
    | MainPid
    | Barrier
    | Progress
    | State
    | Checkpoint
    | Result
    | Waiting
    | Reply
    | Refused
)
