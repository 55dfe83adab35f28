"""What a model should do when a tool says no."""

from __future__ import annotations

from wakeful.errors import WakefulError
from wakeful_runtime.clients.calling import CallRefused, NoAnswer
from wakeful_runtime.clients.client import NoNode

AGAIN = "Make the same call again in a few seconds; if it goes on like this, tell the person to type `wakeful status`."
_BY_CODE = {
    "missing": "Call sessions_list to see which sessions there are, and use a key or label from it.",
    "no_verb": "This node can't do that; go on without it.",
    "busy": AGAIN,
    "away": AGAIN,
    "bad": "Correct the arguments by the tool's schema and call again.",
}
REFUSED = "Look at session_status or sessions_list before you try again: the same call will be refused again."
FORBIDDEN = "Wait until one of the running sessions has ended (sessions_list shows them), then call again."
MISTAKEN = "Correct the arguments by the tool's schema and call again."


def advice(error: WakefulError) -> str:
    """One sentence for the model."""
    if isinstance(error, NoNode):
        return "Nothing can be done from here: tell the person to start the node with `wakeful run TARGET`."
    if isinstance(error, NoAnswer):
        return f"Whether it was done is not known: look before you repeat anything that changes something. {AGAIN}"
    if isinstance(error, CallRefused):
        return _BY_CODE.get(error.code, REFUSED)
    return MISTAKEN
