"""Commands: any program as a session."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from wakeful.errors import SpecError
from wakeful.plan import CommandPlan
from wakeful.policy import Spec
from wakeful.words import no_others

_OPTIONS = ("ready", "alive", "env", "cwd", "user", "inbox", "success", "never_restart", "stop_signal")
_SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH")
Alive = str | Sequence[str]


class Command(Spec):
    """A program in the place of a session's class: `Child("agent", Command("node", "agent.js"), task="…")`.

    It reads `WAKEFUL_TASK`, `WAKEFUL_ARGS`, `WAKEFUL_STATE` and speaks by lines to `$WAKEFUL_FD` or datagrams to
    `NOTIFY_SOCKET`. Its output is the life's log.

    Attributes:
        argv: the program and its arguments.
        ready: when it is ready: "notify" (it says so), "port:N" (it listens), "log:REGEX" (it prints), "now".
        alive: how it proves to be alive: "notify" (it says WATCHDOG=1), "http://HOST:PORT/PATH" (answers below 400), a
            list of words (a command that exits with 0); None: by progress and leases alone. Asked every `every` of the
            child's Heartbeat; silent for `every + timeout`, it is hung.
        env: variables it gets beside those of the node.
        cwd: its directory; None: that of the tree file, else the node's.
        user: whom it runs as, where the node runs as root.
        inbox: texts sent to it arrive on its standard input, a JSON object a line.
        success: exit statuses that mean that the job is done.
        never_restart: exit statuses after which no restart can help: review at once. Every other one is restarted.
        stop_signal: what asks it to end.
    """

    argv: tuple[str, ...]
    ready: str = "notify"
    alive: str | tuple[str, ...] | None = None
    env: dict[str, str] = Field(default_factory=dict[str, str])
    cwd: str | None = None
    user: str | None = None
    inbox: bool = False
    success: tuple[int, ...] = (0,)
    never_restart: tuple[int, ...] = ()
    stop_signal: str = "SIGTERM"

    def __init__(
        self,
        *argv: str,
        ready: str = "notify",
        alive: Alive | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
        inbox: bool = False,
        success: Iterable[int] = (0,),
        never_restart: Iterable[int] = (),
        stop_signal: str = "SIGTERM",
        **unknown: object,
    ) -> None:
        words = tuple(str(word) for word in argv)
        of = f"Command({words[0]!r}, …)" if words else "Command(…)"
        no_others(unknown, _OPTIONS, of)
        if not words:
            raise SpecError("Command(…): name the program, such as Command('node', 'agent.js')")
        if len(words) == 1 and " " in words[0].strip():
            raise SpecError(f"{of}: one word per argument; write Command({', '.join(map(repr, _split(words[0])))})")
        good, bad = _statuses(success, f"{of}: success"), _statuses(never_restart, f"{of}: never_restart")
        if both := sorted({*good} & {*bad}):
            raise SpecError(f"{of}: status {both[0]} is in success= and in never_restart=; keep one")
        super().__init__(
            argv=words,
            ready=_ready(ready, of),
            alive=_alive(alive, of),
            env=_env(env, of),
            cwd=None if cwd is None else str(cwd),
            user=user,
            inbox=inbox,
            success=good,
            never_restart=bad,
            stop_signal=_signal(stop_signal, of),
        )

    def plan(self) -> CommandPlan:
        """The same as data."""
        return CommandPlan(
            argv=self.argv,
            ready=self.ready,
            alive=self.alive,
            env=self.env,
            cwd=self.cwd,
            user=self.user,
            inbox=self.inbox,
            success=self.success,
            never_restart=self.never_restart,
            stop_signal=self.stop_signal,
        )


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _ready(value: str, of: str) -> str:
    kind, _, rest = value.partition(":")
    if value in ("notify", "now"):
        return value
    if kind == "port" and rest.isdigit() and 0 < int(rest) < 65536:
        return value
    if kind == "log" and rest:
        try:
            re.compile(rest)
        except re.error as error:
            raise SpecError(f"{of}: ready={value!r}: not a regular expression: {error}") from None
        return value
    raise SpecError(f"{of}: ready={value!r}: write 'notify', 'now', 'port:8080' or 'log:listening on'")


def _alive(value: Alive | None, of: str) -> str | tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str):
        if value == "notify" or re.fullmatch(r"http://[^/\s:]+(:\d{1,5})?(/\S*)?", value):
            return value
    elif words := tuple(str(word) for word in value):
        return words
    raise SpecError(f"{of}: alive={value!r}: write 'notify', 'http://127.0.0.1:8080/health' or ['pg_isready', '-q']")


def _env(value: Mapping[str, str] | None, of: str) -> dict[str, str]:
    env = {str(name): str(text) for name, text in (value or {}).items()}
    for name, text in env.items():
        if not name or "=" in name or "\0" in name + text:
            raise SpecError(f"{of}: env: {name!r} can't be the name of a variable, or its value holds a null")
    return env


def _statuses(value: Iterable[object], of: str) -> tuple[int, ...]:
    found: list[int] = []
    for status in value:
        if isinstance(status, bool) or not isinstance(status, int) or not 0 <= status < 256:
            raise SpecError(f"{of}: {status!r} is no exit status; they are numbers from 0 to 255")
        found.append(status)
    return tuple(found)


def _signal(value: str, of: str) -> str:
    if value not in _SIGNALS:
        raise SpecError(f"{of}: stop_signal={value!r}: write one of {', '.join(_SIGNALS)}")
    return value
