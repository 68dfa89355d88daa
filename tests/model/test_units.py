"""Units: exact conversion, and the spellings that services use."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.errors import InvalidInput
from diurnal.model import units

PAIRS = [
    (a, b)
    for a, x in units.UNITS.items()
    for b, y in units.UNITS.items()
    if x.dimension == y.dimension
]
DECIMALS = st.decimals(min_value=-(10**6), max_value=10**6, places=4, allow_nan=False).map(float)


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (2000, "kcal", "kJ", 8368),
        (100, "kJ", "kcal", 23.900573613766730),
        (0.07, "1", "%", 7),
        (22.3, "%", "1", 0.223),
        (98.6, "[degF]", "Cel", 37),
        (-40, "Cel", "[degF]", -40),
        (1, "delta:Cel", "delta:degF", 1.8),
        (36, "km/h", "m/s", 10),
        (1, "[in_i]/h", "mm/h", 25.4),
        (1, "[mi_i]", "m", 1609.344),
        (1, "[lb_av]", "kg", 0.45359237),
        (1, "[stone_av]", "[lb_av]", 14),
        (16, "[oz_av]", "[lb_av]", 1),
        (3, "[ft_i]", "[yd_i]", 1),
        (1, "Hz", "/min", 60),
        (1013.25, "hPa", "atm", 1),
        (1, "[foz_us]", "mL", 29.5735295625),
        (5, "scale:1-9", "scale:0-1", 0.5),
        (5, "scale:1-9", "scale:-1-1", 0),
        (1, "scale:0-1", "scale:1-9", 9),
        (-1, "scale:-1-1", "scale:1-9", 1),
        (660, "min:midday", "min:midnight", 23 * 60),
        (30, "min:midnight", "min:midday", 750),
        (12.5, "currency:EUR", "currency", 12.5),
    ],
)
def test_a_value_converts_to_the_last_digit(
    value: float, unit: str, to: str, expected: float
) -> None:
    assert units.convert(value, unit, to) == expected


def test_glucose_needs_its_molar_mass() -> None:
    assert units.convert(5.5, "mmol/L", "mg/dL", molar=180.16) == 99.088
    assert units.convert(18.016, "mg/dL", "mmol/L", molar=180.16) == 1
    with pytest.raises(InvalidInput):
        units.convert(5.5, "mmol/L", "mg/dL")


@pytest.mark.parametrize(
    ("unit", "to"),
    [
        ("kg", "m"),
        ("kg", "furlong"),
        ("parsec", "m"),
        ("1", "scale:1-9"),
        ("Cel", "delta:Cel"),
        ("currency:EUR", "currency:USD"),
        ("min", "min:midday"),
    ],
)
def test_what_measures_something_else_is_refused(unit: str, to: str) -> None:
    assert not units.commensurable(unit, to)
    with pytest.raises(InvalidInput):
        units.convert(1, unit, to)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_is_refused_even_without_a_conversion(value: float) -> None:
    with pytest.raises(InvalidInput):
        units.convert(value, "kg", "kg")


def test_a_result_past_the_largest_number_is_refused() -> None:
    with pytest.raises(InvalidInput):
        units.convert(1e308, "t", "ug")


@given(st.sampled_from(PAIRS), DECIMALS)
def test_there_and_back_is_the_same_value(pair: tuple[str, str], value: float) -> None:
    unit, to = pair
    if units.dimension(unit) == "clock":
        value = abs(value) % units.DAY_MIN
    there = units.convert(value, unit, to)
    # Temperatures lose what the shift of the zero point swallows.
    assert units.convert(there, to, unit) == pytest.approx(value, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("unit", "to"), [("km", "m"), ("g", "kg"), ("%", "1"), ("cm", "m"), ("L", "mL"), ("Pa", "hPa")]
)
@given(DECIMALS)
def test_moving_the_decimal_point_loses_no_digit(unit: str, to: str, value: float) -> None:
    assert units.convert(units.convert(value, unit, to), to, unit) == value


@given(st.sampled_from(PAIRS), DECIMALS)
def test_columns_convert_as_values_do(pair: tuple[str, str], value: float) -> None:
    unit, to = pair
    if unit != to and units.dimension(unit) == "clock":
        with pytest.raises(InvalidInput):
            units.linear(unit, to)
        return
    a, b = units.linear(unit, to)
    assert a * value + b == pytest.approx(units.convert(value, unit, to), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("count", "1"),
        ("", "1"),
        ("count/min", "/min"),
        ("bpm", "/min"),
        ("rpm", "/min"),
        ("lb", "[lb_av]"),
        ("lbs", "[lb_av]"),
        ("degC", "Cel"),
        ("°F", "[degF]"),
        ("kcal", "kcal"),
        ("Cal", "kcal"),
        ("cal", "cal"),
        ("kilo_calories", "kcal"),
        ("mi", "[mi_i]"),
        ("mi/hr", "[mi_i]/h"),
        ("km/hr", "km/h"),
        ("kmph", "km/h"),
        ("%", "%"),
        ("fl_oz_us", "[foz_us]"),
        ("mL/min·kg", "mL/kg/min"),
        ("ml/kg/min", "mL/kg/min"),
        ("IU", "[iU]"),
        ("mmHg", "mm[Hg]"),
        ("mmol<180.1558800000541>/L", "mmol/L"),
        ("mg/dL", "mg/dL"),
        ("mcg", "ug"),
        ("µg/m³", "ug/m3"),
        ("dBASPL", "dB"),
        ("inch/h", "[in_i]/h"),
        (" hr ", "h"),
        ("currency:CHF", "currency:CHF"),
        ("furlong", None),
    ],
)
def test_the_spellings_of_services_are_known(text: str, code: str | None) -> None:
    assert units.canonical_unit(text) == code


def test_every_spelling_leads_to_a_unit_that_converts() -> None:
    for code in units.UNITS:
        assert units.canonical_unit(code) == code
    for code, spellings in units._ALIASES.items():
        assert code in units.UNITS
        for spelling in spellings:
            assert units.canonical_unit(spelling) == code, spelling


@pytest.mark.parametrize("value", [10**400, -(10**400), float("inf"), float("nan")])
def test_a_number_that_no_float_holds_is_no_finite_one(value: float) -> None:
    assert not units.is_finite(value)
    with pytest.raises(InvalidInput):
        units.convert(value, "kg", "g")
    assert units.is_finite(10**300)
