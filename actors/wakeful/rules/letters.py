"""What a message says: what, why, since when, what was done, what the person should do, and the command to type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from wakeful.rules.deliveries import Batch, Item
from wakeful.rules.notices import Notice
from wakeful.rules.routes import rank
from wakeful.rules.words import span

LONGEST = 1800
"""Of a message, characters: what Discord takes, with room for the title."""

LATE_S = 120.0
"""A message says by how much it is late from this on."""

_PATHS_SHOWN = 3
_NEEDY_SHOWN = 10
_VERDICTS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Where:
    """What a message says of the node.

    Attributes:
        node: its machine and directory.
        command: what every command begins with: `wakeful`, or with `--node` where that is needed.
        zone: of the times shown.
    """

    node: str
    command: str = "wakeful"
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, ready to be sent.

    Attributes:
        kind: `info`, `warning`, `failure` or `success`: how a route may colour it.
    """

    title: str
    body: str
    kind: str


def letter(batch: Batch, now: float, where: Where) -> Letter:
    """Put a batch into words, as things are now (seconds since the epoch)."""
    alone = len(batch.items) == 1
    title, lines = _single(batch.items[0], now, where) if alone else _summary(batch.items, where)
    since = min(item.notice.telling(batch.route).since for item in batch.items)
    if now - since >= LATE_S and not (alone and batch.items[0].stage == "again"):
        lines.append(f"late: it has waited for {span(now - since)} to be told here")
    if batch.perhaps:
        lines.append("(this may be a repeat: an earlier attempt ended without an answer)")
    body = "\n".join(lines)
    return Letter(title, body if len(body) <= LONGEST else f"{body[: LONGEST - 1]}…", _kind(batch.items))


def trial(where: Where) -> Letter:
    """What `wakeful alerts test` sends."""
    lines = [
        "what: a test; nothing is wrong",
        "why: somebody has typed `wakeful alerts test`",
        "you: nothing; you would be told like this",
        f"type: {where.command} alerts",
        f"node: {where.node}",
    ]
    return Letter("[test] wakeful", "\n".join(lines), "info")


def _single(item: Item, now: float, where: Where) -> tuple[str, list[str]]:
    notice, finding = item.notice, item.notice.finding
    life = f", life {finding.incarnation}" if finding.incarnation else ""
    verdict = finding.verdict.replace("_", " ")
    place = f", {finding.where}" if finding.where else ""
    lines = [
        f"what: {finding.path}{life}: {verdict}{_repeats(notice, where)}",
        f"why: {finding.what}{place}",
        f"since: {_clock(finding.since, where)}",
        f"done: {finding.done or 'nothing'}",
        f"you: {_advice(item, now)}",
        *(f"type: {where.command} {command}" for command in finding.commands[:2]),
        *([f"seen it: {where.command} ack {notice.no}"] if _asks(notice) else []),
        f"node: {where.node}",
    ]
    return f"[{_word(item)}] {finding.path}: {_headline(item, verdict)}", lines


def _summary(items: Sequence[Item], where: Where) -> tuple[str, list[str]]:
    notices = [item.notice for item in items]
    needy = [notice for notice in notices if notice.finding.needs]
    well = [notice for notice in notices if notice.state == "recovered"]
    still = [notice for notice in notices if notice.state == "open" and not notice.finding.needs]
    counts = [(len(needy), "waiting for you"), (len(still), "open"), (len(well), "recovered")]
    told = ", ".join(f"{count} {word}" for count, word in counts if count) or "all over"
    groups: dict[str, list[str]] = {}
    for notice in notices:
        groups.setdefault(notice.finding.verdict, []).append(notice.finding.path)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))
    grave = max(items, key=lambda item: (item.notice.finding.needs, rank(item.notice.severity)))
    lines = [
        f"what: {len(items)} alerts together: {told}",
        *(
            f"  {len(paths)} × {verdict.replace('_', ' ')}: {_paths(paths)}"
            for verdict, paths in largest[:_VERDICTS_SHOWN]
        ),
        *([f"  and {len(largest) - _VERDICTS_SHOWN} other kinds"] if len(largest) > _VERDICTS_SHOWN else []),
        f"why: for example {grave.notice.finding.path}: {grave.notice.finding.what}",
        f"since: {_clock(min(notice.finding.since for notice in notices), where)}",
        f"done: for example {grave.notice.finding.done or 'nothing'}",
        f"you: {f'{len(needy)} waiting for you' if needy else 'nothing at once: those open go on by themselves'}",
        *(f"type: {where.command} {notice.finding.commands[0]}" for notice in needy[:_NEEDY_SHOWN]),
        f"type: {where.command} {'review' if needy else 'alerts'}",
        f"node: {where.node}",
    ]
    word = _word(grave) if needy or still else "recovered" if well else _word(grave)
    return f"[{word}] {len(items)} alerts: {told}", lines


def _word(item: Item) -> str:
    if item.notice.state == "recovered":
        return "recovered"
    if item.stage == "over":
        return "over"
    return f"{item.notice.severity}, escalated" if item.stage == "escalation" else item.notice.severity


def _headline(item: Item, verdict: str) -> str:
    if item.notice.finding.needs:
        return f"waits for you ({verdict})"
    return f"{verdict}, again" if item.stage == "again" else verdict


def _advice(item: Item, now: float) -> str:
    notice = item.notice
    advice = notice.finding.advice or "nothing"
    told = notice.first_told_at
    if item.stage == "escalation" and told is not None:
        return f"{advice}; nobody has acknowledged this for {span(now - told)}"
    return advice


def _asks(notice: Notice) -> bool:
    return notice.state == "open" and notice.acked_at is None


def _repeats(notice: Notice, where: Where) -> str:
    if not notice.repeats:
        return ""
    times = "once" if notice.repeats == 1 else f"{notice.repeats} times"
    return f"; again {times} since {_clock(notice.opened_at, where)}"


def _paths(paths: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(paths))
    more = len(distinct) - _PATHS_SHOWN
    return ", ".join(distinct[:_PATHS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _kind(items: Sequence[Item]) -> str:
    if all(item.notice.state == "recovered" for item in items):
        return "success"
    gravest = max(rank(item.notice.severity) for item in items if item.notice.state != "recovered")
    return "failure" if gravest >= rank("error") else "warning" if gravest == rank("warning") else "info"


def _clock(at: float, where: Where) -> str:
    return datetime.fromtimestamp(at, where.zone).strftime("%Y-%m-%d %H:%M:%S %Z").strip()
