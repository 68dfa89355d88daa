"""The OpenAPI document, made of the declarations that route."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from starlette.responses import Response

from diurnal import __version__
from diurnal.dialects.native import wire
from diurnal.dialects.native.endpoint import (
    STATUSES,
    TITLES,
    Call,
    Endpoint,
    Problem,
    Who,
)
from diurnal.http import Json

_REF = "#/components/schemas/{name}"
_PATH = re.compile(r"\{(\w+)\}")
_ERRORS = sorted({status for status, _ in STATUSES.values()} - {502})


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `endpoints`."""
    kinds = _kinds(endpoints)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    for schema in components.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    by_kind = dict(zip(map(str, kinds), schemas, strict=True))
    queries = {e.query.__name__ for e in endpoints if e.query is not None}
    paths: dict[str, dict[str, Any]] = {}
    for e in endpoints:
        operation = _operation(e, by_kind, components)
        paths.setdefault(e.path, {})[e.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Diurnal",
            "version": __version__,
            "description": "The native API: everything that Diurnal holds of one account.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(e.tag for e in endpoints)],
        "paths": paths,
        "components": {
            "schemas": {n: s for n, s in sorted(components.items()) if n not in queries},
            "responses": {f"Problem{status}": _problem(status) for status in _ERRORS},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "push": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of one connection, which can only write to it.",
                },
                "session": {"type": "apiKey", "in": "cookie", "name": "diurnal_session"},
            },
        },
    }


def _kinds(endpoints: Sequence[Endpoint]) -> list[Any]:
    kinds: dict[str, Any] = {str(Problem): Problem}
    for e in endpoints:
        for kind in (*e.body, *e.answer, *([e.query] if e.query else [])):
            kinds[str(kind)] = kind
    return list(kinds.values())


def _operation(
    e: Endpoint, by_kind: Mapping[str, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": e.name,
        "summary": e.summary,
        "tags": [e.tag],
        "parameters": [*_in_path(e), *_in_query(e, components), *_in_headers(e)],
        "responses": _responses(e, by_kind),
        "security": _security(e),
    }
    if e.description:
        operation["description"] = e.description
    if e.who is Who.OWNER:
        operation["x-owner-only"] = True
    content: dict[str, Any] = {media: {} for media in e.media}
    if e.body:
        content["application/json"] = {"schema": _any_of(e.body, by_kind)}
    if content:
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _security(e: Endpoint) -> list[dict[str, list[str]]]:
    if e.tag == "push":
        return [{"push": []}]
    return [] if e.who is Who.ANYBODY else [{"token": []}, {"session": []}]


def _any_of(kinds: Sequence[Any], by_kind: Mapping[str, Any]) -> Any:
    schemas = [by_kind[str(kind)] for kind in kinds]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _in_path(e: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PATH.findall(e.path)
    ]


def _in_query(e: Endpoint, components: Mapping[str, Any]) -> list[dict[str, Any]]:
    if e.query is None:
        return []
    shape = components[e.query.__name__]
    required = set(shape.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _plain(schema)}
        for name, schema in shape["properties"].items()
    ]


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without null, which a URL cannot say."""
    options = schema.get("anyOf")
    if options is None:
        return dict(schema)
    left = [o for o in options if o != {"type": "null"}]
    rest = {k: v for k, v in schema.items() if k not in ("anyOf", "default")}
    return {**rest, **(left[0] if len(left) == 1 else {"anyOf": left})}


def _in_headers(e: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in e.headers.items()
    ]


def _responses(e: Endpoint, by_kind: Mapping[str, Any]) -> dict[str, Any]:
    usual: dict[str, Any] = {"description": e.summary}
    if e.answer:
        usual["content"] = {e.answer_media: {"schema": _any_of(e.answer, by_kind)}}
    elif e.answer_media != "application/json":
        usual["content"] = {e.answer_media: {}}
    found = {str(status): usual for status in (e.status, *e.also)}
    for status in _ERRORS:
        if status == 401 and e.who is Who.ANYBODY and e.tag not in ("session", "push"):
            continue
        found[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return found


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name=Problem.__name__)}
    told: dict[str, Any] = {
        "description": TITLES[status],
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status in (429, 503):
        told["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return told


@lru_cache(maxsize=1)
def _encoded() -> bytes:
    from diurnal.dialects.native import ENDPOINTS

    return wire.encode(document(ENDPOINTS))


async def get(_call: Call) -> Response:
    """Answer the document."""
    return Json(_encoded(), headers={"Cache-Control": "public, max-age=300"})


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/openapi.json",
        name="openapi.get",
        summary="Read this document",
        who=Who.ANYBODY,
        handler=get,
    ),
)
