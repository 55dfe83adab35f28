"""What the documents say is true: their code runs, their commands exist, their files are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def blocks(language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(README) if kind == language]


def wakeful(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wakeful_runtime.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, cwd=cwd)


def test_the_promise_is_on_the_first_line() -> None:
    assert README.splitlines()[0].startswith("# Wakeful keeps long-running agent sessions alive")


def test_there_are_two_one_line_commands_before_anything_else() -> None:
    first, second = blocks("bash")[:2]
    assert first.count("\n") == second.count("\n") == 1
    assert "pip install" in first
    assert first.rstrip().endswith("wakeful demo")


def test_ci_runs_the_readmes_test_command_as_written() -> None:
    told = subprocess.run(
        [ROOT / ".ci" / "run", "--test-command"], capture_output=True, text=True, check=True, timeout=30
    )
    assert told.stdout == blocks("bash")[1]
    assert 'bash -c "$test_command; exit' in (ROOT / ".ci" / "run").read_text()


def test_the_example_is_thirty_lines_and_a_good_tree(tmp_path: Path) -> None:
    (example,) = blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 30
    (tmp_path / "overnight.py").write_text(example)
    checked = wakeful("check", "overnight.py:tree", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "weekly  session Research" in checked.stdout


def test_the_example_runs_as_a_plain_script_too(tmp_path: Path) -> None:
    (tmp_path / "overnight.py").write_text(blocks("python")[0])
    subprocess.run([sys.executable, "-W", "error", "overnight.py"], cwd=tmp_path, check=True, timeout=60)


@pytest.mark.parametrize("line", [line for body in blocks("bash")[2:] for line in body.splitlines()])
def test_a_command_of_the_readme_exists(line: str) -> None:
    program, command, *_ = line.split()
    assert program == "wakeful"
    assert wakeful(command, "--help").returncode == 0


@pytest.mark.parametrize("example", sorted(file.name for file in (ROOT / "examples").glob("*.py")))
def test_an_example_is_a_good_tree(example: str) -> None:
    checked = wakeful("check", f"examples/{example}:tree")
    assert checked.returncode == 0, checked.stderr
    assert "is good" in checked.stdout


@pytest.mark.parametrize("document", ["README.md", "docs/README.md", "docs/semantics.md"])
def test_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    for target in LINK.findall(file.read_text()):
        assert (file.parent / target).exists(), target


def test_the_changelog_names_the_version_that_is_built() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()
