"""Values, dates and events as a guest reads them: in metric units, as the app shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diurnal.model.measures import Measure, ValueKind
from diurnal.model.time import day_text, to_datetime

TEXT_MAX = 300
CLOCKS = {"min:midnight": 0, "min:midday": 12 * 60}
"""Units that are times of day -> minutes from midnight to their zero."""
_SCALED = {
    "Cel": (1, 1, "°C"),
    "delta:Cel": (1, 1, "°C"),
    "m/s": (3.6, 1, "km/h"),
    "kcal": (1, 0, "kcal"),
    "/min": (1, 1, "bpm"),
    "mm[Hg]": (1, 0, "mmHg"),
    "ug/m3": (1, 1, "µg/m³"),
    "kg/m2": (1, 1, "kg/m²"),
    "deg": (1, 0, "°"),
    "By": (1, 0, "bytes"),
}
"""Unit -> (factor, decimals, its name)."""
_PER_MINUTE = {
    "cadence_cycle": "rpm",
    "cadence_step": "steps/min",
    "respiratory_rate": "breaths/min",
}
_BODY_LENGTHS = frozenset({"height", "waist", "step_length", "stride_length"})


def shown(measure: Measure, value: float | str | None) -> str:
    """Return a value of a day with its unit."""
    if not isinstance(value, int | float):
        return str(value or "")[:TEXT_MAX]
    unit = measure.unit
    if unit in CLOCKS:
        hours, minutes = divmod((round(value) + CLOCKS[unit]) % (24 * 60), 60)
        return f"{hours:02}:{minutes:02}"
    if unit == "min":
        hours, minutes = divmod(round(value), 60)
        return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
    if unit == "1" and measure.value is ValueKind.BOOLEAN:
        return "yes" if value else "no"
    if unit == "1" and measure.value is ValueKind.NUMBER and measure.high == 1:
        return f"{_number(value * 100, 1)} %"
    if unit == "m":
        return _length(measure.key, value)
    if unit in _SCALED:
        factor, decimals, name = _SCALED[unit]
        return f"{_number(value * factor, decimals)} {_PER_MINUTE.get(measure.key, name)}"
    text = _number(value, 2)
    plain = unit == "1" or ":" in unit or unit.startswith("{")
    return text if plain else f"{text} {unit}"


def _length(key: str, metres: float) -> str:
    if key in _BODY_LENGTHS:
        return f"{_number(metres * 100, 1)} cm"
    return f"{_number(metres, 0)} m" if abs(metres) < 1_000 else f"{_number(metres / 1_000, 2)} km"


def _number(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def date_words(day: int) -> str:
    """Return a local day, like 3 October 2026."""
    year, month, number = day_text(day).split("-")
    return f"{int(number)} {_MONTHS[int(month) - 1]} {year}"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def instant_words(at: int, zone: str) -> str:
    """Return an instant, like 3 October 2026, 09:05.

    Args:
        at: microseconds UTC.
    """
    told = to_datetime(at, zone)
    return f"{told.day} {told:%B %Y, %H:%M}"


def words(event: Mapping[str, Any]) -> str:
    """Return an event, as its native JSON tells it, in a line."""
    content, parts = event.get("content"), []
    if isinstance(content, str):
        parts.append(content)
    elif isinstance(content, bool):
        parts.append("yes" if content else "no")
    elif isinstance(content, int | float):
        unit = str(event.get("type", "")).partition("/")[2]
        parts.append(f"{content:,.6g} {unit}".strip())
    elif isinstance(content, dict):
        parts.append(_members(content, named=bool(event.get("description"))))
    if event.get("description"):
        parts.append(str(event["description"]))
    if event.get("tags"):
        parts.append(" ".join(f"#{t}" for t in event["tags"]))
    return " · ".join(p for p in parts if p) or str(event.get("type", ""))


def _members(content: Mapping[str, Any], *, named: bool) -> str:
    """Return what an object tells; a place that has a name needs no coordinates."""
    told = {k: v for k, v in content.items() if isinstance(v, str | int | float)}
    where = [told.get(name) for name in ("latitude", "longitude")]
    if all(isinstance(part, int | float) for part in where):
        return "" if named else ", ".join(f"{part:.4f}" for part in where)
    if "title" in told:
        titles = (str(told[name]) for name in ("title", "artist", "album") if told.get(name))
        return ", ".join(titles)
    return ", ".join(f"{k}: {v}" for k, v in told.items())
