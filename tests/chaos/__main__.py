"""`python -m tests.chaos --minutes M --seed N [--json]`: exit status 0 if every promise was kept."""

from __future__ import annotations

import argparse
import json
import sys

from tests.chaos.play import play


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2.0, help="faults tried per second")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the node's directory if something was lost")
    asked = parser.parse_args()

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    report = play(60 * asked.minutes, asked.seed, rate=asked.rate, say=say, keep=asked.keep)
    print(json.dumps(report.plain(), indent=2) if asked.json else report.text())
    return 0 if report.losses.none() else 1


if __name__ == "__main__":
    sys.exit(main())
