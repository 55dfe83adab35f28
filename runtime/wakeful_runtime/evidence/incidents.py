"""An incident: what was found, by which facts, what was done, and what came of it; as a row and in words.

An outcome is more than the end of the old life: it is written when the next one has made progress (a restart alone
is no recovery).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from wakeful.policy import Heartbeat
from wakeful.rules.facts import Facts, Look
from wakeful.rules.judgement import Judgement
from wakeful.rules.words import span
from wakeful_runtime.evidence.localtime import clock
from wakeful_runtime.prompt import PLAIN, Prompt

Row = Mapping[str, Any]

_LINES = 5
_DAY_LINES = 10
_AGES = {"beat_age_s": "answered", "progress_age_s": "made progress"}
_ACTIONS = {"restart": "ended and restarted", "review": "parked", "stop": "stopped", "alert": "people were told"}
_LIFE = re.compile(r"\bincarnation (\d+)\b")
_ENDED_ITSELF = frozenset({"exited", "oom", "start_failed"})
_WELL = frozenset({"healthy", "waiting", "busy", "starting"})
_WIDE = 200
_MUTE = {"T": "stopped", "t": "stopped", "D": "stuck in the kernel", "gone": "gone", "Z": "gone", "X": "gone"}


@dataclass(frozen=True, slots=True)
class Incident:
    """What the store is asked to write when the action begins.

    Attributes:
        id: of the incident; one per life is enough: `path#incarnation`.
        thresholds, facts: plain values only.
        action: what is done about it.
    """

    id: str
    path: str
    incarnation: int
    verdict: str
    severity: str
    thresholds: dict[str, Any]
    facts: dict[str, Any]
    action: str

    def fields(self) -> dict[str, Any]:
        """The arguments of the store's `incident_open`."""
        return {**asdict(self), "evidence": None}


def incident_of(
    path: str, incarnation: int, judgement: Judgement, facts: Facts, policy: Heartbeat, *, now: float
) -> Incident:
    """The incident a frozen judgement begins.

    Args:
        path, incarnation: of the life.
        judgement: the verdict, frozen: nothing that is seen later changes it.
        facts: what it was made of.
        policy: the child's Heartbeat.
        now: monotonic seconds.
    """
    action = judgement.policy.action if judgement.killing or judgement.policy.action != "restart" else "alert"
    return Incident(
        id=f"{path}#{incarnation}",
        path=path,
        incarnation=incarnation,
        verdict=str(judgement.verdict),
        severity=judgement.policy.severity,
        thresholds={"seconds": judgement.threshold, **policy.model_dump()},
        facts=_facts(judgement, facts, now),
        action=action,
    )


def why_lines(row: Row, prompt: Prompt = PLAIN) -> list[str]:
    """An incident in five lines a person understands: what, why, where, what was done, what to type.

    Args:
        row: the store's row of an incident, or the answer of `why`.
        prompt: how its commands begin.
    """
    lines = [
        _head(row),
        f"  what: {_one_line(row.get('what') or _mapping(row, 'facts').get('words') or 'nothing is known')}",
        f"  where: {_where(row)}" if row.get("action") or row.get("evidence") else f"  seen: {_seen(row)}",
        f"  done: {_done(row)}",
        f"  next: {prompt.put(_next(row))}",
    ]
    return lines[:_LINES]


def day_lines(rows: Sequence[Row], prompt: Prompt = PLAIN) -> list[str]:
    """The last day in ten lines at most, the newest first, each with the command to type."""
    if not rows:
        return [f"nothing has happened in the last 24 h that needs a word  ({prompt.put('wakeful ps')})"]
    lines: list[str] = []
    for row in rows[:_DAY_LINES]:
        what = _one_line(row.get("what") or _mapping(row, "facts").get("words") or "")
        outcome = f" → {_lives(row['outcome'])}" if row.get("outcome") else ""
        at = clock(row.get("since") or row.get("at") or "")
        text = f"{at}  {row.get('path')}: {row.get('verdict')}, {what}{outcome}"
        waits = str(row.get("next") or "").startswith("wakeful resume")
        command = row["next"] if waits else f"wakeful why {row.get('path')}"
        lines.append(f"{text if len(text) <= _WIDE else text[: _WIDE - 1] + '…'}  ({prompt.put(command)})")
    if len(rows) > _DAY_LINES:
        lines[-1] = f"and {len(rows) - _DAY_LINES + 1} more  ({prompt.put('wakeful incidents --since 24h')})"
    return lines


def markdown(row: Row) -> str:
    """An incident as a page to paste into a report; evidence in full."""
    evidence = _mapping(row, "evidence")
    head = why_lines(row)
    ident = row.get("incident") or row.get("id")
    told = [f"- **{key}**: {text}" for key, text in map(_keyed, head[1:4])]
    parts = [f"## {head[0]}", "", *([f"- **incident**: `{ident}`"] if ident else []), *told, ""]
    parts += _table("Facts", _mapping(row, "facts")) + _table("Thresholds", _mapping(row, "thresholds"))
    parts += _table("Process", {key: value for key, value in _mapping(evidence, "process").items() if value})
    for title, key in (("Tasks", "tasks"), ("Threads", "threads"), ("C-level dump", "dump"), ("Log", "log")):
        parts += _block(title, evidence.get(key))
    for title, key in (("Last checkpoint", "checkpoint"), ("Open lease", "lease")):
        parts += _table(title, _mapping(evidence, key))
    return "\n".join(parts).rstrip() + "\n"


def _facts(judgement: Judgement, facts: Facts, now: float) -> dict[str, Any]:
    answer = facts.answer
    told: dict[str, Any] = {
        "words": judgement.words,
        "since": time.time() - (now - judgement.since),
        "detected_s": round(now - judgement.since, 3),
        "answer_age_s": round(now - answer.at, 3) if answer else None,
        "loop_age_s": round(answer.loop_age, 3) if answer else None,
        "progress_age_s": round(now - answer.pulse.progress_at, 3) if answer else None,
        "progress": [answer.pulse.done, answer.pulse.total, answer.pulse.note] if answer else None,
        "probes_unanswered": len(facts.probes),
        "looks": [_look(look, now) for look in facts.looks[-3:]],
        "doubt": facts.doubt.why or None,
    }
    return {key: value for key, value in told.items() if value is not None}


def _look(look: Look, now: float) -> dict[str, Any]:
    return {
        "age_s": round(now - look.at, 3),
        "main": look.main.state,
        "main_in": look.main.syscall or look.main.wchan,
        "control": look.control.state if look.control else None,
        "control_in": (look.control.syscall or look.control.wchan) if look.control else None,
    }


def _head(row: Row) -> str:
    facts, thresholds = _mapping(row, "facts"), _mapping(row, "thresholds")
    life = f", life {row['incarnation']}" if row.get("incarnation") else ""
    since = row.get("since") or row.get("at") or row.get("opened_at")
    at = clock(since) if since else "?"
    if not (row.get("action") or row.get("incident") or row.get("id")):
        state = ", ".join(dict.fromkeys(str(row[key]) for key in ("state", "verdict") if row.get(key)))
        return f"{row.get('path')}{life}: {state}{f'; began at {at}' if since else ''}"
    found = facts.get("detected_s")
    limit = thresholds.get("seconds", facts.get("seconds"))
    took = f", found after {span(float(found))}" if found else ""
    took += f" (limit {span(float(limit))})" if limit else ""
    now = f"; now {row['now']}" if row.get("now") else ""
    return f"{row.get('path')}{life}: {row.get('verdict')} at {at}{took}{now}"


def _seen(row: Row) -> str:
    facts = _mapping(row, "facts")
    waits = row.get("verdict") == "waiting"  # its progress clock stands still
    ages = {key: word for key, word in _AGES.items() if facts.get(key) is not None and not (waits and "prog" in key)}
    told = [f"{word} {span(float(facts[key]))} ago" for key, word in ages.items()]
    told = [f"{told[0]} at {facts['line']}", *told[1:]] if told and facts.get("line") else told
    told += [f"checkpoint {facts['checkpoint']!r}"] if facts.get("checkpoint") else []
    told += [f"{facts['memory_mb']:.0f} MB"] if facts.get("memory_mb") else []
    return ", ".join(told) or "nothing of it runs now"


def _done(row: Row) -> str:
    if not row.get("action") and not row.get("outcome"):
        return "nothing: nothing is wrong with it" if row.get("verdict") in _WELL else "nothing"
    action = str(row.get("action") or "nothing")
    return f"{_done_by(row, action)}; {_lives(row.get('outcome') or 'its outcome is still open')}"


def _done_by(row: Row, action: str) -> str:
    if action == "restart" and row.get("verdict") in _ENDED_ITSELF:
        return "restarted"
    return _ACTIONS.get(action, action)


def _lives(text: object) -> str:
    """People count lives; an incarnation is a life's number."""
    return _LIFE.sub(r"life \1", _one_line(text))


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def _where(row: Row) -> str:
    evidence = _mapping(row, "evidence")
    line, lease = evidence.get("line"), _mapping(evidence, "lease")
    under = f" under the lease {lease['what']!r}" if lease.get("what") else ""
    seen = _mapping(evidence, "last_seen")
    if line:
        return f"{line}{under}"
    if seen:
        ago = span(float(seen["age_s"]))
        return f"{seen['line']}{under} when it last answered, {ago} before: what is {_mute(row)} can't be asked"
    if not any(evidence.get(key) for key in ("tasks", "threads", "dump")):
        return f"not known: it was not looked at{under}"
    return f"no line of yours was seen{under}"


def _mute(row: Row) -> str:
    state = str(_mapping(_mapping(row, "evidence"), "process").get("state") or "gone")
    return _MUTE.get(state, "silent")


def _next(row: Row) -> str:
    given = row.get("next")
    commands = [given] if isinstance(given, str) else [str(each) for each in given or ()]
    ident = row.get("incident") or row.get("id")
    return "  ·  ".join(commands) or (
        f"wakeful incidents {ident} --markdown" if ident else f"wakeful why {row.get('path')}"
    )


def _mapping(row: Row, key: str) -> dict[str, Any]:
    value = row.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _keyed(line: str) -> tuple[str, str]:
    key, _, text = line.strip().partition(": ")
    return key, text


def _table(title: str, values: Row) -> list[str]:
    if not values:
        return []
    rows = [f"| {key} | {_cell(value)} |" for key, value in values.items()]
    return [f"### {title}", "", "| | |", "|---|---|", *rows, ""]


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _block(title: str, value: object) -> list[str]:
    texts = [value] if isinstance(value, str) else list(map(str, cast("Iterable[object]", value or ())))
    body = "\n".join(text for text in texts if text).strip("\n")
    if not body:
        return []
    fence = "````" if "```" in body else "```"
    return [f"### {title}", "", f"{fence}text", body, fence, ""]
