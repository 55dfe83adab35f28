"""The line of the user's code a process hangs in, as well as its stacks tell."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from wakeful_runtime.tree.blame import is_users

_LINE = re.compile(r"^\s+(.+):(\d+) in (.+)$")
_PLACE = re.compile(r"^(.+):(\d+) in (.+)$")
_DUMPED = re.compile(r'^\s+File "(.+)", line (\d+) in (.+)$')
_RAISED = re.compile(r'^\s+File "(.+)", line (\d+), in (.+)$')
_LOOPS = ("run_forever", "run_until_complete")

Users = Callable[[str], bool]


def hung_at(tasks: Iterable[str], threads: Iterable[str], dump: str, *, users: Users = is_users) -> str:
    """`file.py:123 in fetch`, or empty.

    A main thread at work is where it hangs: its innermost line of the user's that the event loop called. One that
    waits for events, or is between two turns of its loop, hangs in what its first task awaits.

    Args:
        tasks: as the control thread tells them, the run's first, innermost line last.
        threads: as it tells them.
        dump: what `faulthandler` wrote, innermost line first.
        users: whether a file is the user's.
    """
    stacks = list(threads)
    main = [text for text in stacks if text.startswith("thread MainThread")]
    called = [_inside_loop(text) for text in main]
    others = [text for text in stacks if text not in main]
    for text in (*called, *tasks, *main, *others):
        found = _innermost(text, users)
        if found:
            return found
    return _dumped(dump, users)


def raised_in(trace: str, *, users: Users = is_users) -> str:
    """The same of a formatted traceback, innermost line last."""
    for line in reversed(trace.splitlines()):
        match = _RAISED.match(line)
        if match and users(match[1]):
            return _shown(match[1], match[2], match[3])
    return ""


def shortened(line: str) -> str:
    """The same, its file relative to the current directory where that is shorter; `file.py:123 in fetch`."""
    match = _PLACE.match(line)
    return _shown(match[1], match[2], match[3]) if match else line


def _inside_loop(stack: str) -> str:
    """What the event loop called; all of it where no loop runs."""
    lines = stack.splitlines()
    drivers = [number for number, line in enumerate(lines) if line.endswith(_LOOPS)]
    return "\n".join(lines[drivers[-1] :] if drivers else lines)


def _innermost(text: str, users: Users) -> str:
    for line in reversed(text.splitlines()):
        match = _LINE.match(line)
        if match and users(match[1]):
            return _shown(match[1], match[2], match[3])
    return ""


def _dumped(dump: str, users: Users) -> str:
    """The main thread is the last one faulthandler writes."""
    for block in reversed(dump.split("\n\n")):
        for line in block.splitlines():
            match = _DUMPED.match(line)
            if match and users(match[1]):
                return _shown(match[1], match[2], match[3])
    return ""


def _shown(file: str, line: str, function: str) -> str:
    relative = os.path.relpath(file)
    return f"{file if relative.startswith('..') else relative}:{line} in {function}"
