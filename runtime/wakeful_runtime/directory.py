"""A node's directory: where its sockets, locks, lives, logs and store are, and that they are ours."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from wakeful.errors import NodeError

IPC_PATH_MAX = 100
"""libzmq takes 107 bytes, macOS 103; a little room for both."""


def default_directory() -> Path:
    """`$WAKEFUL_NODE`, else `~/.local/state/wakeful/default`."""
    return Path(os.environ.get("WAKEFUL_NODE") or "~/.local/state/wakeful/default").expanduser()


class NodeDirectory:
    """Paths below one node's directory. `create` makes and checks it; the constructor only computes."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).expanduser().absolute()
        sockets = self.root / "s"
        if _too_long(sockets):
            name = f"wakeful-{os.getuid()}-{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]}"
            sockets = Path(tempfile.gettempdir()) / name
            if _too_long(sockets):
                sockets = Path("/tmp") / name
        self.sockets = sockets
        self.lives = self.root / "lives"
        self.logs = self.root / "logs"
        self.runs = self.root / "runs"
        self.evidence = self.root / "evidence"
        self.store = self.root / "store.sqlite3"
        self.plan = self.root / "node.plan"
        self.restarts = self.root / "restarts"
        self.init_socket = self.sockets / "init"

    def create(self) -> NodeDirectory:
        """Make what is missing, 0700.

        Raises:
            NodeError: a part of it is a symlink, no directory, another user's, or can't be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.root, self.sockets, self.lives, self.logs, self.runs, self.evidence):
                folder.mkdir(exist_ok=True, mode=0o700)
                _check_ours(folder)
        except OSError as error:
            raise NodeError(f"can't use {self.root} as a node directory: {error.strerror} ({error.filename})") from None
        return self

    def remove_sockets(self) -> None:
        """After the node has stopped: nothing listens any more."""
        for file in self.sockets.glob("*"):
            if file.is_socket():
                file.unlink(missing_ok=True)
        if not self.sockets.is_relative_to(self.root):
            with contextlib.suppress(OSError):
                self.sockets.rmdir()

    def exists(self) -> bool:
        """Whether a node has ever used it."""
        return self.plan.exists()

    def lock(self, role: str) -> Path:
        """The lock file of a role: keeper, init, gateway."""
        return self.root / f"{role}.lock"

    def ends(self, role: str) -> Path:
        """How the last keepers, or inits, ended."""
        return self.root / f"{role}.ends"

    def mailbox(self, path: str) -> str:
        """The ZeroMQ endpoint of an actor's mailbox lane; the same in all its lives."""
        return f"ipc://{self.sockets / (_short(path) + '.m')}"

    def control(self, path: str) -> str:
        """The ZeroMQ endpoint a supervisor binds for its children's control lane."""
        return f"ipc://{self.sockets / (_short(path) + '.c')}"

    def notify(self, path: str) -> Path:
        """The datagram socket a program at this path says its news to."""
        return self.sockets / f"{_short(path)}.n"

    def log(self, path: str) -> Path:
        """The log file of a path, over all its lives."""
        return self.logs / f"{path.replace('/', '~')}.log"

    def life(self, path: str) -> Path:
        """The stem of a life's files: `.json` (its identity) and `.lock`."""
        return self.lives / _short(path)

    def run(self, run_id: str) -> Path:
        """A run's own directory, kept over its lives."""
        return self.runs / run_id


def _too_long(folder: Path) -> bool:
    return len(os.fsencode(folder)) + 18 > IPC_PATH_MAX


def _short(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:12]


def _check_ours(folder: Path) -> None:
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode):
        raise NodeError(f"{folder} is not a directory (a symlink?); choose another directory with --node")
    if about.st_uid != os.getuid():
        raise NodeError(f"{folder} belongs to another user; choose another directory with --node")
    if stat.S_IMODE(about.st_mode) & 0o077:
        folder.chmod(0o700)
