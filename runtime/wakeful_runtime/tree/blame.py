"""Which line of the user's code an error belongs to."""

from __future__ import annotations

import os
import re
import site
import sysconfig
from pathlib import Path
from types import TracebackType

_DUMPED = re.compile(r'^  File "(.+)", line (\d+) in ', re.MULTILINE)


def _foreign() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"], *site.getsitepackages()}
    # Both packages of this distribution, wherever they are installed: their frames never explain a user's mistake.
    import wakeful

    folders |= {str(Path(__file__).parents[1]), str(Path(wakeful.__file__).parent)}
    return tuple({os.path.realpath(folder) + os.sep for folder in folders})


def is_users(filename: str) -> bool:
    """Whether a source file is the user's: not the library's, an installed package's, or Wakeful's own."""
    if filename.startswith("<"):
        return False
    return not os.path.realpath(filename).startswith(_foreign())


def place(filename: str, line: int | None) -> str:
    """`file, line N`, the file relative to the current directory where that is shorter."""
    relative = os.path.relpath(filename)
    shown = filename if relative.startswith("..") else relative
    return f"{shown}, line {line}" if line else shown


def raised_at(trace: TracebackType | None, *, prefer: str | None = None) -> str:
    """The innermost line of the user's in a traceback; empty if there is none.

    Args:
        trace: the exception's.
        prefer: a file that counts as the user's wherever it is installed.
    """
    found = ""
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if filename == prefer or is_users(filename):
            found = place(filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


def dumped_at(text: str) -> str:
    """The innermost line of the user's in what `faulthandler` wrote; empty if there is none."""
    for filename, line in _DUMPED.findall(text):
        if is_users(filename):
            return place(filename, int(line))
    return ""


def one_line(error: BaseException) -> str:
    """An exception as one line: `KeyError: 'x'`."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}" if text else name
