"""The OpenAPI document: valid, and true under generated requests, good ones and bad ones."""

from __future__ import annotations

import json
import secrets
from functools import cache
from typing import Any

import hypothesis
import hypothesis.strategies
import jsonschema
import openapi_spec_validator
import pytest
import schemathesis
from schemathesis import GenerationMode

from diurnal.dialects.native import ENDPOINTS, openapi
from tests.dialects.native.client import BASE, Api

DOCUMENT = json.loads(json.dumps(openapi.document(ENDPOINTS)))
EXAMPLES = 4
"""Of each endpoint and mode; `make test-full` makes fifty times as many, on both engines."""
ONCE = pytest.mark.parametrize("shared_url", ["sqlite"], indirect=True)
NEVER = {"DELETE /session", "GET /live"}
"""The one would end the token that the rest is called with, the other would never end."""


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    openapi_spec_validator.validate(DOCUMENT)


def test_everybody_may_read_the_document(shared: Api) -> None:
    answer = shared.with_token(None)("GET", "/openapi.json")
    assert answer.json() == DOCUMENT
    assert answer.headers["content-type"] == "application/json"


def test_every_endpoint_is_in_it_and_says_what_it_does() -> None:
    told = {f"{m.upper()} {p}" for p, by in DOCUMENT["paths"].items() for m in by}
    assert told == {f"{e.method} {e.path}" for e in ENDPOINTS}
    names = [e.name for e in ENDPOINTS]
    assert len(set(names)) == len(names)
    for e in ENDPOINTS:
        assert e.summary
        assert e.summary[0].isupper()
        assert not e.summary.endswith(".")


def test_every_shape_is_described() -> None:
    for name, shape in DOCUMENT["components"]["schemas"].items():
        assert shape.get("description", "").strip(), name


def _seen(api: Api) -> dict[str, str]:
    """Return ids that are there, so that generated requests meet something."""
    stream = api.ok("POST", "/streams", {"name": secrets.token_hex(8)})["id"]
    event = api.ok("POST", "/events", {"streamIds": [stream], "type": "note/txt"})
    with_file = api.ok(
        "POST", f"/events/{event['id']}/files", params={"filename": "a"}, content=b"x"
    )
    return {
        "/events": event["id"],
        "/streams": stream,
        "fileId": with_file["attachments"][0]["id"],
        "measure": "weight",
        "date": "2026-03-01",
    }


@cache
def _schema() -> Any:
    return schemathesis.openapi.from_dict(DOCUMENT)


@cache
def _validator(schema: str) -> Any:
    """Return what validates; made once, as checking a schema costs more than using it."""
    whole = {**json.loads(schema), "components": DOCUMENT["components"]}
    made = jsonschema.validators.validator_for(whole)
    made.check_schema(whole)
    return made(whole)


def _check(operation: dict[str, Any], answer: Any, sent: str) -> None:
    status = str(answer.status_code)
    assert answer.status_code < 500, (sent, answer.text)
    if answer.status_code in (405, 416):
        return
    assert status in operation["responses"], (sent, status, answer.text)
    told = operation["responses"][status]
    if "$ref" in told:
        told = DOCUMENT["components"]["responses"][told["$ref"].rpartition("/")[2]]
    media, *_ = answer.headers.get("content-type", "").split(";")
    if status[0] != "2" or "content" in told:
        assert media in told["content"] or "application/octet-stream" in told["content"], sent
    schema = told.get("content", {}).get(media, {}).get("schema")
    if schema and media.endswith("json"):
        _validator(json.dumps(schema, sort_keys=True)).validate(answer.json())


def fuzz(api: Api, method: str, path: str, examples: int) -> None:
    operation = _schema()[path][method]
    known = _seen(api)
    modes = [
        operation.as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if mode is GenerationMode.POSITIVE or operation.body or operation.query
    ]

    @hypothesis.settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(hypothesis.strategies.data())
    def once(data: hypothesis.strategies.DataObject) -> None:
        for mode in modes:
            try:
                case = data.draw(mode)
            except hypothesis.errors.Unsatisfiable:
                continue
            if data.draw(hypothesis.strategies.booleans()):
                for name in case.path_parameters:
                    there = known.get(name) or known.get("/" + path.split("/")[1])
                    if there:
                        case.path_parameters[name] = there
            given = case.as_transport_kwargs(base_url=f"{BASE}/api/v1")
            sent = {
                k: v for k, v in given.items() if k in ("params", "json", "data", "files") and v
            }
            if isinstance(sent.get("data"), bytes | str):
                sent["content"] = sent.pop("data")
            headers = {
                k: v
                for k, v in given["headers"].items()
                if k.lower() not in ("authorization", "cookie", "user-agent", "content-length")
            }
            answer = api(method.upper(), given["url"], headers=headers, **sent)
            _check(operation.definition.raw, answer, f"{method} {given['url']} {sent}")

    once()


CALLS = sorted(f"{e.method} {e.path}" for e in ENDPOINTS if f"{e.method} {e.path}" not in NEVER)


@ONCE
@pytest.mark.parametrize("call", CALLS)
def test_generated_requests_are_answered_as_documented(shared: Api, call: str) -> None:
    method, _, path = call.partition(" ")
    fuzz(shared, method.lower(), path, EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_many_generated_requests_are_answered_as_documented(shared: Api, call: str) -> None:
    method, _, path = call.partition(" ")
    fuzz(shared, method.lower(), path, EXAMPLES * 50)
