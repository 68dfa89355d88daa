"""Exist's shapes: attributes, groups and values; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.errors import InvalidInput, NotFound
from diurnal.model import time
from diurnal.model.measures import Measure, ValueKind
from diurnal.services.days import Day

API = "exist"
DAY_MIN = time.TIME_MIN // time.DAY
DAY_MAX = time.TIME_MAX // time.DAY

TYPES_V1 = {
    0: "Integer",
    1: "Float",
    2: "String",
    3: "Period (minutes as integer)",
    4: "Time of day (minutes from midnight as integer)",
    5: "Float (percentage, 0.0 to 1.0)",
    6: "Time of day (minutes from midday as integer)",
    7: "Boolean",
    8: "Scale (1-9 as integer)",
}
"""Value types and what version 1 calls them."""
_FLOATS = frozenset({1, 5})
_TEXT = 2
_TIMES_OF_DAY = frozenset({4, 6})
_OWN_GROUP = "custom"
_OWN_TYPES = {
    ValueKind.INTEGER: (0, 0),
    ValueKind.NUMBER: (1, 1),
    ValueKind.TEXT: (2, 2),
    ValueKind.OBJECT: (2, 2),
    # Version 1 has tags as integers.
    ValueKind.BOOLEAN: (0, 7),
}
_TAG_PRIORITY = 2
_OWN_PRIORITY = 9
TYPES_V2 = {
    0: "Integer",
    1: "Float",
    2: "String",
    3: "Period (min)",
    4: "Time of day (min from midnight)",
    5: "Percentage",
    6: "Time of day (min from midday)",
    7: "Boolean",
    8: "Scale",
}
DIGITS = 12
"""Significant ones of a number that was converted: what was written comes back as it was."""


class InvalidPage(NotFound):
    """A page past the end, or no number at all."""


class Group(msgspec.Struct, frozen=True):
    """A group of attributes; 1 is the first priority."""

    name: str
    label: str
    priority: int
    label_v2: str | None = None


class _Fact(msgspec.Struct, frozen=True):
    name: str
    label: str
    group: str
    priority: int
    type_v1: int | None
    type_v2: int | None
    length_max: int | None = None


class _Facts(msgspec.Struct, frozen=True):
    groups: tuple[Group, ...]
    attributes: tuple[_Fact, ...]


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """A daily attribute, and the measures that it shows.

    Attributes:
        measures: the first that knows a day's value gives it; `keys` are theirs.
        length_max: characters of a text.
    """

    name: str
    label: str
    group: Group
    priority: int
    type_v1: int
    type_v2: int
    measures: tuple[Measure, ...]
    keys: tuple[str, ...]
    length_max: int | None = None
    tag: bool = False


@lru_cache(maxsize=1)
def _facts() -> _Facts:
    return msgspec.json.decode(
        Path(__file__).with_name("attributes.json").read_bytes(), type=_Facts
    )


@lru_cache(maxsize=1)
def groups() -> Mapping[str, Group]:
    """Return Exist's groups by name."""
    return {g.name: g for g in _facts().groups}


@lru_cache(maxsize=1)
def templates() -> Mapping[str, Attribute]:
    """Return Exist's attributes by name."""
    found = {}
    for fact in _facts().attributes:
        # Each version lists the other's attributes too once the account has them.
        v1 = fact.type_v1 if fact.type_v1 is not None else fact.type_v2
        v2 = fact.type_v2 if fact.type_v2 is not None else fact.type_v1
        found[fact.name] = Attribute(
            name=fact.name,
            label=fact.label,
            group=groups()[fact.group],
            priority=fact.priority,
            type_v1=v1 or 0,
            type_v2=v2 or 0,
            measures=(measures := catalog.named(API, fact.name)),
            keys=tuple(m.key for m in measures),
            length_max=fact.length_max,
        )
    return found


def attributes(own: Mapping[str, Measure]) -> dict[str, Attribute]:
    """Return every attribute of an account by name, those of its own measures too.

    Groups by priority, then attributes by priority, then by name.
    """
    found = {m.key: _own(m) for m in own.values()} | dict(templates())
    ordered = sorted(
        found.values(), key=lambda a: (a.group.priority, a.group.name, a.priority, a.name)
    )
    return {a.name: a for a in ordered}


def _own(measure: Measure) -> Attribute:
    tag = measure.value is ValueKind.BOOLEAN
    v1, v2 = _OWN_TYPES[measure.value]
    return Attribute(
        name=measure.key,
        label=measure.label,
        group=groups().get(measure.group, groups()[_OWN_GROUP]),
        priority=_TAG_PRIORITY,
        type_v1=v1,
        type_v2=v2,
        measures=(measure,),
        keys=(measure.key,),
        tag=tag,
    )


_KIND_OF_TYPE = {
    0: ValueKind.INTEGER,
    1: ValueKind.NUMBER,
    2: ValueKind.TEXT,
    3: ValueKind.INTEGER,
    4: ValueKind.INTEGER,
    5: ValueKind.NUMBER,
    7: ValueKind.BOOLEAN,
    8: ValueKind.INTEGER,
}


def kind_of_type(value_type: int) -> ValueKind:
    """Return the kind of value of an own attribute of this type.

    Raises:
        InvalidInput: nobody makes attributes of it.
    """
    if value_type not in _KIND_OF_TYPE:
        raise InvalidInput(f"{value_type!r} is not a valid value type", field="value_type")
    return _KIND_OF_TYPE[value_type]


def typed(attribute: Attribute, value_type: int, group: str) -> Attribute:
    """Return an own attribute as it was made: of this type, in this group."""
    known = groups().get(group, attribute.group)
    v1 = 0 if value_type in (7, 8) else value_type
    made = msgspec.structs.replace(attribute, type_v1=v1, type_v2=value_type, group=known)
    if value_type == 7:
        return made
    return msgspec.structs.replace(made, priority=_OWN_PRIORITY, tag=False)


def empty_days(first: int, last: int) -> list[dict[str, Any]]:
    """Return `{value, date}` of days on which nothing is known, newest first."""
    return [{"value": None, "date": time.day_text(day)} for day in range(last, first - 1, -1)]


def unite(attribute: Attribute, found: Mapping[str, Sequence[Day]]) -> Sequence[Day]:
    """Return the days of an attribute: of several measures, the first that knows a day."""
    listed = [found[key] for key in attribute.keys if key in found]
    if len(listed) == 1:
        return listed[0]
    return [
        next((d for d in same_day if d.value is not None), same_day[0])
        for same_day in zip(*listed, strict=True)
    ]


def unit_of(attribute: Attribute, measure: Measure) -> str | None:
    """Return the unit in which Exist has an attribute, None for that of the measure."""
    return next((n.unit for n in measure.names.get(API, ()) if n.name == attribute.name), None)


def in_unit(attribute: Attribute, measure: Measure, value: float) -> float:
    """Return a canonical value in the attribute's unit."""
    unit = unit_of(attribute, measure)
    return catalog.from_canonical(measure, value, unit) if unit else value


Writing = Callable[[float | str | None], Any]


_WRITINGS: dict[tuple[Any, ...], Writing] = {}
_WRITINGS_MAX = 10_000


def writing(attribute: Attribute, measure: Measure) -> Writing:
    """Return what turns a day value into Exist's: unit, JSON type and range."""
    key = (attribute.name, attribute.type_v1, attribute.length_max, measure.key, measure.unit)
    known = _WRITINGS.get(key)
    if known is None:
        if len(_WRITINGS) >= _WRITINGS_MAX:
            _WRITINGS.clear()
        known = _WRITINGS[key] = _writing(attribute, measure)
    return known


def _writing(attribute: Attribute, measure: Measure) -> Writing:
    if attribute.type_v1 == _TEXT:
        most = attribute.length_max
        return lambda value: None if value is None else str(value)[:most]
    # Units differ by a factor and a shift; two values tell both.
    shift = in_unit(attribute, measure, 0.0)
    factor = in_unit(attribute, measure, 1.0) - shift
    exact = factor == 1.0 and shift == 0.0
    if attribute.type_v1 in _FLOATS:

        def decimal(value: float | str | None) -> Any:
            if value is None or isinstance(value, str):
                return None
            return float(value) if exact else float(f"{value * factor + shift:.{DIGITS}g}")

        return decimal
    of_day = attribute.type_v1 in _TIMES_OF_DAY

    def whole(value: float | str | None) -> Any:
        if value is None or isinstance(value, str):
            return None
        number = rounded(value if exact else float(f"{value * factor + shift:.{DIGITS}g}"))
        return number % 1440 if of_day else number

    return whole


def write_value(attribute: Attribute, measure: Measure, value: float | str | None) -> Any:
    """Return a day value as Exist's version 1 writes it: unit, JSON type and range."""
    return writing(attribute, measure)(value)


def rounded(value: float) -> int:
    """Return the nearest integer, half away from zero."""
    whole = int(value)
    if whole == value:
        return whole
    return whole + (1 if value > 0 else -1) if abs(value - whole) >= 0.5 else whole


def write_days(attribute: Attribute, found: Mapping[str, Sequence[Day]]) -> list[dict[str, Any]]:
    """Return `{value, date}` of each day, as `values` lists them; newest first."""
    listed = [
        (writing(attribute, measure), found[measure.key])
        for measure in attribute.measures
        if measure.key in found
    ]
    if len(listed) == 1:
        write, days = listed[0]
        return [{"value": write(d.value), "date": date_of(d.day)} for d in reversed(days)]
    written = []
    for same_day in reversed(list(zip(*(days for _, days in listed), strict=True))):
        value = next(
            (
                write(d.value)
                for (write, _), d in zip(listed, same_day, strict=True)
                if d.value is not None
            ),
            None,
        )
        written.append({"value": value, "date": date_of(same_day[0].day)})
    return written


@lru_cache(maxsize=8192)
def date_of(day: int) -> str:
    """Return a day as text; the same few are asked for again and again."""
    return time.day_text(day)


def write_attribute(
    attribute: Attribute,
    values: list[dict[str, Any]],
    service: str,
    *,
    private: bool = False,
) -> dict[str, Any]:
    """Return an attribute as the list of version 1 has it."""
    return {
        "attribute": attribute.name,
        "label": attribute.label,
        "group": {
            "name": attribute.group.name,
            "label": attribute.group.label,
            "priority": attribute.group.priority,
        },
        "priority": attribute.priority,
        "service": service,
        "private": private or attribute.tag,
        "value_type": attribute.type_v1,
        "value_type_description": TYPES_V1[attribute.type_v1],
        "values": values,
    }


def write_flat(
    attribute: Attribute, value: Any, service: str, *, private: bool = False
) -> dict[str, Any]:
    """Return an attribute as `today` and `owned` of version 1 have it."""
    return {
        "attribute": attribute.name,
        "label": attribute.label,
        "value": value,
        "service": service,
        "priority": attribute.priority,
        "private": private or attribute.tag,
        "value_type": attribute.type_v1,
        "value_type_description": TYPES_V1[attribute.type_v1],
    }


def write_group(group: Group, *, v2: bool = False) -> dict[str, Any]:
    """Return a group."""
    label = group.label_v2 if v2 and group.label_v2 else group.label
    return {"name": group.name, "label": label, "priority": group.priority}


def slug(name: str) -> str:
    """Return a source's name as Exist's services are named."""
    return re.sub(r"\W+", "_", name.casefold()).strip("_")


def listed(text: str | None) -> frozenset[str] | None:
    """Return the names of a comma-separated parameter, None where it is not given."""
    if not text:
        return None
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def count(text: str | None, default: int, most: int, *, field: str) -> int:
    """Return a positive number, `most` where it is past that.

    Raises:
        InvalidInput: no positive whole number.
    """
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit()) or not text.strip("0"):
        raise InvalidInput(f"{field} must be a positive whole number", field=field)
    return min(int(text[:10]), most) if len(text) <= 10 else most


def page_number(text: str | None) -> int:
    """Return the number of the asked page.

    Raises:
        InvalidPage: no positive whole number.
    """
    if text is None or text == "":
        return 1
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise InvalidPage("Invalid page.")
    return int(text)


def newest(text: str | None, today: int) -> int:
    """Return the newest day that may be answered: `date_max`, else the person's today.

    Raises:
        InvalidInput: no date.
    """
    return today if not text else time.day_from_text(text, field="date_max")


def paged(
    results: list[Any], total: int, page: int, size: int, url: Iterable[str]
) -> dict[str, Any]:
    """Return a page; `url` are the addresses of the next and of the previous page."""
    following, before = url
    return {
        "count": total,
        "next": following if page * size < total else None,
        "previous": before if page > 1 else None,
        "results": results,
    }
