"""Turn the elements of an Apple Health export into records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diurnal import catalog
from diurnal.connectors.apple_health.nights import STAGE_OF, Segments
from diurnal.connectors.apple_health.points import Series
from diurnal.connectors.apple_health.pressures import Halves, paired
from diurnal.connectors.apple_health.routes import Point, point
from diurnal.connectors.apple_health.times import CLOCK, Times
from diurnal.connectors.apple_health.values import (
    API,
    TEXT_MAX,
    category_content,
    client_data,
    finite,
    identity,
    number,
    slug,
    source_name,
    unit_code,
)
from diurnal.errors import InvalidInput
from diurnal.model import units
from diurnal.model.measures import Measure, Shape
from diurnal.model.records import Bad, Datum, DayDatum, Item, Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import DAY, day_from_text, zone

POINTS_BATCH = 20_000
POINTS_HELD_MAX = 400_000
"""Of all series together; what the columns cost is bounded by this, not by the file."""
BAD_MAX = 5_000
RAW_MAX = 2_000
DEPTH_MAX = 64
LANES_MAX = 20_000
"""Combinations of type, source and unit; a real export has some hundred."""
UNKNOWN_MAX = 500
METADATA_MAX = 40
POINTS_OF_WORKOUT_MAX = 400_000
RINGS = Source("Apple Activity", Kind.DERIVED)
"""The source of the day's totals that the phone makes of everything it has."""

_SYSTOLIC = "HKQuantityTypeIdentifierBloodPressureSystolic"
_DIASTOLIC = "HKQuantityTypeIdentifierBloodPressureDiastolic"
_PRESSURE = "HKCorrelationTypeIdentifierBloodPressure"
_FOOD = "HKCorrelationTypeIdentifierFood"
_SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"


Take = Callable[[int, int, dict[str, str]], None]


@dataclass(slots=True)
class Workout:
    """A workout while it is read."""

    attributes: dict[str, str]
    start: int
    end: int
    metadata: dict[str, str] = field(default_factory=dict)
    statistics: list[dict[str, str]] = field(default_factory=list)
    parts: list[dict[str, str]] = field(default_factory=list)
    """Statistics of its activities: each is counted in the whole's, where that has any."""
    files: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)


@dataclass(slots=True)
class _Pending:
    """An event whose metadata are still to come."""

    make: Callable[[dict[str, str]], Datum]
    metadata: dict[str, str] = field(default_factory=dict)


class Export:
    """Everything one export file says, while it is read.

    Attributes:
        out: records ready to be taken away.
        sleep: segments by source.
        zones: names by number.
        zones_seen: (UTC day, zone number) -> (first instant, end of its night if in one).
        workouts: workouts that have a route to be read.
    """

    def __init__(
        self, where: str, line: Callable[[], int], refuse_depth: Callable[[], None]
    ) -> None:
        self.out: list[Item] = []
        self.sleep: dict[str, Segments] = {}
        self.zones: list[str] = []
        self.zones_seen: dict[tuple[int, int], tuple[int, int | None]] = {}
        self.workouts: list[Workout] = []
        self.unknown: Counter[str] = Counter()
        self.routes_missing = 0
        self._where, self._line, self._refuse_depth = where, line, refuse_depth
        self._times = Times()
        self._hours = self._times.hours
        self._depth = 0
        self._lanes: dict[tuple[str | None, str | None, str | None], Take] = {}
        self._series: list[Series] = []
        self._sources: dict[str | None, Source] = {}
        self._zone_numbers: dict[str, int | None] = {}
        self._bads = 0
        self._at = 0
        self._segments: Segments | None = None
        self._pending: _Pending | None = None
        self._workout: Workout | None = None
        self._in_part = False
        self._pressure: dict[str, Halves] = {}
        self._tags: Mapping[str, Callable[[dict[str, str]], None]] = {
            "MetadataEntry": self._metadata,
            "Workout": self._start_workout,
            "WorkoutActivity": self._start_part,
            "WorkoutStatistics": self._statistics,
            "FileReference": self._file,
            "Location": self._location,
            "Correlation": self._correlation,
            "ActivitySummary": self._summary,
        }

    # -- what the parser calls ---------------------------------------------------------------

    def start(self, tag: str, a: dict[str, str]) -> None:
        """Take the start of an element."""
        self._depth += 1
        if tag != "Record":
            if self._depth > DEPTH_MAX:
                self._refuse_depth()
            handler = self._tags.get(tag)
            if handler is not None:
                handler(a)
            elif self._depth == 2 and tag not in ("ExportDate", "Me"):
                self._not_known(tag)
            return
        if self._depth != 2:
            # Records in a correlation stand in the file once more, by themselves.
            if self._depth > DEPTH_MAX:
                self._refuse_depth()
            return
        try:
            s, e = a["startDate"], a["endDate"]
            try:
                start = self._hours[s[:14] + s[19:]] + CLOCK[s[14:19]]
                end = start if s == e else self._hours[e[:14] + e[19:]] + CLOCK[e[14:19]]
            except KeyError:
                start, end = self._times.read(s), self._times.read(e)
            if end < start:
                raise ValueError("it ends before it starts")
            self._at = start
            self._segments = None
            try:
                take = self._lanes[a["type"], a.get("sourceName"), a.get("unit")]
            except KeyError:
                take = self._open_lane(a)
            take(start, end, a)
        except KeyError as e2:
            self.bad(f"{e2.args[0]!r} is missing or unknown", a)
        except ValueError as e2:
            self.bad(str(e2), a)
        except InvalidInput as e2:
            self.bad(e2.message, a)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        self._depth -= 1
        if self._depth == 1:
            if self._pending is not None or self._workout is not None:
                self._close()
        elif tag == "WorkoutActivity":
            self._in_part = False

    def broken(self, reason: str, line: int, raw: str) -> None:
        """Take note of a part of the file that is no XML."""
        self._close()
        self._depth = 0
        self._set_aside(reason, line, raw)

    def bad(self, reason: str, a: dict[str, str]) -> None:
        """Set the element that is being read aside."""
        raw = " ".join(f'{k}="{v[:TEXT_MAX]}"' for k, v in a.items())
        self._set_aside(reason, self._line(), raw)

    def flush(self, everything: bool = False) -> list[Item]:
        """Return the records that are ready."""
        held = sum(len(lane.start) for lane in self._series)
        all_ = everything or held > POINTS_HELD_MAX
        for lane in self._series:
            if len(lane.start) >= POINTS_BATCH or (all_ and lane.start):
                self.out.append(lane.flush())
        out, self.out = self.out, []
        return out

    # -- records -----------------------------------------------------------------------------

    def _open_lane(self, a: dict[str, str]) -> Take:
        type_, unit = a["type"], a.get("unit")
        source = self.source(a.get("sourceName"), a.get("device"))
        take = self._lane(type_, unit, source)
        if len(self._lanes) >= LANES_MAX:
            raise ValueError("more kinds of records than an export can have")
        self._lanes[type_, a.get("sourceName"), unit] = take
        return take

    def _lane(self, type_: str, unit: str | None, source: Source) -> Take:
        if type_ == _SLEEP:
            return self._sleep_lane(source)
        measure = catalog.by_name(API, type_)
        if measure is None:
            return self._unknown_lane(type_)
        if type_ in (_SYSTOLIC, _DIASTOLIC):
            return self._pressure_lane(source, unit_code(unit, measure), type_ == _DIASTOLIC)
        category = type_.startswith("HKCategoryType")
        if measure.shape is Shape.SERIES:
            lane = Series(measure, source, measure.unit if category else unit_code(unit, measure))
            self._series.append(lane)
            return lane.take_hour if category else lane.take
        if category:
            return self._category_lane(type_, measure, source)
        return self._event_lane(type_, measure, source, unit_code(unit, measure))

    def _unknown_lane(self, type_: str) -> Take:
        def take(start: int, end: int, a: dict[str, str]) -> None:
            self._not_known(type_)

        return take

    def _not_known(self, name: str) -> None:
        if name in self.unknown or len(self.unknown) < UNKNOWN_MAX:
            self.unknown[name[:TEXT_MAX]] += 1
        else:
            self.unknown["(others)"] += 1

    def _sleep_lane(self, source: Source) -> Take:
        segments = self.sleep.setdefault(source.name, Segments())

        def take(start: int, end: int, a: dict[str, str]) -> None:
            segments.add(start, end, STAGE_OF[a["value"]])
            self._segments = segments

        return take

    def _pressure_lane(self, source: Source, unit: str, diastolic: bool) -> Take:
        values = self._pressure.setdefault(source.name, ({}, {}))[diastolic]

        def take(start: int, end: int, a: dict[str, str]) -> None:
            values[start] = units.convert(finite(a["value"]), unit, "mm[Hg]")

        return take

    def _event_lane(self, type_: str, measure: Measure, source: Source, unit: str) -> Take:
        type_shown = catalog.event_type(measure)
        selected = catalog.select(measure.key, type_shown)
        shown = selected[1] if selected else measure.unit

        def take(start: int, end: int, a: dict[str, str]) -> None:
            canonical = catalog.to_canonical(measure, finite(a["value"]), unit)
            value = catalog.from_canonical(measure, canonical, shown)
            id_ = identity(type_, source.name, start, end, a["value"], a.get("unit", ""))

            def make(metadata: dict[str, str]) -> Datum:
                return Datum(
                    source=self._by_hand(source, metadata),
                    source_id=id_,
                    type=type_shown,
                    start=start,
                    duration=end - start,
                    content=number(value),
                    measure=measure.key,
                    client_data=client_data(metadata),
                )

            self._pending = _Pending(make)

        return take

    def _category_lane(self, type_: str, measure: Measure, source: Source) -> Take:
        shown = catalog.event_type(measure)
        prefix = type_.replace("HKCategoryTypeIdentifier", "HKCategoryValue", 1)

        def take(start: int, end: int, a: dict[str, str]) -> None:
            value = a.get("value", "")
            id_ = identity(type_, source.name, start, end, value, "")
            word = slug(value.removeprefix(prefix).removeprefix("HKCategoryValue"))

            def make(metadata: dict[str, str]) -> Datum:
                return Datum(
                    source=self._by_hand(source, metadata),
                    source_id=id_,
                    type=shown,
                    start=start,
                    duration=end - start,
                    content=category_content(measure, word, metadata),
                    measure=measure.key,
                    client_data=client_data(metadata),
                )

            self._pending = _Pending(make)

        return take

    def source(self, name: str | None, device: str | None = None) -> Source:
        """Return the source called `name`; where that says no kind, its device may."""
        known = self._sources.get(name)
        if known is None:
            plain = source_name(name)
            kind = kind_of(plain)
            if kind is Kind.DERIVED and device:
                kind = kind_of(device[:TEXT_MAX])
            known = Source(plain, kind)
            if len(self._sources) < LANES_MAX:
                self._sources[name] = known
        return known

    def _by_hand(self, source: Source, metadata: dict[str, str]) -> Source:
        typed = metadata.get("HKWasUserEntered") == "1" and source.kind == Kind.DERIVED
        return Source(f"{source.name} (typed)", Kind.MANUAL) if typed else source

    def pressures(self) -> list[Datum]:
        """Return the blood pressures: both values of an instant, or of one minute, are one."""
        return paired(self._pressure, self._named)

    def _named(self, name: str) -> Source:
        return next(
            (s for s in self._sources.values() if s.name == name), Source(name, Kind.DERIVED)
        )

    def sleep_source(self, name: str) -> Source:
        """Return the source of the segments kept under `name`."""
        return self._named(name)

    # -- other elements ----------------------------------------------------------------------

    def _metadata(self, a: dict[str, str]) -> None:
        key, value = a.get("key", ""), a.get("value", "")
        if key == "HKTimeZone" and self._depth == 3:
            self._zone(value)
        holder = self._pending or self._workout
        if holder is not None and self._depth == 3 and len(holder.metadata) < METADATA_MAX:
            holder.metadata[key[:TEXT_MAX]] = value[:TEXT_MAX]

    def _zone(self, name: str) -> None:
        number_ = self._zone_number(name)
        if number_ is None:
            return
        if self._segments is not None:
            self._segments.zone[-1] = number_
            return
        key = self._at // DAY, number_
        first = self.zones_seen.get(key)
        if first is None or self._at < first[0]:
            self.zones_seen[key] = self._at, None

    def _zone_number(self, name: str) -> int | None:
        if name not in self._zone_numbers:
            if len(self._zone_numbers) >= 1000:
                return None
            try:
                zone(name)
            except InvalidInput as e:
                self.bad(e.message, {"HKTimeZone": name})
                self._zone_numbers[name] = None
            else:
                self._zone_numbers[name] = len(self.zones)
                self.zones.append(name)
        return self._zone_numbers[name]

    def _correlation(self, a: dict[str, str]) -> None:
        """Take a meal; its parts, and those of a blood pressure, are records of their own."""
        if self._depth != 2:
            return
        type_ = a.get("type", "")
        if type_ not in (_FOOD, _PRESSURE):
            self._not_known(type_ or "Correlation")
        if type_ != _FOOD:
            return
        try:
            start, end = self._times.read(a["startDate"]), self._times.read(a["endDate"])
            if end < start:
                raise ValueError("it ends before it starts")
        except (KeyError, ValueError) as e:
            self.bad(f"no meal: {e}", a)
            return
        self._at, self._segments = start, None
        source = self.source(a.get("sourceName"), a.get("device"))

        def make(metadata: dict[str, str]) -> Datum:
            name = metadata.get("HKFoodType", "")
            return Datum(
                source=source,
                source_id=identity(type_, source.name, start, end, name, ""),
                type=catalog.event_type(catalog.MEASURES["meal"]),
                start=start,
                duration=end - start,
                content=name or None,
                measure="meal",
                client_data=client_data(metadata),
            )

        self._pending = _Pending(make)

    def _start_workout(self, a: dict[str, str]) -> None:
        if self._depth != 2:
            return
        try:
            start, end = self._times.read(a["startDate"]), self._times.read(a["endDate"])
            if end < start:
                raise ValueError("it ends before it starts")
        except (KeyError, ValueError) as e:
            self.bad(f"no workout: {e}", a)
            return
        self._workout = Workout(a, start, end)
        self._at, self._segments, self._in_part = start, None, False

    def _start_part(self, a: dict[str, str]) -> None:
        self._in_part = True

    def _statistics(self, a: dict[str, str]) -> None:
        if self._workout is not None:
            kept = self._workout.parts if self._in_part else self._workout.statistics
            if len(kept) < METADATA_MAX * 10:
                kept.append(a)

    def _file(self, a: dict[str, str]) -> None:
        if self._workout is not None and len(self._workout.files) < METADATA_MAX:
            self._workout.files.append(a.get("path", "")[:TEXT_MAX])

    def _location(self, a: dict[str, str]) -> None:
        workout = self._workout
        if workout is None or len(workout.points) >= POINTS_OF_WORKOUT_MAX:
            return
        try:
            at = self._times.read(a["date"])
            workout.points.append(point(at, a["latitude"], a["longitude"], a.get("altitude")))
        except (KeyError, ValueError) as e:
            self.bad(f"no place: {e}", a)

    def _close(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self.out.append(pending.make(pending.metadata))
        if self._workout is not None:
            workout, self._workout = self._workout, None
            self.workouts.append(workout)

    def _summary(self, a: dict[str, str]) -> None:
        try:
            day = day_from_text(a["dateComponents"])
            parts = [
                (key, written, unit)
                for key, name, unit in (
                    ("energy_active", "activeEnergyBurned", a.get("activeEnergyBurnedUnit", "Cal")),
                    ("active_time", "appleExerciseTime", "min"),
                    ("stand_hours", "appleStandHours", "count"),
                )
                if (written := a.get(name))
            ]
            values = [finite(written) for _, written, _ in parts]
            if not any(values):
                return  # a day without the watch has a summary of zeros
            for (key, written, unit), value in zip(parts, values, strict=True):
                measure = catalog.MEASURES[key]
                canonical = units.convert(value, unit_code(unit, measure), measure.unit)
                self.out.append(
                    DayDatum(source=RINGS, measure=key, day=day, value=canonical, raw=written)
                )
        except (KeyError, ValueError, InvalidInput) as e:
            self.bad(f"no day's summary: {e}", a)

    def _set_aside(self, reason: str, line: int, raw: str) -> None:
        self._bads += 1
        if self._bads <= BAD_MAX:
            self.out.append(Bad(reason, f"{self._where}:{line}", raw[:RAW_MAX]))

    def remarks(self) -> list[Item]:
        """Return what is said once at the end: what kinds were not known, and how often."""
        said: list[Item] = [
            Bad(f"unknown type {name}: {count} left out", self._where)
            for name, count in self.unknown.most_common(BAD_MAX)
        ]
        if self.routes_missing:
            said.append(Bad(f"{self.routes_missing} routes are not in what was given", self._where))
        if self._bads > BAD_MAX:
            said.append(Bad(f"{self._bads - BAD_MAX} more could not be read", self._where))
        return said
