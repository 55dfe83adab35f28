"""The error tree. Each error says what the caller can do about it."""

from __future__ import annotations


class WakefulError(Exception):
    """The root of every error Wakeful raises on purpose."""


class SpecError(WakefulError):
    """A spec can't be right; the text names the child and says what to write instead."""


class CodecError(WakefulError):
    """A value can't travel or be stored, or bytes from outside aren't what they claim to be."""


class MailboxFull(WakefulError):
    """As many messages wait for this ref as may; `await ref.drain()` waits for room."""


class NodeError(WakefulError):
    """The node can't do it now (no node runs there, the store is away, a directory is in use)."""


class AskError(WakefulError):
    """An ask ended without a reply."""


class AskTimeout(AskError, TimeoutError):
    """No reply in time. Whether the request was handled is unknown."""


class ActorDead(AskError):
    """The life that had the request ended. Whether it was handled is unknown."""


class HandlerFailed(AskError):
    """The handler raised, or the actor declares no handler for this type (`kind == "Unhandled"`).

    Args:
        kind: the name of the exception's class in the actor, or `"Unhandled"`.
        message: its text.
        traceback: the formatted traceback in the actor; empty for `"Unhandled"`.
    """

    def __init__(self, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.message = message
        self.traceback = traceback


class Refused(WakefulError):
    """Raise it in a handler to answer "no, because": it reaches the asker and ends nothing."""


class RunFailed(WakefulError):
    """A run ended otherwise than ok.

    Args:
        outcome: `incomplete error timeout killed unknown`.
        why: one line for a person.
        partial: the state of the run's last checkpoint, if it has one.
    """

    def __init__(self, outcome: str, why: str, partial: object = None) -> None:
        super().__init__(f"{outcome}: {why}")
        self.outcome = outcome
        self.why = why
        self.partial = partial


class SpawnRefused(WakefulError):
    """A session wasn't started: a limit (`status == "forbidden"`) or a bad argument (`status == "error"`)."""

    def __init__(self, why: str, status: str = "error") -> None:
        super().__init__(why)
        self.why = why
        self.status = status


class ResourceLost(WakefulError):
    """The resource in use was replaced; open the block again to get the live one."""


class OutcomeUnknown(WakefulError):
    """Raise it inside `once`: it can't be told whether the effect happened."""


class Fatal(WakefulError):
    """Raise it where no restart can help: the child goes to review at once, with this text."""


class Unsettled(Fatal, OutcomeUnknown):
    """`once` can't tell whether an effect happened, and a person must say so: `wakeful settle`."""


class RetryAfter(WakefulError):
    """Raise it to pause and then resume.

    Args:
        delay: seconds, or `"90s" "15m" "2h"`.
    """

    def __init__(self, delay: float | str, why: str = "") -> None:
        super().__init__(why or f"retry after {delay}")
        self.delay = delay


class Stopped(WakefulError):
    """A `BlockingSession` was told to stop; raised from its next call."""


class Fenced(WakefulError):
    """A newer life of this path exists: this one must do nothing more. Never caught by user code on purpose."""
