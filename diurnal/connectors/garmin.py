"""Garmin: the files of its data export, and saved answers of Garmin Connect and the Health API.

The watch's own recordings lie in the export as FIT files; those are read as such. Where a time
stands twice, GMT and local, both are told as if they were UTC: their difference is the offset.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Quota,
    Token,
    Window,
)
from diurnal.connectors import _json as documents
from diurnal.connectors._health import Stage, clock, day_value, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._rows import rows
from diurnal.connectors._said import number
from diurnal.model.records import Datum, Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MINUTE, SECOND, day_from_text, day_text

WATCH = Source("Garmin", Kind.WRIST)
SCALE = Source("Garmin Index", Kind.DEDICATED)
CUFF = Source("Garmin Index BPM", Kind.DEDICATED)

_MILLI = SECOND // 1000
_DAYS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("steps", "1", ("totalSteps", "steps")),
    ("distance_walk_run", "m", ("totalDistanceMeters", "distanceInMeters")),
    ("energy_active", "kcal", ("activeKilocalories",)),
    ("energy_basal", "kcal", ("bmrKilocalories",)),
    ("floors", "1", ("floorsAscended", "floorsClimbed")),
    ("heart_rate_resting", "/min", ("restingHeartRate", "restingHeartRateInBeatsPerMinute")),
)
_MARKS: Mapping[str, tuple[str, ...]] = {
    "day": ("calendarDate", "totalSteps", "activeKilocalories"),
    "day ": ("calendarDate", "steps", "activeKilocalories", "summaryId"),
    "sleep": ("sleepStartTimestampGMT", "sleepEndTimestampGMT", "deepSleepSeconds"),
    "sleep ": ("deepSleepDurationInSeconds", "startTimeInSeconds", "durationInSeconds"),
    "epoch": ("meanHeartRateInBeatsPerMinute", "intensity", "startTimeInSeconds"),
    "body": ("weightInGrams", "measurementTimeInSeconds"),
    "pressure": ("systolic", "diastolic", "measurementTimeInSeconds"),
    "activity": ("activityId", "startTimeGMT", "activityType.typeKey", "duration"),
    "exported activity": ("activityId", "beginTimestamp", "startTimeLocal", "duration"),
    "hearts": ("heartRateValues", "startTimestampGMT"),
    "samples": ("startTimeGMT", "heartRate"),
    "hrv": ("lastNightAvg", "weeklyAvg", "calendarDate"),
    "weight": ("weight.weight", "metaData.calendarDate"),
}
_WHERE = (
    "item",
    "",
    "dailySleepDTO",
    "hrvSummary",
    "hrvSummaries.item",
    "item.summarizedActivitiesExport.item",
)
_LEVELS = {0: "deep", 1: "light", 2: "rem", 3: "awake"}


def kind(entry: Entry) -> tuple[str, str]:
    """Return what a file's documents are and where they lie, ("", "") for others."""
    there = documents.members(entry.head)
    for where in _WHERE:
        prefix = f"{where}." if where else ""
        for type_, marks in _MARKS.items():
            if all(f"{prefix}{mark}" in there for mark in marks):
                # The stages of a sleep lie beside its summary.
                return type_.strip(), "" if where in ("dailySleepDTO", "hrvSummary") else where
    return "", ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.85 if kind(entry)[0] else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a file of the export, or a saved answer."""
    type_, where = kind(entry)
    lanes = Lanes()
    yield from documents.read(entry, lambda said: record(type_, said, lanes), where)
    yield from lanes.flush(everything=True)


def record(type_: str, said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read one document."""
    yield from _READERS[type_](said, lanes)
    yield from lanes.flush()


def _day_of(said: Any) -> int:
    told = said["calendarDate"]
    if isinstance(told, dict):
        told = told["date"]
    return day_from_text(str(told)[:10])


def _day(said: Any, lanes: Lanes) -> Iterator[Item]:
    for measure, unit, names in _DAYS:
        value = next((said[n] for n in names if said.get(n) is not None), None)
        if value is not None and not (value == 0 and measure == "heart_rate_resting"):
            yield day_value(measure, WATCH, _day_of(said), value, unit)
    start = said.get("startTimeInSeconds")
    for after, rate in (said.get("timeOffsetHeartRateSamples") or {}).items():
        lanes.add("heart_rate", WATCH, (int(start) + int(after)) * SECOND, number(rate))


def _times(said: Any, gmt: str, local: str) -> tuple[int, int | None]:
    at = _instant(said[gmt])
    here = said.get(local)
    return at, None if here is None else round((_instant(here) - at) / MINUTE)


def _instant(told: Any) -> int:
    """Return microseconds of a time in milliseconds or as text; GMT or not."""
    return clock(told) if isinstance(told, str) else round(number(told)) * _MILLI


def _sleep(said: Any, lanes: Lanes) -> Iterator[Item]:
    levels = said.get("sleepLevels") or () if "dailySleepDTO" in said else ()
    said = said.get("dailySleepDTO") or said
    if "summaryId" in said:
        yield _health_sleep(said)
        return
    if said.get("sleepStartTimestampGMT") is None:
        return  # a day without a sleep has a summary of nothing
    start, offset = _times(said, "sleepStartTimestampGMT", "sleepStartTimestampLocal")
    end, _ = _times(said, "sleepEndTimestampGMT", "sleepEndTimestampLocal")
    told = [said.get(f"{stage}SleepSeconds") for stage in ("deep", "light", "rem")]
    asleep = sum(number(s) for s in told if s is not None)
    stages: list[Stage] = [
        (_LEVELS[int(part["activityLevel"])], _instant(part["startGMT"]), _instant(part["endGMT"]))
        for part in levels
        if int(part.get("activityLevel", -1)) in _LEVELS
    ]
    yield night(
        WATCH,
        f"sleep:{start // SECOND}",
        start,
        end,
        asleep_s=asleep or None,
        stages=stages,
        offset=offset,
    )
    rate, breath = said.get("averageSpO2Value"), said.get("averageRespirationValue")
    for measure, value, factor in (("spo2", rate, 0.01), ("respiratory_rate", breath, 1.0)):
        if value:
            lanes.add(measure, WATCH, start, number(value) * factor, end=end, offset=offset)


def _health_sleep(said: Any) -> Item:
    start = int(said["startTimeInSeconds"]) * SECOND
    shift = said.get("startTimeOffsetInSeconds")
    names = ("deepSleepDurationInSeconds", "lightSleepDurationInSeconds", "remSleepInSeconds")
    return night(
        WATCH,
        f"sleep:{start // SECOND}",
        start,
        start + int(said["durationInSeconds"]) * SECOND,
        asleep_s=sum(number(said[n]) for n in names if said.get(n) is not None),
        offset=None if shift is None else int(shift) // 60,
    )


def _epoch(said: Any, lanes: Lanes) -> Iterator[Item]:
    start = int(said["startTimeInSeconds"]) * SECOND
    end = start + int(said["durationInSeconds"]) * SECOND
    shift = said.get("startTimeOffsetInSeconds")
    for measure, name in (
        ("steps", "steps"),
        ("distance_walk_run", "distanceInMeters"),
        ("energy_active", "activeKilocalories"),
    ):
        if said.get(name) is not None:
            offset = None if shift is None else int(shift) // 60
            lanes.add(measure, WATCH, start, number(said[name]), end=end, offset=offset)
    yield from ()


def _body(said: Any, lanes: Lanes) -> Iterator[Item]:
    at = int(said["measurementTimeInSeconds"]) * SECOND
    shift = said.get("measurementTimeOffsetInSeconds")
    for measure, name, unit in (
        ("weight", "weightInGrams", "g"),
        ("body_fat", "bodyFatInPercent", "%"),
        ("muscle_mass", "muscleMassInGrams", "g"),
        ("bmi", "bodyMassIndex", "kg/m2"),
    ):
        if said.get(name) is not None:
            id_, value = f"{measure}:{at // SECOND}", number(said[name])
            offset = None if shift is None else int(shift) // 60
            yield value_event(measure, SCALE, id_, at, value, unit, offset=offset)


def _weight(said: Any, lanes: Lanes) -> Iterator[Item]:
    told = said["weight"]
    at = _instant(told["timestampGMT"])
    id_ = f"weight:{at // SECOND}"
    yield value_event("weight", SCALE, id_, at, number(told["weight"]), "g")


def _pressure(said: Any, lanes: Lanes) -> Iterator[Item]:
    shift = said.get("measurementTimeOffsetInSeconds")
    at = int(said["measurementTimeInSeconds"]) * SECOND
    content = {"systolic": number(said["systolic"]), "diastolic": number(said["diastolic"])}
    if said.get("pulse"):
        content["rate"] = number(said["pulse"])
    yield Datum(
        source=CUFF,
        source_id=f"pressure:{at // SECOND}",
        type="blood-pressure/mmhg-bpm",
        start=at,
        content=content,
        measure="blood_pressure",
        offset=None if shift is None else int(shift) // 60,
    )


def _activity(said: Any, lanes: Lanes) -> Iterator[Item]:
    start, offset = _times(said, "startTimeGMT", "startTimeLocal")
    yield workout(
        WATCH,
        f"activity:{said['activityId']}",
        start,
        start + round(number(said.get("elapsedDuration") or said["duration"]) * SECOND),
        str(said["activityType"]["typeKey"]),
        {
            "title": said.get("activityName"),
            "distance": said.get("distance"),
            "moving": said.get("duration"),
            "energy": said.get("calories"),
            "heart_rate": said.get("averageHR"),
            "heart_rate_max": said.get("maxHR"),
            "elevation": said.get("elevationGain"),
            "steps": said.get("steps"),
        },
        offset=offset,
    )


def _exported(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read an activity of the export: centimetres and milliseconds; its energy has no unit."""
    start = round(number(said["beginTimestamp"])) * _MILLI
    local, distance = said.get("startTimeLocal"), said.get("distance")
    offset = None
    if local is not None:
        offset = round((_instant(local) - start) / MINUTE)
    climbed = said.get("elevationGain")
    length = number(said.get("elapsedDuration") or said["duration"])
    yield workout(
        WATCH,
        f"activity:{said['activityId']}",
        start,
        start + round(length) * _MILLI,
        str(said.get("activityType") or "other"),
        {
            "title": said.get("name"),
            "distance": None if distance is None else number(distance) / 100,
            "moving": number(said["duration"]) / 1000,
            "heart_rate": said.get("avgHr"),
            "heart_rate_max": said.get("maxHr"),
            "elevation": None if climbed is None else number(climbed) / 100,
            "steps": said.get("steps"),
        },
        offset=offset,
    )


def _hearts(said: Any, lanes: Lanes) -> Iterator[Item]:
    _, offset = _times(said, "startTimestampGMT", "startTimestampLocal")
    for at, rate in said["heartRateValues"] or ():
        if rate:
            lanes.add("heart_rate", WATCH, int(at) * _MILLI, number(rate), offset=offset)
    if said.get("restingHeartRate"):
        yield day_value(
            "heart_rate_resting", WATCH, _day_of(said), said["restingHeartRate"], "/min"
        )


def _sample(said: Any, lanes: Lanes) -> Iterator[Item]:
    lanes.add("heart_rate", WATCH, _instant(said["startTimeGMT"]), number(said["heartRate"]))
    yield from ()


def _hrv(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a night's variability: the readings if they are there, else their mean."""
    readings = said.get("hrvReadings") or ()
    summary = said.get("hrvSummary") or said
    for reading in readings:
        at, offset = _times(reading, "readingTimeGMT", "readingTimeLocal")
        lanes.add("hrv_rmssd", WATCH, at, number(reading["hrvValue"]), offset=offset)
    if summary.get("lastNightAvg"):
        yield day_value("hrv_rmssd", WATCH, _day_of(summary), summary["lastNightAvg"], "ms")


_READERS: Mapping[str, Callable[[Any, Lanes], Iterator[Item]]] = {
    "day": _day,
    "sleep": _sleep,
    "epoch": _epoch,
    "body": _body,
    "weight": _weight,
    "pressure": _pressure,
    "activity": _activity,
    "exported activity": _exported,
    "hearts": _hearts,
    "samples": _sample,
    "hrv": _hrv,
}


_TOKEN = "/personalapitoken-service/personal-api/personal-api-key/token"  # noqa: S105 - a path
_BY_DAY: Mapping[str, tuple[str, str]] = {
    "day": ("/usersummary-service/usersummary/daily", "calendarDate"),
    "sleep": ("/wellness-service/wellness/dailySleepData", "date"),
    "hearts": ("/wellness-service/wellness/dailyHeartRate", "date"),
}
PAGE = 100


def trade(http: Http, key: str) -> Token:
    """Trade the key for a token, which says itself how long it lives.

    Raises:
        ValueError: what came is no such token.
    """
    answer = http.send("POST", _TOKEN, headers={"Authorization": f"ApiKey {key}", "Accept": "*/*"})
    text = answer.body.decode().strip()
    _, _, rest = text.partition(".")
    claims = rest.partition(".")[0]
    said = documents.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    lives = int(said["exp"]) - int(said["iat"]) if "iat" in said else 3_600
    return Token(access=text, expires_s=lives)


def _days_of(type_: str) -> Callable[[Http, Window, Options], Iterator[Item]]:
    path, name = _BY_DAY[type_]

    def fetch(http: Http, window: Window, _options: Options) -> Iterator[Item]:
        first, last = day_from_text(window.first_day), day_from_text(window.last_day)
        for day in range(last, first - 1, -1):
            said = http.get(path, {name: day_text(day)}, accept=(404,))
            # A day without a watch has an answer without a date.
            if said and (said.get("calendarDate") or said.get("dailySleepDTO")):
                yield from rows(record, type_, [said], f"{type_} of {day_text(day)}")

    return fetch


def _activities(http: Http, window: Window, _options: Options) -> Iterator[Item]:
    start = 0
    while True:
        asked = {
            "startDate": window.first_day,
            "endDate": window.last_day,
            "start": start,
            "limit": PAGE,
        }
        found = http.get("/activitylist-service/activities/search/activities", asked) or []
        yield from rows(record, "activity", found, "activities")
        start += PAGE
        if len(found) < PAGE:
            return


CONNECTOR = Connector(
    name="garmin",
    title="Garmin",
    docs="https://www.garmin.com/account/datamanagement/exportdata/",
    emits=frozenset(
        {"sleep", "workout", "heart_rate", "hrv_rmssd", "spo2", "respiratory_rate", "weight"}
        | {"body_fat", "muscle_mass", "bmi", "blood_pressure"}
        | {measure for measure, _, _ in _DAYS}
    ),
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="Personal API key",
        help="Make one in Garmin Connect: Settings, Personal API key.",
        exchange=trade,
    ),
    base_url="https://personal.connectapi.garmin.com",
    pulls=(
        Pull(name="activity", fetch=_activities, slice_days=90),
        *(
            Pull(name=type_, fetch=_days_of(type_), slice_days=7, overlap_days=3)
            for type_ in _BY_DAY
        ),
    ),
    # Garmin states none; it answers 429 to those who hurry.
    quotas=(Quota(60, 60),),
)
