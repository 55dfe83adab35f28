"""`python -m tests.fuzz --minutes M [TARGET …]`: libFuzzer, by atheris, on each target in turn, each in a process."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("wire", "mailbox", "control", "call", "request", "operations", "init", "program")
"""Of the targets; not read from there: what is imported before atheris isn't measured by it."""


def fuzz(name: str, seconds: int, folder: Path) -> int:
    """Never returns where atheris ends the process itself: status 0, or 77 for a finding."""
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports(include=["wakeful", "wakeful_runtime"]):
        from tests.fuzz.targets import SEEDS, TARGETS
    logging.disable()
    for number, seed in enumerate(SEEDS[name]):
        (folder / f"seed{number}").write_bytes(seed)
    atheris.Setup(
        [
            sys.argv[0],
            str(folder),
            f"-max_total_time={seconds}",
            "-max_len=4096",
            "-timeout=20",
            "-print_final_stats=1",
        ],
        TARGETS[name],
    )
    atheris.Fuzz()
    return 0


def main() -> int:
    """The exit status: 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; default: all")
    asked = parser.parse_args()
    names = asked.targets or list(NAMES)
    if unknown := set(names) - set(NAMES):
        parser.error(f"no target {', '.join(sorted(unknown))}")
    seconds = max(1, int(60 * asked.minutes / len(names)))
    if asked.one:
        return fuzz(asked.one, seconds, Path(tempfile.mkdtemp(prefix="wakeful-fuzz-")))
    found: list[str] = []
    for name in names:
        print(f"{name}: {seconds} s", flush=True)
        minutes = f"{seconds / 60}"
        line = [sys.executable, "-m", "tests.fuzz", "--one", name, "--minutes", minutes, name]
        if subprocess.run(line, check=False).returncode:
            found.append(name)
    print(f"found something: {', '.join(found)}" if found else "found nothing")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
