"""Commands: any program as a session."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from pydantic import Field

from wakeful.errors import SpecError
from wakeful.plan import CommandPlan
from wakeful.policy import Spec
from wakeful.words import no_others

_OPTIONS = ("ready", "env", "cwd")


class Command(Spec):
    """A program in the place of a session's class: `Child("agent", Command("node", "agent.js"), task="…")`.

    It reads `WAKEFUL_TASK`, `WAKEFUL_ARGS`, `WAKEFUL_STATE` and speaks by lines to `$WAKEFUL_FD` or datagrams to
    `NOTIFY_SOCKET`.

    Attributes:
        argv: the program and its arguments.
        ready: when it is ready: "notify" (it says so), "port:N" (it listens), "log:REGEX" (it prints), "now".
        env: variables it gets beside those of the node.
        cwd: its directory; None: the run's own.
    """

    argv: tuple[str, ...]
    ready: str = "notify"
    env: dict[str, str] = Field(default_factory=dict[str, str])
    cwd: str | None = None

    def __init__(
        self,
        *argv: str,
        ready: str = "notify",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        **unknown: object,
    ) -> None:
        words = tuple(str(word) for word in argv)
        of = f"Command({words[0]!r}, …)" if words else "Command(…)"
        no_others(unknown, _OPTIONS, of)
        if not words:
            raise SpecError("Command(…): name the program, such as Command('node', 'agent.js')")
        if len(words) == 1 and " " in words[0].strip():
            raise SpecError(f"{of}: one word per argument; write Command({', '.join(map(repr, _split(words[0])))})")
        super().__init__(
            argv=words, ready=_ready(ready, of), env=dict(env or {}), cwd=None if cwd is None else str(cwd)
        )

    def plan(self) -> CommandPlan:
        """The same as data."""
        return CommandPlan(argv=self.argv, ready=self.ready, env=self.env, cwd=self.cwd)


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
