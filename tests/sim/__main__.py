"""`python -m tests.sim --days 21 --seeds 4`: the simulated nights, and what came of them, a line a seed."""

from __future__ import annotations

import argparse

from tests.sim.nights import World


def main() -> int:
    """0 if every seed kept what is promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    kept = True
    print("seed   runs  bare ok  wakeful ok   posts  bare in time  wakeful in time  twice  silent  restarts")
    for seed in range(1, given.seeds + 1):
        world = World(given.days, seed)
        world.play()
        bare, wakeful = world.figures()
        restarts = sum(entry.event == "forked" and entry.incarnation > 1 for entry in world.sim.journal)
        print(
            f"{seed:4}  {wakeful.runs:5}  {bare.completed_rate:7.1%}  {wakeful.completed_rate:10.2%}"
            f"  {wakeful.posts:6}  {bare.in_time_rate:12.1%}  {wakeful.in_time_rate:15.2%}"
            f"  {wakeful.posted_twice:5}  {wakeful.silent:6}  {restarts:8}"
        )
        kept &= wakeful.completed_rate >= 0.995 and wakeful.in_time_rate >= 0.995
        kept &= wakeful.posted_twice == wakeful.silent == 0
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
