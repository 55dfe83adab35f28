"""Who gets in: asked under a name of ours, from no page of a stranger, with the token."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from wakeful.errors import NodeError
from wakeful_runtime.web.address import Names
from wakeful_runtime.web.problems import Problem, problem
from wakeful_runtime.web.token import Door

NO_TOKEN = "write the header `Authorization: Bearer TOKEN`; `wakeful token` shows the token"


class Guard:
    """Around the whole application: whatever is below it need not ask again.

    The connection of one who is refused is closed: nothing more of what he sends is read.
    """

    def __init__(self, app: ASGIApp, *, names: Names, door: Door) -> None:
        self._app = app
        self._names = names
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refused = self._refusal(Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, send)
        else:
            refused.headers["Connection"] = "close"
            await problem(refused)(scope, receive, send)

    def _refusal(self, headers: Headers) -> Problem | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._names.takes_host(hosts[0]):
            return Problem(403, "this is not the host that was asked for; use the address `wakeful run` said")
        if any(not self._names.takes_origin(origin) for origin in origins):
            return Problem(403, "pages of other sites may not ask here")
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        try:
            right = scheme.lower() == "bearer" and self._door.opens(token.strip())
        except NodeError as error:
            return Problem(503, str(error))
        return None if right else Problem(401, NO_TOKEN, WWW_Authenticate='Bearer realm="wakeful"')
