"""The JSON of `sessions_spawn`, checked and turned into the plan of a session."""

from __future__ import annotations

import difflib
import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from wakeful.errors import CodecError, NodeError, SpecError
from wakeful.plan import ChildPlan
from wakeful.policy import Cleanup, Heartbeat, Preset, Recovery
from wakeful.values import plain
from wakeful_runtime.gateway.keys import CALL_FOREIGN, SPAWN_FOREIGN, Keys

SPAWN = Keys(
    "sessions_spawn",
    (
        "task",
        "agentId",
        "label",
        "runTimeoutSeconds",
        "timeoutSeconds",
        "cleanup",
        "heartbeat",
        "recovery",
        "args",
        "watch",
        "runId",
        "notBefore",
    ),
    SPAWN_FOREIGN | CALL_FOREIGN,
)
"""`timeoutSeconds` is OpenClaw's older word for `runTimeoutSeconds`; `runId` and `notBefore` (wall time) are the
scheduler's, which may call again; so is `task` null: of a job whose agent knows its task."""

HEARTBEAT = Keys("sessions_spawn: heartbeat", ("every", "timeout", "progress", "startup"))

LABEL_CHARS = 64
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Agents:
    """What may be started, by name: its plan, and the path of the monitor it runs under."""

    plans: Mapping[str, tuple[ChildPlan, str]]

    def choose(self, name: object) -> tuple[ChildPlan, str]:
        """The agent called `name`; without one the agent `main`, else the only one.

        Raises:
            NodeError: none, or several.
        """
        if name is None:
            if "main" in self.plans:
                return self.plans["main"]
            if len(self.plans) == 1:
                return next(iter(self.plans.values()))
        there = ", ".join(sorted(self.plans)) or "none: add `agents=[Child(…)]` to the Gateway"
        if name is None:
            raise NodeError(f"say which agentId; agents are {there}")
        if not isinstance(name, str) or name not in self.plans:
            raise NodeError(f"no agent {name!r}; agents are {there}")
        return self.plans[name]


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """A session that is to be started.

    Attributes:
        under: path of the monitor it is started below.
        again: whoever asks chose the run's id and may ask again: it is begun once, and waits for its turn.
        ignored: keys that mean nothing here.
    """

    plan: ChildPlan
    under: str
    again: bool
    ignored: tuple[str, ...]


def read_spawn(args: Mapping[str, Any], agents: Agents) -> SpawnRequest:
    """Check the arguments of `sessions_spawn`.

    Raises:
        NodeError: a key or a value that can't be; the text says what to write instead.
    """
    ignored = SPAWN.ignored(args)
    task = args.get("task")
    known = task is None and args.get("runId") is not None
    if not known and (not isinstance(task, str) or not task):
        raise NodeError("task is required: a text that says what the session should do")
    agent, under = agents.choose(args.get("agentId"))
    run_id = run_id_of(args.get("runId"))
    label = label_of(args.get("label"))
    update: dict[str, Any] = {
        "name": name_of(label) or _name_of_run(run_id, chosen=args.get("runId") is not None),
        "label": label,
        "run_id": run_id,
        "args": _arguments(agent, task, args.get("args")),
        "heartbeat": heartbeat_over(agent.heartbeat, args.get("heartbeat")),
    }
    timeout = args.get("runTimeoutSeconds", args.get("timeoutSeconds"))
    if timeout is not None:
        update["run_timeout"] = seconds_of(timeout, "runTimeoutSeconds") or None
    if args.get("notBefore") is not None:
        update["not_before"] = seconds_of(args["notBefore"], "notBefore")
    for key, words in (("cleanup", get_args(Cleanup)), ("recovery", get_args(Recovery))):
        if args.get(key) is not None:
            update[key] = _word(key, args[key], words)
    plan = ChildPlan.model_validate({**agent.model_dump(mode="python"), **update})
    return SpawnRequest(plan, under, args.get("runId") is not None, tuple(ignored))


def run_id_of(given: object) -> str:
    if given is None:
        return uuid.uuid4().hex
    if not isinstance(given, str) or not _RUN_ID.fullmatch(given):
        raise NodeError(f"runId {given!r}: at most 128 letters, digits and . _ : @ + -, a letter or digit first")
    return given


def label_of(given: object) -> str | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str) or len(given) > LABEL_CHARS:
        raise NodeError(f"label: a text of at most {LABEL_CHARS} characters")
    return given


def name_of(label: str | None) -> str:
    """A label as a part of a path; the label itself may be any text."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", label or "").strip("-._")


def _name_of_run(run_id: str, *, chosen: bool) -> str:
    if not chosen:
        return run_id[:12]
    return run_id if _PLAIN_ID.fullmatch(run_id) else uuid.uuid5(uuid.NAMESPACE_OID, run_id).hex[:12]


def _arguments(agent: ChildPlan, task: str | None, given: object) -> dict[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise NodeError('args: an object of arguments by name, such as {"depth": 2}')
    more: dict[str, Any] = dict(given or {})  # pyright: ignore[reportUnknownArgumentType]
    if agent.task_name in more:
        raise NodeError(f"args: {agent.task_name!r} is the task's; give it once")
    for name in more:
        if agent.takes is not None and name not in agent.takes:
            close = difflib.get_close_matches(str(name), agent.takes, n=1)
            meant = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(agent.takes)}"
            raise NodeError(f"args: the agent {agent.name} takes no {name!r}; {meant}")
    try:
        kept = {**agent.args, **{name: plain(value, of=f"args: {name}") for name, value in more.items()}}
    except CodecError as error:
        raise NodeError(str(error)) from None
    return kept if agent.task_name is None or task is None else {**kept, agent.task_name: task}


def heartbeat_over(base: Heartbeat, given: object) -> Heartbeat:
    """What isn't given is the agent's; a text names a preset."""
    if given is None:
        return base
    try:
        if isinstance(given, str):
            return Heartbeat.preset(cast("Preset", given)).for_session()
        if not isinstance(given, Mapping):
            raise NodeError("heartbeat: an object with every, timeout, progress (seconds), or the name of a preset")
        chosen: dict[str, Any] = dict(given)  # pyright: ignore[reportUnknownArgumentType]
        HEARTBEAT.ignored(chosen)
        return Heartbeat(
            chosen.get("every", base.every),
            chosen.get("timeout", base.timeout),
            chosen.get("progress", base.progress),
            chosen.get("startup", base.startup),
            progress_given="progress" in chosen or base.progress_given,
        )
    except SpecError as error:
        raise NodeError(f"heartbeat: {error}") from None


def seconds_of(given: object, key: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given) or given < 0:
        raise NodeError(f"{key}: {given!r} is no number of seconds; 0 is no limit")
    return float(given)


def _word(key: str, given: object, words: tuple[str, ...]) -> str:
    if given not in words:
        raise NodeError(f"{key}: {given!r} is none of {', '.join(words)}")
    return str(given)
