"""Checkpoints: six fixed slots per run, the five newest and the last one known to be good.

A checkpoint is known to be good once a life that resumed from it wrote the next one. A slot is a fixed row that is
written over, so a run of a million checkpoints takes the room of six.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from typing import Literal

from wakeful_runtime.store.journal_rows import add_entry, rfc3339
from wakeful_runtime.store.post import mark_handled
from wakeful_runtime.store.sqlite import Database, is_corruption
from wakeful_runtime.store.standing import current_life
from wakeful_runtime.store.work import Answer, Count, Entry, Name, Refusal, Work

NEWEST = 5
"""How many of the newest checkpoints a run keeps."""

SPACING = 8
"""A run's slots are the rows `no * SPACING` to `no * SPACING + NEWEST`; the last is the known good one's."""

MAX_STATE_BYTES = 16 * 1024 * 1024 + 4096
"""api.md: values have at most 16 MiB; a little room for msgpack's own bytes."""

COLUMNS = "seq, name, form, at, incarnation, version, aside, request, size, hash"

_WRITE = f"INSERT OR REPLACE INTO checkpoints (id, {COLUMNS}, state)"


def state_hash(state: bytes) -> str:
    """What guards a checkpoint's state from its writer to its reader: SHA-256, in hexadecimal."""
    return hashlib.sha256(state).hexdigest()


@dataclass(frozen=True, slots=True)
class Found:
    """What a life resumes from.

    Attributes:
        checkpoint: `{name, state, form, seq, at, version}`; None: from the beginning.
        skipped: the numbers of newer checkpoints that can't be read or don't match their hash.
    """

    checkpoint: Answer | None
    skipped: list[int]

    @property
    def seq(self) -> int:
        return self.checkpoint["seq"] if self.checkpoint else 0


def checkpoint(
    work: Work,
    *,
    path: Name,
    incarnation: Count,
    run_id: Name,
    name: Name,
    form: Literal["plain", "json"],
    state: bytes,
    version: Count,
    hash: str,
    handled: list[str] | None = None,
) -> Answer:
    """Commit a checkpoint.

    Args:
        state: the state packed by `wire.pack`.
        hash: `state_hash(state)`.
        handled: ids of durable messages whose handling this checkpoint contains: they commit together.

    Returns:
        `{seq}`: 1 for a run's first.

    Raises:
        Refusal: `fenced`; `finished`: the run has its outcome; `bad`: too large, or not what was hashed.
    """
    _check_state(name, state, hash)
    life = current_life(work, path, incarnation, run_id)
    if life["over"]:
        raise Refusal("finished", f"the run of {path} is over", facts={"run_id": run_id})
    first = life["run_no"] * SPACING
    slots = work.db.rows("SELECT id, seq, request FROM checkpoints WHERE id BETWEEN ? AND ?", first, first + NEWEST)
    for slot in slots:
        if slot["request"] == work.request:
            return {"seq": slot["seq"]}
    seq = 1 + max((slot["seq"] for slot in slots), default=0)
    row_id = first + seq % NEWEST
    good = _prove_good(work.db, life)
    if any(slot["id"] == row_id and slot["seq"] == good for slot in slots):
        _copy_slot(work.db, row_id, first + NEWEST)
    work.db.execute(
        f"{_WRITE} VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
        (row_id, seq, name, form, work.moment.wall, incarnation, version, work.request, len(state), hash, state),
    )
    if handled:
        mark_handled(work, path, handled, run_id)
    add_entry(work, Entry("checkpoint", path, incarnation, {"name": name, "checkpoint": seq, "run_id": run_id}))
    return {"seq": seq}


def _check_state(name: str, state: bytes, told: str) -> None:
    if len(state) > MAX_STATE_BYTES:
        raise Refusal("bad", f"a checkpoint has at most 16 MiB, {name!r} has {len(state)} bytes")
    if state_hash(state) != told:
        raise Refusal("bad", f"checkpoint {name!r} is not what its writer hashed")


def _prove_good(db: Database, life: sqlite3.Row) -> int | None:
    """The number of the known good checkpoint: what this life resumed from is, now that it writes the next one."""
    if not life["resumed_seq"]:
        good: int | None = life["good_seq"]
        return good
    db.execute("UPDATE paths SET good_seq = resumed_seq, resumed_seq = 0 WHERE path = ?", (life["path"],))
    return int(life["resumed_seq"])


def _copy_slot(db: Database, source: int, target: int) -> None:
    db.execute(f"{_WRITE} SELECT ?, {COLUMNS}, state FROM checkpoints WHERE id = ?", (target, source))


def resume_at(db: Database, path: str, run_no: int, seq: int) -> None:
    """Set aside all of a run's checkpoints above `seq`, and take `seq` itself back if it had been.

    Raises:
        Refusal: `missing`: it isn't kept (any more); facts: the numbers that are.
    """
    first = run_no * SPACING
    kept = sorted(
        {slot["seq"] for slot in db.rows("SELECT seq FROM checkpoints WHERE id BETWEEN ? AND ?", first, first + NEWEST)}
    )
    if seq and seq not in kept:
        raise Refusal("missing", f"{path} keeps no checkpoint {seq}", facts={"kept": kept})
    db.execute(
        "UPDATE checkpoints SET aside = (seq > ?) WHERE id BETWEEN ? AND ? AND seq >= ?",
        (seq, first, first + NEWEST, seq),
    )


def find_resumable(db: Database, run_no: int, upto: int | None = None) -> Found:
    """The newest checkpoint of a run that is not set aside and is what its writer hashed, none above `upto`."""
    skipped: list[int] = []
    for slot in _slots(db, run_no):
        if slot["aside"] or (upto is not None and slot["seq"] > upto):
            continue
        found = _described(slot, _state(db, slot))
        if found is not None:
            return Found(found, skipped)
        skipped.append(slot["seq"])
    return Found(None, skipped)


def _slots(db: Database, run_no: int) -> list[sqlite3.Row]:
    """The readable slots, newest first."""
    first = run_no * SPACING
    found: list[sqlite3.Row] = []
    for row_id in range(first, first + NEWEST + 1):
        try:
            slot = db.row(f"SELECT id, {COLUMNS} FROM checkpoints WHERE id = ?", row_id)
        except sqlite3.DatabaseError as error:
            if not is_corruption(error):
                raise
            continue
        if slot is not None:
            found.append(slot)
    return sorted(found, key=lambda slot: slot["seq"], reverse=True)


def _state(db: Database, slot: sqlite3.Row) -> bytes | None:
    """A slot's state; None if it can't be read or isn't what was hashed."""
    try:
        state = db.one("SELECT state FROM checkpoints WHERE id = ?", slot["id"])["state"]
    except sqlite3.DatabaseError as error:
        if not is_corruption(error):
            raise
        return None
    return state if isinstance(state, bytes) and state_hash(state) == slot["hash"] else None


def list_checkpoints(db: Database, run_no: int) -> list[Answer]:
    """A run's checkpoints without their states, newest first."""
    life = db.row("SELECT good_seq FROM paths WHERE run_no = ?", run_no)
    good = life["good_seq"] if life else None
    return [
        {
            **{key: slot[key] for key in ("seq", "name", "form", "incarnation", "version", "size")},
            "at": rfc3339(slot["at"]),
            "good": slot["seq"] == good,
            "aside": bool(slot["aside"]),
            "corrupt": _state(db, slot) is None,
        }
        for slot in _slots(db, run_no)
    ]


def drop_checkpoints(db: Database, run_no: int, *, but_newest: bool) -> None:
    """Forget a run's checkpoints, or all but the one that is its partial result."""
    first = run_no * SPACING
    keep = find_resumable(db, run_no).seq if but_newest else 0
    db.execute("DELETE FROM checkpoints WHERE id BETWEEN ? AND ? AND seq <> ?", (first, first + NEWEST, keep))


def usable_checkpoints(db: Database, run_no: int) -> list[int]:
    """The numbers a life may resume from without being told to, newest first."""
    return [row["seq"] for row in list_checkpoints(db, run_no) if not row["aside"] and not row["corrupt"]]


def read_checkpoint(db: Database, run_no: int, seq: int) -> Answer | None:
    """One checkpoint, set aside or not; None if it isn't kept or is corrupt."""
    for slot in _slots(db, run_no):
        if slot["seq"] == seq:
            return _described(slot, _state(db, slot))
    return None


def _described(slot: sqlite3.Row, state: bytes | None) -> Answer | None:
    if state is None:
        return None
    return {**{key: slot[key] for key in ("name", "form", "seq", "at", "version")}, "state": state}
