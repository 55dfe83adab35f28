"""What every hosted actor stands on: its lanes, its store, its clocks, and the orders it is under."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from wakeful.actor import Living
from wakeful.exits import ExitReason
from wakeful.handlers import handlers_of
from wakeful.message import Message
from wakeful.plan import ChildPlan
from wakeful_runtime.clients.asyncclient import AsyncClient
from wakeful_runtime.clients.client import Client
from wakeful_runtime.host import dumps
from wakeful_runtime.host.appointment import Appointment
from wakeful_runtime.host.chaos import Chaos
from wakeful_runtime.host.durable import Durables
from wakeful_runtime.host.entry import entry
from wakeful_runtime.host.facts import MailboxFacts
from wakeful_runtime.host.go import Go
from wakeful_runtime.host.inbox import Inbox, tags
from wakeful_runtime.host.lastwords import STATUS, describe
from wakeful_runtime.host.lifeline import Lifeline
from wakeful_runtime.host.nodelife import NodeLife, Ties
from wakeful_runtime.host.orders import Answer
from wakeful_runtime.host.whereabouts import whereabouts
from wakeful_runtime.host.zombies import Zombies
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.transport.mailbox import Handler, Mailbox


@dataclass(frozen=True, slots=True)
class Ordered:
    """An end that was asked for.

    Attributes:
        deadline: seconds, None for as long as it takes.
        cancel_only: no `on_stop`: a verdict stands already.
    """

    reason: ExitReason
    deadline: float | None
    cancel_only: bool = False


class Stage:
    """Made after GO, on the main thread; `open` and everything that comes over the lanes runs on the loop.

    Args:
        order: called on the loop when an end is asked for, possibly more than once.
        work: the task chaos is aimed at, and the first one of a dump.
        listens: whether anybody can reach the mailbox.

    Attributes:
        spare: a low descriptor that may be replaced.
        before_fenced: called when this life finds itself fenced, right before it ends.
    """

    def __init__(
        self,
        lifeline: Lifeline,
        plan: ChildPlan,
        go: Go,
        *,
        order: Callable[[Ordered], None],
        work: Callable[[], asyncio.Task[Any] | None],
        listens: bool = True,
    ) -> None:
        birth = lifeline.birth
        self.plan, self.log, self.clocks = plan, lifeline.log, lifeline.clocks
        self._birth, self._go, self._since = birth, go, lifeline.since
        self._pulse, self._postbox = lifeline.pulse, lifeline.postbox
        self.directory, self.spare = birth.directory, lifeline.spare
        self.before_fenced: Callable[[], None] = lambda: None
        self.inbox: Inbox
        self.mailbox: Mailbox
        self.store: StoreClient
        self.durables: Durables
        self.appointment: Appointment
        self._table: dict[str, Handler] = {}
        self._boxed: frozenset[str] = frozenset()
        self.chaos = Chaos(lifeline.postbox.post, work, lambda: self.clocks.waiting_for == "store")
        self._order = order
        self._work = work
        self._listens = listens
        self._loop: asyncio.AbstractEventLoop | None = None

    def life(self, kind: type[NodeLife] = NodeLife) -> NodeLife:
        """The life the actor is made with."""
        ties = Ties(
            store=self.store,
            courier=self.mailbox,
            pulse=self._pulse,
            clocks=self.clocks,
            inbox=self.inbox,
            log=self.log,
            end=lambda reason: self._order(Ordered(reason, self.plan.shutdown)),
            fenced=self.fenced,
            connect=self._connect,
        )
        return kind(self._birth, self.plan, self._go, ties)

    async def open(self) -> None:
        """On the loop: take orders, open the lanes. What came before is carried out in the next turns."""
        self._loop = asyncio.get_running_loop()
        orders = self._pulse.orders
        orders.stop = lambda reason, deadline: self._order(Ordered(reason, deadline))
        orders.cancel = self._cancel
        orders.orphaned = self._orphaned
        orders.call = self._call
        orders.chaos = self.chaos.run
        orders.dump = self._dump
        zombies = Zombies()
        orders.probed = zombies.look
        birth = self._birth
        mailbox = self.mailbox = Mailbox(birth.directory, birth.path, birth.incarnation, bind=self._listens)
        self.store = StoreClient(birth.directory, f"{birth.path}#{birth.incarnation}")
        self.appointment = Appointment(self.plan.not_before, self._go.run_id, self.clocks, self.store, self.log)
        mailbox.watch = self._watch
        ahead = self.plan.command is not None
        self.inbox = Inbox(birth, self._go.run_id, self.store, self.log, fenced=self.fenced, ahead=ahead)
        self.durables = Durables(mailbox, self.store, self.log, self.clocks, fenced=self.fenced, move=self.inbox.move)
        self.store.on_arrival(self._arrived)
        mailbox.durable = self.durables.send
        mailbox.on_dead_letter = self._dead_letter
        self.clocks.mailbox(lambda: MailboxFacts(mailbox.in_hand_since, mailbox.handled, mailbox.depth))
        self.clocks.whereabouts(lambda: whereabouts(self._work()))
        await mailbox.open()
        self._postbox.attach(self._loop)

    def serve(self, actor: Living, on_error: Callable[[Message, Exception], str]) -> None:
        """Give the mailbox the actor's handlers; `pump` is the caller's."""
        self.mailbox.on_error = on_error
        self._table = handler_table(actor)
        accepted = tags(getattr(actor, "accepts", ()))
        self.inbox.begin(accepted)
        boxed = {tag: Handler(kind, self._box, reply=None, is_async=True) for tag, kind in accepted.items()}
        self._boxed = frozenset(boxed)
        self.mailbox.serve({**boxed, **self._table})

    async def _box(self, message: Message) -> None:
        await self.inbox.put(message, self.mailbox.teller)

    def _arrived(self) -> None:
        self.durables.look()
        self.inbox.look()

    def ready(self) -> None:
        """`on_start` returned."""
        took = time.monotonic() - self._since
        self.clocks.ready()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.durables.begin, self._table, self._boxed)
        self._pulse.ready(took)
        self.log.info("ready", seconds=round(took, 4))

    def tell_facts(self) -> None:
        """Let the supervisor judge anew: something it goes by has changed, and no probe may be due for long."""
        self._pulse.push("event", {"event": "facts", "facts": self.clocks.snapshot()})

    def fenced(self, why: str) -> NoReturn:
        """End inside the refused call: no `finally`, no handler, no exit function of the user's runs any more."""
        self.before_fenced()
        self._pulse.bye(ExitReason(kind="fenced", what=why, at=time.time()))
        sys.stderr.flush()
        os._exit(STATUS["fenced"])

    async def close(self) -> None:
        """Close the lanes; what is queued for the store leaves first, if the store is there."""
        self.durables.close()
        self.mailbox.close()
        await self.store.close()

    def _cancel(self, reason: ExitReason | None) -> None:
        given = reason or ExitReason(kind="error", what="cancelled by its supervisor", at=time.time())
        self._order(Ordered(given, None, cancel_only=True))

    def _orphaned(self) -> None:
        what = f"no word from {self._birth.owner}"
        self._order(Ordered(ExitReason(kind="orphaned", what=what, at=time.time()), self.plan.shutdown))

    def _call(self, verb: str, args: dict[str, Any], answer: Answer) -> None:
        """What supervisors tell an actor: a mark of its progress, or the death of a life it asked something."""
        if verb == "mark":
            self.clocks.progressed(None, None, str(args["name"]))
            answer({"ok": True, "value": None})
        elif verb == "dead":
            self.mailbox.dead(str(args["path"]), int(args["incarnation"]))
            answer({"ok": True})
        else:
            answer({"ok": False, "error": "unknown", "why": f"an actor doesn't answer {verb!r}"})

    def _watch(self, path: str, incarnation: int) -> None:
        """An ask is outstanding: whoever supervises that life says when it is dead."""
        self._pulse.push("event", {"event": "watch", "target": path, "incarnation": incarnation})

    def _dead_letter(self, facts: Mapping[str, Any]) -> None:
        self.log.warning("dead letter", **facts)
        self.store.journal([entry(self._birth, "deadletter", facts)])

    def _connect(self) -> Any:
        """The node's client; for a BlockingSession the one that awaits nothing."""
        root = self._birth.directory.root
        path = self._birth.path
        return Client(root, sender=path) if self.plan.blocking else AsyncClient(root, self.mailbox, sender=path)

    def _dump(self) -> tuple[list[str], list[str]]:
        if self.plan.command is not None:
            return [], []  # this process's own stacks say nothing of the program
        return dumps.tasks(self._loop, self._work()), dumps.threads()


def handler_table(actor: Living) -> dict[str, Handler]:
    """The mailbox's table of an actor's bound handlers."""
    return {
        tag: Handler(type=spec.type, call=getattr(actor, spec.name), reply=spec.reply, is_async=spec.is_async)
        for tag, spec in handlers_of(type(actor)).items()
    }


def journal_failure(life: NodeLife, message: Message, error: Exception) -> None:
    """A session's handler raised: journalled, and `run` goes on."""
    life.log.error("handler failed", message=type(message).__name__, error=describe(error))
    life.journal("handler_failed", {"message": type(message).__name__, "error": describe(error)})
