"""FreeStyle Libre: LibreView's CSV export. Columns are known by their place; times are local.

The header is in the account's language, so are dates: which of day and month comes first is read
from the whole file, and where no date tells it, the file is refused rather than guessed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _csv as tables
from diurnal.connectors import _json as documents
from diurnal.connectors._health import clock, value_event
from diurnal.connectors._said import name, number
from diurnal.errors import InvalidInput
from diurnal.model.records import Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND

_SERIAL, _TIME, _TYPE, _HISTORY, _SCAN, _RAPID, _CARBS, _LONG = 1, 2, 3, 4, 5, 7, 9, 12
_STRIP = 14
_UNIT = re.compile(r"mmol/L|mg/dL", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})[ T](\d{1,2}):(\d\d)(?::\d\d)?( [AP]M)?")
_READINGS = {"0": _HISTORY, "1": _SCAN, "2": _STRIP}
"""Kinds of record that tell glucose: every 15 minutes, when scanned, by a test strip."""


def _lines(head: bytes) -> list[list[str]]:
    text = head[:16_384].decode("utf-8-sig", "replace")
    return list(csv.reader(text.splitlines()[:3]))


def _unit(names: Sequence[str]) -> str:
    """Return the unit that the header of the history names, "" for a header that is none."""
    if len(names) <= _STRIP:
        return ""
    units = [_UNIT.search(names[at]) for at in (_HISTORY, _SCAN, _STRIP)]
    said = {"mmol/l": "mmol/L", "mg/dl": "mg/dL"}
    found = {said[u[0].lower()] for u in units if u}
    return found.pop() if all(units) and len(found) == 1 else ""


def recognise(entry: Entry) -> float:
    """Return how sure it is: glucose stands in three columns of the second line."""
    if b"," not in entry.head[:4096] or b"\0" in entry.head[:4096]:
        return 0.0
    lines = _lines(entry.head)
    return 0.9 if len(lines) > 1 and _unit(lines[1]) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the readings, insulin and food.

    Raises:
        InvalidInput: no date in it tells whether days or months come first.
    """
    total, unit = max(entry.size, 1), _unit(_lines(entry.head)[1])
    yield Progress("reading", 0, total)
    month_first = _month_first(cells[_TIME] for _, cells, _ in _rows(entry))
    for line, cells, done in _rows(entry):
        place = f"{entry.path}:{line}"
        yield from documents.careful(lambda c: _row(c, unit, month_first), cells, place)
        yield Progress("reading", min(done, total), total)
    yield Progress("reading", total, total)


def _rows(entry: Entry) -> Iterator[tuple[int, list[str], int]]:
    for line, cells, done in tables.rows(entry, 2):
        if len(cells) > _LONG and any(cells):
            yield line, cells, done


def _month_first(times: Iterable[str]) -> bool:
    sure: set[bool] = set()
    open_ = False
    for text in times:
        found = _DATE.fullmatch(text.strip())
        if found is None or len(found[1]) == 4:
            continue
        if found[6]:
            sure.add(True)
        elif int(found[1]) > 12:
            sure.add(False)
        elif int(found[2]) > 12:
            sure.add(True)
        else:
            open_ = True
        if len(sure) > 1:
            raise InvalidInput("its dates are not all written in one order")
    if open_ and not sure:
        raise InvalidInput("its dates do not tell whether the day or the month comes first")
    return sure == {True}


def _moment(text: str, month_first: bool) -> int:
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"no time: {text[:40]!r}")
    first, second, third = int(found[1]), int(found[2]), int(found[3])
    if len(found[1]) == 4:
        year, month, day = first, second, third
    else:
        year = third
        month, day = (first, second) if month_first else (second, first)
    hour = int(found[4])
    if found[6]:
        hour = hour % 12 + (12 if found[6] == " PM" else 0)
    return clock(datetime(year, month, day, hour, int(found[5])).isoformat())  # noqa: DTZ001


def _row(cells: Sequence[str], unit: str, month_first: bool) -> Iterator[Item]:
    at = _moment(cells[_TIME], month_first)
    kind = cells[_TYPE].strip()
    source = Source(name(cells[0]) or "FreeStyle Libre", Kind.DEDICATED)
    reading = _READINGS.get(kind)
    if reading is not None and len(cells) > reading and cells[reading]:
        value = number(cells[reading].replace(",", "."))
        id_ = f"glucose:{cells[_SERIAL]}:{kind}:{at // SECOND}"
        yield value_event("glucose", source, id_, at, value, unit, clock=True)
    for column, measure, dose in (
        (_RAPID, "insulin", "[iU]"),
        (_LONG, "insulin", "[iU]"),
        (_CARBS, "carbohydrates", "g"),
    ):
        if cells[column]:
            value = number(cells[column].replace(",", "."))
            id_ = f"{measure}:{column}:{at // SECOND}"
            yield value_event(measure, source, id_, at, value, dose, clock=True)


CONNECTOR = Connector(
    name="libre",
    title="FreeStyle Libre (LibreView)",
    docs="https://www.libreview.com/",
    emits=frozenset({"glucose", "insulin", "carbohydrates"}),
    recognise=recognise,
    parse=parse,
)
