"""Awaits that were forgotten: Python only warns of them, in a log, when the step they stand for is already lost."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_STEPS = frozenset({"checkpoint", "once"})


def forgotten_awaits(target: str) -> list[str]:
    """A line for each `self.checkpoint(…)` or `self.once(…)` in a tree file's coroutines that nobody awaits.

    Args:
        target: FILE.py:NAME; of anything else nothing is known.
    """
    file = Path(target.rpartition(":")[0])
    if file.suffix != ".py" or not file.is_file():
        return []
    found = sorted(_forgotten(ast.parse(file.read_bytes(), str(file))), key=lambda call: call.lineno)
    return [
        f"{file.name}, line {call.lineno}: {ast.unparse(call.func)}(…) without `await` does nothing" for call in found
    ]


def _forgotten(module: ast.Module) -> Iterator[ast.Call]:
    for coroutine in ast.walk(module):
        if isinstance(coroutine, ast.AsyncFunctionDef):
            for node in _own(coroutine):
                match node:
                    case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=step)) as call):
                        if step in _STEPS:
                            yield call
                    case _:
                        pass


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """What is below it, without the functions and classes defined in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from _own(child)
