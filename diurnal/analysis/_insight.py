"""One insight, and how its days and values are worded."""

from __future__ import annotations

import html as markup

import msgspec

from diurnal.analysis import Days, MeasureInfo
from diurnal.analysis._phrases import inside
from diurnal.analysis.sentences import figures

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Insight(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, with all that the wire of the Exist dialect has.

    Attributes:
        name: `sleep_worst_since_x`: the measure's name on that wire and the type.
        measure: key.
        period: 1, 7 or 30 days.
        priority: 1 now, 2 day, 3 week, 4 month.
        target_day: the day it is about; None for a week or month.
        day: the last day it rests on.
        value, value2, comment: as the wire has them.
        html, text: headline, number and note.
        surprise: log10 of how many such days it takes until chance brings one.
    """

    name: str
    measure: str
    period: int
    priority: int
    target_day: int | None
    day: int
    value: str
    value2: str | None
    comment: str | None
    html: str
    text: str
    surprise: float


def make(
    days: Days,
    measure: MeasureInfo,
    kind: str,
    period: int,
    priority: int,
    headline: str,
    second: str | None,
    *,
    value: str,
    value2: str | None,
    surprise: float,
    note: str | None = None,
    number: str | None = None,
    number_label: str | None = None,
    name: str = "",
    comment: str | None = None,
) -> Insight:
    def div(of: str, words: str) -> str:
        return f'<div class="{of}">{markup.escape(words)}</div>'

    if number is not None:
        blocks = [div("number", number), div("num-label", number_label or "")]
    else:
        blocks = [div("secondary", headline)] + ([div("number", second)] if second else [])
    blocks += [div("num-label", note)] if note else []
    lines = [headline, *(line for line in (second, note) if line)]
    return Insight(
        name=name or f"{measure.wire_name}_{kind}",
        measure=measure.key,
        period=period,
        priority=priority,
        target_day=days.last_day if period == 1 else None,
        day=days.last_day,
        value=value,
        value2=value2,
        comment=comment if comment is not None else note,
        html="".join(blocks),
        text="".join(f"{line}\r\n" for line in lines),
        surprise=surprise,
    )


def day_name(day: int) -> str:
    return WEEKDAY_NAMES[(day + 3) % 7]


def extreme(measure: MeasureInfo, high: bool) -> str:
    label = inside(measure.label)
    if measure.key == "sleep":
        return "Longest sleep" if high else "Shortest sleep"
    if measure.is_clock:
        return f"Latest {label}" if high else f"Earliest {label}"
    if measure.is_total:
        return f"Most {label}" if high else f"Least {label}"
    return f"Highest {label}" if high else f"Lowest {label}"


def shown(measure: MeasureInfo, value: float) -> str:
    """Return a value as people read it; times and durations as hours and minutes."""
    if measure.is_clock:
        start = 720 if measure.unit == "min:midday" else 0
        minutes = round(value + start) % 1440
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    if measure.unit == "min":
        minutes = round(abs(value))
        return f"{'-' if value < 0 else ''}{minutes // 60:02d}:{minutes % 60:02d}"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}".rstrip("0").rstrip(".")
    units = {"kg": " kg", "kcal": " kcal", "Cel": " °C", "/min": " a minute", "ms": " ms"}
    if measure.unit == "m" and abs(value) >= 1_000:
        return f"{value / 1_000:,.1f} km"
    return text + units.get(measure.unit, "")


def signed(measure: MeasureInfo, value: float) -> str:
    if measure.is_clock:
        return f"{value:+.0f} min"
    return ("+" if value >= 0 else "-") + shown(measure, abs(value))


def change_words(measure: MeasureInfo, change: float) -> str:
    if measure.is_clock:
        return f"{figures(abs(change))} min {'later' if change > 0 else 'earlier'}"
    return f"{shown(measure, abs(change))} {'more' if change > 0 else 'less'}"


def raw(value: float) -> str:
    return f"{value:.10g}"
