"""Wakeful: an actor runtime that keeps long-running agent sessions alive. What users write against."""

from wakeful.actor import Actor
from wakeful.alerting import Alert, BusinessHours
from wakeful.blocking import BlockingSession
from wakeful.checkpoint import Checkpoint
from wakeful.child import Child
from wakeful.command import Command
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
from wakeful.schedule import Job
from wakeful.session import Session
from wakeful.tree import Gateway, Monitor

__all__ = [
    "Actor",
    "ActorDead",
    "Alert",
    "AskError",
    "AskTimeout",
    "BlockingMail",
    "BlockingRef",
    "BlockingSession",
    "Budget",
    "BusinessHours",
    "Checkpoint",
    "Child",
    "CodecError",
    "Command",
    "Evidence",
    "ExitReason",
    "Fatal",
    "Fenced",
    "Gateway",
    "HandlerFailed",
    "Heartbeat",
    "Job",
    "Limits",
    "Mail",
    "MailboxFull",
    "Message",
    "Monitor",
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
