"""The OpenAPI document, made of the same types that check the requests."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from wakeful_runtime.contract.looking import Events
from wakeful_runtime.contract.sessions import Event
from wakeful_runtime.contract.verbs import Verb
from wakeful_runtime.web.problems import MEANINGS

REF = "#/components/schemas/{model}"
ABOUT = (
    "The same JSON as from Python, the command line and MCP. `wakeful token` shows the token. "
    "`timeoutSeconds` above 30 counts as 30 here: ask again. "
    "The journal is streamed by `GET /v1/events` to whoever accepts `text/event-stream`."
)
PROBLEM = {
    "type": "object",
    "required": ["status", "error"],
    "properties": {
        "status": {"type": "string", "description": "error, or forbidden where a limit is reached."},
        "error": {"type": "string", "description": "One line: what is wrong, and what to do."},
    },
}
_ALWAYS = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
_WITHOUT_BODY = (401, 403, 404, 422, 429, 503)
Document = dict[str, Any]


def document(verbs: list[Verb], url: str) -> Document:
    """OpenAPI 3.1 of these verbs.

    Args:
        url: where this node is asked.
    """
    schemas, refs = _schemas(verbs)
    paths: dict[str, Any] = {f"/v1/{verb.name}": {"post": _operation(verb, refs)} for verb in verbs}
    if "/v1/events" in paths:
        paths["/v1/events"]["get"] = _stream(refs)
    schemas["Problem"] = PROBLEM
    return {
        "openapi": "3.1.0",
        "info": {"title": "Wakeful", "version": version("wakeful"), "description": ABOUT},
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                str(status): {"description": text, "content": _json({"$ref": REF.format(model="Problem")})}
                for status, text in MEANINGS.items()
            },
        },
    }


def _schemas(verbs: list[Verb]) -> tuple[Document, dict[str, Document]]:
    """Component schemas, and a schema by `VERB in`, `VERB out`, `event`."""
    wanted: list[tuple[str, Any]] = [("event", TypeAdapter(list[Event]))]
    for verb in verbs:
        wanted += [(f"{verb.name} in", TypeAdapter(verb.arguments)), (f"{verb.name} out", verb.adapter())]
    inputs = [(key, "validation", adapter.core_schema) for key, adapter in wanted]
    found, components = GenerateJsonSchema(ref_template=REF).generate_definitions(inputs)  # type: ignore[arg-type]
    refs = {str(key): dict(schema) for (key, _), schema in found.items()}
    return {str(name): schema for name, schema in components.items()}, refs


def _operation(verb: Verb, refs: dict[str, Document]) -> Document:
    body = {"required": verb.needs_arguments, "content": _json(refs[f"{verb.name} in"])}
    answer = refs[f"{verb.name} out"]
    responses: Document = {"200": {"description": "The answer.", "content": _json(answer)}, **_problems(_ALWAYS)}
    for status in sorted(set(verb.problems.values())):
        either = {"anyOf": [{"$ref": REF.format(model="Problem")}, answer]}
        responses[str(status)] = {"description": MEANINGS[status], "content": _json(either)}
    return {"operationId": verb.name, "summary": verb.what, "requestBody": body, "responses": responses}


def _stream(refs: dict[str, Document]) -> Document:
    what = Events.model_json_schema()["properties"]
    after = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
    path = {"type": "string", "minLength": 1, "maxLength": 512}
    limit = {"type": "integer", "minimum": 1, "maximum": 10_000}
    return {
        "operationId": "journal",
        "summary": "The journal: one page as JSON, or, accepting text/event-stream, a stream that goes on.",
        "description": (
            "Each event of the stream has the entry's `seq` as its id and the entry as its data. After "
            "`Last-Event-ID` (or `after`) nothing is missed and nothing comes twice; without either it begins now. "
            "Comments are heartbeats."
        ),
        "parameters": [
            {"name": "Last-Event-ID", "in": "header", "schema": after},
            {"name": "after", "in": "query", "schema": after, "description": what["after"].get("description", "")},
            {"name": "path", "in": "query", "schema": path},
            {"name": "limit", "in": "query", "schema": limit},
        ],
        "responses": {
            "200": {
                "description": "Entries, oldest first.",
                "content": {**_json(refs["event"]), "text/event-stream": {"schema": {"type": "string"}}},
            },
            **_problems(_WITHOUT_BODY),
        },
    }


def _problems(statuses: tuple[int, ...]) -> Document:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _json(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}
