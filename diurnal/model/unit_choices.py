"""The units that a person may choose to read their values in, by kind of value.

They change nothing that is stored. Our pages offer the same (`web/src/lib/units.ts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from diurnal.errors import InvalidInput

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mass": ("kg", "st", "lb"),
        "height": ("cm", "in"),
        "distance": ("km", "mi"),
        "temperature": ("°C", "°F"),
        "energy": ("kcal", "kJ"),
        "volume": ("L", "fl oz"),
        "glucose": ("mmol/L", "mg/dL"),
    }
)
"""Kind -> units, the usual metric one first."""


def check(units: Any, field: str) -> None:
    """Refuse what is no choice of units by kind.

    Args:
        field: where it stands, for the message.

    Raises:
        InvalidInput: no object, a kind that there is none of, or a unit that is not of its kind.
    """
    if not isinstance(units, dict):
        raise InvalidInput("units by kind are an object", field=field)
    for kind, unit in units.items():
        choices = CHOICES.get(kind)
        if choices is None:
            raise InvalidInput(f"kinds are {', '.join(CHOICES)}", field=f"{field}.{kind}"[:200])
        if unit not in choices:
            raise InvalidInput(f"one of {', '.join(choices)}", field=f"{field}.{kind}")
