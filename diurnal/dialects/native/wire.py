"""Between wire and structs: strict reading that names the field, times, cursors."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.model.events import tells_nul

T = TypeVar("T")

PARAMETERS_MAX = 2_000
DEPTH = "the JSON is nested too deeply"

RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,9})?", re.ASCII)

Moment = Annotated[
    float | int | Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})],
    msgspec.Meta(description="Unix seconds, or RFC 3339 with an offset."),
]
"""An instant as callers may give it."""
MomentText = Annotated[
    str, msgspec.Meta(description="Unix seconds, or RFC 3339 with an offset.", min_length=1)
]
"""The same in a URL."""
DateText = Annotated[
    str, msgspec.Meta(extra_json_schema={"format": "date"}, min_length=10, max_length=10)
]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Input(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Root of what callers send: unknown members are refused."""


class Output(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """Root of what we send; unset members are left out."""


encode = msgspec.json.Encoder().encode


_decoder: Callable[[Any], msgspec.json.Decoder[Any]] = cache(msgspec.json.Decoder)


def read_body(kind: type[T], raw: bytes | msgspec.Raw) -> T:
    """Return a JSON body as a struct.

    Raises:
        InvalidInput: not JSON, not this shape, or with NUL; `field` says where.
    """
    try:
        read: T = _decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from None
    except msgspec.DecodeError as error:
        raise InvalidInput(_unreadable(bytes(raw), str(error)), field="body") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is not UTF-8: {error.reason}", field="body") from None
    except RecursionError:
        raise InvalidInput(DEPTH, field="body") from None
    if tells_nul(bytes(raw)):
        _refuse_nul(read, "")
    return read


def _unreadable(raw: bytes, told: str) -> str:
    if not raw.strip():
        return "a JSON body is needed"
    if re.search(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", raw):
        return "the body is not valid JSON; a lone surrogate is not text"
    return f"the body is not valid JSON: {told}"


_PLACE = re.compile(r" - at `(?:key in )?\$?\.?(.*?)`$")
_MEMBER = re.compile(r"(?:unknown|missing required) field `(.*?)`")


def _named(told: str) -> InvalidInput:
    """Return msgspec's finding with the member it is about as `field`."""
    place = _PLACE.search(told)
    member = _MEMBER.search(told)
    parts = [place[1] if place else "", member[1] if member else ""]
    field = ".".join(p for p in parts if p) or "body"
    return InvalidInput(told[: place.start()] if place else told, field=field)


def _refuse_nul(value: Any, field: str) -> None:
    """Refuse NUL in any text: PostgreSQL cannot keep it."""
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidInput("NUL is not text", field=field or "body")
    elif isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        for own, name in names:
            _refuse_nul(getattr(value, own), f"{field}.{name}" if field else name)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_nul(key, field)
            _refuse_nul(inner, f"{field}.{key}" if field else key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _refuse_nul(inner, f"{field}[{i}]")


def read_query(kind: type[T], raw: bytes) -> T:
    """Return a query string as a struct; a list's parameter may be repeated.

    Raises:
        InvalidInput: unknown, repeated or malformed parameter; `field` names it.
    """
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"), keep_blank_values=True, max_num_fields=PARAMETERS_MAX
        )
    except ValueError:
        raise InvalidInput(f"at most {PARAMETERS_MAX} parameters", field="query") from None
    lists = _list_names(cast("Any", kind))
    given: dict[str, Any] = {}
    for name, text in pairs:
        if "\0" in text or "\0" in name:
            raise InvalidInput("NUL is not text", field=name.replace("\0", ""))
        if name in lists:
            given.setdefault(name, []).append(text)
        elif name in given:
            raise InvalidInput("given twice", field=name)
        else:
            given[name] = text
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from None


@cache
def _list_names(kind: Any) -> frozenset[str]:
    return frozenset(
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if any(getattr(part, "__origin__", part) is list for part in _parts(field.type))
    )


def _parts(kind: Any) -> Iterator[Any]:
    yield kind
    for part in getattr(kind, "__args__", ()):
        yield from _parts(part)


def split(texts: list[str]) -> tuple[str, ...]:
    """Return the items of a list parameter whose items hold no comma: `a,b` is two."""
    return tuple(item for text in texts for item in text.split(",") if item)


def instant(given: float | str, field: str) -> int:
    """Return an instant as microseconds UTC.

    Raises:
        InvalidInput: neither Unix seconds nor RFC 3339 with an offset.
    """
    if not isinstance(given, str):
        return time.from_seconds(given, field=field)
    if _NUMBER.fullmatch(given):
        return time.from_seconds(float(given), field=field)
    # In a URL a bare + is a blank.
    text = f"{given[:-6]}+{given[-5:]}" if given[-6:-5] == " " else given
    try:
        if not RFC3339.fullmatch(text):
            raise ValueError
        at = time.micros(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{field} must be Unix seconds, or a time like 2026-03-01T12:00:00Z", field=field
        ) from None
    if not time.TIME_MIN <= at <= time.TIME_MAX:
        raise InvalidInput(f"{field} is out of range", field=field)
    return at


def optional_instant(given: float | str | None, field: str) -> int | None:
    """Do as `instant`, where None stays None."""
    return None if given is None else instant(given, field)


def write_cursor(at: int, id_: str) -> str:
    """Return a cursor that names the last row of a page."""
    return base64.urlsafe_b64encode(f"{at}.{id_}".encode()).decode().rstrip("=")


_CURSOR = re.compile(r"(-?\d{1,18})\.([^\0]{1,200})", re.ASCII)


def read_cursor(text: str) -> tuple[int, str]:
    """Return the row that a cursor names.

    Raises:
        InvalidInput: none of ours.
    """
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = _CURSOR.fullmatch(plain.decode())
    except (binascii.Error, ValueError):
        found = None
    if found is None:
        raise InvalidInput("not a cursor of ours", field="cursor")
    return int(found[1]), found[2]


def given(wire: msgspec.Struct) -> Mapping[str, Any]:
    """Return the members that were sent, by our names; null counts as sent."""
    return {
        name: value
        for name in wire.__struct_fields__
        if (value := getattr(wire, name)) is not msgspec.UNSET
    }
