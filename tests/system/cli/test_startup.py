"""The command line starts fast: nothing heavy is imported before a command needs it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("zmq", "msgpack", "sqlite3", "structlog", "psutil", "asyncio", "rich", "wakeful")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from wakeful_runtime.cli.app import main; main(['ps', '--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == "[]"
    assert "wakeful ps" in done.stdout


def test_the_module_runs_as_the_script_does() -> None:
    command = [sys.executable, "-m", "wakeful_runtime.cli", "no-such-command"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
