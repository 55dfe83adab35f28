"""The arrows between the packages, read from the imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACTORS = ROOT / "actors" / "wakeful"
RUNTIME = ROOT / "runtime" / "wakeful_runtime"

BEYOND = frozenset(
    {
        "_posixsubprocess",
        "_socket",
        "fcntl",
        "ftplib",
        "http.client",
        "http.server",
        "imaplib",
        "mmap",
        "multiprocessing",
        "os",
        "poplib",
        "pty",
        "resource",
        "select",
        "selectors",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "termios",
        "tty",
        "urllib.request",
    }
)
"""Sockets, processes and files: not for `wakeful`."""
TESTING_MAY = frozenset({"shutil", "tempfile"})
"""A run has a directory in tests too."""

NEIGHBOURS = frozenset({"wakeful.errors", "wakeful_runtime"})
"""What init's own code may import beside the standard library and files that keep the same rule."""


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imported(file: Path, *, lazily: bool = True) -> Iterator[str]:
    """What a file imports, outside of `if TYPE_CHECKING`; only at its top without `lazily`."""
    tree = ast.parse(file.read_text())
    unseen = {id(inner) for node in ast.walk(tree) if _is_type_checking(node) for inner in ast.walk(node)}
    if not lazily:
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        unseen |= {id(inner) for node in ast.walk(tree) if isinstance(node, functions) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names if _is_module(node.module, alias.name))


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _is_module(parent: str | None, name: str) -> bool:
    place = (ROOT / "actors", ROOT / "runtime")
    path = Path(*(parent or "").split(".")) / name
    return any((root / path).with_suffix(".py").exists() or (root / path).is_dir() for root in place)


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("file", modules(ACTORS), ids=lambda file: str(file.relative_to(ACTORS)))
def test_wakeful_imports_only_the_standard_library_pydantic_and_cronsim(file: Path) -> None:
    allowed = sys.stdlib_module_names | {"wakeful", "pydantic", "pydantic_core", "cronsim"}
    assert {name for name in imported(file) if top(name) not in allowed} == set()


@pytest.mark.parametrize("file", modules(ACTORS), ids=lambda file: str(file.relative_to(ACTORS)))
def test_wakeful_touches_no_socket_process_or_file(file: Path) -> None:
    may = TESTING_MAY if "testing" in file.parts else frozenset()
    assert {name for name in imported(file) if name in BEYOND or top(name) in BEYOND} - may == set()


@pytest.mark.parametrize("file", modules(ACTORS / "rules"), ids=lambda file: file.name)
def test_the_rules_are_pure(file: Path) -> None:
    machinery = {"asyncio", "threading", "time", "logging"}
    assert {name for name in imported(file) if top(name) in machinery} == set()


@pytest.mark.parametrize("file", modules(ACTORS / "rules"), ids=lambda file: file.name)
def test_the_rules_know_nothing_of_actors(file: Path) -> None:
    face = {
        f"wakeful.{name}" for name in ("actor", "session", "blocking", "ref", "child", "tree", "testing", "current")
    }
    assert set(imported(file)) & face == set()


@pytest.mark.parametrize("file", modules(RUNTIME), ids=lambda file: str(file.relative_to(RUNTIME)))
def test_only_transport_imports_zmq(file: Path) -> None:
    if "transport" in file.relative_to(RUNTIME).parts:
        return
    # Preloading imports it by name, so that forked children share it; that is no use of it.
    assert {name for name in imported(file) if top(name) == "zmq"} == set()


def _own_code_of(name: str) -> list[Path]:
    """A module of the runtime (`init.init`) and all that it imports from the runtime, at their tops."""
    found: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        file = RUNTIME.joinpath(*module.split(".")).with_suffix(".py")
        if module in found or not file.exists():
            continue
        found[module] = file
        for each in imported(file, lazily=False):
            _, _, below = each.partition("wakeful_runtime.")
            parts = below.split(".")
            waiting += [".".join(parts[: length + 1]) for length in range(len(parts))] if below else []
    assert found, f"there is no {name}"
    return [found[each] for each in sorted(found)]


@pytest.mark.parametrize("file", _own_code_of("init.init"), ids=lambda file: file.name)
def test_inits_own_code_is_stdlib_only(file: Path) -> None:
    beyond = {name for name in imported(file, lazily=False) if top(name) not in sys.stdlib_module_names}
    assert {name for name in beyond if top(name) != "wakeful_runtime"} - NEIGHBOURS == set()


@pytest.mark.parametrize("file", [*modules(ACTORS), *modules(RUNTIME)], ids=lambda file: str(file.relative_to(ROOT)))
def test_no_module_is_a_drawer(file: Path) -> None:
    assert file.stem not in ("utils", "util", "helpers", "common", "misc")
