"""The line it hung in, and incidents in words."""

from __future__ import annotations

import pytest

from wakeful.policy import Heartbeat
from wakeful.rules.facts import Answer, Facts, Pulse
from wakeful.rules.verdict import judge
from wakeful.rules.words import span
from wakeful_runtime.evidence.hungline import hung_at
from wakeful_runtime.evidence.incidents import incident_of, markdown, why_lines

LIB = "/usr/lib/python3.11"
LOOP = (
    f"thread MainThread\n  /home/u/agent.py:99 in main\n  {LIB}/asyncio/base_events.py:603 in BaseEventLoop.run_forever"
)
IDLE_MAIN = f"{LOOP}\n  {LIB}/selectors.py:468 in select"
TURNING = f"{LOOP}\n  {LIB}/asyncio/events.py:80 in Handle._run"
BUSY_MAIN = f"{LOOP}\n  /home/u/agent.py:7 in spin\n  {LIB}/re.py:2 in match"
TASK = f"task run\n  /home/u/agent.py:41 in fetch\n  {LIB}/asyncio/queues.py:158 in get\n  waits for a Future"
DUMP = (
    'Thread 0x1 (most recent call first):\n  File "/usr/lib/python3.11/threading.py", line 1 in wait\n\n'
    'Current thread 0x2 (most recent call first):\n  File "/usr/lib/python3.11/re.py", line 9 in match\n'
    '  File "/home/u/agent.py", line 12 in parse\n  File "/home/u/agent.py", line 3 in run\n'
)


def users(file: str) -> bool:
    return file.startswith("/home/u/")


@pytest.mark.parametrize(
    ("tasks", "threads", "dump", "line"),
    [
        ([TASK], [IDLE_MAIN], "", ":41 in fetch"),
        ([TASK], [BUSY_MAIN], "", ":7 in spin"),
        ([TASK], [TURNING], "", ":41 in fetch"),
        ([], ["thread MainThread\n  /home/u/agent.py:5 in run\n  /usr/lib/ssl.py:1 in read"], "", ":5 in run"),
        ([], [], DUMP, ":12 in parse"),
        ([], [], "", ""),
        (["task run\n  waits for a Future"], [IDLE_MAIN], "", ":99 in main"),
    ],
)
def test_the_innermost_line_of_the_users_is_the_one_it_hangs_in(
    tasks: list[str], threads: list[str], dump: str, line: str
) -> None:
    found = hung_at(tasks, threads, dump, users=users)
    assert found.endswith(line)
    assert bool(found) == bool(line)


def test_durations_are_told_as_people_say_them() -> None:
    assert [span(each) for each in (0.25, 45, 119, 720, 12_000)] == ["0.2 s", "45 s", "119 s", "12 min", "3 h 20 min"]


def test_an_incident_is_explained_in_five_lines() -> None:
    policy = Heartbeat(every=1, timeout=1, progress=30)
    pulse = Pulse(progress_at=70.0, progress_reported=True, done=3, total=9)
    facts = Facts("session", 0, 0, ready_at=1, probed_at=101, answer=Answer(1, 101, 101, 0.0, pulse))
    judgement = judge(facts, policy, 101)
    opened = incident_of("research/weekly", 3, judgement, facts, policy, now=101).fields()
    assert opened["id"] == "research/weekly#3"
    assert opened["facts"]["progress_age_s"] == 31.0
    row = {
        **opened,
        "at": "2026-12-01T03:12:44Z",
        "evidence": {"line": "agent.py:41 in fetch", "lease": None, "tasks": [TASK], "log": ["a", "b"]},
        "outcome": "recovered: incarnation 4 made progress",
    }
    lines = why_lines(row)
    assert len(lines) == 5
    text = "\n".join(lines)
    for told in (
        "research/weekly, life 3",
        "no_progress",
        "limit 30 s",
        "agent.py:41 in fetch",
        "recovered",
        "wakeful",
    ):
        assert told in text


def test_an_incident_as_markdown_holds_the_evidence_and_no_broken_fence() -> None:
    row = {
        "id": "a#1",
        "path": "a",
        "verdict": "wedged",
        "facts": {"words": "x | y"},
        "evidence": {"dump": "```\nline", "process": {"state": "S"}, "log": ["last"]},
    }
    text = markdown(row)
    assert "x \\| y" in text
    assert "````text" in text
    assert "### Log" in text
    assert text.startswith("## a: wedged")


def test_an_incident_of_which_little_is_known_is_explained_all_the_same() -> None:
    assert len(why_lines({"path": "a", "verdict": "stopped"})) == 5
    assert markdown({"path": "a", "verdict": "stopped"})


def test_what_is_gone_is_told_with_its_last_line_and_the_lease_it_was_under() -> None:
    evidence = {
        "process": {"state": "gone"},
        "last_seen": {"line": "agent.py:68 in run", "age_s": 0.6},
        "lease": {"what": "model call"},
    }
    where = why_lines({"path": "a", "verdict": "exited", "action": "restart", "evidence": evidence})[2]
    assert where == (
        "  where: agent.py:68 in run under the lease 'model call' when it last answered, 0.6 s before: "
        "what is gone can't be asked"
    )
