"""A job's JSON: read, checked, completed, and changed by a patch. The keys are OpenClaw's (api.md §3)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from wakeful.errors import NodeError, SpecError
from wakeful.plan import JobPlan
from wakeful.rules.cron import SHORTEST_S, check_cron
from wakeful.rules.firing import Misfire, Overlap
from wakeful.words import choice, zone
from wakeful_runtime.gateway.keys import JOB_FOREIGN, PAYLOAD_FOREIGN, SCHEDULE_FOREIGN, Keys
from wakeful_runtime.gateway.spawnrequest import Agents

Body = dict[str, Any]

LONGEST_NAME = 64
LONGEST_MESSAGE = 1_000_000

JOB = Keys(
    "cron: job",
    (
        "name",
        "schedule",
        "payload",
        "sessionTarget",
        "agentId",
        "misfire",
        "grace",
        "overlap",
        "enabled",
        "description",
    ),
    JOB_FOREIGN,
)
SCHEDULE = Keys("cron: schedule", ("kind", "expr", "tz", "everyMs", "at"), SCHEDULE_FOREIGN, within="schedule.")
PAYLOAD = Keys("cron: payload", ("kind", "message", "timeoutSeconds"), PAYLOAD_FOREIGN, within="payload.")

_OWN = {"cron": "expr", "every": "everyMs", "at": "at"}
"""The key each kind of schedule needs."""


@dataclass(frozen=True, slots=True)
class Given:
    """A job as it was asked for: its whole JSON, and the keys that mean nothing here."""

    spec: Body
    enabled: bool
    ignored: list[str]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a job has that doesn't say it."""

    agents: Agents
    tz: str

    def agent(self, name: object) -> str:
        """The name of the agent that is meant.

        Raises:
            NodeError: there is none of that name, or it isn't clear; the text lists them.
        """
        try:
            return self.agents.choose(name)[0].name
        except NodeError as error:
            raise NodeError(f"cron: {error}") from None


def read_job(job: object, defaults: Defaults) -> Given:
    """A whole job from its JSON.

    Raises:
        NodeError: a key or a value can't be; the text says what to write.
    """
    given = _mapping(job, "cron: job", '{"name": …, "schedule": {…}, "payload": {…}}')
    ignored = JOB.ignored(given)
    schedule = _mapping(given.get("schedule"), "cron: schedule", '{"kind": "cron", "expr": "0 3 * * *"}')
    payload = _mapping(given.get("payload"), "cron: payload", '{"kind": "agentTurn", "message": "…"}')
    ignored += SCHEDULE.ignored(schedule) + PAYLOAD.ignored(payload)
    spec: Body = {
        "name": _name(given.get("name")),
        "schedule": _schedule(schedule, defaults),
        "payload": _payload(payload),
        "sessionTarget": _word(given.get("sessionTarget", "isolated"), ("isolated",), "cron: sessionTarget"),
        "agentId": defaults.agent(given.get("agentId")),
        "misfire": _choice(given.get("misfire", "skip"), Misfire, "cron: misfire"),
        "grace": _seconds(given.get("grace", 600.0), "cron: grace"),
        "overlap": _choice(given.get("overlap", "skip"), Overlap, "cron: overlap"),
    }
    if given.get("description"):
        spec["description"] = str(given["description"])[:1000]
    enabled = given.get("enabled", True)
    if not isinstance(enabled, bool):
        raise NodeError(f"cron: enabled={enabled!r}: write true or false")
    return Given(spec, enabled, ignored)


def patched(spec: Body, enabled: bool, patch: object, defaults: Defaults) -> Given:
    """The job with what a patch changes; `schedule` and `payload` are changed key by key.

    Raises:
        NodeError: as `read_job`.
    """
    given = dict(_mapping(patch, "cron: patch", '{"enabled": false}'))
    JOB.ignored(given)
    for part in ("schedule", "payload"):
        if part in given:
            inner = dict(_mapping(given[part], f"cron: {part}", "an object"))
            keep = part == "payload" or inner.get("kind", spec[part]["kind"]) == spec[part]["kind"]
            given[part] = {**(spec[part] if keep else {}), **inner}
    return read_job({**spec, "enabled": enabled, **given}, defaults)


def declared(plan: JobPlan, defaults: Defaults) -> Body:
    """A job of the tree as JSON."""
    tz = plan.tz or defaults.tz
    if plan.expr is not None:
        schedule: Body = {"kind": "cron", "expr": plan.expr, "tz": tz}
    elif plan.every is not None:
        schedule = {"kind": "every", "everyMs": round(plan.every * 1000)}
    else:
        schedule = {"kind": "at", "at": str(plan.at), "tz": tz}
    return {
        "name": plan.name,
        "schedule": schedule,
        "payload": {
            "kind": "agentTurn",
            "message": plan.task,
            **({} if plan.timeout is None else {"timeoutSeconds": plan.timeout}),
        },
        "sessionTarget": "isolated",
        "agentId": plan.agent,
        "misfire": plan.misfire,
        "grace": plan.grace,
        "overlap": plan.overlap,
    }


def moment(at: str, tz: str) -> float:
    """An ISO time as seconds since the epoch; without an offset it is read in the zone.

    Raises:
        NodeError: it is none.
    """
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        raise NodeError(f'cron: at={at!r} is no time; write "2026-12-01T09:00" or "2026-12-01T08:00:00Z"') from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(tz))).astimezone(UTC).timestamp()


def slug(name: str) -> str:
    """A name as part of a path."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:24] or "job"


def _schedule(given: Mapping[str, Any], defaults: Defaults) -> Body:
    kind = _word(given.get("kind") or _guessed(given), tuple(_OWN), "cron: schedule: kind")
    for other, key in _OWN.items():
        if other != kind and given.get(key) is not None:
            raise NodeError(f"cron: schedule: kind {kind!r} has {_OWN[kind]!r}, not {key!r}; remove one of them")
    value = given.get(_OWN[kind])
    if value is None:
        raise NodeError(f"cron: schedule: kind {kind!r} needs {_OWN[kind]!r}")
    try:
        tz = zone(given.get("tz"), "cron: schedule: tz") or defaults.tz
    except (SpecError, TypeError) as error:
        raise NodeError(str(error)) from None
    if kind == "every":
        return {"kind": kind, "everyMs": _every(value)}
    if not isinstance(value, str):
        raise NodeError(f"cron: schedule: {_OWN[kind]}={value!r}: write a text")
    if kind == "at":
        moment(value, tz)
        return {"kind": kind, "at": value, "tz": tz}
    try:
        return {"kind": kind, "expr": check_cron(value), "tz": tz}
    except ValueError as error:
        raise NodeError(f"cron: schedule: {error}") from None


def _guessed(given: Mapping[str, Any]) -> str | None:
    return next((kind for kind, key in _OWN.items() if given.get(key) is not None), None)


def _every(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not SHORTEST_S * 1000 <= value < 1e13:
        raise NodeError(f"cron: schedule: everyMs={value!r}: write milliseconds, {SHORTEST_S * 1000:g} or more")
    return round(value)


def _payload(given: Mapping[str, Any]) -> Body:
    kind = _word(given.get("kind", "agentTurn"), ("agentTurn",), "cron: payload: kind")
    message = given.get("message")
    if not isinstance(message, str) or not 0 < len(message) <= LONGEST_MESSAGE:
        raise NodeError("cron: payload: message is required: what should the session do?")
    payload: Body = {"kind": kind, "message": message}
    if given.get("timeoutSeconds") is not None:  # without it, the agent's run_timeout
        payload["timeoutSeconds"] = _seconds(given["timeoutSeconds"], "cron: payload: timeoutSeconds")
    return payload


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_NAME or not value.isprintable():
        raise NodeError(f"cron: name={value!r}: write 1 to {LONGEST_NAME} printable characters")
    return value.strip()


def _word(value: object, words: tuple[str, ...], of: str) -> str:
    if value not in words:
        raise NodeError(f"{of}={value!r}: write {' or '.join(repr(word) for word in words)}")
    return str(value)


def _choice(value: object, kind: Any, of: str) -> str:
    try:
        return str(choice(value, kind, of)) if isinstance(value, str) else _word(value, get_args(kind), of)
    except SpecError as error:
        raise NodeError(str(error)) from None


def _seconds(value: object, of: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise NodeError(f"{of}={value!r}: write seconds, 0 or more")
    return value


def _mapping(value: object, of: str, example: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NodeError(f"{of} is required: an object such as {example}")
    return value  # pyright: ignore[reportUnknownVariableType]
