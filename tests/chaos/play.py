"""A whole run: the node at work, the monkey, the peace after it, the reckoning."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos import losses as losing
from tests.chaos.arena import Arena, paths
from tests.chaos.losses import Losses
from tests.chaos.monkey import Monkey
from tests.chaos.people import Count
from tests.chaos.report import Report, Timeline, figures

from wakeful.errors import NodeError

PAUSE_S = 0.15


def play(
    seconds: float, seed: int, *, rate: float = 2.0, say: Callable[[str], None] = print, keep: bool = False
) -> Report:
    """Let the monkey play for `seconds`; what came of it.

    Args:
        rate: faults tried per second.
        keep: leave the directory where it is if something was lost.
    """
    folder = Path(tempfile.mkdtemp(prefix="wk-chaos-"))
    arena = Arena(folder, PAUSE_S)
    monkey = Monkey(arena, seed, rate)
    losses = Losses()
    trouble = ""
    journal: list[dict[str, object]] = []
    results: dict[str, Count] = {}
    with arena.ledger:
        try:
            arena.begin()
            monkey.play(seconds, say)
            results = make_peace(arena, losses)
            journal = list(arena.events())
            arena.stop()
            losses.left_over += arena.left_over()
        except (NodeError, TimeoutError, subprocess.TimeoutExpired) as error:
            trouble = f"{type(error).__name__}: {error}"
            losses.not_recovered.append(trouble)
        finally:
            arena.close()
    books = {path: list(book.read()) for path, book in arena.books.items()}
    calls = arena.ledger.calls()
    losing.of_books(losses, books, results, monkey.hurt, monkey.faults)
    losing.of_ledger(losses, books, calls)
    losing.of_journal(losses, monkey.faults, journal)
    written = [line.word for lines in books.values() for line in lines]
    report = Report(
        seed=seed,
        minutes=round(seconds / 60, 2),
        faults=len(monkey.faults),
        kills=sum(fault.deadly for fault in monkey.faults),
        checkpoints=written.count("checkpoint") + written.count("applied"),
        effects=len(calls),
        messages=written.count("sent"),
        figures=figures(monkey.faults, Timeline(journal, books)),
        losses=losses,
        trouble=trouble,
    )
    if losses.none() or not keep:
        shutil.rmtree(folder)
    else:
        (folder / "faults").write_text("\n".join(map(repr, monkey.faults)))
        say(f"kept: {folder}")
    return report


def make_peace(arena: Arena, losses: Losses) -> dict[str, Count]:
    """Everybody works again, what was sent arrives, all return; their results."""
    at = time.time()
    for path in paths():
        _works(arena, losses, path, at)
    (arena.folder / "quiet").touch()
    with contextlib.suppress(TimeoutError):  # a kill after the commit takes the line in the book: the results decide
        arena.until(lambda: not _under_way(arena), "everything sent has arrived", 10.0)
    (arena.folder / "finish").touch()
    results: dict[str, Count] = {}
    for path in paths():
        told = _result(arena, path)
        if told.get("outcome") == "ok":
            results[path] = Count.model_validate(told["result"])
        else:
            losses.not_recovered.append(f"{path}: {told}")
    return results


def _works(arena: Arena, losses: Losses, path: str, at: float) -> None:
    book = arena.books[path]
    try:
        arena.until(
            lambda: any(line.at > at and line.word == "checkpoint" for line in book.read()), f"{path} works", 90.0
        )
    except TimeoutError as error:
        losses.not_recovered.append(str(error))


def _result(arena: Arena, path: str) -> dict[str, Any]:
    asked = {"label": path, "timeoutSeconds": 20}
    told: dict[str, Any] = arena.until(lambda: arena.client.call("sessions_result", asked), f"the result of {path}")
    return told


def _under_way(arena: Arena) -> list[str]:
    """Acknowledged to the sender, and in no book of the recipient's yet, nor anything later of the same sender."""
    sent: dict[tuple[str, str], int] = {}
    applied: dict[tuple[str, str], int] = {}
    for path, book in arena.books.items():
        for line in book.read():
            if line.word == "sent":
                to, number = line.what.split("#")
                sent[f"{path}#{line.incarnation}", to] = int(number)
            elif line.word == "applied":
                source, number = line.what.rsplit("#", 1)
                applied[source, path] = int(number)
    return [
        f"{source} -> {to}#{number}" for (source, to), number in sent.items() if applied.get((source, to), 0) < number
    ]
