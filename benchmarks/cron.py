"""How late the runs of many jobs of one second begin: their first line of user code, against the second itself.

Each job has the same single time. A run tells when its `run` was called; the process was forked before that, in the
lead the scheduler takes. Beside it, what the node wrote down: `started` of `cron runs`, and how many were on time.

    python benchmarks/cron.py [--json] [--jobs 200] [--ahead 45]
"""

from __future__ import annotations

import json
import statistics
import time
from datetime import UTC, datetime

from measure import arguments
from nodes import RunningNode, node

from wakeful import Child, Gateway, Session

WITHIN_S = 120.0


class Stamp(Session[None]):
    """Says when its work began."""

    async def run(self, task: str) -> float:
        return time.time()


def _add(running: RunningNode, jobs: int, at: float) -> None:
    when = datetime.fromtimestamp(at, UTC).isoformat()
    for number in range(jobs):
        job = {
            "name": f"job {number}",
            "schedule": {"kind": "at", "at": when},
            "payload": {"kind": "agentTurn", "message": "stamp"},
        }
        running.client.cron("add", job=job)


def _runs(running: RunningNode, jobs: int) -> list[dict[str, object]]:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        rows: list[dict[str, object]] = running.client.cron("runs", limit=10_000)
        if sum(row["outcome"] is not None for row in rows) == jobs:
            return rows
        time.sleep(1.0)
    raise SystemExit(f"{jobs} jobs were not over within {WITHIN_S:g} s")


def _quantiles(late: list[float]) -> dict[str, float]:
    ordered = sorted(late)
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    found = {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in at.items()}
    return {**found, "max": ordered[-1], "mean": statistics.mean(ordered)}


def main() -> None:
    """Measure and show."""
    given = arguments("Jobs of one second: how late each one's work begins.", jobs=200, ahead=45)
    tree = Gateway(agents=[Child("main", Stamp)], max_running=given.jobs, preload=["cron"])
    with node(tree) as running:
        at = float(int(time.time()) + given.ahead)
        _add(running, given.jobs, at)
        if time.time() > at - 30:
            raise SystemExit("adding the jobs took too long; give a larger --ahead")
        rows = _runs(running, given.jobs)
        told = [running.client.sessions_result(str(row["key"])) for row in rows]
    worked = [float(answer["result"]) - at for answer in told if answer.get("outcome") == "ok"]
    late = {
        "work_began_late_s": _quantiles(worked),
        "started_late_s": _quantiles([float(str(row["late_by_s"])) for row in rows]),
    }
    counts = {
        "jobs": given.jobs,
        "runs": len({row["id"] for row in rows}),
        "ok": len(worked),
        "on_time": sum(bool(row["on_time"]) for row in rows),
    }
    if given.json:
        print(json.dumps({**counts, **late}))
        return
    print(", ".join(f"{name} {count}" for name, count in counts.items()))
    for name, values in late.items():
        print(f"  {name:<18}", "  ".join(f"{which} {value:.3f}" for which, value in values.items()))


if __name__ == "__main__":
    main()
