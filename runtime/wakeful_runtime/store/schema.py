"""The tables, and the steps from each version of them to the next. A step, once released, is never changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from wakeful.errors import NodeError
from wakeful_runtime.store.sqlite import Database, Writer, damaged, describe, is_corruption

FIRST = """
CREATE TABLE paths (
    path TEXT PRIMARY KEY,
    incarnation INTEGER NOT NULL,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    run_no INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    over INTEGER NOT NULL,
    resumed_seq INTEGER NOT NULL,
    good_seq INTEGER
) WITHOUT ROWID;
CREATE TABLE lives (
    path TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    run_no INTEGER NOT NULL,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    began_at REAL NOT NULL,
    began_mono REAL NOT NULL,
    boot_id TEXT NOT NULL,
    request TEXT NOT NULL,
    resumed_seq INTEGER NOT NULL,
    ended_at REAL,
    reason TEXT,
    PRIMARY KEY (path, incarnation)
) WITHOUT ROWID;
CREATE TABLE runs (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    agent TEXT,
    label TEXT,
    began_at REAL NOT NULL,
    began_mono REAL NOT NULL,
    boot_id TEXT NOT NULL,
    lives INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    cost REAL NOT NULL DEFAULT 0,
    calls INTEGER NOT NULL DEFAULT 0,
    spent_by TEXT,
    outcome TEXT,
    why TEXT NOT NULL DEFAULT '',
    finished_at REAL,
    finished_by INTEGER,
    taken_at REAL,
    spec BLOB NOT NULL,
    form TEXT,
    value BLOB
);
CREATE INDEX runs_path ON runs (path, no);
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    name TEXT NOT NULL,
    form TEXT NOT NULL,
    at REAL NOT NULL,
    incarnation INTEGER NOT NULL,
    version INTEGER NOT NULL,
    aside INTEGER NOT NULL,
    request TEXT NOT NULL,
    size INTEGER NOT NULL,
    hash BLOB NOT NULL,
    state BLOB NOT NULL
);
CREATE TABLE effects (
    place TEXT NOT NULL,
    key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    path TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    request TEXT NOT NULL,
    status TEXT NOT NULL,
    began_at REAL NOT NULL,
    ended_at REAL,
    form TEXT,
    result BLOB,
    PRIMARY KEY (place, key)
);
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT,
    at REAL NOT NULL,
    mono REAL NOT NULL,
    boot_id TEXT NOT NULL,
    event TEXT NOT NULL,
    path TEXT NOT NULL,
    incarnation INTEGER,
    fields BLOB NOT NULL
);
CREATE UNIQUE INDEX journal_id ON journal (id) WHERE id IS NOT NULL;
CREATE TABLE incidents (
    id TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL,
    incarnation INTEGER,
    verdict TEXT NOT NULL,
    severity TEXT NOT NULL,
    opened_at REAL NOT NULL,
    mono REAL NOT NULL,
    boot_id TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT,
    closed_at REAL,
    acked_at REAL,
    thresholds BLOB NOT NULL,
    facts BLOB NOT NULL,
    evidence BLOB NOT NULL
);
CREATE INDEX incidents_opened ON incidents (opened_at);
CREATE TABLE placements (
    path TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    at REAL NOT NULL,
    plan BLOB NOT NULL,
    state BLOB NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE owners (
    owner TEXT PRIMARY KEY,
    incarnation INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE messages (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    sender TEXT NOT NULL,
    tag TEXT NOT NULL,
    state TEXT NOT NULL,
    posted_at REAL NOT NULL,
    deadline REAL,
    reply_to TEXT,
    given_to INTEGER NOT NULL DEFAULT 0,
    given_by TEXT,
    in_hand INTEGER NOT NULL DEFAULT 0,
    taken_by TEXT,
    deliveries INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    ended_at REAL,
    body BLOB NOT NULL
);
CREATE INDEX messages_waiting ON messages (recipient, no) WHERE state = 'waiting';
CREATE INDEX messages_ended ON messages (ended_at) WHERE state <> 'waiting';
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
"""

JOBS = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    spec BLOB NOT NULL,
    declared INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    why TEXT NOT NULL,
    cursor REAL NOT NULL,
    anchor REAL NOT NULL,
    failures INTEGER NOT NULL,
    held_until REAL NOT NULL,
    created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE job_runs (
    run_id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL,
    job TEXT NOT NULL,
    scheduled REAL NOT NULL,
    manual INTEGER NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    path TEXT,
    agent TEXT,
    fired_at REAL NOT NULL,
    began_at REAL,
    finished_at REAL,
    outcome TEXT,
    UNIQUE (job_id, scheduled)
) WITHOUT ROWID;
CREATE INDEX job_runs_open ON job_runs (state) WHERE state IN ('due', 'queued', 'accepted');
CREATE INDEX job_runs_fired ON job_runs (fired_at);
"""

ALERTS = """
ALTER TABLE incidents ADD COLUMN change_no INTEGER NOT NULL DEFAULT 0;
CREATE INDEX incidents_changed ON incidents (change_no);
CREATE TABLE notices (
    no INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_at REAL NOT NULL,
    last_at REAL NOT NULL,
    acked_at REAL,
    waits INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE notice_keys (
    key TEXT PRIMARY KEY,
    no INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX notice_keys_no ON notice_keys (no);
CREATE TABLE routes (
    name TEXT PRIMARY KEY,
    data BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE herald (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal_after INTEGER NOT NULL,
    incidents_after INTEGER NOT NULL
);
INSERT INTO herald (one, journal_after, incidents_after) SELECT 1, coalesce(max(seq), 0), 0 FROM journal;
"""

TEXTS = """
CREATE INDEX messages_open ON messages (recipient) WHERE in_hand = 2;
CREATE INDEX messages_of ON messages (recipient, no);
"""

STEPS: tuple[str, ...] = (FIRST, JOBS, ALERTS, TEXTS)
"""Step n leads from version n to n + 1."""

VERSION = len(STEPS)


def version_of(db: Database) -> int:
    """The version of the tables that are there; 0: none."""
    return int(db.one("PRAGMA user_version")[0])


def check_version(db: Database, path: str) -> int:
    """The version of the tables, if this program can work with them.

    Raises:
        NodeError: they were made by a newer one, or by another program.
    """
    version = version_of(db)
    if version > VERSION:
        raise NodeError(
            f"the store {path} has schema {version}, this wakeful knows {VERSION}: it was written by a newer version;"
            " install that one, or choose another directory with --node"
        )
    if version == 0 and db.row("SELECT 1 FROM sqlite_master") is not None:
        raise NodeError(f"{path} is a database, but no store of wakeful's; choose another directory with --node")
    return version


def migrate(db: Writer, path: str, steps: tuple[str, ...] = STEPS) -> None:
    """Bring the tables to this program's version, each step whole or not at all.

    Raises:
        NodeError: as `check_version`.
    """
    for number in range(check_version(db, path), len(steps)):
        db.begin(durable=True)
        try:
            for statement in steps[number].split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")
            db.commit()
        finally:
            db.rollback()


def open_store(path: Path | str) -> Writer:
    """The connection that writes: checked, and brought to this program's version.

    Raises:
        NodeError: one line that says what is wrong with the file, and what to do.
    """
    db = Writer.connect(path)
    try:
        check_version(db, str(path))
        db.configure()
        db.check()
        migrate(db, str(path))
    except (NodeError, sqlite3.Error) as error:
        db.close()
        if isinstance(error, NodeError):
            raise
        told = describe(error)
        raise NodeError(
            damaged(path, told) if is_corruption(error) else f"can't open the store {path}: {told}"
        ) from None
    return db
