"""Tree files as people write them, bad ones above all: each mistake is one line with the file and the line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from wakeful.errors import SpecError
from wakeful_runtime.tree.treefile import load

GOOD = """
from wakeful import Actor, Child, Gateway, Monitor, Session

class Research(Session):
    async def run(self, task: str) -> None: ...

class Counter(Actor): ...

tree = Gateway(Monitor("research", Child("weekly", Research, task="keywords"), Child("counter", Counter)))
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "overnight.py"


def refused(target: str, *, timeout: float = 30.0) -> str:
    with pytest.raises(SpecError) as caught:
        load(target, timeout=timeout)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_tree_comes_back_as_data(written: Path) -> None:
    written.write_text(GOOD)
    plan = load("overnight.py:tree")
    monitor = plan.root.children[0].monitor
    assert monitor is not None
    assert [child.name for child in monitor.children] == ["weekly", "counter"]
    assert monitor.children[0].args == {"task": "keywords"}
    assert plan.target == f"{written}:tree"


def test_what_a_tree_file_prints_disturbs_nothing(written: Path) -> None:
    written.write_text("print('x' * 1_000_000)\nimport os; os.write(1, b'\\x00\\x00\\x00\\x01a')\n" + GOOD)
    assert load("overnight.py:tree").root.children


def test_a_module_is_found_from_the_current_directory(written: Path) -> None:
    written.write_text(GOOD)
    assert load("overnight:tree").target == "overnight:tree"


def test_a_script_may_have_the_name_of_a_library_module(written: Path) -> None:
    file = written.with_name("json.py")
    file.write_text(GOOD)
    child = load("json.py:tree").root.children[0].monitor
    assert child is not None
    code = child.children[0].code
    assert code is not None
    assert code.file == str(file)


def test_a_script_may_have_a_name_that_is_no_identifier(written: Path) -> None:
    written.with_name("my-tree.py").write_text(GOOD)
    assert load("my-tree.py:tree").root.children


def test_a_script_may_import_its_neighbours(written: Path) -> None:
    written.with_name("agents_here.py").write_text(GOOD)
    written.write_text("from agents_here import tree\n")
    assert load("overnight.py:tree").root.children


def test_a_syntax_error_is_told_with_its_line(written: Path) -> None:
    written.write_text("x = 1\ndef broken(:\n")
    assert refused("overnight.py:tree") == "overnight.py, line 2: SyntaxError: invalid syntax"


def test_an_import_error_is_told_with_its_line(written: Path) -> None:
    written.write_text("\n\nimport no_such_module_anywhere\n")
    text = refused("overnight.py:tree")
    assert text == "overnight.py, line 3: ModuleNotFoundError: No module named 'no_such_module_anywhere'"


def test_a_framework_that_is_missing_is_told_with_what_to_install(written: Path) -> None:
    written.write_text("import sys\nsys.modules['agents'] = None\nfrom agents import Agent\n")
    assert refused("overnight.py:tree").endswith("(the framework: pip install 'wakeful[openai-agents]')")


def test_an_error_in_an_imported_neighbour_is_told_where_it_was_raised(written: Path) -> None:
    written.with_name("neighbour.py").write_text("def f():\n    raise ValueError('two\\nlines')\nf()\n")
    written.write_text("import neighbour\n")
    assert refused("overnight.py:tree") == "neighbour.py, line 2: ValueError: two lines"


def test_an_error_inside_the_library_is_told_where_the_file_called_it(written: Path) -> None:
    written.write_text("import json\n\njson.loads('{')\n")
    assert refused("overnight.py:tree").startswith("overnight.py, line 3: JSONDecodeError: ")


def test_a_bad_spec_is_told_with_its_line(written: Path) -> None:
    written.write_text("from wakeful import Gateway, Monitor\n\ntree = Gateway(Monitor('no spaces here'))\n")
    assert refused("overnight.py:tree").startswith("overnight.py, line 3: ")


def test_a_lambda_in_place_of_a_class_is_told_with_its_line(written: Path) -> None:
    written.write_text("from wakeful import Child, Gateway\n\n\ntree = Gateway(Child('x', lambda: 1))\n")
    assert refused("overnight.py:tree").startswith("overnight.py, line 4: ")


def test_a_local_class_is_refused(written: Path) -> None:
    text = "from wakeful import Actor, Child, Gateway\ndef make():\n    class Local(Actor): ...\n    return Local\n"
    written.write_text(text + "tree = Gateway(Child('x', make()))\n")
    assert "Local" in refused("overnight.py:tree")


def test_a_hang_at_import_is_told_with_the_line_it_hung_at(written: Path) -> None:
    written.write_text("import time\n\ntime.sleep(600)\n")
    began = time.monotonic()
    text = refused("overnight.py:tree", timeout=2.0)
    assert text == "overnight.py: importing it took more than 2 s; it was at overnight.py, line 3"
    assert time.monotonic() - began < 20


def test_nothing_a_tree_file_started_is_left_running(written: Path) -> None:
    written.write_text(
        "import subprocess\nPID = subprocess.Popen(['sleep', '600']).pid\nopen('pid', 'w').write(str(PID))\n"
    )
    refused("overnight.py:tree")
    pid = int(written.with_name("pid").read_text())
    deadline = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < deadline
        os.sched_yield()


def test_a_thread_that_never_ends_does_not_hold_the_check(written: Path) -> None:
    written.write_text("import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n" + GOOD)
    assert load("overnight.py:tree", timeout=20).root.children


def test_a_tree_file_that_leaves_the_process_is_told(written: Path) -> None:
    written.write_text("import os\nos._exit(7)\n")
    assert refused("overnight.py:tree") == "overnight.py: the process that imported it ended with exit status 7"


def test_a_tree_file_that_crashes_the_process_is_told(written: Path) -> None:
    written.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    assert "ended with signal SIGSEGV" in refused("overnight.py:tree")


def test_a_tree_file_that_calls_sys_exit_is_told(written: Path) -> None:
    written.write_text("import sys\nsys.exit('enough')\n")
    assert refused("overnight.py:tree") == "overnight.py, line 2: it calls sys.exit('enough') while it is imported"


def test_a_missing_name_lists_the_trees_there_are(written: Path) -> None:
    written.write_text(GOOD)
    assert refused("overnight.py:forest") == "overnight.py: there is no 'forest' in it; it has tree"


def test_a_name_that_is_no_gateway_is_told(written: Path) -> None:
    written.write_text(GOOD + "\nleaf = Monitor('leaf')\n")
    assert refused("overnight.py:leaf") == "overnight.py:leaf: is a Monitor; a tree is a Gateway(…)"


@pytest.mark.parametrize("target", ["overnight.py", ":tree", "overnight.py:", "overnight.py:1tree", "a b:tree", ""])
def test_a_target_that_can_not_be_right_says_what_to_write(target: str) -> None:
    assert "FILE.py:NAME" in refused(target)


def test_a_missing_file_is_told(written: Path) -> None:
    assert refused("overnight.py:tree") == f"overnight.py: no such file (looked for {written})"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
