"""Sleep as the app tells it: segments, or the totals of a night."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import _json, _said
from diurnal.connectors._health import night, tidy
from diurnal.connectors.apple_health.nights import Segments, build, datum
from diurnal.connectors.health_auto_export.names import source, time
from diurnal.model.records import DayDatum, Item, Source
from diurnal.model.time import day_of

_STAGES = {"In Bed": 0, "InBed": 0, "Asleep": 1, "Awake": 2, "Core": 3, "Deep": 4, "REM": 5}
PARTS = {"core": "sleep_light", "deep": "sleep_deep", "rem": "sleep_rem"}


def nights(rows: list[Any], where: str) -> Iterator[Item]:
    """Yield the nights that a metric tells."""
    segments: dict[Source, Segments] = defaultdict(Segments)

    def one(row: Mapping[str, Any]) -> Iterator[Item]:
        if "startDate" not in row:
            yield from _whole_night(row)
            return
        start, end = time(row["startDate"])[0], time(row["endDate"])[0]
        segments[source(row.get("source"))].add(start, end, _STAGES[row["value"]])

    yield from _json.each(one, rows, where)
    for from_, told in segments.items():
        for found in build(told):
            # As the export of Apple Health names it, so that both are one night.
            yield datum(from_, found)


def _whole_night(row: Mapping[str, Any]) -> Iterator[Item]:
    """Read a night of which only totals are told, in hours."""
    day = day_of(*time(row["date"]))
    from_ = source(row.get("source"))
    parts = {p: _said.number(row[p]) for p in PARTS if row.get(p) is not None}
    asleep = _said.number(row.get("asleep") or 0) + sum(parts.values())
    if row.get("totalSleep") is not None:
        asleep = _said.number(row["totalSleep"])
    start, offset = time(row.get("sleepStart") or row["inBedStart"])
    end, _ = time(row.get("sleepEnd") or row["inBedEnd"])
    bed = row.get("inBedStart"), row.get("inBedEnd")
    yield night(
        from_,
        _said.key("night", day),
        start,
        end,
        asleep_s=asleep * 3_600,
        stages=[("inBed", time(bed[0])[0], time(bed[1])[0])] if all(bed) else (),
        offset=offset,
    )
    for part, hours in parts.items():
        yield DayDatum(source=from_, measure=PARTS[part], day=day, value=tidy(hours * 60))
