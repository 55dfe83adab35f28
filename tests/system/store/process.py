"""A store as a process of its own: `python -m tests.system.store.process DIRECTORY`."""

from __future__ import annotations

import logging
import os
import sys
import time

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.store.server import main

if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    directory = NodeDirectory(sys.argv[1])
    sys.exit(main(Birth("store", "store", 1, "token", directory, b"", "gateway", os.getpid(), time.monotonic())))
