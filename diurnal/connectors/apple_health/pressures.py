"""Blood pressures: Apple writes the two values of one as records of their own."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping

from diurnal.connectors._health import pressure
from diurnal.connectors.apple_health.values import identity, number
from diurnal.model.records import Datum, Source
from diurnal.model.time import MINUTE

PAIR_GAP = MINUTE
"""Between the two values of one blood pressure, where no instant joins them."""

Halves = tuple[dict[int, float], dict[int, float]]
"""Systolic and diastolic values by their instants."""


def paired(values: Mapping[str, Halves], named: Callable[[str], Source]) -> list[Datum]:
    """Return the blood pressures: both values of an instant, or of one minute, are one."""
    found: list[Datum] = []
    for name, (systolic, diastolic) in values.items():
        source = named(name)
        left = sorted(set(diastolic) - set(systolic))
        for at, high in sorted(systolic.items()):
            low_at: int | None = at if at in diastolic else None
            if low_at is None:
                near = range(bisect_left(left, at - PAIR_GAP), bisect_right(left, at + PAIR_GAP))
                if near:
                    low_at = left.pop(min(near, key=lambda i: abs(left[i] - at)))
            if low_at is None:
                found.append(_lone("blood_pressure_systolic", source, at, high))
                continue
            low = diastolic[low_at]
            id_ = identity("blood_pressure", name, at, high, low)
            found.append(pressure(source, id_, at, {"systolic": high, "diastolic": low}))
        found += [_lone("blood_pressure_diastolic", source, at, diastolic[at]) for at in left]
    return found


def _lone(measure: str, source: Source, at: int, value: float) -> Datum:
    return Datum(
        source=source,
        source_id=identity(measure, source.name, at, value),
        type="pressure/mmhg",
        start=at,
        duration=0,
        content=number(value),
        measure=measure,
    )
