"""What was lost, done twice or touched without need: by the books, the ledger, the results and the journal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from tests.chaos.books import Line
from tests.chaos.ledger import Call
from tests.chaos.monkey import Fault
from tests.chaos.people import Count


@dataclass
class Losses:
    """A line of text for each; all empty: every promise was kept.

    Attributes:
        messages_lost: acknowledged, and never applied.
        messages_twice: applied twice, or out of order.
        effects_twice: by the ledger.
        effects_lost: acknowledged, and not in the ledger.
        checkpoints_lost: a life resumed behind what was acknowledged before.
        restarted_healthy: sessions the monkey had not touched that got another process.
        acted_dead: something was acknowledged to a life after the next one had begun.
        not_in_journal: a death the journal doesn't tell.
        not_recovered: what should run at the end, and doesn't.
        left_over: processes, sockets, files.
    """

    messages_lost: list[str] = field(default_factory=list)
    messages_twice: list[str] = field(default_factory=list)
    effects_twice: list[str] = field(default_factory=list)
    effects_lost: list[str] = field(default_factory=list)
    checkpoints_lost: list[str] = field(default_factory=list)
    restarted_healthy: list[str] = field(default_factory=list)
    acted_dead: list[str] = field(default_factory=list)
    not_in_journal: list[str] = field(default_factory=list)
    not_recovered: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)

    def none(self) -> bool:
        """Whether nothing was."""
        return not any(getattr(self, each.name) for each in fields(self))

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {each.name: len(getattr(self, each.name)) for each in fields(self)}


UNDER_WAY_S = 15.0
"""How long an order whose caller has given up may still be under way: supervisors wait ten seconds for one another."""


def of_books(
    losses: Losses, books: dict[str, list[Line]], results: dict[str, Count], hurt: set[int], faults: list[Fault]
) -> None:
    """Checkpoints, messages, restarts: by what was acknowledged to the sessions, and what they returned.

    An order to hang that was never answered may have reached the life that came next.
    """
    for path, lines in books.items():
        unsure = [fault.at for fault in faults if fault.path == path and not fault.sure]
        _of_lives(losses, path, lines, hurt, unsure)
        result = results.get(path)
        if result is None:
            losses.not_recovered.append(f"{path} has no result")
            continue
        last = max((line.step for line in lines if line.word == "checkpoint"), default=0)
        if result.step < last:
            losses.checkpoints_lost.append(f"{path}: {last} was acknowledged, it returned {result.step}")
        losses.messages_twice += [f"{path}: {each}" for each in result.wrong]
    for path, lines in books.items():
        for line in lines:
            if line.word == "sent":
                to, number = line.what.split("#")
                seen = results[to].seen if to in results else {}
                if seen.get(f"{path}#{line.incarnation}", 0) < int(number):
                    losses.messages_lost.append(f"{path}#{line.incarnation} -> {line.what}")


def _of_lives(losses: Losses, path: str, lines: list[Line], hurt: set[int], unsure: list[float]) -> None:
    acknowledged, incarnation, pid, since = 0, 0, 0, 0.0
    for line in lines:
        if line.word == "began":
            if line.step < acknowledged:
                words = f"{path}: {acknowledged} was acknowledged, life {line.incarnation} resumed from {line.step}"
                losses.checkpoints_lost.append(words)
            if pid and pid not in hurt and not any(at <= line.at and since <= at + UNDER_WAY_S for at in unsure):
                words = f"{path}: life {incarnation} (pid {pid}) was not touched, {line.incarnation} took its place"
                losses.restarted_healthy.append(words)
            incarnation, pid, since = line.incarnation, int(line.what), line.at
        elif line.incarnation != incarnation:
            losses.acted_dead.append(f"{path}: life {line.incarnation} in the time of {incarnation}: {line}")
        elif line.word == "checkpoint":
            acknowledged = max(acknowledged, line.step)


def of_ledger(losses: Losses, books: dict[str, list[Line]], calls: list[Call]) -> None:
    """Effects."""
    done = Counter((call.session, call.key) for call in calls)
    losses.effects_twice += [f"{path} {key}: {count} times" for (path, key), count in done.items() if count > 1]
    for path, lines in books.items():
        missing = [line.what for line in lines if line.word == "effect" and not done[path, line.what]]
        losses.effects_lost += [f"{path} {key}" for key in missing]


def of_journal(losses: Losses, faults: list[Fault], journal: list[dict[str, Any]]) -> None:
    """Every death the monkey caused is told; of init and keeper, as many as there were.

    A life that was killed before it was told GO has not begun: its end is a `launch_failed`. An init that was stopped
    while it had no keeper, and killed later, died once.
    """
    ends = ("exited", "launch_failed")
    told = {(row["path"], row["incarnation"]) for row in journal if row["event"] in ends}
    for fault in faults:
        if not fault.sure or fault.role in ("init", "keeper") or (fault.path, fault.incarnation) in told:
            continue
        losses.not_in_journal.append(f"{fault.how} {fault.path}#{fault.incarnation} (pid {fault.pid}, {fault.at:.3f})")
    for role in ("init", "keeper"):
        deaths = {fault.pid for fault in faults if fault.role == role and (role == "init" or fault.how != "stop")}
        found = sum(1 for row in journal if row["event"] == "exited" and row["path"] == role)
        if found < len(deaths):
            losses.not_in_journal.append(f"{role}: died {len(deaths)} times, {found} are told")
