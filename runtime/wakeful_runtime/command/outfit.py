"""What a program is given at its start: its environment, its descriptors, and the ends of them that stay here."""

from __future__ import annotations

import contextlib
import os
import subprocess

from wakeful.plan import ChildPlan, CommandPlan
from wakeful_runtime.command import environment, statefile
from wakeful_runtime.command.notifysocket import NotifySocket
from wakeful_runtime.command.program import Identity, Streams
from wakeful_runtime.command.readiness import Output
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.host.nodelife import NodeLife


class Outfit:
    """Made before the program; `given` is called once it has started, `close` when it has ended.

    Args:
        command: what is run.
        plan: the child's.
        who: whom it runs as; None: as the node.
        watchdog: seconds within which it must say WATCHDOG=1; None: it need not.
        spare: a descriptor to use for its lines, for a low number.

    Attributes:
        socket: where its datagrams come.
        lines: where its lines come.
        output: what it prints, if that is looked through.
        inbox: what its standard input is written to, if it takes texts.
        env, streams: for its start.
    """

    def __init__(
        self,
        command: CommandPlan,
        plan: ChildPlan,
        directory: NodeDirectory,
        life: NodeLife,
        who: Identity | None,
        watchdog: float | None,
        spare: int | None = None,
    ) -> None:
        self._kept, self._handed = contextlib.ExitStack(), contextlib.ExitStack()
        self.socket = NotifySocket(None if who else directory.notify(life.path))
        self._kept.callback(self.socket.close)
        self.lines, writer = self._pipe(spare)
        self.output = Output(command.ready.partition(":")[2]) if command.ready.startswith("log:") else None
        self.inbox: int | None = None
        stdin = subprocess.DEVNULL
        if command.inbox:
            stdin, self.inbox = os.pipe()
            self._handed.callback(os.close, stdin)
            self._kept.callback(_close, self.inbox)
        facts = self._facts(directory, life, watchdog, writer)
        kept = [writer, *self._state(facts, life, who)]
        if who is not None:
            os.chown(life.directory, who.uid, who.gid)
            facts |= {"HOME": who.home, "USER": who.name, "LOGNAME": who.name}
        if command.cwd is not None:
            facts["PWD"] = command.cwd
        self.env = environment.told(os.environ, command.env, plan.args, facts)
        self.streams = Streams(stdin, self.output.writer if self.output else None, kept=tuple(kept))

    def given(self) -> None:
        """The program has its ends: ours of them are closed."""
        self._handed.close()

    def close(self) -> None:
        """Everything."""
        self._handed.close()
        self._kept.close()

    def _pipe(self, spare: int | None) -> tuple[int, int]:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        if spare is not None:
            os.dup2(writer, spare, inheritable=False)
            os.close(writer)
            writer = spare
        self._kept.callback(os.close, reader)
        self._handed.callback(os.close, writer)
        return reader, writer

    def _facts(
        self, directory: NodeDirectory, life: NodeLife, watchdog: float | None, writer: int
    ) -> dict[str, str | None]:
        resumed = life.resumed
        return {
            "NOTIFY_SOCKET": self.socket.address,
            "WATCHDOG_USEC": None if watchdog is None else str(round(watchdog * 1e6)),
            "WAKEFUL_FD": str(writer),
            "WAKEFUL_NODE": str(directory.root),
            "WAKEFUL_PATH": life.path,
            "WAKEFUL_RUN_ID": life.run_id,
            "WAKEFUL_INCARNATION": str(life.incarnation),
            "WAKEFUL_DIRECTORY": str(life.directory),
            "WAKEFUL_CHECKPOINT_NAME": resumed.name if resumed else None,
            "WAKEFUL_STATE": None,
        }

    def _state(self, facts: dict[str, str | None], life: NodeLife, who: Identity | None) -> list[int]:
        """Where it finds the state it resumes from; what it must inherit for that."""
        text = statefile.text_of(life.resumed.state) if life.resumed else None
        if text is None:
            return []
        if who is None:
            facts["WAKEFUL_STATE"] = str(statefile.write(text, life.directory))
            return []
        memory = statefile.in_memory(text)
        self._handed.callback(os.close, memory)
        facts["WAKEFUL_STATE"] = f"/dev/fd/{memory}"
        return [memory]


def _close(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # the stream that wrote to it has closed it
        os.close(descriptor)
