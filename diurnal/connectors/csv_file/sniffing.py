"""Look at a CSV file and propose how to read it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from typing import Any

from diurnal.connectors import Entry
from diurnal.connectors.csv_file import meaning, table
from diurnal.errors import InvalidInput

ROWS_MAX = 200
PREVIEW_ROWS = 10
CANDIDATES_MAX = 50
DATES_TRIED = 100
CELL_SHOWN = 200
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+\Z")
_TIME = re.compile(r"\d{1,2}:\d\d(?::\d\d)?\Z")
_DATE_LIKE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{8}\Z")

_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%d.%m.%y")
_SLASHED = (("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y"), ("%d/%m/%y", "%m/%d/%y"))
_CLOCKS = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", "T%H:%M:%S%z", "T%H:%M:%S.%f%z", " %H:%M:%S %z")


def sniff(entry: Entry) -> dict[str, Any]:
    """Propose a full mapping, with the first rows and counts, from the head of a file.

    Raises:
        InvalidInput: no table, or one without a column of dates.
    """
    found = propose(entry)
    if found["date"] is None:
        raise InvalidInput(f"{entry.name}: no column of dates was found", field="date")
    return found


def propose(entry: Entry) -> dict[str, Any]:
    """Propose what can be proposed of a mapping; `date` is None where no column is one.

    Raises:
        InvalidInput: no table.
    """
    encoding, text = _decode(entry.head, whole=entry.size <= len(entry.head))
    delimiter, rows = _split(text)
    if not rows:
        raise InvalidInput(f"{entry.name}: no table with columns was found")
    names = [c.strip() for c in rows[0]]
    body = rows[1 : ROWS_MAX + 1]
    decimal = _decimal(body, delimiter)
    date, formats = _date_column(names, body, decimal)
    self_explanatory = explains_itself(entry)
    columns: dict[str, dict[str, Any]] = {}
    time = None
    for i, name in enumerate(names):
        if not name or i == date:
            continue
        values = [r[i] for r in body if i < len(r) and not table.is_empty(r[i])]
        folded = name.casefold()
        if folded in meaning.ZONE_NAMES:
            columns[name] = {"measure": None, "unit": None, "name": None, "zone": True}
        elif folded in meaning.TIME_NAMES and values and all(_TIME.match(v) for v in values):
            time = name
        else:
            found = meaning.known(name) if self_explanatory else meaning.guess(name)
            columns[name] = {
                "measure": found[0].key if found else None,
                "unit": found[1] if found else meaning.split_unit(name)[1] or None,
                "name": name,
            }
    return {
        "delimiter": delimiter,
        "decimal": decimal,
        "encoding": encoding,
        "date_format": formats[0],
        "date_formats": formats,
        "timezone": None,
        "layout": "wide",
        "date": None if date is None else names[date],
        "time": time,
        "columns": columns,
        "preview": [[c[:CELL_SHOWN] for c in r] for r in [names, *body[:PREVIEW_ROWS]]],
        "counts": {
            name: sum(1 for r in body if i < len(r) and not table.is_empty(r[i]))
            for i, name in enumerate(names)
            if name
        },
        "rows_seen": len(body),
        "self_explanatory": self_explanatory,
    }


def explains_itself(entry: Entry) -> bool:
    """Return whether a file needs no questions: its first column is `date`, in ISO dates."""
    try:
        encoding, text = _decode(entry.head, whole=entry.size <= len(entry.head))
    except InvalidInput:
        return False
    if encoding not in ("utf-8", "utf-8-sig"):
        return False
    delimiter, rows = _split(text)
    if not rows or rows[0][0].strip().casefold() != "date" or len(rows[0]) < 2:
        return False
    body = rows[1 : ROWS_MAX + 1]
    if _decimal(body, delimiter) != ".":
        return False
    days = [r[0] for r in body if r]
    return not days or sum(_is_day(d) for d in days) * 2 > len(days)


def delimiter_of(entry: Entry) -> str:
    """Return the delimiter of a file that explains itself."""
    return _split(_decode(entry.head, whole=entry.size <= len(entry.head))[1])[0]


def _is_day(cell: str) -> bool:
    try:
        table.day(cell)
    except ValueError:
        return False
    return True


def _decode(head: bytes, *, whole: bool) -> tuple[str, str]:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = head[: len(head) // 2 * 2].decode("utf-16", "replace")
        return "utf-16", text if whole else text.rpartition("\n")[0]
    if b"\0" in head:
        raise InvalidInput("the file is no text", field="encoding")
    # A head that ends within a line, or a character, is cut back to its last whole line.
    kept = head if whole or b"\n" not in head else head[: head.rindex(b"\n") + 1]
    if kept.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", kept.decode("utf-8-sig", "replace")
    try:
        return "utf-8", kept.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252", kept.decode("cp1252", "replace")


def _split(text: str) -> tuple[str, list[list[str]]]:
    """Return the delimiter under which most rows have as many cells as the first, and the rows."""
    best: tuple[int, int, str, list[list[str]]] = (0, 0, ",", [])
    for delimiter in table.DELIMITERS:
        rows: list[list[str]] = []
        try:
            for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
                if any(c.strip() for c in cells):
                    rows.append(cells)
                if len(rows) > ROWS_MAX:
                    break
        except csv.Error:
            continue
        if not rows or not 2 <= len(rows[0]) <= table.COLUMNS_MAX:
            continue
        same = Counter(len(r) for r in rows)[len(rows[0])]
        if (same, len(rows[0])) > best[:2]:
            best = (same, len(rows[0]), delimiter, rows)
    return best[2], best[3]


def _decimal(body: list[list[str]], delimiter: str) -> str:
    commas = points = 0
    for row in body:
        for cell in row:
            text = cell.strip()
            commas += bool(_DECIMAL_COMMA.match(text))
            points += bool(re.match(r"[+-]?\d+\.\d+\Z", text))
    return "," if commas > points else "."


def _date_column(
    names: list[str], body: list[list[str]], decimal: str
) -> tuple[int | None, list[str]]:
    """Return the column of dates and the formats that fit; one that is named so comes first."""
    order = sorted(
        range(len(names)), key=lambda i: (names[i].casefold() not in meaning.DATE_NAMES, i)
    )
    for i in order[:CANDIDATES_MAX]:
        values = [r[i].strip() for r in body[:DATES_TRIED] if i < len(r) and r[i].strip()]
        if values and _DATE_LIKE.match(values[0]):
            formats = _date_formats(values, day_first=decimal == ",")
            if formats:
                return i, formats
    return None, [table.ISO]


def _date_formats(values: list[str], *, day_first: bool) -> list[str]:
    """Return the formats that fit nearly all values, of two that fit as well the likelier first."""
    pairs = [pair if day_first else pair[::-1] for pair in _SLASHED]
    for days in (*((d,) for d in _DAYS), *pairs):
        for clock in _CLOCKS:
            fits = [(sum(_reads(v, d + clock) for v in values), d + clock) for d in days]
            good = [fit for fit in fits if fit[0] * 10 >= len(values) * 9]
            if good:
                good.sort(key=lambda fit: -fit[0])
                return [format_ for _, format_ in good]
    return []


def _reads(value: str, format_: str) -> bool:
    try:
        table.moment(value, format_)
    except ValueError:
        return False
    return True
