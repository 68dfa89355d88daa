"""The catalog: every measure that we know by meaning, one file per family.

A file here that defines `MEASURES` (and `FAMILY`, the stream that holds their home streams) is
in. `SHARED` says which measure a name belongs to where an API has one name for several, `WORDS`
which numbers the words of a `words:…` unit stand for. Pryv's types are formats, not names: many
measures share one, and the stream tells them apart (`select`).
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType, ModuleType
from typing import Any

import msgspec

from diurnal import plugins
from diurnal.catalog._types import TYPE_UNITS as TYPE_UNITS
from diurnal.errors import InvalidInput, UnknownReference
from diurnal.model import units
from diurnal.model.measures import Daily, Measure, ValueKind
from diurnal.model.streams import ROOT, Stream

APIS = ("pryv", "exist", "personicle", "personal", "apple_health", "health_connect")
OWN_CLASS = "diurnal"
"""`diurnal/heart-rate` is a value of heart_rate in its canonical unit, in any stream."""

_FORMATS = "pryv"
_BARE = {"kg/m2", "scale:1-9"}
"""Units whose values are often sent as bare numbers."""
_NUMERIC = {ValueKind.INTEGER, ValueKind.NUMBER}
_KEY = re.compile(r"[a-z][a-z0-9_]*\Z")
_MONEY = re.compile(r"money/([a-z]{3})\Z")


def _modules() -> Iterator[ModuleType]:
    # Sub-packages (the scopes of the dialects) build on the catalog, so they come after it.
    for name in plugins.names(__name__):
        spec = importlib.util.find_spec(f"{__name__}.{name}")
        if spec is not None and spec.submodule_search_locations is None:
            module = importlib.import_module(f"{__name__}.{name}")
            if hasattr(module, "MEASURES"):
                yield module


def _home(measure: Measure) -> Measure:
    if measure.stream:
        return measure
    stream = f"{ROOT}-{measure.key.replace('_', '-')}"
    return msgspec.structs.replace(measure, stream=stream)


def _gather(
    modules: list[ModuleType],
) -> tuple[dict[str, Measure], dict[tuple[str, str], str], dict[str, dict[str, int]]]:
    measures: dict[str, Measure] = {}
    owners: dict[tuple[str, str], str] = {}
    words: dict[str, dict[str, int]] = {}
    for module in modules:
        owners |= getattr(module, "SHARED", {})
        words |= getattr(module, "WORDS", {})
        for measure in module.MEASURES:
            if not _KEY.match(measure.key) or measure.key in measures:
                raise ValueError(f"measure key {measure.key!r} is taken or malformed")
            measures[measure.key] = _home(measure)
    return measures, owners, words


def _name_all(
    measures: Mapping[str, Measure], owners: Mapping[tuple[str, str], str]
) -> dict[str, dict[str, tuple[Measure, ...]]]:
    """Return API -> name -> measures, the owner of a shared name first."""
    found: dict[str, dict[str, tuple[Measure, ...]]] = {api: {} for api in APIS}
    for measure in measures.values():
        for api, names in measure.names.items():
            for name in names:
                known = found[api].get(name.name, ())
                owner = owners.get((api, name.name))
                if known and owner is None and api != _FORMATS:
                    raise ValueError(
                        f"{api} name {name.name!r} is {known[0].key}'s and {measure.key}'s"
                    )
                found[api][name.name] = (
                    (measure, *known) if measure.key == owner else (*known, measure)
                )
    return found


def _plant(modules: list[ModuleType], measures: Mapping[str, Measure]) -> tuple[Stream, ...]:
    """Return the standard tree, parents first."""
    families: list[Stream] = [module.FAMILY for module in modules]
    waiting = sorted(families, key=lambda s: s.id)
    planted = [Stream(id=ROOT, name="Diurnal")]
    while waiting:
        ids = {s.id for s in planted}
        ready = [s for s in waiting if s.parent_id in ids]
        if not ready:
            raise ValueError(f"families without a parent: {[s.id for s in waiting]}")
        planted += ready
        waiting = [s for s in waiting if s not in ready]
    planted += [
        Stream(id=measures[m.key].stream, name=m.label, parent_id=module.FAMILY.id, measure=m.key)
        for module in modules
        for m in module.MEASURES
    ]
    if len({s.id for s in planted}) < len(planted):
        raise ValueError("two streams of the standard tree have one id")
    return tuple(planted)


def _derive(measures: Mapping[str, Measure]) -> dict[str, tuple[Measure, ...]]:
    """Return key -> measures derived from it."""
    found: dict[str, tuple[Measure, ...]] = dict.fromkeys(measures, ())
    for measure in measures.values():
        if measure.derived is not None:
            if measure.derived.measure not in measures:
                raise ValueError(f"{measure.key} is derived from an unknown measure")
            found[measure.derived.measure] += (measure,)
    return found


_FOUND = list(_modules())
_MEASURES, _OWNERS, _WORDS = _gather(_FOUND)
_NAMED = _name_all(_MEASURES, _OWNERS)
_DERIVED = _derive(_MEASURES)

MEASURES: Mapping[str, Measure] = MappingProxyType(_MEASURES)
"""Every measure by key, in the order of the files."""

STANDARD_STREAMS: tuple[Stream, ...] = _plant(_FOUND, _MEASURES)
"""The tree that each account starts with, parents first."""


_STANDARD = {s.id: s for s in STANDARD_STREAMS}


def standard_stream(id_: str) -> Stream | None:
    """Return a stream of the standard tree, or None."""
    return _STANDARD.get(id_)


def above(stream: str) -> list[str]:
    """Return the ancestors of a stream in the standard tree, nearest first."""
    found: list[str] = []
    at = _STANDARD.get(stream)
    while at is not None and at.parent_id is not None:
        found.append(at.parent_id)
        at = _STANDARD.get(at.parent_id)
    return found


def find(key: str) -> Measure | None:
    """Return the measure with this key, or None."""
    return _MEASURES.get(key)


def get(key: str) -> Measure:
    """Return the measure with this key.

    Raises:
        UnknownReference: no such measure.
    """
    measure = _MEASURES.get(key)
    if measure is None:
        raise UnknownReference(f"unknown measure {key!r}", field="measure")
    return measure


def named(api: str, name: str) -> tuple[Measure, ...]:
    """Return all measures that `api` calls `name`; the one that a write means comes first."""
    return _NAMED.get(api, {}).get(name, ())


def by_name(api: str, name: str) -> Measure | None:
    """Return the measure that `api` means by `name`, None for an unknown or ambiguous one."""
    return names(api).get(name)


@lru_cache(maxsize=16)
def names(api: str) -> Mapping[str, Measure]:
    """Return every name in `api` with its one measure; of Pryv, the types that only one has."""
    all_names = _NAMED.get(api, {})
    return MappingProxyType(
        {n: ms[0] for n, ms in all_names.items() if len(ms) == 1 or api != _FORMATS}
    )


@lru_cache(maxsize=1024)
def pryv_unit(type_: str) -> str | None:
    """Return the unit that an event type `class/format` says, None for a type without one."""
    unit = TYPE_UNITS.get(type_)
    if unit is not None:
        return unit
    money = _MONEY.match(type_)
    if money is not None:
        return f"currency:{money[1].upper()}"
    said = {n.unit for m in named(_FORMATS, type_) for n in m.names[_FORMATS] if n.name == type_}
    return said.pop() if len(said) == 1 else None


def own_type(measure: Measure) -> str:
    """Return the type that names the measure itself; its content is in the canonical unit."""
    return f"{OWN_CLASS}/{measure.key.replace('_', '-')}"


def event_type(measure: Measure) -> str:
    """Return the type that we write for an event of `measure`."""
    name = measure.name_in(_FORMATS)
    return name.name if name is not None else own_type(measure)


def day_kind(measure: Measure) -> ValueKind:
    """Return the kind of a day value: places are text, and what is counted is a number."""
    if measure.daily is Daily.COUNT:
        return ValueKind.INTEGER
    if measure.daily is Daily.DURATION:
        return ValueKind.NUMBER
    if measure.daily is Daily.JOIN or measure.value is ValueKind.OBJECT:
        return ValueKind.TEXT
    return measure.value


def day_type(measure: Measure) -> str:
    """Return the type that we write for a day value of `measure`."""
    if measure.daily is Daily.COUNT:
        return "count/generic"
    if measure.daily is Daily.DURATION:
        return "time/min"
    if measure.value is ValueKind.OBJECT:
        return own_type(measure)
    return event_type(measure)


def select(declared: str | None, type_: str) -> tuple[Measure, str] | None:
    """Return the measure of an event and the unit of its content, None where it has none.

    Args:
        declared: key of the measure that the event's stream declares.
        type_: `class/format`, or `series:class/format` of a series' holder.
    """
    return _select(declared, type_.removeprefix("series:"))


@lru_cache(maxsize=4096)
def _select(declared: str | None, type_: str) -> tuple[Measure, str] | None:
    family, _, name = type_.partition("/")
    if family == OWN_CLASS:
        own = _MEASURES.get(name.replace("-", "_"))
        return (own, own.unit) if own is not None else None
    measure = _MEASURES.get(declared) if declared is not None else None
    if measure is None:
        return None
    for known in measure.names.get(_FORMATS, ()):
        if known.name == type_:
            return measure, known.unit or measure.unit
    unit = pryv_unit(type_)
    counted = measure.daily in (Daily.COUNT, Daily.DURATION)
    if unit is None or not (measure.value in _NUMERIC or counted):
        return None
    # A bare 20 in a stream of fractions may mean 20 % or be a mistake; 50 % are no half step.
    if unit == "1" and (_is_ratio(measure) or measure.unit not in _BARE | {"1"}):
        return None
    if unit == "%" and not _is_ratio(measure):
        return None
    if unit == "1" or units.commensurable(unit, measure.unit, molar=measure.molar):
        return measure, unit
    return None


def _is_ratio(measure: Measure) -> bool:
    return any(n.unit == "%" for n in measure.names.get(_FORMATS, ()))


def to_canonical(measure: Measure, value: float, unit: str) -> float:
    """Return `value`, given in `unit`, in the canonical unit of `measure`.

    Raises:
        InvalidInput: the unit does not fit the measure, or the value is not finite.
    """
    return units.convert(value, _said(measure, unit), measure.unit, molar=measure.molar)


def from_canonical(measure: Measure, value: float, unit: str) -> float:
    """Return `value`, given in the canonical unit of `measure`, in `unit`.

    Raises:
        InvalidInput: the unit does not fit the measure, or the value is not finite.
    """
    return units.convert(value, measure.unit, _said(measure, unit), molar=measure.molar)


def _said(measure: Measure, unit: str) -> str:
    """Return the unit meant: bare numbers and words stand for canonical numbers."""
    if (unit == "1" and measure.unit in _BARE) or unit in _WORDS:
        return measure.unit
    return unit


def number(measure: Measure, content: Any, unit: str) -> float | None:
    """Return what the content of an event counts as, in the canonical unit; None for no number."""
    if isinstance(content, str):
        word = _WORDS.get(unit, {}).get(content)
        return None if word is None else float(word)
    if isinstance(content, bool) or not isinstance(content, (int, float)):
        return None
    if measure.value not in _NUMERIC and measure.daily not in (Daily.COUNT, Daily.DURATION):
        return None
    try:
        value = float(content)
        if not math.isfinite(value):
            return None
        return value if unit == measure.unit else to_canonical(measure, value, unit)
    except (OverflowError, InvalidInput):
        return None


def content(measure: Measure, value: float, unit: str) -> float | int | str:
    """Return a canonical number as the content of an event in `unit`: the inverse of `number`.

    Raises:
        InvalidInput: the unit does not fit the measure.
    """
    if unit in _WORDS:
        words = {n: word for word, n in _WORDS[unit].items()}
        if round(value) not in words:
            raise InvalidInput(f"{measure.key} has no word for {value}", field="value")
        return words[round(value)]
    return units.plain(from_canonical(measure, value, unit))


def plausible(measure: Measure, value: float) -> bool:
    """Return whether a canonical number lies within the bounds of the measure."""
    return (measure.low is None or value >= measure.low) and (
        measure.high is None or value <= measure.high
    )


def derived_from(key: str) -> tuple[Measure, ...]:
    """Return the measures whose days are computed from data of `key`."""
    return _DERIVED.get(key, ())
