"""Programs by lines to WAKEFUL_FD: what goes in, what comes out, and what becomes of their ends."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.system.command.programs import python, tree
from tests.system.node.conftest import Harness

from wakeful import Child, Command, Gateway
from wakeful_runtime.processes import read_stat

SLEEP = "time.sleep(600)\n"


def result(harness: Harness, path: str = "m/p") -> Any:
    return harness.until(
        lambda: (told := harness.call("sessions_result", sessionKey=path))["status"] == "ok" and told, within=30
    )


def test_a_program_gets_its_task_and_gives_its_result_and_a_crash_resumes_from_its_checkpoint(
    harness: Harness,
) -> None:
    body = """
notes = state({"lives": []})
notes["lives"].append(os.environ["WAKEFUL_INCARNATION"])
say("READY")
say("X_WAKEFUL_STATE", json.dumps(notes))
say("X_WAKEFUL_CHECKPOINT", "begun")
if len(notes["lives"]) < 3:
    sys.exit("boom")
told = {k: v for k, v in os.environ.items() if k.startswith("WAKEFUL_")}
say("X_WAKEFUL_RESULT", json.dumps({"notes": notes, "told": told}))
"""
    harness.start(tree(python(body), task="read", args={"n": 3}, failures_in_a_row=10))
    told = result(harness)
    assert told["outcome"] == "ok"
    env = told["result"]["told"]
    assert told["result"]["notes"] == {"lives": ["1", "2", "3"]}
    assert (env["WAKEFUL_TASK"], json.loads(env["WAKEFUL_ARGS"])) == ("read", {"n": 3})
    assert (env["WAKEFUL_PATH"], env["WAKEFUL_CHECKPOINT_NAME"]) == ("m/p", "begun")
    assert env["WAKEFUL_NODE"] == str(harness.directory.root)
    assert env["WAKEFUL_RUN_ID"] == harness.call("session_status", sessionKey="m/p")["run_id"]
    assert [row["what"] for row in harness.events("m/p", "exited")][:2] == [
        f"{Path(sys.executable).name} exited with status 1: boom"
    ] * 2


def test_a_checkpoint_and_a_status_are_seen_while_it_runs(harness: Harness) -> None:
    body = """
say("READY"); say("STATUS", "reading"); say("X_WAKEFUL_PROGRESS", "3/10")
say("X_WAKEFUL_CHECKPOINT", "third")
"""
    harness.start(tree(python(body + SLEEP)))
    row = harness.until(lambda: (row := harness.row("m/p"))["checkpoint"] and row)
    assert (row["kind"], row["state"], row["note"]) == ("command", "running", "reading")
    assert (row["checkpoint"], row["progress"]) == ("third", [3.0, 10.0])


def test_an_exit_status_that_no_restart_can_help_goes_to_review_at_once(harness: Harness) -> None:
    harness.start(tree(python('say("READY")\nprint("no such model", flush=True)\nsys.exit(78)', never_restart=[78])))
    row = harness.until_state("m/p", "review")
    assert row["restarts"] == 0
    assert "status 78" in row["why"] and "no such model" in row["why"]


def test_an_exit_status_may_mean_success(harness: Harness) -> None:
    harness.start(tree(python('say("X_WAKEFUL_RESULT", "all of it")\nsys.exit(3)', success=[0, 3])))
    told = result(harness)
    assert (told["outcome"], told["result"]) == ("ok", "all of it")


def test_a_program_that_is_not_there_is_a_failed_start_that_says_so(harness: Harness) -> None:
    harness.start(tree(Command("no-such-program-anywhere"), failures_in_a_row=1))
    row = harness.until_state("m/p", "review")
    assert "no such program" in row["why"]


def test_its_children_die_with_it_whatever_they_did_to_get_away(harness: Harness, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    body = f"""
def note(*argv, **more):
    with open({str(file)!r}, "a") as f:
        print(subprocess.Popen(argv, **more).pid, file=f)
note("sleep", "600")
note("sleep", "600", start_new_session=True)
subprocess.run(["sh", "-c", "setsid sh -c 'echo $$ >> {file}; exec env -i sleep 600' &"])
say("READY")
"""
    harness.start(tree(python(body + SLEEP)))
    harness.until_state("m/p", "running")
    pids = harness.until(lambda: len(found := file.read_text().split()) == 3 and [int(pid) for pid in found])
    harness.call("stop", path="m/p")
    harness.until_state("m/p", "done")
    assert [stat.state for pid in pids if (stat := read_stat(pid)) is not None] == []


def test_a_host_that_is_killed_takes_its_program_with_it_and_the_run_goes_on(harness: Harness) -> None:
    body = """
notes = state({"pids": []})
notes["pids"].append(os.getpid())
say("READY"); say("X_WAKEFUL_STATE", json.dumps(notes)); say("X_WAKEFUL_CHECKPOINT", "here")
if len(notes["pids"]) == 2:
    say("X_WAKEFUL_RESULT", json.dumps(notes)); sys.exit()
"""
    harness.start(tree(python(body + SLEEP)))
    harness.until(lambda: harness.row("m/p")["checkpoint"])
    harness.kill("m/p")
    pids = result(harness)["result"]["pids"]
    assert len(pids) == 2
    assert read_stat(pids[0]) is None


def test_a_stop_asks_it_first_and_a_program_may_still_give_its_result(harness: Harness) -> None:
    body = """
def stop(number, frame):
    say("X_WAKEFUL_CHECKPOINT", "stopped"); say("X_WAKEFUL_RESULT", json.dumps("partly")); sys.exit(0)
signal.signal(signal.SIGINT, stop)
say("READY")
"""
    harness.start(tree(python(body + SLEEP, stop_signal="SIGINT")))
    harness.until_state("m/p", "running")
    harness.call("stop", path="m/p")
    told = result(harness)
    assert (told["outcome"], told["result"]) == ("ok", "partly")
    assert harness.events("m/p", "checkpoint")[-1]["name"] == "stopped"


def test_a_program_that_ignores_the_stop_is_killed_when_its_time_is_up(harness: Harness) -> None:
    body = 'signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay("READY")\n'
    harness.start(tree(python(body + SLEEP), shutdown=0.3))
    harness.until_state("m/p", "running")
    began = time.monotonic()
    harness.call("stop", path="m/p")
    harness.until_state("m/p", "done")
    assert time.monotonic() - began < 10


def test_ready_by_port_by_log_and_at_once(harness: Harness, tmp_path: Path) -> None:
    go = tmp_path / "go"
    wait = f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    serve = f"import socket\n{wait}s = socket.socket(); s.bind(('127.0.0.1', {port})); s.listen()\n{SLEEP}"
    log = f"print('booting', flush=True)\n{wait}print('listening on 1', flush=True)\n{SLEEP}"
    harness.start(
        Gateway(
            Child("now", python(SLEEP, ready="now")),
            Child("port", python(serve, ready=f"port:{port}")),
            Child("log", python(log, ready=r"log:listening on \d")),
        )
    )
    harness.until_state("now", "running")
    assert [harness.row(path)["state"] for path in ("port", "log")] == ["starting", "starting"]
    go.touch()
    harness.until_state("port", "running")
    harness.until_state("log", "running")
    assert harness.log("log").count("listening on 1") == 1


def test_a_state_may_be_a_file_and_a_bad_one_spoils_only_its_own_checkpoint(harness: Harness, tmp_path: Path) -> None:
    good, big = tmp_path / "state.json", [0.5] * 300_000
    good.write_text(json.dumps(big))
    body = f"""
say("READY")
if os.environ.get("WAKEFUL_STATE"):
    say("X_WAKEFUL_RESULT", len(state(None))); sys.exit()
say("X_WAKEFUL_STATE", {str(good)!r}); say("X_WAKEFUL_CHECKPOINT", "good")
say("X_WAKEFUL_STATE", "no such file"); say("X_WAKEFUL_CHECKPOINT", "bad")
os.kill(os.getpid(), signal.SIGKILL)
"""
    harness.start(tree(python(body)))
    assert result(harness)["result"] == len(big)
    assert [row["name"] for row in harness.events("m/p", "checkpoint")] == ["good"]
    assert "neither JSON" in harness.log("m/p") and "'bad' is not kept" in harness.log("m/p")


def test_a_program_that_talks_without_end_is_read_no_faster_than_it_can_be_heard(harness: Harness) -> None:
    body = """
say("READY")
line = b"".join(b"X_WAKEFUL_NONSENSE=1\\nWATCHDOG=1\\n" for _ in range(1000))
for _ in range(5):
    os.write(FD, line)
say("X_WAKEFUL_RESULT", 1)
"""
    harness.start(tree(python(body)))
    assert result(harness)["result"] == 1
    assert harness.log("m/p").count("X_WAKEFUL_NONSENSE") <= 20


def test_a_program_runs_as_another_user_where_the_node_is_root(harness: Harness) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may choose a user")
    script = """
echo "X_WAKEFUL_STATE=[1]" >&$WAKEFUL_FD; echo X_WAKEFUL_CHECKPOINT=a >&$WAKEFUL_FD
[ -z "$WAKEFUL_STATE" ] && kill -9 $$
echo "X_WAKEFUL_RESULT={\\"id\\": \\"$(id -un)\\", \\"state\\": $(cat $WAKEFUL_STATE)}" >&$WAKEFUL_FD
"""
    command = Command("sh", "-c", script, user="nobody", ready="now", cwd="/tmp")
    harness.start(tree(command))
    told = result(harness)["result"]
    assert (told["id"], told["state"]) == ("nobody", [1])


def test_a_program_is_an_agent_that_is_spawned_on_demand(harness: Harness) -> None:
    body = 'say("READY"); say("X_WAKEFUL_RESULT", json.dumps([os.environ["WAKEFUL_TASK"], os.environ["WAKEFUL_ARGS"]]))'
    harness.start(Gateway(agents=[Child("main", python(body))]))
    told = harness.call("sessions_spawn", task="read this", label="one")
    assert told["status"] == "accepted", told
    assert result(harness, told["key"])["result"] == ["read this", "{}"]


def test_a_program_outlives_its_monitor_and_is_watched_by_the_next_one(harness: Harness) -> None:
    body = """
say("READY")
if os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
    say("X_WAKEFUL_RESULT", 1); sys.exit()
for n in range(1, 600):
    say("WATCHDOG"); say("X_WAKEFUL_CHECKPOINT", n); time.sleep(0.1)
    if os.path.exists(sys.argv[1]):
        time.sleep(600)
"""
    hang = harness.directory.root / "hang"
    program = python(body, alive="notify")
    harness.start(tree(Command(*program.argv, str(hang), alive="notify")))
    harness.until(lambda: harness.row("m/p")["checkpoint"])
    before = harness.row("m/p")
    harness.kill("m")
    harness.until(
        lambda: (row := harness.row("m/p"))["state"] == "running" and row["checkpoint"] != before["checkpoint"]
    )
    assert harness.row("m/p")["pid"] == before["pid"]
    hang.touch()
    assert result(harness)["result"] == 1
    assert harness.call("incidents")[0]["verdict"] == "loop_blocked"


def test_a_program_whose_store_is_away_waits_for_it_and_loses_nothing(harness: Harness) -> None:
    body = """
say("READY")
for n in range(1, 31):
    say("X_WAKEFUL_STATE", n); say("X_WAKEFUL_CHECKPOINT", n); time.sleep(0.03)
say("X_WAKEFUL_RESULT", 30)
"""
    harness.start(tree(python(body)))
    harness.until(lambda: harness.row("m/p")["checkpoint"])
    harness.kill("store")
    assert result(harness)["result"] == 30
    assert [row["name"] for row in harness.events("m/p", "checkpoint")] == [str(n) for n in range(1, 31)]


def test_a_program_may_go_on_in_another_process_of_its_own(harness: Harness) -> None:
    body = """
daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.0); raise SystemExit(5)"])
say("MAINPID", daemon.pid); say("MAINPID", 1 << 30); say("READY")
os._exit(0)
"""
    harness.start(tree(python(body, never_restart=[5])))
    row = harness.until_state("m/p", "review")
    assert "status 5" in row["why"]
    assert "none of this program's" in harness.log("m/p")
