"""Durable messages on their way into the store."""

from __future__ import annotations

import uuid

from wakeful.message import Message, tag_of
from wakeful_runtime.bodies import shape_of
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.wire import pack


async def post(store: StoreClient, sender: str, to: str, message: Message) -> None:
    """Done when it is committed; the body is msgpack of `[form, body]`, as the mailbox lane has them.

    Raises:
        MailboxFull: as many durable messages wait for `to` as may.
        CodecError: it can't travel, or would not come back equal.
    """
    kind = type(message)
    form, body = shape_of(kind).write(message)
    await store.request("post", id=uuid.uuid4().hex, to=to, sender=sender, tag=tag_of(kind), body=pack([form, body]))
