"""What heartbeats cost a healthy actor: its handlers' throughput with a probe every second, against without.

Three actors of one class in one node, one probed every second, one 20 times a second, one once an hour, are sent the
same messages by turns, so that a slow window of the machine meets all of them. A round compares what each did in all
its turns, and has a node of its own in which they have changed places. Throughput is measured in the actor, from its
first message of a turn to the last; beside it by the CPU time of its whole process, which a busy machine disturbs less.
What one probe costs is told from the hurried one: 20 times as much is seen through more noise. Aim: probed / quiet at
least 0.98.

    python benchmarks/overhead.py [--json] [--rounds 5] [--turns 20] [--messages 100000]
"""

from __future__ import annotations

import asyncio

from measure import arguments, ratio, show, tidy
from nodes import RunningNode, caller, node, until
from subjects import Busy, Took, Work

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful.errors import MailboxFull
from wakeful_runtime.transport.mailbox import Mailbox

OFTEN = 20
EVERY = {
    "probed": Heartbeat(every=1.0, timeout=5.0),
    "hurried": Heartbeat(every=1.0 / OFTEN, timeout=5.0),
    "quiet": Heartbeat(every=3600.0, timeout=5.0),
}
ASK_S = 60.0

Turn = tuple[float, float, float]
"""Messages, seconds, seconds of CPU time."""


async def _turn(mailbox: Mailbox, path: str, messages: int) -> Turn:
    for seq in range(messages):
        message = Work(seq=seq, symbol="WAKEFUL", price=101.25, size=300, live=True)
        try:
            mailbox.tell(path, message)
        except MailboxFull:
            await mailbox.drain(path)
            mailbox.tell(path, message)
    seen, elapsed, cpu = await mailbox.ask(path, Took(), ASK_S)
    if seen != messages:
        raise SystemExit(f"{path} saw {seen:.0f} of {messages} messages")
    return seen, elapsed, cpu


def _run(running: RunningNode, names: list[str]) -> bool:
    rows = running.rows()
    return all(rows.get(f"m/{name}", {}).get("state") == "running" for name in names)


async def _round(names: list[str], turns: int, messages: int) -> dict[str, list[Turn]]:
    tree = Gateway(Monitor("m", *[Child(name, Busy, heartbeat=EVERY[name]) for name in names]), preload=["subjects"])
    found: dict[str, list[Turn]] = {name: [] for name in names}
    with node(tree) as running:
        await until(lambda: _run(running, names), "the actors run")
        async with caller(running.directory) as mailbox:
            tidy()
            for name in names:
                await _turn(mailbox, f"m/{name}", messages // 4)
            for turn in range(turns):
                for name in names if turn % 2 == 0 else reversed(names):
                    found[name].append(await _turn(mailbox, f"m/{name}", messages))
    return found


def _rates(turns: list[Turn]) -> tuple[float, float]:
    """Messages a second, and a second of CPU time, over all turns."""
    seen, elapsed, cpu = (sum(each) for each in zip(*turns, strict=True))
    return seen / elapsed, seen / cpu


def main() -> None:
    """Measure and show."""
    given = arguments("throughput of an actor with heartbeats and without", rounds=5, turns=20, messages=100_000)
    rates: dict[str, list[float]] = {name: [] for name in EVERY}
    by_cpu: dict[str, list[float]] = {name: [] for name in EVERY}
    for number in range(given.rounds):
        places = list(EVERY)
        names = places[number % len(places) :] + places[: number % len(places)]
        for name, turns in asyncio.run(_round(names, given.turns, given.messages)).items():
            rate, cpu = _rates(turns)
            rates[name].append(rate)
            by_cpu[name].append(cpu)
    ratios = {"probed / quiet": ratio(rates, "probed", "quiet"), "by CPU time": ratio(by_cpu, "probed", "quiet")}
    one = (1 / ratio(by_cpu, "hurried", "quiet") - 1) / OFTEN
    ratios["share of a second one probe costs, told from the hurried"] = one
    show("overhead", "messages/s", rates, ratios, given.json)


if __name__ == "__main__":
    main()
