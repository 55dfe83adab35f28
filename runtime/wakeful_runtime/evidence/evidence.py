"""What is taken from a process before it is killed, least invasive first, two seconds at most.

A signal can end a hang (facts measured before building), so the C-level dump comes last, only when the control thread
is silent, and only after the verdict is frozen. No environment, no locals, no contents of files but its own log.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from wakeful.errors import NodeError
from wakeful.exits import Evidence
from wakeful.rules.facts import Facts
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.evidence.hungline import hung_at, shortened
from wakeful_runtime.evidence.vitals import look, small_file
from wakeful_runtime.processes import children, read_stat, threads
from wakeful_runtime.supervision.child import Present

WITHIN = 2.0
"""Seconds all of it may take (design.md §5)."""

ANSWERED_LATELY = 0.25
"""A probe unanswered for so many seconds means a silent control thread: it is not asked to dump."""

LOG_LINES = 100
OPEN_FILES = 64
CHILDREN = 32
_HELD = {"T": "stopped by a signal", "t": "held by a debugger", "D": "stuck in the kernel"}
_LOG_BYTES = 256 * 1024
_LOG_LINE = 2000
_DUMP_BYTES = 128 * 1024
_DUMP_POLL = 0.01
_DUMP_SETTLED = 3
_DUMP_SETTLED_RUNNING = 15
"""Looks at a dump that doesn't grow any more after which it is whole; a main thread that runs may still be writing."""

T = TypeVar("T")
Texts = tuple[str, ...]
Dump = Callable[[], Awaitable[tuple[Texts, Texts]]]
"""Asks the control thread for the texts of the tasks and of the threads, with a deadline of its own."""


@dataclass(frozen=True, slots=True)
class Found:
    """The evidence, and the innermost line of the user's in it (`file.py:123 in fetch`), empty if none is seen."""

    evidence: Evidence
    line: str


async def collect(
    directory: NodeDirectory, path: str, present: Present, dump: Dump, *, within: float = WITHIN
) -> Found:
    """Take the evidence; over as soon as the facts are in. Never raises for what can't be had.

    Args:
        directory: the node's.
        path: of the child.
        present: its life; its judgement is frozen.
        dump: asks its control thread.
        within: seconds for all of it.
    """
    deadline = time.monotonic() + within
    pid = present.life.pid
    program = present.facts.program if present.facts and present.facts.stopped_at is None else None
    process = await _in_time(asyncio.to_thread(describe, program.pid if program else pid), dict[str, Any](), deadline)
    log = asyncio.ensure_future(_in_time(asyncio.to_thread(last_lines, directory.log(path)), (), deadline))
    tasks: Texts = ()
    stacks: Texts = ()
    if program is not None:
        process |= {"name": await _in_time(asyncio.to_thread(_name, program.pid), "", deadline), "host": pid}
    elif not control_silent(present.facts):
        tasks, stacks = await _in_time(_asked(dump), ((), ()), deadline)
    text = ""
    if not tasks and not stacks and program is None:
        file = f"{directory.evidence}/{path.replace('/', '~')}#{present.life.incarnation}.dump"
        text = await _in_time(c_level_dump(pid, present.pidfd, file), "", deadline)
    evidence = Evidence(
        process=process,
        tasks=tasks,
        threads=stacks,
        dump=text,
        log=await log,
        checkpoint=_checkpoint(present.facts),
        lease=_lease(present.facts),
        last_seen=last_seen(present.facts),
    )
    if program is not None:
        return Found(evidence, _doing(process))
    line = await _in_time(asyncio.to_thread(hung_at, tasks, stacks, text), "", max(deadline, time.monotonic() + 0.2))
    return Found(evidence, line)


def control_silent(facts: Facts | None) -> bool:
    """Whether asking the control thread would only cost time."""
    if facts is not None and (facts.stopped_at is not None or (facts.looks and facts.looks[-1].main.state in "Tt")):
        return True
    if facts is None or facts.probe is None:
        return facts is not None and facts.answer is None
    return time.monotonic() - facts.probe.sent_at > ANSWERED_LATELY


def describe(pid: int) -> dict[str, Any]:
    """The process from outside: state, what its two threads wait in, open files (paths only), children."""
    stat = read_stat(pid)
    if stat is None:
        return {"state": "gone"}
    seen = look(pid)
    return {
        "pid": pid,
        "state": stat.state,
        "cpu_s": round(stat.utime + stat.stime, 2),
        "rss_mb": round(stat.rss / 2**20, 1),
        "main": _told(asdict(seen.main)),
        "control": _told(asdict(seen.control)) if seen.control else None,
        "threads": len(threads(pid)),
        "open_files": _open_files(pid),
        "children": [_child(each) for each in children(pid)[:CHILDREN]],
    }


def last_lines(file: os.PathLike[str], most: int = LOG_LINES) -> Texts:
    """The end of a log, at most `most` lines of 2,000 characters, read from its last 256 KiB."""
    try:
        with open(file, "rb") as log:  # noqa: PTH123 (a PathLike)
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _LOG_BYTES))
            text = log.read(_LOG_BYTES).decode(errors="replace")
    except OSError:
        return ()
    lines = text.splitlines()
    if size > _LOG_BYTES:
        lines = lines[1:]
    return tuple(line[:_LOG_LINE] for line in lines[-most:])


async def c_level_dump(pid: int, pidfd: int | None, file: str) -> str:
    """What `faulthandler` writes to the life's pre-opened file on SIGURG; empty if it may not be asked.

    Asked only if the process still catches SIGURG, runs, and is surely the one meant (by its pidfd).
    """
    stat = read_stat(pid)
    if pidfd is None or stat is None or stat.state in "TtDZX" or not catches(pid, signal.SIGURG):
        return ""
    before = _size(file)
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGURG)
    except OSError:
        return ""
    size, settled, enough = before, 0, _DUMP_SETTLED
    while settled < enough:
        await asyncio.sleep(_DUMP_POLL)
        now, stat = _size(file), read_stat(pid)
        enough = _DUMP_SETTLED_RUNNING if stat is not None and stat.state == "R" else _DUMP_SETTLED
        settled = settled + 1 if now == size and now > before else 0
        size = now
    return _read_from(file, before)


def catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal (SigCgt): the default of another program may be to die."""
    for line in small_file(f"/proc/{pid}/status").splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


async def _in_time(work: Awaitable[T], otherwise: T, deadline: float) -> T:
    try:
        async with asyncio.timeout(max(0.01, deadline - time.monotonic())):
            return await work
    except TimeoutError:
        return otherwise


async def _asked(dump: Dump) -> tuple[Texts, Texts]:
    try:
        return await dump()
    except NodeError:
        return (), ()


def _told(thread: dict[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 3) if isinstance(value, float) else value
        for key, value in thread.items()
        if value not in (None, "")
    }


def _open_files(pid: int) -> list[str]:
    """What its descriptors point to, without opening anything: a link can be read while its disk hangs."""
    folder = f"/proc/{pid}/fd"
    found: list[str] = []
    try:
        names = sorted(os.listdir(folder), key=int)  # noqa: PTH208 (names are wanted)
    except OSError:
        return found
    for name in names[:OPEN_FILES]:
        try:
            found.append(f"{name} {os.readlink(f'{folder}/{name}')}")  # noqa: PTH115
        except OSError:  # closed meanwhile
            continue
    if len(names) > OPEN_FILES:
        found.append(f"and {len(names) - OPEN_FILES} more")
    return found


def _name(pid: int) -> str:
    return small_file(f"/proc/{pid}/comm").strip()


def _doing(process: dict[str, Any]) -> str:
    """Of a program in another language no line can be told: what it is doing, as the kernel sees it.

    A server waits for its own processes: those that can't run are told too.
    """
    main: dict[str, Any] = process.get("main") or {}
    where = main.get("syscall") or main.get("wchan")
    computes = where == "running" or process.get("state") == "R"
    doing = "computing" if computes else f"in {where}" if where else f"in state {process.get('state')}"
    held = [
        f"; its child {child['name']}[{child['pid']}] is {_HELD[child['state']]}"
        for child in process.get("children") or ()
        if child["state"] in _HELD
    ]
    return f"{process.get('name') or 'the program'}[{process.get('pid')}] {doing}{''.join(held[:3])}"


def _child(pid: int) -> dict[str, Any]:
    stat = read_stat(pid)
    return {"pid": pid, "name": _name(pid), "state": stat.state if stat else "gone"}


def _checkpoint(facts: Facts | None) -> dict[str, Any] | None:
    answer = facts.answer if facts else None
    return asdict(answer.pulse.checkpoint) if answer and answer.pulse.checkpoint else None


def _lease(facts: Facts | None) -> dict[str, Any] | None:
    lease = facts.answer.pulse.lease if facts and facts.answer else None
    if lease is None:
        return None
    now = time.monotonic()
    return {
        "what": lease.what,
        "seconds": round(lease.until - lease.since, 3),
        "open_for_s": round(now - lease.since, 3),
        "left_s": round(lease.until - now, 3),
        "blocking": lease.blocking,
    }


def last_seen(facts: Facts | None) -> dict[str, Any] | None:
    """Where it was when it last answered: all there is of a process that can't be asked any more."""
    answer = facts.answer if facts else None
    if answer is None or not answer.pulse.line:
        return None
    return {"line": shortened(answer.pulse.line), "age_s": round(time.monotonic() - answer.at, 3)}


def _size(file: str) -> int:
    try:
        return os.stat(file).st_size  # noqa: PTH116
    except OSError:
        return 0


def _read_from(file: str, offset: int) -> str:
    try:
        with open(file, "rb") as dump:  # noqa: PTH123
            dump.seek(offset)
            return dump.read(_DUMP_BYTES).decode(errors="replace")
    except OSError:
        return ""
