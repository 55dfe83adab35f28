"""`python -m wakeful_runtime.keeping_node DIRECTORY`: keep a node whose plan comes on standard input.

Says `ready` on standard output when the gateway stands, and why not on standard error.
"""

from __future__ import annotations

import os
import sys

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeplan import unpack_plan
from wakeful_runtime.node import run_node


def main(arguments: list[str]) -> int:
    """The exit status: 0 stopped in order, 1 not."""
    try:
        plan = unpack_plan(sys.stdin.buffer.read())
        return run_node(NodeDirectory(arguments[0]), plan, on_ready=_say_ready)
    except NodeError as error:
        print(f"wakeful: {error}", file=sys.stderr)
        return 1


def _say_ready(pid: int) -> None:
    os.write(1, b"ready\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
