"""The path: which object, which records, in which order, and what of them.

    object [ "/" id ] { "/" modifier "/" value }

Read from the raw path: what clients escape differs (`>` comes as it is or as `%3E`, `|` as it is
or as `%7C`), and an escaped slash or comma inside a value must not part it.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from diurnal.errors import InvalidInput

LIMIT_MAX = 1000
CONDITIONS_MAX = 200
LIST_MAX = 1000
PATH_MAX = 16_000
"""Characters."""
NUMBER_MAX = 2**63 - 1
MODIFIERS = frozenset({"where", "columns", "column", "order_by", "order_by_desc", "limit"})
OPERATORS = ("!=", ">=", "<=", "!:", "=", ">", "<", ":")
"""Longest first."""
LISTS = frozenset({":", "!:"})

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_OBJECT = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_DIGITS = re.compile(r"[0-9]{1,19}")
_SPLIT_OR = re.compile(r"\||%7[Cc](?=(?:[A-Za-z_][A-Za-z0-9_]{0,99})(?:[=<>:!]|%3[AaCcDdEe]|%21))")


class Condition(NamedTuple):
    """A column held against a value, or against each of a list."""

    column: str
    operator: str
    values: tuple[str, ...]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a path asks for.

    Attributes:
        where: any of these conjunctions; empty for all records.
        columns: which members, all where None; `bare` for the values of the only one.
        limit: at most so many; None where the path does not say.
    """

    object: str
    id: int | None = None
    where: tuple[tuple[Condition, ...], ...] = ()
    columns: tuple[str, ...] | None = None
    bare: bool = False
    order: tuple[str, ...] = ()
    descending: bool = False
    limit: int | None = None
    offset: int = 0


def parse(raw: str) -> Asked:
    """Read the raw, still escaped path below the mount.

    Raises:
        InvalidInput: it does not follow the grammar; the message says where.
    """
    if len(raw) > PATH_MAX:
        raise InvalidInput(f"the path has more than {PATH_MAX} characters")
    parts = raw.strip("/").split("/")
    name = _plain(parts[0])
    if not _OBJECT.fullmatch(name):
        raise InvalidInput(f"no object is called {name!r}")
    rest = parts[1:]
    found: dict[str, object] = {"object": name}
    if rest and _DIGITS.fullmatch(_plain(rest[0])):
        found["id"] = _number(_plain(rest.pop(0)))
    seen: set[str] = set()
    while rest:
        modifier = _plain(rest.pop(0))
        if modifier not in MODIFIERS:
            raise InvalidInput(f"unknown path parameter {modifier!r}")
        kind = {"column": "columns", "order_by_desc": "order_by"}.get(modifier, modifier)
        if kind in seen:
            raise InvalidInput(f"the path parameter {modifier!r} is given twice")
        seen.add(kind)
        if not rest:
            raise InvalidInput(f"the path parameter {modifier!r} has no value")
        found.update(_value(modifier, rest.pop(0)))
    return msgspec.convert(found, Asked)


def _value(modifier: str, raw: str) -> dict[str, object]:
    if modifier == "where":
        return {"where": _disjunction(raw)}
    if modifier == "limit":
        return _limit(_plain(raw))
    names = _columns(modifier, raw)
    if modifier == "column":
        if len(names) != 1:
            raise InvalidInput("the path parameter 'column' takes one column")
        return {"columns": names, "bare": True}
    if modifier == "columns":
        return {"columns": names}
    return {"order": names, "descending": modifier == "order_by_desc"}


def _columns(modifier: str, raw: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in _plain(raw).split(","))
    for name in names:
        if not _COLUMN.fullmatch(name):
            raise InvalidInput(f"no column can be called {name!r} (in {modifier!r})")
    return names


def _limit(text: str) -> dict[str, object]:
    parts = [p.strip() for p in text.split(",")]
    if not 1 <= len(parts) <= 2 or not all(_DIGITS.fullmatch(p) for p in parts):
        raise InvalidInput("a limit is COUNT or OFFSET,COUNT")
    count = _number(parts[-1])
    if not 1 <= count <= LIMIT_MAX:
        raise InvalidInput(f"a limit is from 1 to {LIMIT_MAX}")
    return {"limit": count, "offset": _number(parts[0]) if len(parts) == 2 else 0}


def _disjunction(raw: str) -> tuple[tuple[Condition, ...], ...]:
    found = tuple(
        tuple(_condition(one) for one in branch.split("&")) for branch in _SPLIT_OR.split(raw)
    )
    if sum(map(len, found)) > CONDITIONS_MAX:
        raise InvalidInput(f"a query has at most {CONDITIONS_MAX} conditions")
    return found


def _condition(raw: str) -> Condition:
    text = _plain(raw)
    name = _COLUMN.match(text)
    if name is None:
        raise InvalidInput(f"a condition begins with a column, not {text[:60]!r}")
    rest = text[name.end() :]
    operator = next((o for o in OPERATORS if rest.startswith(o)), None)
    if operator is None:
        raise InvalidInput(f"no operator after the column {name[0]!r}")
    value = rest[len(operator) :]
    if operator not in LISTS:
        return Condition(name[0], operator, (_comma(value),))
    # The list is parted before it is unescaped: a comma inside a value comes escaped.
    values = tuple(_comma(_plain(one)) for one in _after(raw, operator).split(","))
    if len(values) > LIST_MAX:
        raise InvalidInput(f"a list has at most {LIST_MAX} values")
    return Condition(name[0], operator, values)


def _after(raw: str, operator: str) -> str:
    """Return what follows the first `operator` of a raw condition, which may be escaped."""
    spelled = "".join(f"(?:{re.escape(c)}|%{ord(c):02X}|%{ord(c):02x})" for c in operator)
    found = re.search(spelled, raw)
    return raw[found.end() :] if found else ""


def _comma(value: str) -> str:
    """Return the value with commas that the vendor's own libraries escape twice."""
    return value.replace("%2C", ",").replace("%2c", ",")


def _plain(raw: str) -> str:
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise InvalidInput("the path is not UTF-8") from None
    if "\0" in text:
        raise InvalidInput("the path holds a NUL")
    return text


def _number(digits: str) -> int:
    number = int(digits)
    if number > NUMBER_MAX:
        raise InvalidInput(f"{digits} is too large")
    return number
