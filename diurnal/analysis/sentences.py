"""Findings as sentences: Exist's for its API, and ours with amounts, for every measure and tag."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from diurnal.analysis import MeasureInfo
from diurnal.analysis._links import Link
from diurnal.analysis._phrases import inside, phrase
from diurnal.model.measures import Daily

_SUFFIX = {
    "min": "min",
    "kg": "kg",
    "g": "g",
    "mg": "mg",
    "kcal": "kcal",
    "Cel": "°C",
    "delta:Cel": "°C",
    "/min": "a minute",
    "ms": "ms",
    "mL": "ml",
    "mm[Hg]": "mmHg",
    "mmol/L": "mmol/l",
    "ug/m3": "µg/m³",
    "m/s": "m/s",
    "W": "W",
    "dB": "dB",
    "hPa": "hPa",
    "mm/h": "mm/h",
    "[iU]": "units",
    "kg/m2": "kg/m²",
    "mL/kg/min": "ml/kg/min",
}
_BARE = {"1", "", "scale:1-9", "currency"}


class Told(msgspec.Struct, frozen=True):
    """A link in Exist's words: the outcome, the connector, the condition."""

    outcome: str
    connector: str
    condition: str

    @property
    def elements(self) -> list[str]:
        """The three parts, as `second_person_elements`."""
        return [self.outcome, self.connector, self.condition]

    @property
    def text(self) -> str:
        """One sentence, as `second_person` of v2; v1 begins with a capital."""
        return f"{self.outcome} {self.connector} {self.condition}."

    @property
    def capital(self) -> str:
        """The same with a capital."""
        return self.text[:1].upper() + self.text[1:]


def tell(outcome: MeasureInfo, condition: MeasureInfo, *, along: bool, after: bool) -> Told:
    """Say a link in Exist's words.

    Args:
        outcome, condition: the two measures.
        along: True when both go up together; else one side is told by its opposite.
        after: True when the condition is of the day before.
    """
    first, second = phrase(outcome), phrase(condition)
    left, right = first.more, second.more
    if not along:
        if second.opposite:
            right = second.less
        else:
            left = first.less
    return Told(left, "on days after" if after else "when", right)


def sentence(link: Link, measures: Mapping[str, MeasureInfo]) -> str:
    """Say one of our links with its amount and interval.

    Args:
        link: from `correlations`.
        measures: by key.
    """
    a, b = measures[link.a], measures[link.b]
    if link.sign == 0 or link.effect is None:
        return _bend(link, a, b)
    effect = link.effect
    what = _what(b, effect.change, effect.low, effect.high)
    return f"{_when(a, link.lag, effect.per)}, {what}."


def _bend(link: Link, a: MeasureInfo, b: MeasureInfo) -> str:
    side = "lowest" if link.shape == "valley" else "highest"
    when = "" if link.lag == 0 else f" {_before(link.lag)}"
    return f"Your {inside(b.label)} is {side} when {inside(a.label)}{when} is in its middle range."


def _before(lag: int) -> str:
    return "the day before" if lag == 1 else f"{lag} days before"


def _when(a: MeasureInfo, lag: int, per: float) -> str:
    if a.is_tag:
        if lag == 0:
            return f"On days with '{a.label}'"
        return f"The day after '{a.label}'" if lag == 1 else f"{lag} days after '{a.label}'"
    amount, label = _amount(a, per), inside(a.label)
    when = "" if lag == 0 else f" {_before(lag)}"
    if a.is_clock:
        return f"With {label} {amount} later{when}"
    if a.is_total:
        return f"With {amount} more {label}{when}"
    return f"With {label} {amount} higher{when}"


def _what(b: MeasureInfo, change: float, low: float, high: float) -> str:
    size = sorted((abs(low), abs(high)))
    label = inside(b.label)
    if b.is_tag:
        word = "more" if change > 0 else "less"
        shares = f"{100 * size[0]:.0f} to {100 * size[1]:.0f}"
        return f"you tag '{b.label}' {100 * abs(change):.0f} points {word} often ({shares})"
    # An interval that touches nothing says so instead of hiding its sign.
    crosses = low < 0 < high
    interval = (
        f"{'up to ' if crosses else _amount(b, size[0], bare=True) + ' to '}"
        f"{_amount(b, size[1], bare=True)}"
    )
    amount = _amount(b, abs(change))
    if b.is_clock:
        return f"your {label} is {amount} {'later' if change > 0 else 'earlier'} ({interval})"
    owner = "the" if b.group in ("weather", "exposome") else "your"
    word = "higher" if change > 0 else "lower"
    if b.key == "sleep":
        return f"you sleep {amount} {'more' if change > 0 else 'less'} ({interval})"
    if b.kind in (Daily.SUM, Daily.COUNT, Daily.DURATION):
        counted = b.kind is Daily.COUNT or b.unit == "1"
        word = "more" if change > 0 else "fewer" if counted else "less"
        return f"you have {amount} {word} {label} ({interval})"
    return f"{owner} {label} is {amount} {word} ({interval})"


def _amount(measure: MeasureInfo, value: float, *, bare: bool = False) -> str:
    """Return an amount as people write it: two figures that count, and a unit."""
    unit = "min" if measure.is_clock else measure.unit
    if unit == "m" and abs(value) >= 1_000:
        value, unit = value / 1_000, "km"
    text = figures(value)
    suffix = _SUFFIX.get(unit, "" if unit in _BARE else unit)
    return text if bare or not suffix else f"{text} {suffix}"


def figures(value: float) -> str:
    """Return a number with two figures that count, thousands apart: 18, 0.16, 1,200."""
    if value == 0 or not math.isfinite(value):
        return "0"
    places = 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    return (
        f"{rounded:,.{max(places, 0)}f}".rstrip("0").rstrip(".")
        if places > 0
        else f"{rounded:,.0f}"
    )
