"""Exist: an account's attributes with their values, as its export and its API give them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Entry, _json
from diurnal.connectors.csv_file import meaning
from diurnal.model.measures import Measure, ValueKind
from diurnal.model.records import Bad, DayDatum, Item, OwnMeasure, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import day_from_text

_FILE = re.compile(r"(?:data_)?(?P<name>[a-z][a-z0-9_]*?)(?:_all|_[0-9]{4})?\.json", re.ASCII)
_OWN = {0: ValueKind.INTEGER, 1: ValueKind.NUMBER, 2: ValueKind.TEXT, 3: ValueKind.INTEGER}
_OWN |= {4: ValueKind.INTEGER, 5: ValueKind.NUMBER, 6: ValueKind.INTEGER}
_OWN |= {7: ValueKind.BOOLEAN, 8: ValueKind.INTEGER, 9: ValueKind.INTEGER}
"""Kinds of own measures by Exist's value types: https://developer.exist.io/reference/object_types/"""


def recognise(entry: Entry) -> float:
    """Return 0.92 for attributes with values, 0.9 for the values of one that the file names."""
    members = _json.members(entry.head)
    for root in ("item.", "results.item."):
        if {f"{root}values.item.date", f"{root}values.item.value"} <= members and (
            f"{root}attribute" in members or {f"{root}name", f"{root}value_type"} <= members
        ):
            return 0.92
        if {f"{root}date", f"{root}value"} <= members and _named(entry) in catalog.names("exist"):
            return 0.9
    return 0.0


def _named(entry: Entry) -> str:
    found = _FILE.fullmatch(entry.name.casefold())
    return found["name"] if found else ""


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read attributes, or one attribute's values."""
    read = _json.document(entry)
    found = read.get("results", []) if isinstance(read, dict) else read
    if any(isinstance(one, dict) and "values" in one for one in found):
        for one in found:
            yield from _json.careful(_attribute, one, entry.path)
    else:
        named = {"name": _named(entry), "values": found}
        yield from _json.careful(_attribute, named, entry.path)
    yield Progress("reading", entry.size, entry.size)


def _attribute(said: Any) -> Iterator[Item]:
    name = said.get("attribute") or said["name"]
    measure = catalog.by_name("exist", name)
    own = None
    if measure is None:
        kind = _OWN.get(said.get("value_type", 1), ValueKind.NUMBER)
        label = said.get("label") or name
        own = OwnMeasure(key=meaning.own_key(name, set()), label=label, value=kind.value)
        yield own
    source = _source(said)
    for cell in said["values"]:
        if cell.get("value") is None:
            continue
        try:
            day = day_from_text(cell["date"])
            value = _value(measure, own, name, cell["value"])
        except (ValueError, TypeError, KeyError) as error:
            yield Bad(f"no value of {name}: {error}", name, _json.raw(cell))
            continue
        key = own.key if own is not None else measure.key if measure is not None else name
        raw = cell["value"] if isinstance(cell["value"], str) else _json.raw(cell["value"])
        yield DayDatum(source=source, measure=key, day=day, value=value, raw=raw)


def _source(said: Mapping[str, Any]) -> Source:
    service = said.get("service")
    told = service.get("label") or service.get("name") if isinstance(service, dict) else service
    if not told or str(told).casefold() in ("exist", "manual"):
        return Source("Exist", Kind.MANUAL)
    return Source(" ".join(f"{told} by Exist".split()), Kind.DERIVED)


def _value(measure: Measure | None, own: OwnMeasure | None, name: str, said: Any) -> float | str:
    if measure is None:
        if own is not None and own.value == ValueKind.TEXT.value:
            return str(said)
        return float(said)
    if catalog.day_kind(measure) is ValueKind.TEXT:
        return str(said)
    unit = next(n.unit for n in measure.names["exist"] if n.name == name)
    return catalog.to_canonical(measure, float(said), unit) if unit else float(said)


CONNECTOR = Connector(
    name="exist_export",
    title="Exist",
    docs="https://developer.exist.io/reference/attributes/",
    emits=None,
    recognise=recognise,
    parse=parse,
)
