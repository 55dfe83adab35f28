"""Every code block of the documents is run, in order, as a reader would.

`python` blocks of one document share a namespace; one that begins with `# name.py` is a file instead, and a test of its
own if it has no tree. `bash` blocks run in the document's folder, against a node of its own. `sh` blocks (an
installation) and other languages are for reading.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "docs" / "howto").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")
NAME = re.compile(r"^# (\w+\.py)$")
WITHIN_S = 100


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT / "docs"))


@pytest.fixture
def place() -> Iterator[Path]:
    """Where a reader sits: a folder with a node of its own, its name short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="wk-doc-"))
    yield folder
    run("wakeful down", folder, check=False)
    shutil.rmtree(folder)


def run(script: str, folder: Path, *, check: bool = True) -> None:
    """A shell in which `wakeful` and `python` are this installation's."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    for name, arguments in (("wakeful", "-m wakeful_runtime.cli"), ("python", "")):
        (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (bin_ / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "WAKEFUL_NODE": str(folder / "n")}
    told = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert not check or told.returncode == 0, f"{script}\n{told.stdout}\n{told.stderr}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_code_of_a_document_runs(document: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    reader = ModuleType("reader")
    monkeypatch.setitem(sys.modules, "reader", reader)
    for language, body in BLOCK.findall(document.read_text()):
        named = NAME.match(body.splitlines()[0]) if body else None
        if language == "python" and named:
            (place / named[1]).write_text(body)
        elif language == "python":
            exec(compile(body, f"{document.name}", "exec", dont_inherit=True), vars(reader))
        elif language == "bash":
            run(body, place)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_links_of_a_document_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), target
