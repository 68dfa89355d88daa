"""Health Connect: the database in the archive that Android exports.

The schema is not documented and grows: what columns there are is read from the file, and tables
that are not known are told, with how much is in them. Each app is a source of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Entry, Tables
from diurnal.connectors._health import Stage, night, value_event, workout
from diurnal.connectors._json import careful
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import name, number
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Datum, Item, Progress, Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import SECOND
from diurnal.model.units import convert

SURE = 0.6
_MILLI = SECOND // 1000
_MANUAL = 3
_PACKAGES = {
    "com.google.android.apps.fitness": Kind.PHONE,
    "com.sec.android.app.shealth": Kind.PHONE,
}
_STAGES = {1: "awake", 2: "asleep", 4: "light", 5: "deep", 6: "rem", 7: "awake"}
"""3 is out of bed: neither asleep nor awake in it."""
_EXERCISES = {
    8: "biking", 9: "biking_stationary", 37: "hiking", 46: "pilates", 53: "rock_climbing",
    54: "rowing", 56: "running", 57: "running_treadmill", 70: "strength_training",
    74: "swimming_pool", 73: "swimming_open_water", 79: "walking", 83: "yoga",
}  # fmt: skip
_INTERVALS: Mapping[str, tuple[str, str, str]] = {
    "steps_record_table": ("count", "steps", "1"),
    "distance_record_table": ("distance", "distance_walk_run", "m"),
    "floors_climbed_record_table": ("floors", "floors", "1"),
    "elevation_gained_record_table": ("elevation", "elevation_gain", "m"),
    "active_calories_burned_record_table": ("energy", "energy_active", "cal"),
    "total_calories_burned_record_table": ("energy", "energy_total", "cal"),
    "wheelchair_pushes_record_table": ("count", "wheelchair_pushes", "1"),
}
_INSTANTS: Mapping[str, tuple[str, str, str]] = {
    "heart_rate_variability_rmssd_record_table": (
        "heart_rate_variability_millis",
        "hrv_rmssd",
        "ms",
    ),
    "oxygen_saturation_record_table": ("percentage", "spo2", "%"),
    "respiratory_rate_record_table": ("rate", "respiratory_rate", "/min"),
    "blood_glucose_record_table": ("level", "glucose", "mmol/L"),
}
_EVENTS: Mapping[str, tuple[str, str, str]] = {
    "weight_record_table": ("weight", "weight", "g"),
    "height_record_table": ("height", "height", "m"),
    "body_fat_record_table": ("percentage", "body_fat", "%"),
    "bone_mass_record_table": ("mass", "bone_mass", "g"),
    "lean_body_mass_record_table": ("mass", "lean_mass", "g"),
    "body_water_mass_record_table": ("body_water_mass", "body_water", "g"),
    "resting_heart_rate_record_table": ("beats_per_minute", "heart_rate_resting", "/min"),
    "body_temperature_record_table": ("temperature", "temperature_body", "Cel"),
    "basal_body_temperature_record_table": ("temperature", "temperature_basal", "Cel"),
    "vo2_max_record_table": ("vo2_milliliters_per_minute_kilogram", "vo2max", "mL/kg/min"),
    "hydration_record_table": ("volume", "water", "L"),
}
_SAMPLES: Mapping[str, tuple[str, str, str, str]] = {
    "heart_rate_record_table": (
        "heart_rate_record_series_table",
        "beats_per_minute",
        "heart_rate",
        "/min",
    ),
    "SpeedRecordTable": ("speed_record_table", "speed", "speed", "m/s"),
    "PowerRecordTable": ("power_record_table", "power", "power", "W"),
    "StepsCadenceRecordTable": ("steps_cadence_record_table", "rate", "cadence_step", "/min"),
}
"""Parents with the table of their samples, its column, measure and unit."""
_BESIDE = (
    "sleep_session_record_table",
    "exercise_session_record_table",
    "blood_pressure_record_table",
)
_READ = {*_INTERVALS, *_INSTANTS, *_EVENTS, *_SAMPLES, *_BESIDE, "sleep_stages_table"}
_READ |= {samples for samples, *_ in _SAMPLES.values()}
_COMMON = ("uuid", "app_info_id", "recording_method", "row_id")
_TIMES = ("start_time", "start_zone_offset", "end_time")
_TIME = ("time", "zone_offset")


def recognise(entry: Entry) -> float:
    """Return how sure it is: by the names of the tables, for they lie anywhere in the file."""
    if not entry.head.startswith(b"SQLite format 3\x00") or b"_record_table" not in entry.head:
        return 0.0
    try:
        with entry.tables() as tables:
            names = tables.names()
            known = "application_info_table" in names and not _READ.isdisjoint(names)
            return 0.95 if known else 0.0
    except InvalidInput:
        # What is damaged is said when it is read.
        return SURE


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the tables that are known."""
    yield Progress("reading", 0, max(entry.size, 1))
    with entry.tables() as tables:
        export = _Export(entry.path, tables)
        for table in tables.names():
            try:
                yield from export.table(table)
            except InvalidInput as e:
                yield Bad(e.message, f"{entry.path}: {table}")
        yield from export.lanes.flush(everything=True)
    yield Progress("reading", max(entry.size, 1), max(entry.size, 1))


class _Export:
    def __init__(self, where: str, tables: Tables) -> None:
        self.lanes = Lanes()
        self._where, self._tables = where, tables
        self._apps: dict[Any, tuple[str, str]] = {}
        for id_, package, app in tables.rows(
            "application_info_table", ("row_id", "package_name", "app_name")
        ):
            self._apps[id_] = name(app) or name(package) or "Health Connect", str(package)

    def table(self, table: str) -> Iterator[Item]:
        """Read one table, if it is known."""
        if table in _INTERVALS:
            yield from self._each(table, (*_TIMES, _INTERVALS[table][0]), self._interval)
        elif table in _INSTANTS:
            yield from self._each(table, (*_TIME, _INSTANTS[table][0]), self._instant)
        elif table in _EVENTS:
            # Some of them are stretches, with a start and an end.
            wanted = _TIMES if "start_time" in self._tables.columns(table) else _TIME
            yield from self._each(table, (*wanted, _EVENTS[table][0]), self._event)
        elif table in _SAMPLES:
            yield from self._samples(table)
        elif table == "sleep_session_record_table":
            yield from self._sleeps(table)
        elif table == "exercise_session_record_table":
            yield from self._each(table, (*_TIMES, "exercise_type", "title"), self._workout)
        elif table == "blood_pressure_record_table":
            yield from self._each(table, (*_TIME, "systolic", "diastolic"), self._pressure)
        elif table not in _READ and {"uuid", "dedupe_hash"} <= set(self._tables.columns(table)):
            count = sum(1 for _ in self._tables.rows(table, ("row_id",)))
            if count:
                yield Bad(f"{table} is not read: {count} left out", self._where)

    def _each(self, table: str, columns: Sequence[str], read: Any) -> Iterator[Item]:
        wanted = (*_COMMON, *columns)
        for cells in self._tables.rows(table, wanted):
            row = dict(zip(wanted, cells, strict=True))
            place = f"{self._where}: {table} {row['row_id']}"
            yield from careful(lambda r: read(table, r), row, place)
            yield from self.lanes.flush()

    def _source(self, row: Mapping[str, Any]) -> Source:
        app, package = self._apps.get(row["app_info_id"], ("Health Connect", ""))
        kind = _PACKAGES.get(package) or kind_of(app)
        if row["recording_method"] == _MANUAL and kind is Kind.DERIVED:
            # Apps of scales and bands say it of what the device measured.
            return Source(f"{app} (typed)", Kind.MANUAL)
        return Source(app, kind)

    def _interval(self, table: str, row: Mapping[str, Any]) -> Iterator[Item]:
        column, measure, unit = _INTERVALS[table]
        value = convert(number(row[column]), unit, catalog.get(measure).unit)
        self.lanes.add(
            measure,
            self._source(row),
            row["start_time"] * _MILLI,
            value,
            end=max(row["start_time"], row["end_time"]) * _MILLI,
            offset=_offset(row["start_zone_offset"]),
        )
        yield from ()

    def _instant(self, table: str, row: Mapping[str, Any]) -> Iterator[Item]:
        column, measure, unit = _INSTANTS[table]
        value = convert(number(row[column]), unit, catalog.get(measure).unit)
        at, offset = row["time"] * _MILLI, _offset(row["zone_offset"])
        self.lanes.add(measure, self._source(row), at, value, offset=offset)
        yield from ()

    def _event(self, table: str, row: Mapping[str, Any]) -> Iterator[Item]:
        column, measure, unit = _EVENTS[table]
        at = row["time"] if "time" in row else row["start_time"]
        offset = _offset(row["zone_offset"] if "zone_offset" in row else row["start_zone_offset"])
        value, id_ = number(row[column]), row["uuid"].hex()
        yield value_event(measure, self._source(row), id_, at * _MILLI, value, unit, offset=offset)

    def _pressure(self, table: str, row: Mapping[str, Any]) -> Iterator[Item]:
        yield Datum(
            source=self._source(row),
            source_id=row["uuid"].hex(),
            type="blood-pressure/mmhg-bpm",
            start=row["time"] * _MILLI,
            content={"systolic": number(row["systolic"]), "diastolic": number(row["diastolic"])},
            measure="blood_pressure",
            offset=_offset(row["zone_offset"]),
        )

    def _samples(self, table: str) -> Iterator[Item]:
        samples, column, measure, unit = _SAMPLES[table]
        parents: dict[Any, tuple[Source, int | None]] = {}
        wanted = (*_COMMON, "start_zone_offset")
        for cells in self._tables.rows(table, wanted):
            row = dict(zip(wanted, cells, strict=True))
            parents[row["row_id"]] = self._source(row), _offset(row["start_zone_offset"])

        def read(cells: Any) -> Iterator[Item]:
            source, offset = parents[cells[0]]
            value = convert(number(cells[1]), unit, catalog.get(measure).unit)
            self.lanes.add(measure, source, cells[2] * _MILLI, value, offset=offset)
            yield from ()

        for cells in self._tables.rows(samples, ("parent_key", column, "epoch_millis")):
            yield from careful(read, cells, f"{self._where}: {samples}")
            yield from self.lanes.flush()

    def _sleeps(self, table: str) -> Iterator[Item]:
        stages: dict[Any, list[Stage]] = {}
        wanted = ("parent_key", "stage_start_time", "stage_end_time", "stage_type")
        for parent, start, end, stage in self._tables.rows("sleep_stages_table", wanted):
            if stage in _STAGES and isinstance(start, int) and isinstance(end, int):
                part = _STAGES[stage], start * _MILLI, end * _MILLI
                stages.setdefault(parent, []).append(part)

        def read(table: str, row: Mapping[str, Any]) -> Iterator[Item]:
            yield night(
                self._source(row),
                row["uuid"].hex(),
                row["start_time"] * _MILLI,
                row["end_time"] * _MILLI,
                stages=sorted(stages.get(row["row_id"], ()), key=lambda s: s[1]),
                offset=_offset(row["start_zone_offset"]),
            )

        yield from self._each(table, _TIMES, read)

    def _workout(self, table: str, row: Mapping[str, Any]) -> Iterator[Item]:
        kind = row["exercise_type"]
        yield workout(
            self._source(row),
            row["uuid"].hex(),
            row["start_time"] * _MILLI,
            row["end_time"] * _MILLI,
            _EXERCISES.get(kind, f"type_{kind}" if kind else "other"),
            {"title": row["title"] or None},
            offset=_offset(row["start_zone_offset"]),
        )


def _offset(seconds: Any) -> int | None:
    return None if seconds is None else round(seconds / 60)


CONNECTOR = Connector(
    name="health_connect",
    title="Health Connect",
    docs="https://developer.android.com/health-and-fitness/health-connect",
    emits=frozenset(
        {"sleep", "workout", "blood_pressure"}
        | {m for _, m, _ in (*_INTERVALS.values(), *_INSTANTS.values(), *_EVENTS.values())}
        | {m for _, _, m, _ in _SAMPLES.values()}
    ),
    recognise=recognise,
    parse=parse,
)
