"""CSV: a table with a column of dates, from anywhere.

A file whose first column is `date` and whose other headers are measures, attributes of Exist or
new names is read without questions; any other needs a mapping, which `sniff` proposes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.connectors import Connector, Entry
from diurnal.connectors.csv_file import meaning, table
from diurnal.connectors.csv_file.meaning import Column
from diurnal.connectors.csv_file.sniffing import delimiter_of, explains_itself, propose, sniff
from diurnal.errors import InvalidInput
from diurnal.model.measures import Measure, Shape, ValueKind
from diurnal.model.records import (
    Bad,
    Datum,
    DayDatum,
    Item,
    OwnMeasure,
    Points,
    Progress,
    Source,
    ZoneSeen,
)
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import DAY, HOUR, MINUTE, day_of, micros, offset_min, zone

__all__ = ["CONNECTOR", "TableMap", "parse", "propose", "recognise", "sniff"]

SOURCE = Source("CSV", Kind.DERIVED)
"""Where the mapping names no source."""
BAD_MAX = 5_000
BROKEN_MAX = 200_000
"""Rows in a row without a date, after which the file is no table any more."""
RAW_MAX = 2_000
POINTS_BATCH = 20_000
PROGRESS_ROWS = 2_000
WORDS_AMONG_NUMBERS = 0.05
"""Share of cells that may be words in a column of numbers; with more it is a column of text."""

_ENDINGS = (".csv", ".tsv", ".txt")


class ColumnMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one column means: a measure and its unit, or a name of the account's own."""

    measure: str | None = None
    unit: str | None = None
    name: str | None = None
    zone: bool = False
    """Its cells are time zones."""


class TableMap(msgspec.Struct, frozen=True, kw_only=True):
    """A guided mapping; what `sniff` says beside it is for people.

    Attributes:
        date, time: headers; without a time rows are values of days.
        timezone: where times are local, unless they say their offset.
        layout: wide is a column per measure; long has its names in the column `name`, with
            `value` and perhaps `unit` columns beside.
        columns: by header (wide) or by name (long); those that are not here are not read.
    """

    date: str
    date_format: str = table.ISO
    time: str | None = None
    timezone: str | None = None
    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8-sig"
    layout: str = "wide"
    columns: dict[str, ColumnMap] = {}
    name: str | None = None
    value: str | None = None
    unit: str | None = None
    source: str | None = None


def recognise(entry: Entry) -> float:
    """Return 0.9 for a file that explains itself, 0.3 for one that a mapping can explain."""
    if not entry.name.lower().endswith(_ENDINGS):
        return 0.0
    if explains_itself(entry):
        return 0.9
    try:
        sniff(entry)
    except InvalidInput:
        return 0.0
    return 0.3


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a table by its mapping, or, where it explains itself, by its headers.

    Raises:
        InvalidInput: the file needs a mapping, or the mapping does not fit it.
    """
    if options:
        try:
            said = msgspec.convert(dict(options), TableMap)
        except msgspec.ValidationError as e:
            raise InvalidInput(f"the mapping is not right: {e}", field="map") from e
    elif explains_itself(entry):
        said = None
    else:
        raise InvalidInput(
            f"{entry.name} needs a mapping: its first column is not `date` with dates as"
            " YYYY-MM-DD; say what its columns mean (`--map FILE`, or the page)",
            field="map",
        )
    return _Reading(entry, said).items()


@dataclass(slots=True)
class _Seen:
    """What the cells of an own column look like."""

    filled: int = 0
    numbers: int = 0
    whole: int = 0
    marks: int = 0

    def add(self, cell: str, decimal: str) -> None:
        self.filled += 1
        value = table.number(cell, decimal)
        if value is not None:
            self.numbers += 1
            self.whole += value.is_integer()
            self.marks += value in (0, 1)

    @property
    def kind(self) -> ValueKind:
        if self.marks == self.filled:
            return ValueKind.BOOLEAN
        if self.filled - self.numbers > WORDS_AMONG_NUMBERS * self.filled:
            return ValueKind.TEXT
        return ValueKind.INTEGER if self.whole == self.numbers else ValueKind.NUMBER


@dataclass(slots=True)
class _Batch:
    start: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    offset: array[int] = field(default_factory=lambda: array("h"))


class _Reading:
    """One file being read: once to see what its own columns hold, once for the records."""

    def __init__(self, entry: Entry, said: TableMap | None) -> None:
        self._entry = entry
        self._said = said
        self._map = said or TableMap(date="date", delimiter=delimiter_of(entry))
        if self._map.decimal not in (".", ","):
            raise InvalidInput("decimal is . or ,", field="decimal")
        if self._map.layout not in ("wide", "long"):
            raise InvalidInput("layout is wide or long", field="layout")
        if self._map.timezone is not None:
            zone(self._map.timezone)
        self._source = SOURCE
        if self._map.source:
            self._source = Source(self._map.source[: meaning.LABEL_MAX], kind_of(self._map.source))
        self._columns: dict[str, Column] = {}
        self._zone_at: int | None = None
        self._name = self._value = -1
        self._unit: int | None = None
        self._kinds: dict[str, ValueKind] = {}
        self._batches: dict[str, _Batch] = {}
        self._bads = self._broken = 0

    def items(self) -> Iterator[Item]:
        total = max(self._entry.size, 1)
        with self._entry.open() as stream:
            found = table.rows(stream, encoding=self._map.encoding, delimiter=self._map.delimiter)
            names = table.header(self._entry, found)
            self._place(names)
            seen: dict[str, _Seen] = {}
            for count, row in enumerate(found if self._asks() else (), 1):
                if not row.fault:
                    self._look(row.cells, seen)
                if count % PROGRESS_ROWS == 0:
                    yield Progress("looking", min(row.done, total), total)
        yield from self._declare(seen)
        with self._entry.open() as stream:
            found = table.rows(stream, encoding=self._map.encoding, delimiter=self._map.delimiter)
            next(found)
            for i, row in enumerate(found, 1):
                yield from self._row(row, len(names))
                if self._broken > BROKEN_MAX:
                    place = f"{self._entry.path}:{row.line}"
                    yield Bad("too many rows without a date; the rest is left out", place)
                    break
                if i % PROGRESS_ROWS == 0:
                    yield Progress("reading", min(row.done, total), total)
        yield from self._flush(1)
        if self._bads > BAD_MAX:
            yield Bad(f"{self._bads - BAD_MAX} more could not be read", self._entry.path)
        yield Progress("reading", total, total)

    # -- columns -----------------------------------------------------------------------------

    def _place(self, names: list[str]) -> None:
        """Find the columns of the mapping in the file."""
        self._index = {name: i for i, name in enumerate(names) if name}
        if self._said is None:
            self._date, self._time = 0, None
            for i, name in enumerate(names[1:], 1):
                if name.casefold() in meaning.ZONE_NAMES:
                    self._zone_at = i
                elif name:
                    self._add(i, name, meaning.known(name), name)
            return
        self._date = self._at(self._map.date, "date")
        self._time = self._at(self._map.time, "time") if self._map.time else None
        if self._map.layout == "long":
            self._name = self._at(self._map.name or "", "name")
            self._value = self._at(self._map.value or "", "value")
            self._unit = self._at(self._map.unit, "unit") if self._map.unit else None
            for name, column in self._map.columns.items():
                self._add_mapped(-1, name, column)
            return
        for name, column in self._map.columns.items():
            at = self._at(name, "columns")
            if column.zone:
                self._zone_at = at
            elif column.measure or column.name:
                self._add_mapped(at, name, column)

    def _at(self, name: str, said_by: str) -> int:
        at = self._index.get(name.strip())
        if at is None:
            raise InvalidInput(f"the file has no column {name[:80]!r}", field=said_by)
        return at

    def _add_mapped(self, at: int, header: str, column: ColumnMap) -> None:
        if column.measure is None:
            self._add(at, header, None, column.name or header)
            return
        measure = catalog.get(column.measure)
        unit = meaning.unit_of(column.unit, measure) if column.unit else measure.unit
        self._add(at, header, (measure, unit), header)

    def _add(self, at: int, header: str, meant: tuple[Measure, str] | None, label: str) -> Column:
        taken = {c.key for c in self._columns.values()}
        label = label.strip()[: meaning.LABEL_MAX]
        key = meant[0].key if meant else meaning.own_key(label, taken)
        if key in taken:
            raise InvalidInput(f"two columns are both {key}", field="columns")
        measure, unit = meant or (None, "1")
        column = Column(at, header, key, label, measure, unit)
        self._columns[header] = column
        return column

    def _cells(self, cells: list[str]) -> Iterator[tuple[Column, str]]:
        """Yield the cells that say something, with what they mean."""
        if self._said is not None and self._map.layout == "long":
            name = _cell(cells, self._name)
            column = self._columns.get(name)
            if column is None and not self._map.columns and name:
                if len(self._columns) >= table.COLUMNS_MAX:
                    raise InvalidInput(f"more than {table.COLUMNS_MAX} names", field="name")
                column = self._add(-1, name, meaning.known(name), name)
            value = _cell(cells, self._value)
            if column is not None and not table.is_empty(value):
                if self._unit is not None and column.measure and _cell(cells, self._unit):
                    unit = meaning.unit_of(_cell(cells, self._unit), column.measure)
                    column = Column(-1, name, column.key, column.label, column.measure, unit)
                yield column, value
            return
        for column in self._columns.values():
            value = _cell(cells, column.index)
            if not table.is_empty(value):
                yield column, value

    def _asks(self) -> bool:
        """Return whether cells must be looked at before: to tell what own columns hold."""
        by_name = self._said is not None and self._map.layout == "long" and not self._map.columns
        return by_name or any(column.measure is None for column in self._columns.values())

    def _look(self, cells: list[str], seen: dict[str, _Seen]) -> None:
        try:
            for column, cell in self._cells(cells):
                if column.measure is None:
                    seen.setdefault(column.key, _Seen()).add(cell, self._map.decimal)
        except InvalidInput as e:
            if e.field != "unit":
                raise

    def _declare(self, seen: Mapping[str, _Seen]) -> Iterator[Item]:
        for column in self._columns.values():
            if column.measure is None and column.key in seen:
                kind = seen[column.key].kind
                self._kinds[column.key] = kind
                yield OwnMeasure(key=column.key, label=column.label, value=kind.value)

    # -- rows --------------------------------------------------------------------------------

    def _row(self, row: table.Row, width: int) -> Iterator[Item]:
        self._broken += 1
        if row.fault:
            yield from self._bad(row.fault, row)
            return
        if len(row.cells) > width and any(map(str.strip, row.cells[width:])):
            yield from self._bad(f"more cells than the {width} columns", row)
            return
        try:
            at, offset, day = self._when(row.cells)
        except (ValueError, OverflowError):
            yield from self._bad(f"no date: {_cell(row.cells, self._date)[:40]!r}", row)
            return
        self._broken = 0
        if self._zone_at is not None and (name := _cell(row.cells, self._zone_at)):
            try:
                zone(name)
                noon = day * DAY + 12 * HOUR
                yield ZoneSeen(noon - offset_min(name, noon) * MINUTE if at is None else at, name)
            except InvalidInput as e:
                yield from self._bad(e.message, row)
        try:
            for column, cell in self._cells(row.cells):
                try:
                    yield from self._datum(column, cell, at, offset, day)
                except InvalidInput as e:
                    yield from self._bad(f"{column.header}: {e.message}", row)
        except InvalidInput as e:
            yield from self._bad(e.message, row)

    def _when(self, cells: list[str]) -> tuple[int | None, int | None, int]:
        """Return the instant (None for a day), its offset where it says one, and the day."""
        text, format_ = _cell(cells, self._date), self._map.date_format
        timed = "%H" in format_ or "%I" in format_
        if self._time is None and not timed:
            return None, None, table.day(text, format_)
        at = table.moment(text, format_)
        if self._time is not None:
            clock = _clock(_cell(cells, self._time))
            at = at.replace(hour=clock.hour, minute=clock.minute, second=clock.second)
        if at.tzinfo is not None:
            offset = round((at.utcoffset() or timedelta()).total_seconds() / 60)
            instant = micros(at)
            return instant, offset, day_of(instant, offset)
        if self._map.timezone is None:
            raise InvalidInput("times need a timezone in the mapping", field="timezone")
        # Local time that clocks showed twice is taken as the first of the two.
        instant = micros(at.replace(tzinfo=zone(self._map.timezone)).astimezone(UTC))
        return instant, None, day_of(instant, offset_min(self._map.timezone, instant))

    def _datum(
        self, column: Column, cell: str, at: int | None, offset: int | None, day: int
    ) -> Iterator[Item]:
        kind = self._kinds.get(column.key)
        words = kind is ValueKind.TEXT if column.measure is None else column.text
        value: float | str = cell.strip()
        if not words:
            said = table.number(cell, self._map.decimal)
            if said is None:
                raise InvalidInput(f"no number: {cell[:40]!r}", field="value")
            value = column.canonical(said)
        shape = column.measure.shape if column.measure else None
        if at is None or shape is Shape.DAY or (shape is Shape.SESSION):
            yield DayDatum(source=self._source, measure=column.key, day=day, value=value, raw=cell)
        elif shape is Shape.SERIES and isinstance(value, float):
            batch = self._batches.setdefault(column.key, _Batch())
            batch.start.append(at)
            batch.value.append(value)
            batch.offset.append(_NO_OFFSET if offset is None else offset)
            yield from self._flush(POINTS_BATCH, column.key)
        else:
            yield self._event(column, value, at, offset)

    def _event(self, column: Column, value: float | str, at: int, offset: int | None) -> Datum:
        type_, content = "note/txt" if isinstance(value, str) else "count/generic", value
        if column.measure is not None:
            type_ = catalog.event_type(column.measure)
            selected = catalog.select(column.measure.key, type_)
            if selected is not None and not isinstance(value, str):
                content = catalog.content(column.measure, value, selected[1])
        elif isinstance(value, float) and value.is_integer():
            content = int(value)
        id_ = blake2b(f"{column.header}\x1f{at}".encode(), digest_size=12).hexdigest()
        return Datum(
            source=self._source,
            source_id=id_,
            type=type_,
            start=at,
            duration=0,
            content=content,
            measure=column.key,
            zone=self._map.timezone if offset is None else None,
            offset=offset,
        )

    def _flush(self, least: int, key: str | None = None) -> Iterator[Item]:
        for measure in list(self._batches) if key is None else [key]:
            batch = self._batches[measure]
            if len(batch.start) < least:
                continue
            del self._batches[measure]
            yield Points(
                measure, self._source, batch.start, batch.start, batch.value, self._offsets(batch)
            )

    def _offsets(self, batch: _Batch) -> array[int]:
        """Return an offset for every point: its own, or the mapping's zone at its instant."""
        name = self._map.timezone or "UTC"
        return array(
            "h",
            (
                offset_min(name, at) if said == _NO_OFFSET else said
                for at, said in zip(batch.start, batch.offset, strict=True)
            ),
        )

    def _bad(self, reason: str, row: table.Row) -> Iterator[Item]:
        self._bads += 1
        if self._bads <= BAD_MAX:
            raw = self._map.delimiter.join(row.cells)[:RAW_MAX]
            yield Bad(reason, f"{self._entry.path}:{row.line}", raw)


_NO_OFFSET = -32_768


def _cell(cells: list[str], at: int) -> str:
    return cells[at].strip() if 0 <= at < len(cells) else ""


@lru_cache(maxsize=16_384)
def _clock(text: str) -> datetime:
    """Return a time of day, with or without seconds."""
    whole = text if text.count(":") == 2 else f"{text}:00"
    return datetime.strptime(whole, "%H:%M:%S")  # noqa: DTZ007 - the mapping has the zone


CONNECTOR = Connector(
    name="csv_file",
    title="CSV",
    docs="https://www.rfc-editor.org/rfc/rfc4180",
    emits=None,
    recognise=recognise,
    parse=parse,
)
