"""Dates as people write them: exports follow the language of the account."""

from __future__ import annotations

import re
from datetime import datetime

_MONTHS: dict[str, int] = {}
for _n, _names in enumerate(
    (
        "jan january januar janvier janv ene enero gen gennaio januari janeiro",
        "feb february februar février févr fevrier febrero febbraio februari fev fevereiro",
        "mar march märz mär maerz mars marzo maart mrt março",
        "apr april avril avr abr abril aprile",
        "may mai mayo mag maggio mei maio",
        "jun june juni juin junio giu giugno junho",
        "jul july juli juillet juil julio lug luglio julho",
        "aug august août aout ago agosto augustus",
        "sep sept september septembre septiembre set settembre setembro",
        "oct october okt oktober octobre octubre ott ottobre out outubro",
        "nov november novembre noviembre novembro",
        "dec december dez dezember déc décembre decembre dic diciembre dicembre dezembro",
    ),
    1,
):
    _MONTHS |= dict.fromkeys(_names.split(), _n)
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009]+")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?(?:\s*([AaPp])\.?\s?[Mm]\.?)?")
_NAMED = re.compile(r"(?:(?P<before>\d{1,2})\.?\s+(?:de\s+)?)?(?P<month>[^\W\d_]+)\.?,?\s+"
                    r"(?:de\s+)?(?:(?P<after>\d{1,2}),?\s+)?(?P<year>\d{4})")  # fmt: skip
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


def written(text: str) -> datetime:
    """Return a date with its time of day as it is written, without a zone.

    Of dates in digits alone those are read whose order is sure: year first, or with dots, which
    nobody writes month first.

    Raises:
        ValueError: none, or one whose order is not sure.
    """
    plain = _SPACES.sub(" ", text).strip()
    clock = _CLOCK.search(plain)
    rest = plain if clock is None else f"{plain[: clock.start()]} {plain[clock.end() :]}"
    year, month, day = _date(rest)
    if clock is None:
        return datetime(year, month, day)  # noqa: DTZ001 - it says no zone
    hour = int(clock[1])
    if clock[4]:
        hour = hour % 12 + (12 if clock[4] in "pP" else 0)
    return datetime(year, month, day, hour, int(clock[2]), int(clock[3] or 0))  # noqa: DTZ001


def _date(text: str) -> tuple[int, int, int]:
    if found := _ISO.search(text):
        return int(found[1]), int(found[2]), int(found[3])
    if found := _DOTTED.search(text):
        return int(found[3]), int(found[2]), int(found[1])
    for found in _NAMED.finditer(text):
        month = _MONTHS.get(found["month"].casefold())
        day = found["before"] or found["after"]
        if month and day:
            return int(found["year"]), month, int(day)
    raise ValueError(f"no date whose order is sure: {text[:40]!r}")
