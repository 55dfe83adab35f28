"""Programs that hang: found, explained as far as can be, killed whole, resumed with their checkpoint."""

from __future__ import annotations

import json
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.system.command.programs import QUICK, python, tree
from tests.system.node.conftest import Harness

from wakeful import Child, Command, Gateway, Heartbeat, Monitor
from wakeful_runtime.processes import read_stat

NODE = shutil.which("node")
BEATS = """
def hang():
    os.write(FD, b"STATUS=about to hang\\n"); print("the last line", flush=True)
    %s
say("READY")
notes = state({"lives": 0}); notes["lives"] += 1
say("X_WAKEFUL_STATE", json.dumps(notes)); say("X_WAKEFUL_CHECKPOINT", "here")
if notes["lives"] > 1:
    say("X_WAKEFUL_RESULT", json.dumps(notes)); sys.exit()
for _ in range(5):
    say("WATCHDOG"); time.sleep(0.1)
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
open(sys.argv[1], "w").write(str(child.pid))
hang()
"""


def incident(harness: Harness) -> Any:
    """The first incident of the program, once it is over."""
    found = harness.until(lambda: [row for row in harness.call("incidents") if row["closed_at"]], within=40)
    return found[-1]


def result(harness: Harness) -> Any:
    told = harness.until(lambda: (t := harness.call("sessions_result", sessionKey="m/p"))["status"] == "ok" and t, 40)
    return told["result"]


def with_argument(command: Command, word: str) -> Command:
    return Command(*command.argv, word, alive=command.alive)


@pytest.mark.parametrize(
    ("how", "doing"), [("time.sleep(600)", "it waits in"), ("while True: pass", "it computes")], ids=["asleep", "busy"]
)
def test_a_missed_watchdog_ends_the_program_with_all_it_started_and_the_next_life_has_its_state(
    harness: Harness, tmp_path: Path, how: str, doing: str
) -> None:
    file = tmp_path / "child"
    harness.start(tree(with_argument(python(BEATS % how, alive="notify"), str(file))))
    assert result(harness) == {"lives": 2}
    found = incident(harness)
    assert found["verdict"] == "loop_blocked"
    assert "WATCHDOG=1" in found["facts"]["words"] and doing in found["facts"]["words"]
    assert 0.9 <= found["facts"]["detected_s"] < 15.0  # `every + timeout` is 1 s; a starved machine takes its time
    evidence = found["evidence"]
    assert evidence["process"]["name"].startswith("python")
    assert [child["name"] for child in evidence["process"]["children"]] == ["sleep"]
    assert "the last line" in evidence["log"]
    assert evidence["checkpoint"]["name"] == "here"
    assert evidence["line"].startswith("python")
    assert read_stat(int(file.read_text())) is None


def test_a_program_that_a_signal_stopped_is_said_to_be_stopped(harness: Harness) -> None:
    body = """
say("READY")
if os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
    say("X_WAKEFUL_RESULT", 1); sys.exit()
say("X_WAKEFUL_CHECKPOINT", "a")
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGSTOP)
"""
    harness.start(tree(python(body)))
    assert result(harness) == 1
    found = incident(harness)
    assert (found["verdict"], found["evidence"]["process"]["state"]) == ("stopped", "T")


def test_a_promise_that_is_not_kept_is_overdue_and_one_that_is_kept_is_not(harness: Harness) -> None:
    body = """
say("READY")
if os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
    say("X_WAKEFUL_RESULT", 1); sys.exit()
say("STATUS", "fetching"); say("EXTEND_TIMEOUT_USEC", 300000); time.sleep(0.1); say("X_WAKEFUL_CHECKPOINT", "a")
time.sleep(1.5)
say("EXTEND_TIMEOUT_USEC", 500000); time.sleep(600)
"""
    harness.start(tree(python(body)))
    assert result(harness) == 1
    found = incident(harness)
    assert found["verdict"] == "overdue"
    assert "'fetching'" in found["facts"]["words"]
    assert found["evidence"]["lease"]["what"] == "fetching"


def test_no_progress_ends_a_program_that_promised_some(harness: Harness) -> None:
    body = """
say("READY")
if os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
    say("X_WAKEFUL_RESULT", 1); sys.exit()
say("X_WAKEFUL_CHECKPOINT", "a")
while True:
    say("STATUS", "still at it"); say("WATCHDOG"); time.sleep(0.1)
"""
    quick = Heartbeat(every=0.3, timeout=0.7, progress=1.0)
    harness.start(tree(python(body), heartbeat=quick))
    assert result(harness) == 1
    assert incident(harness)["verdict"] == "no_progress"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_a_server_that_answers_no_more_is_found_by_asking_it_over_http(harness: Harness) -> None:
    port = free_port()
    body = f"""
import http.server
asked = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        if asked > 3 and not os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
            time.sleep(600)
        self.send_response(204); self.end_headers()
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", {port}), Handler)
say("X_WAKEFUL_CHECKPOINT", "serving")
if os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
    say("X_WAKEFUL_RESULT", 1); sys.exit()
server.serve_forever()
"""
    harness.start(tree(python(body, ready=f"port:{port}", alive=f"http://127.0.0.1:{port}/health")))
    assert result(harness) == 1
    found = incident(harness)
    assert found["verdict"] == "loop_blocked"
    assert "no answer within 0.7 s" in found["facts"]["words"]


def test_a_program_is_found_hung_by_a_command_that_asks_it(harness: Harness, tmp_path: Path) -> None:
    well = tmp_path / "well"
    well.touch()
    body = f"""
if os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
    say("X_WAKEFUL_RESULT", 1); sys.exit()
say("X_WAKEFUL_CHECKPOINT", "a")
time.sleep(1.0)
os.unlink({str(well)!r})
time.sleep(600)
"""
    harness.start(tree(python(body, ready="now", alive=["test", "-e", str(well)])))
    assert result(harness) == 1
    assert "test: status 1" in incident(harness)["facts"]["words"]


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_a_nodejs_agent_that_blocks_its_loop_is_treated_as_a_python_one(harness: Harness, tmp_path: Path) -> None:
    agent = Path(__file__).parents[3] / "examples" / "node_agent" / "agent.js"
    hang = tmp_path / "hang.js"
    hang.write_text(
        'if (!process.env.WAKEFUL_STATE) setTimeout(() => { console.log("spinning"); for (;;) {} }, 500);\n'
        f"require({json.dumps(str(agent))});\n"
    )
    command = Command("node", str(hang), alive="notify", env={"STEP_MS": "150"})
    child = Child("p", command, task="actors", args={"pages": 8}, heartbeat=QUICK)
    harness.start(Gateway(Monitor("m", child)))
    pages = result(harness)
    assert pages == {str(page): f"actors: page {page}" for page in range(1, 9)}
    found = incident(harness)
    assert found["verdict"] == "loop_blocked"
    assert found["evidence"]["process"]["name"] == "node"
    assert "spinning" in found["evidence"]["log"]
    done = [row["name"] for row in harness.events("m/p", "checkpoint")]
    assert done == [f"page-{page}" for page in range(1, 9)]  # nothing is done twice
    why = harness.call("why", path="m/p")
    assert why["evidence"]["line"].startswith("node[")


def test_a_rehearsed_hang_of_a_program_is_found_as_any(harness: Harness) -> None:
    body = """
say("READY")
if os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
    say("X_WAKEFUL_RESULT", 1); sys.exit()
say("X_WAKEFUL_CHECKPOINT", "a")
time.sleep(600)
"""
    harness.start(tree(python(body)))
    harness.until(lambda: harness.row("m/p")["checkpoint"])
    harness.call("chaos", mode="stop", path="m/p")
    assert result(harness) == 1
    assert incident(harness)["verdict"] == "stopped"


def test_a_host_that_a_signal_stopped_is_found_too_and_its_program_goes_with_it(harness: Harness) -> None:
    body = """
say("READY")
if os.environ.get("WAKEFUL_CHECKPOINT_NAME"):
    say("X_WAKEFUL_RESULT", json.dumps(state(None))); sys.exit()
say("X_WAKEFUL_STATE", os.getpid()); say("X_WAKEFUL_CHECKPOINT", "a")
time.sleep(600)
"""
    harness.start(tree(python(body)))
    harness.until(lambda: harness.row("m/p")["checkpoint"])
    harness.kill("m/p", signal.SIGSTOP)
    assert read_stat(result(harness)) is None
    assert incident(harness)["verdict"] == "stopped"
