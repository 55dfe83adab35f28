"""Every verb that can be asked from outside of Python: its name, arguments, answer, and what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter

from wakeful_runtime.contract import cron, looking, sessions
from wakeful_runtime.contract.fields import Arguments


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        arguments: what it takes.
        answer: a type of pydantic's: what it answers.
        what: one line for people.
        problems: HTTP statuses by the answer's `status`, where it isn't 200.
    """

    name: str
    arguments: type[Arguments]
    answer: Any
    what: str

    @property
    def problems(self) -> dict[str, int]:
        """HTTP statuses by the answer's `status`, where it isn't 200."""
        kinds = (self.answer, *get_args(self.answer))
        return {word: status for kind in kinds for word, status in getattr(kind, "problems", {}).items()}

    @property
    def waits(self) -> bool:
        """Whether its `timeoutSeconds` is how long the answer may take."""
        return issubclass(self.arguments, sessions.Target)

    @property
    def needs_arguments(self) -> bool:
        """Whether a call without any is refused."""
        return any(field.is_required() for field in self.arguments.model_fields.values())

    def adapter(self) -> TypeAdapter[Any]:
        """Reads an answer."""
        return TypeAdapter(self.answer)


_ALL = (
    Verb("sessions_spawn", sessions.Spawn, sessions.Spawned, "Start a session of one of the tree's agents."),
    Verb(
        "sessions_send", sessions.Send, sessions.Sent, "Send a text to a session; with a timeout, wait for its reply."
    ),
    Verb("sessions_stop", sessions.Stop, sessions.Outcome, "Stop a session in order."),
    Verb("sessions_result", sessions.Result, sessions.Outcome, "How a session's run ended; waits for it if told to."),
    Verb("sessions_list", sessions.Listed, list[sessions.SessionRow], "Sessions that are there, then those that were."),
    Verb("session_status", sessions.Status, sessions.SessionRow, "One session."),
    Verb("sessions_history", sessions.HistoryOf, sessions.History, "What happened to one session."),
    Verb("cron", cron.Cron, cron.Scheduled | list[cron.Scheduled], "Schedules: add, list, remove, update, run, runs."),
    Verb("ps", looking.Nothing, list[sessions.Row], "A row per process."),
    Verb("status", looking.Nothing, looking.NodeStatus, "Is the node healthy, and what waits for a person."),
    Verb("why", looking.Why, looking.Explained | list[looking.Explained], "Why a child is as it is, with evidence."),
    Verb("incidents", looking.Incidents, list[looking.Incident], "What was found wrong, newest first."),
    Verb("events", looking.Events, list[sessions.Event], "The journal, oldest first."),
    Verb("checkpoints", looking.OfPath, list[looking.Checkpoint], "A child's kept checkpoints, newest first."),
    Verb("alerts", looking.Alerts, looking.Told, "What people were told of, and whether the ways to them work."),
    Verb("ack", looking.OfId, looking.Acknowledged, "Somebody knows: no escalation, and a child that waited goes on."),
    Verb("review", looking.Nothing, list[looking.Waiting], "What waits for a person."),
)

VERBS: dict[str, Verb] = {verb.name: verb for verb in _ALL}
"""By name. Not here: orders to the node and its processes. They are given where it runs."""
