"""The check process: imports a tree file once and writes the tree, as data, to a pipe.

Run by `wakeful_runtime.tree.treefile.load`; nobody else has a use for it.
"""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from wakeful.errors import SpecError, WakefulError
from wakeful.plan import NodePlan
from wakeful_runtime.gateway.nodeplan import pack_plan
from wakeful_runtime.tree.anchor import anchored
from wakeful_runtime.tree.blame import one_line, place, raised_at
from wakeful_runtime.tree.treefile import GOOD, REFUSED, Target, frame, parse

_EXTRAS = {"agents": "openai-agents", "pydantic_ai": "pydantic-ai", "langgraph": "langgraph"}


def main(target: str, pipe: int, timeout: float) -> None:
    """Answer on the pipe, then leave at once: threads and exit handlers of the tree file must not hold us."""
    os.set_inheritable(pipe, False)
    faulthandler.dump_traceback_later(timeout, exit=True)
    try:
        answer = GOOD + pack_plan(_read(parse(target)))
    except WakefulError as error:  # CodecError too: an argument that is no plain value
        answer = REFUSED + " ".join(str(error).split()).encode()
    faulthandler.cancel_dump_traceback_later()
    data = frame(answer)
    while data:
        data = data[os.write(pipe, data) :]
    os._exit(0)


def _read(target: Target) -> NodePlan:
    sys.path.insert(0, str(target.file.parent if target.file else Path.cwd()))
    module = _import(target)
    tree = _find(module, target)
    try:
        plan: NodePlan = tree.plan()
    except WakefulError as error:
        raise SpecError(f"{target.text}: {error}") from None
    plan = anchored(plan, target.file.parent) if target.file else plan
    return plan.model_copy(update={"target": _named(target)})


def _named(target: Target) -> str:
    return f"{target.file}:{target.name}" if target.file else target.text


def _import(target: Target) -> ModuleType:
    prefer = str(target.file) if target.file else None
    try:
        return _script(target.module, target.file) if target.file else importlib.import_module(target.module)
    except SyntaxError as error:
        at = place(error.filename, error.lineno) if error.filename else target.where
        raise SpecError(f"{at}: {type(error).__name__}: {error.msg}") from None
    except SystemExit as error:
        at = raised_at(error.__traceback__, prefer=prefer) or target.where
        raise SpecError(f"{at}: it calls sys.exit({error.code!r}) while it is imported") from None
    except WakefulError as error:
        at = raised_at(error.__traceback__, prefer=prefer) or target.where
        raise SpecError(f"{at}: {error}") from None
    except Exception as error:  # noqa: BLE001 - the user's code: any exception is possible, and is told
        at = raised_at(error.__traceback__, prefer=prefer) or target.where
        raise SpecError(f"{at}: {one_line(error)}{_extra(error)}") from None


def _extra(error: Exception) -> str:
    """What to install where a framework is missing: the name it is imported by isn't always the package's."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    extra = _EXTRAS.get((name or "").partition(".")[0])
    return f" (the framework: pip install 'wakeful[{extra}]')" if extra else ""


def _script(stem: str, file: Path) -> ModuleType:
    """Import a script by its path, under its own name unless that is taken (`json.py`) or no name (`my-tree.py`)."""
    taken = stem in sys.modules or stem in sys.stdlib_module_names or not stem.isidentifier()
    name = f"wakeful_tree_{''.join(c if c.isalnum() else '_' for c in stem)}" if taken else stem
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise SpecError(f"{file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _find(module: ModuleType, target: Target) -> Any:
    from wakeful import Gateway

    value: Any = module
    for part in target.name.split("."):
        if not hasattr(value, part):
            trees = [name for name, it in vars(module).items() if isinstance(it, Gateway)]
            hint = f"; it has {', '.join(trees)}" if trees else "; write tree = Gateway(…) in it"
            raise SpecError(f"{target.where}: there is no {target.name!r} in it{hint}")
        value = getattr(value, part)
    if not isinstance(value, Gateway):
        raise SpecError(f"{target.text}: is a {type(value).__name__}; a tree is a Gateway(…)")
    return value


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
