"""Texts for programs: on standard input, answered by lines, and given again to the life that follows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.system.command.programs import python, tree
from tests.system.command.test_contract import SLEEP, result
from tests.system.node.conftest import Harness


def test_texts_arrive_as_json_lines_and_are_answered(harness: Harness) -> None:
    body = """
say("READY"); say("X_WAKEFUL_WAITING")
for line in sys.stdin:
    mail = json.loads(line)
    if mail["wants_reply"]:
        say("X_WAKEFUL_REPLY", json.dumps({"id": mail["id"], "text": mail["text"].upper()}))
    else:
        say("X_WAKEFUL_RESULT", json.dumps(mail["text"])); sys.exit()
"""
    harness.start(tree(python(body, inbox=True)))
    harness.until(lambda: harness.row("m/p")["waiting_for"] == "inbox")
    told = harness.call("sessions_send", sessionKey="m/p", message="hello", timeoutSeconds=10)
    assert (told["status"], told["reply"]) == ("ok", "HELLO")
    assert harness.call("sessions_send", sessionKey="m/p", message="bye")["status"] == "accepted"
    assert result(harness)["result"] == "bye"


def test_a_program_without_an_inbox_says_so_to_who_writes(harness: Harness) -> None:
    harness.start(tree(python('say("READY")\n' + SLEEP)))
    harness.until_state("m/p", "running")
    told = harness.call("sessions_send", sessionKey="m/p", message="hello")
    assert told["status"] == "error"
    assert "inbox=True" in told["error"]


def has(file: Path, text: str) -> bool:
    return file.exists() and file.read_text() == text


def test_a_text_in_the_hands_of_a_program_that_is_stopped_is_the_next_one_s(harness: Harness, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    body = f"""
say("READY"); say("X_WAKEFUL_WAITING")
for line in sys.stdin:
    open({str(taken)!r}, "a").write(json.loads(line)["text"])
    time.sleep(600)
"""
    harness.start(tree(python(body, inbox=True), shutdown=10))
    harness.until(lambda: harness.row("m/p")["waiting_for"] == "inbox")
    harness.call("sessions_send", sessionKey="m/p", message="x", timeoutSeconds=0.1)
    for text in ("x", "xx", "xxx"):
        harness.until(partial(has, taken, text), within=30)
        harness.call("restart", path="m/p")
    assert harness.call("deadletters") == []


def test_a_text_that_ends_its_program_twice_is_a_dead_letter_and_takes_none_of_those_behind_it_along(
    harness: Harness, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    body = f"""
say("READY")
while not os.path.exists({str(go)!r}): time.sleep(0.02)
for line in sys.stdin:
    text = json.loads(line)["text"]
    if text == "poison":
        time.sleep(0.3)  # the next one is in the pipe
        sys.exit(1)
    say("X_WAKEFUL_RESULT", json.dumps(text)); sys.exit()
"""
    harness.start(tree(python(body, inbox=True), failures_in_a_row=10))
    harness.until_state("m/p", "running")
    for text in ("poison", "innocent"):
        harness.call("sessions_send", sessionKey="m/p", message=text)
    go.touch()
    assert result(harness)["result"] == "innocent"
    (letter,) = harness.call("deadletters")
    assert "ended with it in hand" in letter["error"]
