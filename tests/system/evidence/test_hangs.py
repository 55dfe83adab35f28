"""Real hung processes, real looks, the real judge: each hang gets its own verdict, and its line is found."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from wakeful.errors import NodeError
from wakeful.exits import Verdict
from wakeful.policy import Heartbeat
from wakeful.rules.facts import Answer, Facts, Probe, read_pulse
from wakeful.rules.judgement import Judgement
from wakeful.rules.verdict import judge
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.evidence.evidence import Found, catches, collect, last_lines
from wakeful_runtime.evidence.vitals import control_thread, look, tree_memory
from wakeful_runtime.init.lives import LifeRecord
from wakeful_runtime.supervision.child import Present

VICTIM = Path(__file__).with_name("victim.py")
POLICY = Heartbeat(every=0.5, timeout=1, progress=2)
PATH = "lab/victim"


class Victim:
    """One hung process and a monitor of it."""

    def __init__(self, process: asyncio.subprocess.Process, directory: NodeDirectory) -> None:
        self.process = process
        self.directory = directory
        life = LifeRecord(PATH, "session", 1, process.pid, 0.0, 0, "", "", "lab", time.monotonic())
        self.present = Present(life, 1, pidfd=os.pidfd_open(process.pid))
        self.facts = Facts("session", time.monotonic(), time.monotonic())
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._nonce = 0
        self._reader: asyncio.Future[None] | None = None

    async def begin(self, *, known: bool) -> None:
        """Until it is ready; `known`: and has answered once. Otherwise it may hang before it can."""
        assert self.process.stdout
        async with asyncio.timeout(30):
            assert json.loads(await self.process.stdout.readline()) == {"ready": True}
        self._reader = asyncio.ensure_future(self.read())
        if known:
            await asyncio.wait_for(self.tell("probe")[1], 30)
            return
        now = time.monotonic()
        pulse = read_pulse({"ready": True, "progress_at": now, "progress_reported": True})
        self.facts = self.facts.answered(Answer(0, now, now, 0.0, pulse))

    async def close(self) -> None:
        if self._reader is not None:
            await self._reader
        self.present.close()

    def tell(self, kind: str) -> tuple[int, asyncio.Future[dict[str, Any]]]:
        self._nonce += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self._nonce] = answer
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"kind": kind, "nonce": self._nonce}).encode() + b"\n")
        return self._nonce, answer

    async def read(self) -> None:
        assert self.process.stdout
        while line := await self.process.stdout.readline():
            told = json.loads(line)
            if "loop_age" in told:
                sent_at = self.facts.sent_at(told["nonce"]) or time.monotonic()
                pulse = read_pulse(told["facts"])
                self.facts = self.facts.answered(
                    Answer(told["nonce"], sent_at, time.monotonic(), told["loop_age"], pulse)
                )
            waiting = self._waiting.pop(told.get("nonce", 0), None)
            if waiting and not waiting.done():
                waiting.set_result(told)

    async def dump(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        _, answer = self.tell("dump")
        try:
            told = await asyncio.wait_for(answer, 1.0)
        except TimeoutError:
            raise NodeError("no answer") from None
        return tuple(told["tasks"]), tuple(told["threads"])

    async def watch(self, within: float) -> tuple[float, Judgement]:
        """Until the killing judgement; seconds it took."""
        began = time.monotonic()
        while True:
            now = time.monotonic()
            assert now - began < within, f"not found: {judge(self.facts, POLICY, now)}, {self.facts}"
            judged = judge(self.facts, POLICY, now)
            if judged.killing:
                self.present.facts, self.present.judgement = self.facts, judged
                return now - began, judged
            if judged.look_at is not None and judged.look_at <= now:
                self.facts = self.facts.looked(look(self.process.pid))
                continue
            if judged.probe_at is not None and judged.probe_at <= now:
                nonce, _ = self.tell("probe")
                self.facts = self.facts.sent(Probe(nonce, now))
            await asyncio.sleep(0.005)  # the monitor's tick

    async def evidence(self) -> Found:
        return await collect(self.directory, PATH, self.present, self.dump)


@asynccontextmanager
async def hung(mode: str, directory: NodeDirectory) -> AsyncIterator[Victim]:
    dump = directory.evidence / "lab~victim#1.dump"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(VICTIM),
        mode,
        str(dump),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    victim = Victim(process, directory)
    try:
        await victim.begin(known=mode not in ("gil", "regex"))
        yield victim
    finally:
        with contextlib.suppress(ProcessLookupError):  # a dump by signal may have ended the hang
            process.kill()
        await process.wait()
        await victim.close()


@pytest.fixture
def directory(tmp_path: Path) -> NodeDirectory:
    return NodeDirectory(tmp_path / "node").create()


@pytest.mark.parametrize(
    ("mode", "verdict", "function"),
    [
        ("busy", Verdict.LOOP_BLOCKED, "busy"),
        ("sleep", Verdict.LOOP_BLOCKED, "asleep"),
        ("lock", Verdict.LOOP_BLOCKED, "locked"),
        ("gil", Verdict.WEDGED, "gil_asleep"),
        ("regex", Verdict.WEDGED, "gil_spinning"),
        ("await", Verdict.NO_PROGRESS, "awaits_for_ever"),
        ("livelock", Verdict.LIVELOCK, "run"),
    ],
)
async def test_each_hang_has_its_verdict_and_its_line(
    mode: str, verdict: Verdict, function: str, directory: NodeDirectory
) -> None:
    async with hung(mode, directory) as victim:
        took, judged = await victim.watch(within=30)
        assert judged.verdict == verdict
        began = time.monotonic()
        found = await victim.evidence()
        assert time.monotonic() - began < 2.2
        assert found.line.endswith(f" in {function}"), (found.line, found.evidence)
        assert "victim.py:" in found.line
        assert found.evidence.process["pid"] == victim.process.pid
        assert (found.evidence.dump != "") == (verdict == Verdict.WEDGED)
        assert took < 30


async def test_a_stopped_process_is_told_from_a_hung_one_and_no_signal_is_wasted_on_it(
    directory: NodeDirectory,
) -> None:
    async with hung("await", directory) as victim:
        os.kill(victim.process.pid, signal.SIGSTOP)
        _, judged = await victim.watch(within=20)
        assert judged.verdict == Verdict.STOPPED
        began = time.monotonic()
        found = await victim.evidence()
        assert time.monotonic() - began < 0.5
        assert found.evidence.process["state"] == "T"
        assert found.evidence.dump == ""


async def test_the_dump_of_a_held_gil_may_end_the_hang_but_not_the_verdict(directory: NodeDirectory) -> None:
    async with hung("gil", directory) as victim:
        _, judged = await victim.watch(within=20)
        await victim.evidence()
        assert victim.present.judgement is judged
        assert judged.killing


async def test_a_process_that_does_not_catch_the_signal_is_not_sent_it(directory: NodeDirectory) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        assert not catches(process.pid, signal.SIGURG)
        life = LifeRecord(PATH, "session", 1, process.pid, 0.0, 0, "", "", "lab", time.monotonic())
        present = Present(life, 1, pidfd=os.pidfd_open(process.pid))
        present.facts = Facts("session", 0.0, 0.0)

        async def dump() -> tuple[tuple[str, ...], tuple[str, ...]]:
            raise NodeError("nobody answers")

        found = await collect(directory, PATH, present, dump)
        assert found.evidence.dump == ""
        assert process.returncode is None
        present.close()
    finally:
        process.kill()
        await process.wait()


async def test_evidence_of_a_process_that_is_gone_is_what_is_left_of_it(directory: NodeDirectory) -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    life = LifeRecord(PATH, "session", 1, process.pid, 0.0, 0, "", "", "lab", time.monotonic())
    directory.log(PATH).write_text("first\nlast\n")

    async def dump() -> tuple[tuple[str, ...], tuple[str, ...]]:
        raise NodeError("gone")

    found = await collect(directory, PATH, Present(life, 1), dump)
    assert found.evidence.process == {"state": "gone"}
    assert found.evidence.log == ("first", "last")
    assert found.line == ""


async def test_a_dump_that_never_comes_costs_no_more_than_the_time_allowed(directory: NodeDirectory) -> None:
    async with hung("await", directory) as victim:
        victim.present.facts = victim.facts

        async def dump() -> tuple[tuple[str, ...], tuple[str, ...]]:
            await asyncio.get_running_loop().create_future()
            raise AssertionError

        began = time.monotonic()
        await collect(directory, PATH, victim.present, dump, within=0.3)
        assert time.monotonic() - began < 1.0


async def test_nothing_secret_is_in_the_evidence(directory: NodeDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKEFUL_TEST_SECRET", "correct horse battery staple")
    async with hung("busy", directory) as victim:
        await victim.watch(within=20)
        found = await victim.evidence()
        assert "correct horse" not in found.evidence.model_dump_json()


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"".join(b"line %d\n" % number for number in range(100_000)) + b"x" * 5000 + b"\n\xff\xfe")
    lines = last_lines(file)
    assert len(lines) == 100
    assert lines[-3] == "line 99999"
    assert len(lines[-2]) == 2000
    assert last_lines(tmp_path / "none") == ()


async def test_a_look_shows_the_control_thread_and_the_memory_of_the_tree(directory: NodeDirectory) -> None:
    async with hung("await", directory) as victim:
        pid = victim.process.pid
        assert control_thread(pid) not in (None, pid)
        seen = look(pid)
        assert seen.control is not None
        assert seen.main.state in "SR"
        memory = tree_memory(pid)
        assert memory is not None
        assert 2**20 < memory < 2**30
