"""Day values: one value per local day, made of all that the sources say.

A person's own entry wins outright, then the entry of the service that owns the attribute, then
the data by the rule of the measure. A day value depends only on data that touch its day, so it
can be computed alone or with its neighbours. Source: spec measures §4, §5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from diurnal.model.candidates import (
    ROWS_MAX,
    DayEntry,
    DayValue,
    Inputs,
    Intervals,
    Ints,
    Part,
    Reason,
    Rejected,
    Session,
    SourceFacts,
    SourceOrder,
    TextItem,
    order_sources,
)
from diurnal.model.measures import Daily, Measure, ValueKind
from diurnal.model.nights import Night, nights
from diurnal.model.samples import anys, arranged_entries, lasts, maxes, means, mins
from diurnal.model.sums import sums
from diurnal.model.tallies import counts, durations, joins, with_entries
from diurnal.model.time import ZoneHistory

__all__ = [
    "DayEntry",
    "DayValue",
    "Inputs",
    "Intervals",
    "Night",
    "Part",
    "Reason",
    "Rejected",
    "Session",
    "SourceFacts",
    "SourceOrder",
    "TextItem",
    "anys",
    "bounds_of",
    "counts",
    "day_values",
    "durations",
    "joins",
    "lasts",
    "maxes",
    "means",
    "mins",
    "nights",
    "order_sources",
    "sums",
]

SLEEP = "sleep"
"""Key of the measure whose sessions are dated by the day of waking."""


def bounds_of(zones: ZoneHistory, first_day: int, days: int) -> Ints:
    """Return int64[days + 1]: the starts of local days and the end of the last."""
    return np.array(zones.day_starts(first_day, days), np.int64)


def day_values(
    measure: Measure,
    inputs: Inputs,
    bounds: Ints,
    first_day: int,
    zones: ZoneHistory,
    order: SourceOrder,
) -> list[DayValue]:
    """Return the value of each day by the rule of the measure; [] where it has no day values.

    A derived measure gets the data of the measure that it is derived from. Sessions are dated by
    the day they begin on, sleep by the day of waking. Where a duration has sessions, its
    intervals count only on days without any.

    Args:
        bounds: int64[days + 1], starts of the days from `first_day` on, and the end of the last.
    """
    rule = measure.derived.daily if measure.derived else measure.daily
    if rule is Daily.NONE:
        return []
    entries, refused = _fitting(measure, inputs.entries)
    totals = [e for e in entries if e.by == "source"]
    found = _found(measure, rule, inputs, totals, bounds, first_day, zones, order)
    return _entered(found, entries, refused, first_day, order)


def _found(
    measure: Measure,
    rule: Daily,
    inputs: Inputs,
    totals: Sequence[DayEntry],
    bounds: Ints,
    first_day: int,
    zones: ZoneHistory,
    order: SourceOrder,
) -> list[DayValue]:
    derived, low, high = measure.derived, measure.low, measure.high
    days = len(bounds) - 1
    if (derived.measure if derived else measure.key) == SLEEP:
        # Limits of a derived measure are those of its own unit, not of minutes asleep.
        least, most = (None, None) if derived else (low, high)
        slept = nights(inputs.sessions, bounds, first_day, zones, order, low=least, high=most)
        said = {day: _of_night(measure, rule, night) for day, night in slept.items()}
        return with_entries(said, totals, first_day, days, order)
    if rule is Daily.SUM:
        return sums(inputs.intervals, totals, bounds, first_day, order, low=low, high=high)
    if rule is Daily.DURATION:
        summed = sums(
            inputs.intervals,
            () if inputs.sessions else totals,
            bounds,
            first_day,
            order,
            durations=True,
            low=low,
            high=high,
        )
        if not inputs.sessions:
            return summed
        stage = derived.stage if derived else None
        lasted = durations(inputs.sessions, bounds, first_day, order, stage)
        return with_entries({v.day: v for v in summed} | lasted, totals, first_day, days, order)
    if rule is Daily.COUNT:
        return counts(inputs, totals, bounds, first_day, order)
    if rule is Daily.JOIN:
        return joins(inputs.texts, totals, bounds, first_day, order)
    if rule is Daily.ANY:
        return anys(inputs, totals, bounds, first_day, order)
    data = inputs.intervals
    if rule is Daily.LAST:
        return lasts(data, inputs.texts, totals, bounds, first_day, order, low=low, high=high)
    if rule is Daily.MEAN:
        return means(data, totals, bounds, first_day, order, low=low, high=high)
    if rule is Daily.MAX:
        return maxes(data, totals, bounds, first_day, order, low=low, high=high)
    if rule is Daily.MIN:
        return mins(data, totals, bounds, first_day, order, low=low, high=high)
    # SLEEP_START and SLEEP_END of anything but sleep: only what was entered.
    return with_entries({}, totals, first_day, days, order)


def _of_night(measure: Measure, rule: Daily, night: Night) -> DayValue:
    """Return what a night says of a measure that is sleep or derived from it."""
    stage = measure.derived.stage if measure.derived else None
    values: dict[str | None, float | None] = {
        None: night.asleep_min,
        "deep": night.deep_min,
        "light": night.light_min,
        "rem": night.rem_min,
        "in_bed": night.in_bed_min,
        "awake": night.awakenings,
    }
    if rule is Daily.SLEEP_START:
        value: float | None = night.start_min
    elif rule is Daily.SLEEP_END:
        value = night.end_min
    elif rule is Daily.COUNT and stage is None:
        value = len(night.sources) or None
    else:
        value = values.get(stage)
    rejected = tuple(Rejected(s, minutes, reason) for s, minutes, reason in night.rejected)
    if value is None:
        return DayValue(night.day, rejected=rejected)
    return DayValue(
        night.day,
        value=float(value),
        source=night.main.source if night.main else None,
        by="data",
        parts=tuple(Part(s, minutes) for s, minutes in night.sources),
        rejected=rejected,
        rows=night.ids[:ROWS_MAX],
        n=len(night.ids),
    )


def _fitting(
    measure: Measure, entries: Sequence[DayEntry]
) -> tuple[list[DayEntry], dict[int, list[Rejected]]]:
    """Part day rows into those that the measure allows and the rest, by day."""
    fitting: list[DayEntry] = []
    refused: dict[int, list[Rejected]] = {}
    for e in entries:
        if isinstance(e.value, str):
            fits = measure.value in (ValueKind.TEXT, ValueKind.OBJECT)
        else:
            low = -np.inf if measure.low is None else measure.low
            high = np.inf if measure.high is None else measure.high
            fits = bool(np.isfinite(e.value)) and low <= e.value <= high
        if fits:
            fitting.append(e)
        else:
            refused.setdefault(e.day, []).append(Rejected(e.source, e.value, Reason.RANGE))
    return fitting, refused


def _entered(
    found: list[DayValue],
    entries: Sequence[DayEntry],
    refused: Mapping[int, list[Rejected]],
    first_day: int,
    order: SourceOrder,
) -> list[DayValue]:
    """Let the person's own entry replace what was found, else the owning service's."""
    by_day: dict[int, list[DayEntry]] = {}
    for e in entries:
        if e.by != "source" and 0 <= e.day - first_day < len(found):
            by_day.setdefault(e.day, []).append(e)
    for day, here in by_day.items():
        persons = [e for e in here if e.by == "person"]
        best = arranged_entries(persons or here, order)[0]
        reason = Reason.PERSON if persons else Reason.OWNER
        was = found[day - first_day]
        overruled = [Rejected(e.source, e.value, reason) for e in here if e is not best]
        overruled += [Rejected(p.source, p.value, reason, p.n) for p in was.parts]
        found[day - first_day] = DayValue(
            day,
            value=best.value,
            source=best.source,
            by="person" if persons else "owner",
            parts=(Part(best.source, best.value),),
            rejected=(*overruled, *was.rejected),
            rows=(best.row,),
            n=1,
        )
    for day, overruled in refused.items():
        if 0 <= day - first_day < len(found):
            was = found[day - first_day]
            found[day - first_day] = msgspec.structs.replace(
                was, rejected=(*was.rejected, *overruled)
            )
    return found
