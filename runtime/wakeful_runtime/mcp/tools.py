"""The tools: verbs of the API with words for a model, the same types, and an answer of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, TypeAdapter

from wakeful_runtime.contract.fields import FOREIGN, Arguments, NewName
from wakeful_runtime.contract.sessions import Sent, Target
from wakeful_runtime.contract.verbs import VERBS

LONGEST_WAIT_S = 60.0
"""Of one tool call: models and their clients give up on those that are silent longer."""

ROWS = 20
"""How many rows a list has where the model does not say."""

Schema = dict[str, Any]


class Mark(Target):
    """A marker for a session."""

    of = "checkpoint"
    foreign = ()
    name: NewName = Field(description="The marker, such as drafts-done.")


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        verb: what the node is asked.
        arguments: what the tool takes.
        answer: a type of pydantic's; one that isn't an object is told as `{"result": …}`.
        words: what a model must know to use it well.
        reads: it changes nothing.
        starts: it starts something, so fewer calls of it are taken.
        limited: its `limit` has a default of ROWS.
    """

    name: str
    verb: str
    arguments: type[Arguments]
    answer: Any
    words: str
    reads: bool = False
    starts: bool = False
    limited: bool = field(default=False)

    @property
    def input_schema(self) -> Schema:
        """Without the keys that mean nothing here."""
        schema = TypeAdapter(self.arguments).json_schema()
        for each in (schema, *schema.get("$defs", {}).values()):
            if "properties" in each:
                each["properties"] = {key: value for key, value in each["properties"].items() if value != FOREIGN}
        return schema

    @property
    def wrapped(self) -> bool:
        """Whether its answers are told as `{"result": …}`."""
        return TypeAdapter(self.answer).json_schema(mode="serialization").get("type") != "object"

    @property
    def output_schema(self) -> Schema:
        """Of the structured answer: always an object."""
        schema = TypeAdapter(self.answer).json_schema(mode="serialization")
        if schema.get("type") == "object":
            return schema
        definitions = schema.pop("$defs", {})
        return {"type": "object", "properties": {"result": schema}, "required": ["result"], "$defs": definitions}

    def request(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The verb's arguments.

        Raises:
            pydantic.ValidationError: they can't be right.
        """
        args = self.arguments.model_validate(dict(given)).sent(dict(given))
        if self.limited:
            args.setdefault("limit", ROWS)
        if "timeoutSeconds" in args and issubclass(self.arguments, Target):
            args["timeoutSeconds"] = min(args["timeoutSeconds"], LONGEST_WAIT_S)
        if self.arguments is Mark:
            args["message"] = f"checkpoint:{args.pop('name')}"
        return args


def _of_verb(name: str, words: str, **how: bool) -> Tool:
    verb = VERBS[name]
    return Tool(name, name, verb.arguments, verb.answer, words, **how)


_ALL = (
    _of_verb(
        "sessions_spawn",
        "Start an agent session that runs by itself, supervised: it is restarted from its last checkpoint when it "
        "crashes or hangs. Returns at once; keep `key` and look with session_status. Status `forbidden`: a limit.",
        starts=True,
    ),
    _of_verb(
        "sessions_send",
        "Put a text into a session's inbox. With timeoutSeconds (at most 60) wait for its reply; status `timeout`: "
        "the text is on its way and no reply came yet; to wait again send it again with the same idempotencyKey.",
    ),
    _of_verb(
        "sessions_list",
        "Sessions that are there, then those that were. `state` says what one does now, `outcome` how one ended.",
        reads=True,
        limited=True,
    ),
    _of_verb("session_status", "One session: state, verdict, last checkpoint, progress, outcome.", reads=True),
    _of_verb(
        "sessions_history",
        "What happened to one session: journal, lives and how each ended, kept checkpoints.",
        reads=True,
        limited=True,
    ),
    _of_verb(
        "cron",
        "Schedules. action add needs job {name, schedule {kind: cron, expr, tz} | {kind: every, everyMs} | {kind: at, "
        "at}, payload {kind: agentTurn, message}}; update takes jobId and patch; list, remove, run and runs.",
        starts=True,
    ),
    _of_verb(
        "incidents",
        "What was found wrong (crashes, hangs, no progress), newest first; with `id` one of them with its evidence.",
        reads=True,
        limited=True,
    ),
    _of_verb(
        "why",
        "Why a session is silent or was killed: verdict, facts, evidence, what was done, and `next`, the command for "
        "a person to type. Without a path: the last 24 hours.",
        reads=True,
    ),
    Tool(
        "checkpoint",
        "sessions_send",
        Mark,
        Sent,
        "Record a named marker for a session, such as drafts-done; session_status shows the last one as `mark`.",
    ),
)

TOOLS: dict[str, Tool] = {tool.name: tool for tool in _ALL}
