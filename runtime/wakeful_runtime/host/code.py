"""Import a user's class from its plan: from a module, or from a script by its path."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from wakeful.errors import SpecError
from wakeful.plan import Code


def load(code: Code) -> type[Any]:
    """The class a plan names. Runs the user's module; whatever that raises goes through.

    Raises:
        SpecError: the module has no such class.
        ImportError: there is no such module or file.
    """
    for folder in reversed(code.search):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    module = importlib.import_module(code.module) if code.file is None else _script(code.module, Path(code.file))
    found: Any = module
    for part in code.name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        raise SpecError(
            f"{code.file or code.module} has no class {code.name!r}; was it renamed since the node started?"
        )
    return found


def _script(name: str, file: Path) -> ModuleType:
    """A script runs once, under its stem's name, so that its own classes are found by that name again."""
    known = sys.modules.get(name)
    if known is not None and known.__file__ and Path(known.__file__).resolve() == file.resolve():
        return known
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
