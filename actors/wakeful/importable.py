"""Where a class is found by another process."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from wakeful.errors import SpecError
from wakeful.plan import Code

_INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def code_of(cls: type, of: str) -> Code:
    """How a child imports the class: from a module, or from a script by its path.

    Raises:
        SpecError: it is defined in a function or in a notebook, or its module has another thing of that name.
    """
    if "<locals>" in cls.__qualname__:
        raise SpecError(
            f"{of}: {cls.__name__} is local: it is defined inside a function, where a child process can't import it; "
            f"move it to the top of a module"
        )
    module = sys.modules.get(cls.__module__)
    file: str | None = getattr(module, "__file__", None)
    if file is not None and file.startswith("<"):  # "<stdin>"
        file = None
    if module is None or (file is None and cls.__module__ == "__main__"):
        raise SpecError(
            f"{of}: {cls.__name__} comes from a notebook or a prompt, where a child process can't import it; "
            f"write it to a module (%%writefile agents.py) and import it from there"
        )
    _check_is_there(module, cls, of)
    if cls.__module__ != "__main__" and (folder := _found_on_path(module)) is not None:
        search = () if folder.startswith(_INSTALLED) else (folder,)
        return Code(module=cls.__module__, name=cls.__qualname__, search=search if file else ())
    if file is None:
        raise SpecError(f"{of}: the module {cls.__module__} of {cls.__name__} has no file a child process could import")
    path = Path(file).absolute()
    name = _script_name(path) if cls.__module__ == "__main__" else cls.__module__
    return Code(module=name, name=cls.__qualname__, file=str(path), search=(str(path.parent),))


def _check_is_there(module: ModuleType, cls: type, of: str) -> None:
    found: object = module
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not cls:
        raise SpecError(
            f"{of}: {cls.__module__}.{cls.__qualname__} isn't this class: a child would import another thing; "
            f"give each class a name of its own at the top of its module"
        )


def _script_name(path: Path) -> str:
    """What a child calls a script's module: its stem, unless that is taken or no name."""
    stem = path.stem
    if stem.isidentifier() and stem not in sys.stdlib_module_names and stem != "__main__":
        return stem
    return "wakeful_tree_" + "".join(letter if letter.isalnum() else "_" for letter in stem)


def _found_on_path(module: ModuleType) -> str | None:
    """The entry of `sys.path` below which a new process finds this module's file; None if it doesn't."""
    search: Sequence[str] | None = None
    spec = None
    parts = module.__name__.split(".")
    for depth in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), search)
        if spec is None:
            return None
        search = spec.submodule_search_locations
    if spec is None or spec.origin != getattr(module, "__file__", None):
        return None
    up = len(parts) if spec.submodule_search_locations is not None else len(parts) - 1
    return str(Path(spec.origin or "").parents[up]) if spec.origin else ""
