"""Programs for the tests, as somebody would write them who has read the contract and nothing else."""

from __future__ import annotations

import sys
from typing import Any

from wakeful import Child, Command, Gateway, Heartbeat, Monitor

QUICK = Heartbeat(every=0.3, timeout=0.7, progress="10m", startup=20)

HEAD = """
import json, os, signal, subprocess, sys, time
FD = int(os.environ["WAKEFUL_FD"])
def say(key, value=1):
    os.write(FD, f"{key}={value}\\n".encode())
def state(default):
    file = os.environ.get("WAKEFUL_STATE")
    return json.load(open(file)) if file else default
"""


def python(body: str, **options: Any) -> Command:
    """A program in Python that knows nothing of Wakeful but its contract."""
    return Command(sys.executable, "-c", HEAD + body, **options)


def tree(command: Command, **child: Any) -> Gateway:
    """One program under one monitor: `m/p`."""
    return Gateway(Monitor("m", Child("p", command, **({"heartbeat": QUICK} | child))))
