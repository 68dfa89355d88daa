"""Parameters: taken from URLs, and checked one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from diurnal.dialects.pryv0.table import Params
from diurnal.dialects.pryv0.words import BadStructure
from diurnal.errors import InvalidInput
from diurnal.model import time

_LISTS = frozenset({"onlyFolders", "tags"})
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def from_url(items: Iterable[tuple[str, str]]) -> Params:
    """Return the parameters of a query string: `a[]=x&a[]=y`, `a[]=x,y`, `a=x&a=y`, `a=x`."""
    found: Params = {}
    for name, value in items:
        plain = name.removesuffix("[]")
        if plain == "auth":
            continue
        if plain in _LISTS:
            parts = value.split(",") if name.endswith("[]") else [value]
            found.setdefault(plain, []).extend(None if p == "null" else p for p in parts if p)
        else:
            found[plain] = value
    return found


def parse(body: bytes) -> Any:
    """Return what JSON text says; no text says nothing.

    Raises:
        BadStructure: it is none, or nested beyond reading.
    """
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadStructure("The body is not valid JSON.") from None


def params_of(value: Any) -> Params:
    """Return the parameters of a call.

    Raises:
        InvalidInput: they are no object.
    """
    if not isinstance(value, dict):
        raise InvalidInput("the parameters are no object")
    return value


def text(params: Params, name: str, *, required: bool = False) -> str | None:
    """Return a text.

    Raises:
        InvalidInput: it is none, or missing where it is needed.
    """
    value = params.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidInput(f"{name} is a text", field=name)
    return value


def number(params: Params, name: str) -> float | None:
    """Return a number; those of URLs come as text.

    Raises:
        InvalidInput: it is none.
    """
    value = params.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            found = float(value)
            if math.isfinite(found):
                return found
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(f"{name} is a number", field=name)


def instant(params: Params, name: str) -> int | None:
    """Return a time in microseconds; what no clock shows is cut to what can be stored."""
    value = number(params, name)
    return None if value is None else round(max(-6e10, min(value, 2.5e11)) * time.SECOND)


def count(params: Params, name: str) -> int | None:
    """Return a number of things.

    Raises:
        InvalidInput: it is none.
    """
    value = number(params, name)
    if value is None:
        return None
    if value < 0 or value != int(value) or value > 2**31:
        raise InvalidInput(f"{name} is a number of things", field=name)
    return int(value)


def flag(params: Params, name: str) -> bool | None:
    """Return a yes or no.

    Raises:
        InvalidInput: it is neither.
    """
    value = params.get(name)
    if isinstance(value, str):
        value = _FLAGS.get(value, value)
    if value is None or isinstance(value, bool):
        return value
    raise InvalidInput(f"{name} is true or false", field=name)


def texts(params: Params, name: str) -> list[str] | None:
    """Return a list of texts; nulls are left in it as empty ones.

    Raises:
        InvalidInput: it is none.
    """
    value = params.get(name)
    if value is None:
        return None
    if isinstance(value, list) and all(v is None or isinstance(v, str) for v in value):
        return [v or "" for v in value]
    raise InvalidInput(f"{name} is a list of texts", field=name)


def data(params: Params, name: str = "clientData") -> dict[str, Any] | None:
    """Return an object.

    Raises:
        InvalidInput: it is none.
    """
    value = params.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise InvalidInput(f"{name} is an object", field=name)


def known(params: Params, names: Iterable[str]) -> None:
    """Refuse members that there are not.

    Raises:
        InvalidInput: there are some.
    """
    for name in params:
        if name not in names:
            raise InvalidInput(f"there is no {name} here", field=name)


def state(params: Params) -> Any:
    """Return which things are asked for: those in use, those in the trash, all.

    Raises:
        InvalidInput: none of the three.
    """
    value = params.get("state") or "default"
    if value not in ("default", "trashed", "all"):
        raise InvalidInput("state is default, trashed or all", field="state")
    return value
