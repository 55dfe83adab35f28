"""A whole tree without processes: the real supervision rules on a fake clock, with fake lives and a fake store.

One seed, one schedule, one journal: the same plan, script, seed and faults give the same journal, line by line.

    sim = Simulation(plan, script=lambda life: Behaviour(lasts=5, end=crash), seed=7)
    sim.start()
    sim.run(60)
    sim.kill("research")          # a monitor dies; its sessions go on and are adopted
    sim.run(60)
    assert sim.alive()["research/weekly"] == 3
    assert sim.stop().kind == "stop"

The simulation itself checks what must never happen: a second life of a path while the first may still act raises
`TwoLives`.
"""

from __future__ import annotations

import random

from wakeful.exits import ExitReason
from wakeful.plan import MonitorPlan
from wakeful.rules.childstate import ChildState
from wakeful.rules.events import Condemned, Emptied, Event, StopAll
from wakeful_runtime.simulation.fakeclock import FakeClock
from wakeful_runtime.simulation.faketree import FakeTree
from wakeful_runtime.simulation.simulated import Behaviour, Entry, FakeJournal, FakeLife, FakeStore, Script, TwoLives

__all__ = ["Behaviour", "Entry", "FakeClock", "FakeLife", "FakeStore", "Script", "Simulation", "TwoLives"]


class Simulation:
    """A node: supervisors that run the real rules, everything else fake.

    Args:
        plan: the root supervisor; a child with a `monitor` is a supervisor of its own.
        script: what each life does, asked once at its fork; default: it lives for ever and stops when told.
        seed: of all latencies, of `chance` (for scripts) and of the rules' jitter.
        parallel: see `Supervision`.

    Attributes:
        clock: passes only in `run` and `stop`.
        store: incarnations, runs, checkpoints, outcomes.
    """

    def __init__(self, plan: MonitorPlan, *, script: Script | None = None, seed: int = 0, parallel: int = 4) -> None:
        self.clock = FakeClock()
        self.chance = random.Random(f"{seed}/chance")
        self.store = FakeStore()
        self._journal = FakeJournal(self.clock)
        self.tree = FakeTree(
            plan,
            self.clock,
            self.store,
            self._journal,
            script or (lambda _life: Behaviour()),
            seed=seed,
            parallel=parallel,
        )

    @property
    def finished(self) -> ExitReason | None:
        """What the root finished with, once it has."""
        return self.tree.finished

    @property
    def parked(self) -> dict[str, str]:
        """Path to why, of every child that waits for a person."""
        return self.tree.parked

    def start(self) -> None:
        """Boot the root supervisor; after `stop`: the next start of the same node."""
        self.tree.start()

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        self.clock.run(seconds)

    def stop(self, within: float = 3600.0) -> ExitReason:
        """Stop the node in order; the reason the root finished with.

        Raises:
            AssertionError: it did not end `within` so many seconds.
        """
        self.send("", StopAll(ExitReason(kind="stop", what="the test stops the node")))
        until = self.clock.now() + within
        while self.finished is None and self.clock.step(until):
            pass
        assert self.finished is not None, f"the node did not stop within {within} s"
        return self.finished

    def send(self, supervisor: str, event: Event) -> None:
        """Hand an event to a supervisor ("" is the root) now, whatever it is."""
        self.tree.handle(self.tree.supervisors[supervisor], event)

    def kill(self, path: str) -> None:
        """SIGKILL from outside; of a supervisor's children nothing dies."""
        self.end(path, ExitReason(kind="killed", signal=9))

    def end(self, path: str, reason: ExitReason) -> None:
        """The present life ends now for this reason, if there is one."""
        if path in self.tree.init.lives:
            self.tree.init.end(self.tree.init.lives[path], reason)

    def condemn(self, path: str, reason: ExitReason) -> None:
        """A verdict on the present life."""
        life = self.tree.init.lives[path]
        self.tree.deliver(life, Condemned(life.name, life.incarnation, reason))

    def empty(self, path: str) -> None:
        """What was left of an unkillable life is gone."""
        life = self.tree.init.lives[path]
        self.tree.init.empty(life)
        self.tree.deliver(life, Emptied(life.name, life.incarnation))

    def lose_node(self, *, down: float = 10.0) -> None:
        """Everything dies at once; after `down` seconds the node is started anew."""
        self.clock.clear()
        self._journal.write("node_lost", "", 0)
        self.tree.lose()
        self.run(down)
        self.start()

    def lose_gateway(self, *, down: float = 0.01) -> None:
        """The root supervisor alone dies and is replaced; the next one adopts what runs."""
        self.tree.supervisors[""].alive = False
        self.run(down)
        self.start()

    def alive(self) -> dict[str, int]:
        """Path to incarnation of every life there is."""
        return {path: life.incarnation for path, life in sorted(self.tree.init.lives.items()) if life.exit is None}

    def children(self, supervisor: str = "") -> dict[str, ChildState]:
        """What a supervisor knows of its children."""
        return self.tree.supervisors[supervisor].rules.children()

    @property
    def journal(self) -> list[Entry]:
        """Every command carried out, every life begun and ended, in order."""
        return self._journal.entries

    def lines(self) -> list[str]:
        """The journal as text."""
        return [str(entry) for entry in self.journal]
