"""What travels: parameters, JSON, XML, and status bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.errors import InvalidInput
from diurnal.model.time import day_from_text

Row = dict[str, Any]

BODY_BYTES_MAX = 1 << 20
FIELDS_MAX = 100
COUNT_DEFAULT, COUNT_MAX = 25, 200
FORMATS = ("json", "xml")
MESSAGES = {
    200: "OK",
    201: "Created",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
# Characters that XML 1.0 has no form for at all (its section 2.2).
_NO_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def answer(rows: Sequence[Row], form: str) -> Response:
    """Return elements."""
    if form == "json":
        return _json(rows, 200)
    nodes = "".join(f"\n  <node>{_members(row, 4)}\n  </node>" for row in rows)
    return _xml(f"<response>{nodes}\n</response>", 200)


def status(code: int, description: str, form: str) -> Response:
    """Return a status body: success and error alike; 304 has none, as HTTP wants it."""
    if code == 304:
        return Response(status_code=304)
    said = {"code": code, "message": MESSAGES.get(code, "Error"), "description": description}
    if form == "json":
        return _json(said, code)
    return _xml(f"<response>{_members(said, 2)}\n</response>", code)


def _json(said: Any, code: int) -> Response:
    return Response(msgspec.json.encode(said), code, media_type="application/json; charset=utf-8")


def _xml(body: str, code: int) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
    return Response(text.encode(), code, media_type="application/xml; charset=utf-8")


def _members(row: Mapping[str, Any], indent: int) -> str:
    pad = "\n" + " " * indent
    return "".join(f"{pad}<{name}>{_value(value)}</{name}>" for name, value in row.items())


def _value(value: Any) -> str:
    if value is None:
        return ""
    # A parser turns a bare carriage return into a newline, so it has to be written by number.
    text = escape(value if isinstance(value, str) else str(value), {"\r": "&#13;"})
    return _NO_XML.sub("\ufffd", text)


def form_of(request: Request, suffix: str) -> str:
    """Return the format asked for: the parameter, else the suffix, else JSON.

    Raises:
        InvalidInput: there is no such format.
    """
    told = request.query_params.get("format") or suffix or "json"
    if told not in FORMATS:
        raise InvalidInput("The format is json or xml.", field="format")
    return told


def day_of(request: Request) -> int | None:
    """Return the day asked for.

    Raises:
        InvalidInput: it is no date.
    """
    told = request.query_params.get("date")
    if told is None:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", told):
        raise InvalidInput("A date is YYYY-MM-DD.", field="date")
    return day_from_text(told, field="date")


def count_of(request: Request, *, whole_day: bool) -> int:
    """Return how many elements are asked for: 25 unless said, 200 at most."""
    told = request.query_params.get("count")
    if told is None:
        return COUNT_MAX if whole_day else COUNT_DEFAULT
    if not re.fullmatch(r"[0-9]{1,18}", told) or int(told) < 1:
        return COUNT_DEFAULT
    return min(int(told), COUNT_MAX)


def ascending(request: Request) -> bool:
    """Return whether the oldest comes first.

    Raises:
        InvalidInput: it is no order.
    """
    told = request.query_params.get("order", "desc").lower()
    if told not in ("asc", "desc"):
        raise InvalidInput("The order is asc or desc.", field="order")
    return told == "asc"


async def fields(request: Request) -> dict[str, Any]:
    """Read the fields of a body: JSON, a form, or parts.

    Raises:
        InvalidInput: it is none of them.
    """
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ == "multipart/form-data":
        async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
            return {name: str(value) for name, value in form.items()}
    raw = await http.body(request, BODY_BYTES_MAX)
    if not raw.strip():
        return {}
    if type_ == "application/json" or raw.lstrip().startswith(b"{"):
        try:
            said = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            raise InvalidInput("The body is not JSON.") from None
        if not isinstance(said, dict):
            raise InvalidInput("The body is a JSON object.")
        return said
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise InvalidInput("The body is no form.") from None
