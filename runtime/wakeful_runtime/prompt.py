"""Commands as a person has to type them: a node that isn't the one meant without a word is named."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_WORDS = (
    "ack|alerts|backup|chaos|check|checkpoints|cron|deadletters|demo|doctor|down|dump|events|incidents|init|kill|logs"
    "|mcp|pause|ps|restart|resume|review|run|send|settle|spawn|status|stop|token|tree|unit|unpause|why|wrap"
)
_COMMAND = re.compile(rf"(?<![\w/.-])wakeful (?=(?:{_WORDS})\b)")
"""Only a word of the command line after it makes a command of `wakeful`."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """How every command begins.

    Attributes:
        begin: `wakeful`, or `wakeful --node DIR`.
    """

    begin: str = "wakeful"

    @classmethod
    def naming(cls, root: Path) -> Prompt:
        """For who has named the node: what they type next must name it too."""
        return cls(f"wakeful --node {shlex.quote(str(root))}")

    @classmethod
    def from_anywhere(cls, root: Path) -> Prompt:
        """For a person of whose shell nothing is known: the node is named unless it is the default one."""
        default = Path("~/.local/state/wakeful/default").expanduser()
        return cls() if root == default else cls.naming(root)

    def put(self, text: str) -> str:
        """The text, each command in it begun so."""
        return _COMMAND.sub(lambda found: f"{self.begin} ", text)


PLAIN = Prompt()
"""No node is named."""
