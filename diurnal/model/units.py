"""Units: UCUM codes, the spellings that services use for them, and exact conversion.

Beside UCUM codes there are pseudo-units, for scales and clocks that UCUM does not have:
`scale:1-9`, `scale:0-1`, `scale:-1-1`; `min:midnight` and `min:midday` (minutes of the day after
either); `delta:Cel` (a difference of temperatures); `currency` (an account's own money) and
`currency:EUR` (a named one); `words:…` (a value said in words, never converted here).
"""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from diurnal.errors import InvalidInput

DAY_MIN = 1440
"""Minutes of a day on the clock."""


class _Unit(NamedTuple):
    """`base = value * factor + offset`, in the base unit of the dimension."""

    dimension: str
    factor: Fraction
    offset: Fraction


_TABLE: dict[str, dict[str, str | tuple[str, str]]] = {
    # dimension: {code: factor or (factor, offset)}
    "number": {"1": "1", "%": "0.01", "[ppth]": "0.001", "[ppm]": "1e-6"},
    "mass": {
        "kg": "1",
        "g": "0.001",
        "mg": "1e-6",
        "ug": "1e-9",
        "t": "1000",
        "[lb_av]": "0.45359237",
        "[oz_av]": "0.028349523125",
        "[stone_av]": "6.35029318",
        "[gr]": "0.00006479891",
        "[dr_av]": "0.0017718451953125",
        "[ston_av]": "907.18474",
        "[lton_av]": "1016.0469088",
    },
    "length": {
        "m": "1",
        "km": "1000",
        "cm": "0.01",
        "mm": "0.001",
        "um": "1e-6",
        "[mi_i]": "1609.344",
        "[nmi_i]": "1852",
        "[yd_i]": "0.9144",
        "[ft_i]": "0.3048",
        "[in_i]": "0.0254",
    },
    "energy": {
        "J": "1",
        "kJ": "1000",
        "MJ": "1e6",
        "cal": "4.184",
        "kcal": "4184",
        "W.h": "3600",
        "kW.h": "3.6e6",
        "[Btu]": "1055.05585262",
    },
    "time": {
        "s": "1",
        "ms": "0.001",
        "us": "1e-6",
        "min": "60",
        "h": "3600",
        "d": "86400",
        "wk": "604800",
        "a": "31557600",
    },
    "temperature": {
        "K": "1",
        "Cel": ("1", "273.15"),
        "[degF]": ("5/9", "45967/180"),
    },
    "temperature difference": {"delta:Cel": "1", "delta:degF": "5/9"},
    "rate": {"/min": "1", "Hz": "60", "/s": "60", "/h": "1/60", "kHz": "6e4", "mHz": "0.06"},
    "speed": {
        "m/s": "1",
        "km/h": "5/18",
        "m/min": "1/60",
        "[mi_i]/h": "0.44704",
        "[mi_i]/min": "26.8224",
        "[ft_i]/s": "0.3048",
        "[ft_i]/min": "0.00508",
        "[kn_i]": "463/900",
        "cm/s": "0.01",
    },
    "rainfall": {"mm/h": "1", "[in_i]/h": "25.4", "cm/h": "10"},
    "volume": {
        "L": "1",
        "mL": "0.001",
        "dL": "0.1",
        "cL": "0.01",
        "m3": "1000",
        "cm3": "0.001",
        "[foz_us]": "0.0295735295625",
        "[cup_us]": "0.2365882365",
        "[pt_us]": "0.473176473",
        "[qt_us]": "0.946352946",
        "[gal_us]": "3.785411784",
        "[gal_br]": "4.54609",
        "[foz_br]": "0.0284130625",
        "[tbs_us]": "0.01478676478125",
        "[tsp_us]": "0.00492892159375",
    },
    "substance concentration": {"mmol/L": "1", "umol/L": "0.001", "mol/L": "1000"},
    "mass concentration": {
        "g/L": "1",
        "mg/dL": "0.01",
        "g/dL": "10",
        "mg/L": "0.001",
        "ug/L": "1e-6",
        "mg/m3": "1e-6",
        "ug/m3": "1e-9",
        "kg/m3": "1",
    },
    "pressure": {
        "Pa": "1",
        "hPa": "100",
        "kPa": "1000",
        "mbar": "100",
        "bar": "1e5",
        "atm": "101325",
        "mm[Hg]": "133.322387415",
        "cm[Hg]": "1333.22387415",
        "[in_i'Hg]": "3386.388640341",
        "[psi]": "6894.757293168",
    },
    "power": {
        "W": "1",
        "kW": "1000",
        "[HP]": "745.69987158227022",
        "kcal/d": "523/10800",
        "kcal/h": "523/450",
    },
    "oxygen uptake": {"mL/kg/min": "1"},
    "metabolic effort": {"kcal/kg/h": "1"},
    "body mass index": {"kg/m2": "1"},
    "biological activity": {"[iU]": "1"},
    "activity concentration": {"[iU]/L": "1"},
    "level": {"dB": "1"},
    "angle": {"deg": "1"},
    "conductance": {"uS": "1"},
    "illuminance": {"lx": "1"},
    "data": {"By": "1"},
    "clock": {"min:midnight": "1", "min:midday": "1"},
    # Scales in steps of 1..9: mood r = (m - 1) / 8, valence v = (m - 5) / 4.
    "scale": {"scale:1-9": "1", "scale:0-1": ("8", "1"), "scale:-1-1": ("4", "5")},
    "currency": {"currency": "1"},
}

_EXACT = Context(prec=50)
"""More digits than two doubles have: dividing and multiplying back meets the same double."""


def _units() -> dict[str, _Unit]:
    units: dict[str, _Unit] = {}
    for name, codes in _TABLE.items():
        for code, said in codes.items():
            factor, offset = (said, "0") if isinstance(said, str) else said
            units[code] = _Unit(name, Fraction(factor), Fraction(offset))
    return units


UNITS = _units()
"""Every code that can be converted."""

_CURRENCY = re.compile(r"currency:[A-Z]{3}\Z")
_CONCENTRATIONS = {"mass concentration", "substance concentration"}


def dimension(unit: str) -> str | None:
    """Return what `unit` measures ("mass", "length", …), None for an unknown code."""
    known = UNITS.get(unit)
    if known is not None:
        return known.dimension
    return "currency" if _CURRENCY.match(unit) else None


def commensurable(unit: str, to: str, *, molar: float | None = None) -> bool:
    """Return whether values in `unit` can be said in `to`."""
    return unit == to or _relation(unit, to, molar) is not None


def is_finite(value: float) -> bool:
    """Return whether a float can be a number: an integer of JSON may have any length."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def plain(value: float) -> float | int:
    """Return a number without an empty fraction."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def convert(value: float, unit: str, to: str, *, molar: float | None = None) -> float:
    """Return `value`, given in `unit`, in the unit `to`.

    The decimal digits of the value are converted, not its binary form, so 0.07 is 7 % and not
    7.000000000000001 %.

    Args:
        molar: g/mol of the substance, where a mass concentration is turned into a substance
            concentration or back.

    Raises:
        InvalidInput: the units measure different things, or the result is no finite number.
    """
    if not is_finite(value):
        raise InvalidInput("not a finite number", field="value")
    if unit == to:
        return float(value)
    relation = _relation(unit, to, molar)
    if relation is None:
        raise InvalidInput(f"{unit!r} cannot be converted to {to!r}", field="unit")
    if relation is _CLOCK:
        return float((Decimal(repr(float(value))) + 720) % DAY_MIN)
    times, plus, over = relation
    exact = _EXACT.multiply(Decimal(repr(float(value))), times)
    result = float(_EXACT.divide(_EXACT.add(exact, plus), over))
    if math.isinf(result):
        raise InvalidInput(f"{value!r} {unit} is out of range in {to!r}", field="value")
    return result


def linear(unit: str, to: str, *, molar: float | None = None) -> tuple[float, float]:
    """Return (a, b) with `value in to = a * value + b`, for whole columns.

    Raises:
        InvalidInput: the units measure different things, or the way between them is no line.
    """
    if unit == to:
        return 1.0, 0.0
    relation = _relation(unit, to, molar)
    if relation is None or relation is _CLOCK:
        raise InvalidInput(f"{unit!r} cannot be converted to {to!r}", field="unit")
    times, plus, over = relation
    return float(_EXACT.divide(times, over)), float(_EXACT.divide(plus, over))


_Relation = tuple[Decimal, Decimal, Decimal]
"""(times, plus, over), whole numbers: (value * times + plus) / over."""

_SAME: _Relation = (Decimal(1), Decimal(0), Decimal(1))
_CLOCK: _Relation = (Decimal(0), Decimal(0), Decimal(0))
"""Stands for minutes after midnight ↔ midday: a turn of half a day, either way."""


@lru_cache(maxsize=1024)
def _relation(unit: str, to: str, molar: float | None) -> _Relation | None:
    if "currency" in (unit, to) and dimension(unit) == dimension(to):
        return _SAME
    a, b = UNITS.get(unit), UNITS.get(to)
    if a is None or b is None:
        return None
    factor = a.factor
    if a.dimension != b.dimension:
        # Mass concentrations are based on g/L, substance concentrations on mmol/L.
        grams_per_mmol = Fraction(repr(molar)) / 1000 if molar else None
        if grams_per_mmol is None or {a.dimension, b.dimension} != _CONCENTRATIONS:
            return None
        to_mass = b.dimension == "mass concentration"
        factor = factor * grams_per_mmol if to_mass else factor / grams_per_mmol
    elif a.dimension == "clock":
        return _CLOCK
    ratio, shift = factor / b.factor, (a.offset - b.offset) / b.factor
    over = math.lcm(ratio.denominator, shift.denominator)
    return Decimal(int(ratio * over)), Decimal(int(shift * over)), Decimal(over)


_ALIASES: dict[str, tuple[str, ...]] = {
    "1": (
        "count",
        "counts",
        "{steps}",
        "steps",
        "step",
        "{count}",
        "fraction",
        "ratio",
        "n",
        "x",
        "times",
        "{score}",
        "{index}",
    ),
    "%": ("percent", "percentage", "pct", "prozent"),
    "kg": ("kilogram", "kilograms", "kilo", "kilos", "kgs"),
    "g": ("gram", "grams", "gr", "gramm"),
    "mg": ("milligram", "milligrams"),
    "ug": ("mcg", "µg", "μg", "microgram", "micrograms"),
    "[lb_av]": ("lb", "lbs", "pound", "pounds"),
    "[oz_av]": ("oz", "ounce", "ounces"),
    "[stone_av]": ("st", "stone", "stones"),
    "m": ("meter", "meters", "metre", "metres", "mtr"),
    "km": ("kilometer", "kilometers", "kilometre", "kilometres", "kms"),
    "cm": ("centimeter", "centimeters", "centimetre", "centimetres"),
    "mm": ("millimeter", "millimeters", "millimetre", "millimetres"),
    "[mi_i]": ("mi", "mile", "miles"),
    "[ft_i]": ("ft", "foot", "feet"),
    "[in_i]": ("in", "inch", "inches"),
    "[yd_i]": ("yd", "yard", "yards"),
    "[nmi_i]": ("nmi",),
    "kcal": ("kilocalorie", "kilocalories", "kilo_calories", "calories", "calorie"),
    "cal": ("smallcalorie",),
    "kJ": ("kj", "kilojoule", "kilojoules"),
    "J": ("joule", "joules"),
    "kW.h": ("kwh",),
    "W.h": ("wh",),
    "s": ("sec", "secs", "second", "seconds"),
    "ms": ("msec", "millisecond", "milliseconds", "millis"),
    "min": ("mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours", "std"),
    "d": ("day", "days"),
    "a": ("yr", "year", "years"),
    "Cel": ("degc", "°c", "c", "celsius", "℃", "deg_c"),
    "[degF]": ("degf", "°f", "f", "fahrenheit", "℉", "deg_f"),
    "K": ("kelvin",),
    "/min": (
        "count/min",
        "bpm",
        "brpm",
        "rpm",
        "beats/min",
        "breaths/min",
        "steps/min",
        "stepsperminute",
        "counts/min",
        "1/min",
        "min-1",
        "spm",
        "{beats}/min",
        "{breaths}/min",
        "{rev}/min",
    ),
    "/s": ("count/s", "1/s"),
    "Hz": ("hz", "hertz"),
    "m/s": ("mps", "meters/second", "m/sec", "m·s-1"),
    "km/h": ("km/hr", "kmh", "kph", "kmph", "kilometers/hour"),
    "[mi_i]/h": ("mi/hr", "mph", "mi/h", "mp/h", "miles/hour"),
    "[ft_i]/s": ("ft/s", "ft/sec"),
    "[kn_i]": ("kt", "kn", "knot", "knots"),
    "mm/h": ("mm/hr",),
    "[in_i]/h": ("inch/h", "in/h", "in/hr", "inch/hr", "inches/hour"),
    "L": ("l", "liter", "liters", "litre", "litres", "ltr"),
    "mL": ("ml", "milliliter", "milliliters", "millilitre", "millilitres", "cc"),
    "dL": ("dl",),
    "cL": ("cl",),
    "[foz_us]": ("fl_oz_us", "floz", "fl oz", "fl_oz", "oz fl", "fluid ounce"),
    "[foz_br]": ("fl_oz_imp",),
    "[cup_us]": ("cup_us", "cup", "cups"),
    "[pt_us]": ("pt_us", "pint"),
    "[qt_us]": ("qt_us", "quart"),
    "[gal_us]": ("gal_us", "gallon"),
    "mmol/L": ("mmol/l", "mmoll", "mmol l-1"),
    "mg/dL": ("mg/dl", "mgdl"),
    "g/dL": ("g/dl",),
    "g/L": ("g/l",),
    "mg/L": ("mg/l",),
    "ug/m3": ("µg/m³", "μg/m³", "ug/m³", "µg/m3", "μg/m3", "mcg/m3"),
    "Pa": ("pa", "pascal"),
    "hPa": ("hpa", "hectopascal"),
    "mbar": ("millibar", "millibars"),
    "kPa": ("kpa", "kilopascal"),
    "mm[Hg]": ("mmhg", "mm hg", "torr"),
    "cm[Hg]": ("cmhg",),
    "[in_i'Hg]": ("inhg",),
    "[psi]": ("psi",),
    "atm": (),
    "W": ("watt", "watts", "w"),
    "kW": ("kilowatt", "kilowatts", "kw"),
    "[HP]": ("hp",),
    "mL/kg/min": (
        "ml/kg/min",
        "ml/min·kg",
        "ml/(kg*min)",
        "ml/(kg·min)",
        "ml/min/kg",
        "ml/kg·min",
        "ml/kg*min",
        "mlpkgmin",
        "ml/min*kg",
    ),
    "kcal/kg/h": ("kcal/hr·kg", "kcal/kg·hr", "kcal/(kg·hr)", "met"),
    "kg/m2": ("kg/m²",),
    "[iU]": ("iu", "[iu]", "units", "unit"),
    "dB": ("dbaspl", "db", "dbahl", "dba", "decibel"),
    "deg": ("°", "degree", "degrees"),
    "uS": ("mcs",),
    "lx": ("lux",),
}

_EXACTLY: dict[str, str] = {"": "1", "Cal": "kcal", "C": "Cel", "F": "[degF]", "cal": "cal"}
"""Spellings whose case matters; a bare number has no text."""


def _lookup() -> dict[str, str]:
    found = {code.casefold(): code for code in UNITS}
    for code, spellings in _ALIASES.items():
        for spelling in spellings:
            found[spelling.casefold()] = code
    return found


_BY_TEXT = _lookup()
_MOLAR_TEXT = re.compile(r"mmol<[0-9.]+>/l\Z")


@lru_cache(maxsize=1024)
def canonical_unit(text: str) -> str | None:
    """Return the code that `text` spells ("count/min", "lb", "degC", "Cal"), None if unknown."""
    stripped = text.strip()
    if stripped in UNITS:
        return stripped
    if stripped in _EXACTLY:
        return _EXACTLY[stripped]
    folded = " ".join(stripped.casefold().split())
    if _MOLAR_TEXT.match(folded):
        return "mmol/L"
    if _CURRENCY.match(stripped) or stripped == "currency":
        return stripped
    return _BY_TEXT.get(folded)
