"""Health Connect: the database in the archive that Android exports.

The schema is not documented and grows: what columns there are is read from the file, and tables
that are not known are told, with how much is in them. Each app is a source of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, Tables, _tables
from diurnal.connectors._health import Stage, night, pressure, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import name, number
from diurnal.connectors._tables import Row
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import MILLISECOND

SURE = 0.6
_MANUAL = 3
_PHONES = {"com.google.android.apps.fitness", "com.sec.android.app.shealth"}
"""Apps that count with the phone itself."""
_STAGES = {1: "awake", 2: "asleep", 4: "light", 5: "deep", 6: "rem", 7: "awake"}
"""3 is out of bed: neither asleep nor awake in it."""
_EXERCISES = {
    8: "biking", 9: "biking_stationary", 37: "hiking", 46: "pilates", 53: "rock_climbing",
    54: "rowing", 56: "running", 57: "running_treadmill", 70: "strength_training",
    74: "swimming_pool", 73: "swimming_open_water", 79: "walking", 83: "yoga",
}  # fmt: skip
_NUMBERS: Mapping[str, tuple[str, str, str]] = {
    "steps": ("count", "steps", "1"),
    "distance": ("distance", "distance_walk_run", "m"),
    "floors_climbed": ("floors", "floors", "1"),
    "elevation_gained": ("elevation", "elevation_gain", "m"),
    "active_calories_burned": ("energy", "energy_active", "cal"),
    "total_calories_burned": ("energy", "energy_total", "cal"),
    "wheelchair_pushes": ("count", "wheelchair_pushes", "1"),
    "heart_rate_variability_rmssd": ("heart_rate_variability_millis", "hrv_rmssd", "ms"),
    "oxygen_saturation": ("percentage", "spo2", "%"),
    "respiratory_rate": ("rate", "respiratory_rate", "/min"),
    "blood_glucose": ("level", "glucose", "mmol/L"),
    "weight": ("weight", "weight", "g"),
    "height": ("height", "height", "m"),
    "body_fat": ("percentage", "body_fat", "%"),
    "bone_mass": ("mass", "bone_mass", "g"),
    "lean_body_mass": ("mass", "lean_mass", "g"),
    "body_water_mass": ("body_water_mass", "body_water", "g"),
    "resting_heart_rate": ("beats_per_minute", "heart_rate_resting", "/min"),
    "body_temperature": ("temperature", "temperature_body", "Cel"),
    "basal_body_temperature": ("temperature", "temperature_basal", "Cel"),
    "vo2_max": ("vo2_milliliters_per_minute_kilogram", "vo2max", "mL/kg/min"),
    "hydration": ("volume", "water", "L"),
}
"""Tables of a number each, without `_record_table`: its column, measure and unit."""
_SAMPLES: Mapping[str, tuple[str, str, str, str]] = {
    "heart_rate": ("heart_rate_record_series_table", "beats_per_minute", "heart_rate", "/min"),
    "SpeedRecordTable": ("speed_record_table", "speed", "speed", "m/s"),
    "PowerRecordTable": ("power_record_table", "power", "power", "W"),
    "StepsCadenceRecordTable": ("steps_cadence_record_table", "rate", "cadence_step", "/min"),
}
"""Parents with the table of their samples, its column, measure and unit."""
_READ = {*_NUMBERS, *_SAMPLES, "sleep_session", "exercise_session", "blood_pressure"}
_COMMON = ("uuid", "app_info_id", "recording_method", "row_id")
_STRETCH = ("start_time", "start_zone_offset", "end_time")
_INSTANT = ("time", "zone_offset")

_Read = Callable[[Row, Source, int | None], Iterable[Item]]


def _kind(table: str) -> str:
    return table.removesuffix("_record_table")


def recognise(entry: Entry) -> float:
    """Return how sure it is: by the names of the tables, for they lie anywhere in the file."""
    try:
        found = _tables.names(entry, b"_record_table")
    except InvalidInput:
        # What is damaged is said when it is read.
        return SURE
    known = "application_info_table" in found and not _READ.isdisjoint(map(_kind, found))
    return 0.95 if known else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the tables that are known."""
    with entry.tables() as tables:
        export = _Export(entry.path, tables)
        yield from _tables.read(entry, tables, export.table)
        yield from export.lanes.flush(everything=True)


class _Export:
    def __init__(self, where: str, tables: Tables) -> None:
        self.lanes = Lanes()
        self._where, self._tables = where, tables
        wanted = ("row_id", "package_name", "app_name")
        self._apps = {
            id_: (name(app) or name(package) or "Health Connect", str(package))
            for id_, package, app in tables.rows("application_info_table", wanted)
        }

    def table(self, table: str) -> Iterator[Item]:
        """Read one table, if it is known."""
        kind = _kind(table)
        if kind in _NUMBERS:
            yield from self._numbers(table, *_NUMBERS[kind])
        elif kind in _SAMPLES:
            yield from self._samples(table, *_SAMPLES[kind])
        elif kind == "sleep_session":
            yield from self._sleeps(table)
        elif kind == "exercise_session":
            yield from self._each(table, _workout, "exercise_type", "title")
        elif kind == "blood_pressure":
            yield from self._each(table, _pressure, "systolic", "diastolic")
        elif {"uuid", "dedupe_hash"} <= set(self._tables.columns(table)):
            count = sum(1 for _ in self._tables.rows(table, ("row_id",)))
            if count:
                yield Bad(f"{table} is not read: {count} left out", self._where)

    def _each(self, table: str, read: _Read, *columns: str) -> Iterator[Item]:
        """Yield what `read` says of each record, which is told with its source and offset."""

        def one(row: Row) -> Iterable[Item]:
            seconds = row["start_zone_offset" if "start_time" in row else "zone_offset"]
            return read(row, self._source(row), None if seconds is None else round(seconds / 60))

        times = _STRETCH if "start_time" in self._tables.columns(table) else _INSTANT
        wanted = (*_COMMON, *times, *columns)
        yield from _tables.rows(self._tables, table, wanted, one, self._where, key="row_id")

    def _source(self, row: Row) -> Source:
        app, package = self._apps.get(row["app_info_id"], ("Health Connect", ""))
        kind = Kind.PHONE if package in _PHONES else kind_of(app)
        if row["recording_method"] == _MANUAL and kind is Kind.DERIVED:
            # Apps of scales and bands say it of what the device measured.
            return Source(f"{app} (typed)", Kind.MANUAL)
        return Source(app, kind)

    def _numbers(self, table: str, column: str, measure: str, unit: str) -> Iterator[Item]:
        def read(row: Row, source: Source, offset: int | None) -> Iterator[Item]:
            (start, end), id_, value = _times(row), row["uuid"].hex(), number(row[column])
            return self.lanes.reading(
                measure, source, start, value, unit, id_=id_, end=end, offset=offset
            )

        yield from self._each(table, read, column)

    def _samples(
        self, table: str, child: str, column: str, measure: str, unit: str
    ) -> Iterator[Item]:
        parents: dict[Any, tuple[Source, int | None]] = {}

        def parent(row: Row, source: Source, offset: int | None) -> Iterable[Item]:
            parents[row["row_id"]] = source, offset
            return ()

        def sample(row: Row) -> Iterator[Item]:
            source, offset = parents[row["parent_key"]]
            at, value = row["epoch_millis"] * MILLISECOND, number(row[column])
            return self.lanes.reading(measure, source, at, value, unit, offset=offset)

        yield from self._each(table, parent)
        wanted = ("parent_key", column, "epoch_millis")
        yield from _tables.rows(self._tables, child, wanted, sample, self._where)

    def _sleeps(self, table: str) -> Iterator[Item]:
        stages: dict[Any, list[Stage]] = {}
        wanted = ("parent_key", "stage_start_time", "stage_end_time", "stage_type")
        for parent, start, end, stage in self._tables.rows("sleep_stages_table", wanted):
            if stage in _STAGES and isinstance(start, int) and isinstance(end, int):
                part = _STAGES[stage], start * MILLISECOND, end * MILLISECOND
                stages.setdefault(parent, []).append(part)

        def sleep(row: Row, source: Source, offset: int | None) -> Iterator[Item]:
            parts = sorted(stages.get(row["row_id"], ()), key=lambda s: s[1])
            yield night(source, row["uuid"].hex(), *_times(row), stages=parts, offset=offset)

        yield from self._each(table, sleep)


def _workout(row: Row, source: Source, offset: int | None) -> Iterator[Item]:
    kind, content = row["exercise_type"], {"title": row["title"] or None}
    sport = _EXERCISES.get(kind, f"type_{kind}" if kind else "other")
    yield workout(source, row["uuid"].hex(), *_times(row), sport, content, offset=offset)


def _pressure(row: Row, source: Source, offset: int | None) -> Iterator[Item]:
    yield pressure(source, row["uuid"].hex(), _times(row)[0], row, offset=offset)


def _times(row: Row) -> tuple[int, int]:
    """Return when a record starts and ends, microseconds; equal for an instant."""
    start, end = ("start_time", "end_time") if "start_time" in row else ("time", "time")
    return row[start] * MILLISECOND, row[end] * MILLISECOND


CONNECTOR = Connector(
    name="health_connect",
    title="Health Connect",
    docs="https://developer.android.com/health-and-fitness/health-connect",
    emits=frozenset(
        {"sleep", "workout", "blood_pressure"}
        | {m for _, m, _ in _NUMBERS.values()}
        | {m for _, _, m, _ in _SAMPLES.values()}
    ),
    recognise=recognise,
    parse=parse,
)
