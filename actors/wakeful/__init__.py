"""Wakeful: an actor runtime that keeps long-running agent sessions alive. What users write against."""

from wakeful.actor import Actor
from wakeful.blocking import BlockingSession
from wakeful.checkpoint import Checkpoint
from wakeful.current import current
from wakeful.errors import (
    ActorDead,
    AskError,
    AskTimeout,
    CodecError,
    Fatal,
    Fenced,
    HandlerFailed,
    MailboxFull,
    NodeError,
    OutcomeUnknown,
    Refused,
    ResourceLost,
    RetryAfter,
    RunFailed,
    SpawnRefused,
    SpecError,
    Stopped,
    WakefulError,
)
from wakeful.exits import Evidence, ExitReason, Verdict
from wakeful.handlers import handler
from wakeful.inbox import BlockingMail, Mail
from wakeful.message import Message, Request
from wakeful.policy import Budget, Heartbeat, Limits
from wakeful.ref import BlockingRef, Ref
from wakeful.session import Session

__all__ = [
    "Actor",
    "ActorDead",
    "AskError",
    "AskTimeout",
    "BlockingMail",
    "BlockingRef",
    "BlockingSession",
    "Budget",
    "Checkpoint",
    "CodecError",
    "Evidence",
    "ExitReason",
    "Fatal",
    "Fenced",
    "HandlerFailed",
    "Heartbeat",
    "Limits",
    "Mail",
    "MailboxFull",
    "Message",
    "NodeError",
    "OutcomeUnknown",
    "Ref",
    "Refused",
    "Request",
    "ResourceLost",
    "RetryAfter",
    "RunFailed",
    "Session",
    "SpawnRefused",
    "SpecError",
    "Stopped",
    "Verdict",
    "WakefulError",
    "current",
    "handler",
]
