"""The monkey: chooses who is hurt, how and when, from a seed. It hurts nobody who has not recovered yet."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.chaos.arena import MONITORS, Arena, paths

from wakeful.errors import NodeError
from wakeful_runtime.processes import read_stat

Role = Literal["session", "monitor", "gateway", "init", "store", "keeper"]
How = Literal["kill", "stop", "loop-block", "gil", "await-forever", "error", "orphan"]
SELF_MADE = ("loop-block", "gil", "await-forever", "error", "orphan")

SINGLE: dict[tuple[Role, How], int] = {
    ("session", "kill"): 60,
    ("session", "stop"): 5,
    ("session", "loop-block"): 2,
    ("session", "gil"): 2,
    ("session", "await-forever"): 1,
    ("session", "error"): 2,
    ("session", "orphan"): 3,
    ("monitor", "kill"): 14,
    ("monitor", "stop"): 2,
    ("gateway", "kill"): 4,
    ("gateway", "stop"): 1,
    ("init", "kill"): 6,
    ("init", "stop"): 1,
    ("store", "kill"): 10,
    ("store", "stop"): 2,
    ("keeper", "kill"): 2,
    ("keeper", "stop"): 1,
}
"""How often each fault, relative to the others."""

TOGETHER = 8
"""How often several die at once."""
NODE = 2
"""How often all of the node's own processes die, sessions not; and how often the whole node does."""

GRACE_S: dict[Role, float] = {
    "session": 0.0,
    "monitor": 2.0,
    "gateway": 12.0,
    "init": 3.0,
    "store": 2.0,
    "keeper": 5.0,
}
"""How long a new one of the node's own is left in peace: restarts in a row are paused by design."""

NODE_EVERY_S = 160.0
"""Between two of these: of three unclean starts within five minutes the third asks a person (design §2)."""

SPAWNED_KILLS = 8
SPAWNED_WITHIN_S = 600.0
"""The built-in monitor of spawned sessions parks one at its eleventh restart in ten minutes: that is no loss."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done.

    Attributes:
        how: a signal, a chaos mode, `roots` (all but sessions) or `whole`.
        batch: faults with one number were made at once.
        sure: it is known to have happened.
        at: wall time.
    """

    batch: int
    role: Role
    how: str
    path: str
    pid: int
    incarnation: int
    at: float
    sure: bool = True

    @property
    def deadly(self) -> bool:
        """A SIGKILL from the monkey, or from the life itself."""
        return self.how in ("kill", "orphan", "roots", "whole")


class Monkey:
    """Plays with an arena for a time."""

    def __init__(self, arena: Arena, seed: int, rate: float) -> None:
        self.faults: list[Fault] = []
        self._arena = arena
        self._random = random.Random(seed)
        self._rate = rate
        self._batch = 0
        self._hurt: set[int] = set()
        self._init_seen = (0, 0.0)
        self._keeper_at = time.monotonic()
        self._keeper_due: float | None = None
        self._continue: tuple[float, int] | None = None
        self._node_at = time.monotonic() - NODE_EVERY_S + 20.0
        self._node_times = 0

    @property
    def hurt(self) -> set[int]:
        """Pids of all it ever touched."""
        return self._hurt

    def play(self, seconds: float, say: Callable[[str], None]) -> None:
        """Until the time is over; whoever has no keeper then gets one."""
        ends = time.monotonic() + seconds
        told = time.monotonic()
        while time.monotonic() < ends:
            time.sleep(min(self._random.expovariate(self._rate), 5.0))
            self._mend()
            self._choose()
            if time.monotonic() - told > 30.0:
                told = time.monotonic()
                say(f"{len(self.faults)} faults, {ends - told:.0f} s to go")
        self._mend(now=True)

    def _choose(self) -> None:
        kinds = [*SINGLE, "together", "node"]
        weights = [*SINGLE.values(), TOGETHER, NODE]
        chosen = self._random.choices(kinds, weights)[0]
        self._batch += 1
        if chosen == "together":
            roles = self._random.choices(["session", "monitor", "store", "init", "gateway"], [4, 2, 2, 1, 1], k=3)
            for role in dict.fromkeys(roles):
                self._one(role, "kill")  # type: ignore[arg-type]
        elif chosen == "node":
            self._node()
        else:
            role, how = chosen
            self._one(role, how)  # type: ignore[arg-type]

    def _one(self, role: Role, how: How) -> None:
        found = self._victim(role, "sessions/" if how == "await-forever" else "")
        if found is None:
            return
        path, pid, incarnation = found
        if how in SELF_MADE:
            self._self_made(path, pid, incarnation, how)
            return
        if role == "keeper" and how == "stop":
            self._continue = (time.monotonic() + self._random.uniform(1.0, 3.0), pid)
        try:
            os.kill(pid, signal.SIGSTOP if how == "stop" else signal.SIGKILL)
        except ProcessLookupError:
            return
        self._note(role, how, path, pid, incarnation)
        if role == "keeper" and how == "kill":
            self._arena.keeper.wait()
            self._keeper_due = time.monotonic() + self._random.uniform(0.0, 3.0)

    def _self_made(self, path: str, pid: int, incarnation: int, how: str) -> None:
        at, sure = time.time(), True
        try:
            if how == "orphan" and not self._inside(pid):
                return
            told = self._arena.client.call("chaos", {"path": path, "mode": how}, timeout=3.0)
            sure = int(told["pid"]) == pid
            self._hurt.add(int(told["pid"]))
        except NodeError:
            sure = False  # it may have come through all the same
        self._note("session", how, path, pid, incarnation, at=at, sure=sure)

    def _inside(self, pid: int) -> bool:
        """Whether what the life leaves falls to the node: not once its init and its keeper have both died.

        What was then started by two forks with an empty environment can't be told from a stranger's: semantics.md. An
        init under a later keeper than its own leaves its lives to nobody, should it die in this moment.
        """
        keeper, init = self._arena.role("keeper"), self._arena.role("init")
        life, above = read_stat(pid), read_stat(init) if init else None
        if life is None or not keeper:
            return False
        return life.parent == keeper or (life.parent == init and above is not None and above.parent == keeper)

    def _note(
        self, role: Role, how: str, path: str, pid: int, incarnation: int, *, at: float = 0.0, sure: bool = True
    ) -> None:
        self._hurt.add(pid)
        self.faults.append(Fault(self._batch, role, how, path, pid, incarnation, at or time.time(), sure))

    def _victim(self, role: Role, below: str) -> tuple[str, int, int] | None:
        """One that works, its path beginning so: path, pid, incarnation."""
        now = time.monotonic()
        if role in ("init", "keeper"):
            pid = self._arena.role(role)
            if role == "init" and pid != self._init_seen[0]:
                self._init_seen = (pid, now)
            since = self._init_seen[1] if role == "init" else self._keeper_at
            stopped = self._continue is not None
            if not pid or pid in self._hurt or stopped or self._keeper_due or now - since < GRACE_S[role]:
                return None
            return role, pid, 0
        lives = self._arena.lives()
        among = {
            "session": paths(),
            "monitor": [*MONITORS, "sessions"],
            "gateway": ["gateway"],
            "store": ["store"],
        }[role]
        fit = [
            life
            for path in among
            if (life := lives.get(path)) is not None
            and path.startswith(below)
            and not (path.startswith("sessions/") and self._often(path))
            and life.pid not in self._hurt
            and now - life.forked_at > GRACE_S[role]
            and (role != "session" or self._counted(path, life.pid))
        ]
        if not fit:
            return None
        life = self._random.choice(fit)
        return life.path, life.pid, life.incarnation

    def _often(self, path: str) -> bool:
        since = time.time() - SPAWNED_WITHIN_S
        return sum(fault.path == path and fault.at > since for fault in self.faults) >= SPAWNED_KILLS

    def _counted(self, path: str, pid: int) -> bool:
        """It has got on since it resumed: another failure now is no failure in a row."""
        reader = self._arena.readers[path].look()
        return reader.pid == pid and reader.counted > 0

    def _node(self) -> None:
        """All of the node's own at once, as a bad `kill` of a person would; or the whole node, as a power cut."""
        arena = self._arena
        if self._keeper_due is not None or self._continue is not None:
            return
        if time.monotonic() - self._node_at < NODE_EVERY_S:
            return
        whole = self._node_times % 2 == 0
        how = "whole" if whole else "roots"
        lives = arena.lives()
        if not whole and any(lives.get(path) is None for path in ["gateway", "store", *MONITORS]):
            return
        own = [life for path, life in lives.items() if path not in arena.books]
        sessions = [life for path, life in lives.items() if path in arena.books] if whole else []
        for name in ("keeper", "init"):
            if pid := arena.role(name):
                self._kill(name, how, name, pid, 0)
        for life in (*own, *sessions):
            role: Role = "session" if life.path in arena.books else "monitor"
            role = life.path if life.path in ("gateway", "store") else role  # type: ignore[assignment]
            self._kill(role, how, life.path, life.pid, life.incarnation)
        arena.keeper.wait()
        self._node_at = time.monotonic()
        self._node_times += 1
        if whole:
            self._hurt |= arena.kill_all()  # what was forked in between
        self._keeper_due = time.monotonic() + self._random.uniform(0.0, 1.0)
        self._mend(now=True)

    def _kill(self, role: Role, how: str, path: str, pid: int, incarnation: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._note(role, how, path, pid, incarnation)

    def _mend(self, *, now: bool = False) -> None:
        """What a person would do: run the node again, continue a stopped keeper."""
        if self._continue is not None and (now or time.monotonic() > self._continue[0]):
            os.kill(self._continue[1], signal.SIGCONT)
            self._hurt.discard(self._continue[1])
            self._continue = None
        if self._keeper_due is not None and (now or time.monotonic() > self._keeper_due):
            self._arena.run()
            self._keeper_due = None
            self._keeper_at = time.monotonic()
