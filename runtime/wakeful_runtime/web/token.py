"""The token that opens the web: made once, kept in the node's directory, for its owner alone to read."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory

BYTES = 32
_LONGEST = 1024


def token_file(directory: NodeDirectory) -> Path:
    """Where it is."""
    return directory.root / "web.token"


def read_token(directory: NodeDirectory) -> str | None:
    """The token; None before the first start.

    Raises:
        NodeError: the file is not ours alone, or can't be read.
    """
    file = token_file(directory)
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NodeError(f"{file} can't be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as opened:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise NodeError(f"{file} can be read by others: `wakeful token --new` makes another one")
        token = opened.read(_LONGEST).decode("ascii", "replace").strip()
    if not token:
        raise NodeError(f"{file} is empty: `wakeful token --new` makes another one")
    return token


def ensure_token(directory: NodeDirectory) -> str:
    """The token, made if there is none."""
    return read_token(directory) or new_token(directory)


def new_token(directory: NodeDirectory) -> str:
    """Make another one; the old one opens nothing any more.

    Raises:
        NodeError: the file can't be written.
    """
    file = token_file(directory)
    scratch = file.with_name(f"web.token.{os.getpid()}")
    token = secrets.token_urlsafe(BYTES)
    try:
        with contextlib.suppress(FileNotFoundError):
            scratch.unlink()
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(token + "\n")
            opened.flush()
            os.fsync(descriptor)
        scratch.replace(file)
    except OSError as error:
        raise NodeError(f"{file} can't be written: {error.strerror}") from None
    return token


class Door:
    """Compares tokens. A new one counts from the next request on."""

    def __init__(self, directory: NodeDirectory) -> None:
        self._directory = directory

    def opens(self, given: str) -> bool:
        """Whether this is the token, in the same time whatever is wrong with it.

        Raises:
            NodeError: the token can't be read: nobody gets in.
        """
        token = read_token(self._directory)
        return token is not None and hmac.compare_digest(given.encode(), token.encode())
