"""Garmin: the files of its data export, and saved answers of Garmin Connect and the Health API.

The watch's own recordings lie in the export as FIT files; those are read as such. Where a time
stands twice, GMT and local, both are told as if they were UTC: their difference is the offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Http, Key, Options, Pull, Quota, Token, Window
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import (
    clock,
    converted,
    day_values,
    night,
    pressure,
    value_event,
    value_events,
    workout,
)
from diurnal.connectors._jwt import lifetime_s
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import Members, number, total
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MILLISECOND, MINUTE, SECOND, day_from_text

WATCH = Source("Garmin", Kind.WRIST)
SCALE = Source("Garmin Index", Kind.DEDICATED)
CUFF = Source("Garmin Index BPM", Kind.DEDICATED)

_COUNTED: Members = {
    "totalSteps": ("steps", "1"),
    "steps": ("steps", "1"),
    "totalDistanceMeters": ("distance_walk_run", "m"),
    "distanceInMeters": ("distance_walk_run", "m"),
    "activeKilocalories": ("energy_active", "kcal"),
    "bmrKilocalories": ("energy_basal", "kcal"),
    "floorsAscended": ("floors", "1"),
    "floorsClimbed": ("floors", "1"),
}
_RESTING: Members = {
    "restingHeartRate": ("heart_rate_resting", "/min"),
    "restingHeartRateInBeatsPerMinute": ("heart_rate_resting", "/min"),
}
_NIGHT: Members = {
    "averageSpO2Value": ("spo2", "%"),
    "averageRespirationValue": ("respiratory_rate", "/min"),
}
_BODY: Members = {
    "weightInGrams": ("weight", "g"),
    "bodyFatInPercent": ("body_fat", "%"),
    "muscleMassInGrams": ("muscle_mass", "g"),
    "bodyMassIndex": ("bmi", "kg/m2"),
}
_HRV: Members = {"lastNightAvg": ("hrv_rmssd", "ms")}
_TABLES = (_COUNTED, _RESTING, _NIGHT, _BODY, _HRV)
_LEVELS = {0: "deep", 1: "light", 2: "rem", 3: "awake"}


def _day_of(said: Any) -> int:
    told = said["calendarDate"]
    if isinstance(told, dict):
        told = told["date"]
    return day_from_text(str(told)[:10])


def _day(said: Any, lanes: Lanes) -> Iterator[Item]:
    day = _day_of(said)
    yield from day_values(WATCH, day, said, _COUNTED)
    yield from day_values(WATCH, day, said, _RESTING, positive=True)
    start = said.get("startTimeInSeconds")
    for after, rate in (said.get("timeOffsetHeartRateSamples") or {}).items():
        lanes.add("heart_rate", WATCH, (int(start) + int(after)) * SECOND, number(rate))


def _times(said: Any, gmt: str, local: str) -> tuple[int, int | None]:
    at = _instant(said[gmt])
    here = said.get(local)
    return at, None if here is None else round((_instant(here) - at) / MINUTE)


def _instant(told: Any) -> int:
    """Return microseconds of a time in milliseconds or as text; GMT or not."""
    return clock(told) if isinstance(told, str) else round(number(told)) * MILLISECOND


def _seconds(said: Any, name: str) -> tuple[int, int | None]:
    """Return a time of the Health API and its offset."""
    shift = said.get(f"{name}OffsetInSeconds")
    return int(said[f"{name}InSeconds"]) * SECOND, None if shift is None else int(shift) // 60


def _sleep(said: Any, lanes: Lanes) -> Iterator[Item]:
    levels = said.get("sleepLevels") or () if "dailySleepDTO" in said else ()
    said = said.get("dailySleepDTO") or said
    if said.get("sleepStartTimestampGMT") is None:
        return  # a day without a sleep has a summary of nothing
    start, offset = _times(said, "sleepStartTimestampGMT", "sleepStartTimestampLocal")
    end, _ = _times(said, "sleepEndTimestampGMT", "sleepEndTimestampLocal")
    stages = [
        (_LEVELS[int(part["activityLevel"])], _instant(part["startGMT"]), _instant(part["endGMT"]))
        for part in levels
        if int(part.get("activityLevel", -1)) in _LEVELS
    ]
    yield night(
        WATCH,
        f"sleep:{start // SECOND}",
        start,
        end,
        asleep_s=total(said, "deepSleepSeconds", "lightSleepSeconds", "remSleepSeconds") or None,
        stages=stages,
        offset=offset,
    )
    lanes.take(WATCH, start, said, _NIGHT, end=end, offset=offset, positive=True)


def _health_sleep(said: Any, lanes: Lanes) -> Iterator[Item]:
    start, offset = _seconds(said, "startTime")
    names = ("deepSleepDurationInSeconds", "lightSleepDurationInSeconds", "remSleepInSeconds")
    yield night(
        WATCH,
        f"sleep:{start // SECOND}",
        start,
        start + int(said["durationInSeconds"]) * SECOND,
        asleep_s=total(said, *names),
        offset=offset,
    )


def _epoch(said: Any, lanes: Lanes) -> Iterable[Item]:
    start, offset = _seconds(said, "startTime")
    end = start + int(said["durationInSeconds"]) * SECOND
    lanes.take(WATCH, start, said, _COUNTED, end=end, offset=offset)
    return ()


def _body(said: Any, lanes: Lanes) -> Iterator[Item]:
    at, offset = _seconds(said, "measurementTime")
    return value_events(SCALE, str(at // SECOND), at, said, _BODY, offset=offset)


def _weight(said: Any, lanes: Lanes) -> Iterator[Item]:
    told = said["weight"]
    at = _instant(told["timestampGMT"])
    yield value_event("weight", SCALE, f"weight:{at // SECOND}", at, number(told["weight"]), "g")


def _pressure(said: Any, lanes: Lanes) -> Iterator[Item]:
    at, offset = _seconds(said, "measurementTime")
    yield pressure(CUFF, f"pressure:{at // SECOND}", at, said, offset=offset)


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
    start, offset = _times(said, "beginTimestamp", "startTimeLocal")
    length = number(said.get("elapsedDuration") or said["duration"])
    yield workout(
        WATCH,
        f"activity:{said['activityId']}",
        start,
        start + round(length) * MILLISECOND,
        str(said.get("activityType") or "other"),
        {
            "title": said.get("name"),
            "distance": converted(said.get("distance"), "cm", "m"),
            "moving": converted(said["duration"], "ms", "s"),
            "heart_rate": said.get("avgHr"),
            "heart_rate_max": said.get("maxHr"),
            "elevation": converted(said.get("elevationGain"), "cm", "m"),
            "steps": said.get("steps"),
        },
        offset=offset,
    )


def _hearts(said: Any, lanes: Lanes) -> Iterator[Item]:
    _, offset = _times(said, "startTimestampGMT", "startTimestampLocal")
    for at, rate in said["heartRateValues"] or ():
        if rate:
            lanes.add("heart_rate", WATCH, int(at) * MILLISECOND, number(rate), offset=offset)
    if said.get("restingHeartRate"):
        yield from day_values(WATCH, _day_of(said), said, _RESTING)


def _sample(said: Any, lanes: Lanes) -> Iterable[Item]:
    lanes.add("heart_rate", WATCH, _instant(said["startTimeGMT"]), number(said["heartRate"]))
    return ()


def _hrv(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a night's variability: the readings if they are there, else their mean."""
    readings = said.get("hrvReadings") or ()
    summary = said.get("hrvSummary") or said
    for reading in readings:
        at, offset = _times(reading, "readingTimeGMT", "readingTimeLocal")
        lanes.add("hrv_rmssd", WATCH, at, number(reading["hrvValue"]), offset=offset)
    if summary.get("lastNightAvg"):
        yield from day_values(WATCH, _day_of(summary), summary, _HRV)


_CONNECT_SLEEP = {"sleepStartTimestampGMT", "sleepEndTimestampGMT", "deepSleepSeconds"}
_HEALTH_SLEEP = {"deepSleepDurationInSeconds", "startTimeInSeconds", "durationInSeconds"}
_CONNECT_ACTIVITY = {"activityId", "startTimeGMT", "activityType.typeKey", "duration"}
_EXPORTED_ACTIVITY = {"activityId", "beginTimestamp", "startTimeLocal", "duration"}
_NIGHTS_HRV = {"lastNightAvg", "weeklyAvg", "calendarDate"}
_EXPORTED = ("item", "", "item.summarizedActivitiesExport.item")
FORMS = Forms(
    (
        Form("day", _day, {"calendarDate", "totalSteps", "activeKilocalories"}),
        Form("day", _day, {"calendarDate", "steps", "activeKilocalories", "summaryId"}),
        Form("sleep", _sleep, _CONNECT_SLEEP),
        # Stages and readings lie beside their summary.
        Form("sleep", _sleep, {f"dailySleepDTO.{mark}" for mark in _CONNECT_SLEEP}, where=("",)),
        Form("sleep", _health_sleep, _HEALTH_SLEEP),
        Form("epoch", _epoch, {"meanHeartRateInBeatsPerMinute", "intensity", "startTimeInSeconds"}),
        Form("body", _body, {"weightInGrams", "measurementTimeInSeconds"}),
        Form("pressure", _pressure, {"systolic", "diastolic", "measurementTimeInSeconds"}),
        Form("activity", _activity, _CONNECT_ACTIVITY),
        Form("activity", _exported, _EXPORTED_ACTIVITY, where=_EXPORTED),
        Form("hearts", _hearts, {"heartRateValues", "startTimestampGMT"}),
        Form("samples", _sample, {"startTimeGMT", "heartRate"}),
        Form("hrv", _hrv, _NIGHTS_HRV, where=("item", "", "hrvSummaries.item")),
        Form("hrv", _hrv, {f"hrvSummary.{mark}" for mark in _NIGHTS_HRV}, where=("",)),
        Form("weight", _weight, {"weight.weight", "metaData.calendarDate"}),
    ),
    sure=0.85,
)


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
        InvalidInput, ValueError, KeyError: what came is no such token.
    """
    answer = http.send("POST", _TOKEN, headers={"Authorization": f"ApiKey {key}", "Accept": "*/*"})
    text = answer.body.decode().strip()
    return Token(access=text, expires_s=lifetime_s(text, default=3_600))


def _days_of(type_: str) -> Callable[[Http, Window, Options], Iterator[Item]]:
    path, name = _BY_DAY[type_]

    def fetch(http: Http, window: Window, _options: Options) -> Iterator[Item]:
        for day in window.days:
            said = http.get(path, {name: day}, accept=(404,))
            # A day without a watch has an answer without a date.
            if said and (said.get("calendarDate") or said.get("dailySleepDTO")):
                yield from FORMS.answer(type_, [said], f"{type_} of {day}")

    return fetch


def _activities(http: Http, window: Window, _options: Options) -> Iterator[Item]:
    asked = {"startDate": window.first_day, "endDate": window.last_day, "limit": PAGE}
    path = "/activitylist-service/activities/search/activities"
    for page in http.pages(path, asked, skip="start", size=PAGE):
        yield from FORMS.answer("activity", page or (), "activities")


CONNECTOR = Connector(
    name="garmin",
    title="Garmin",
    docs="https://www.garmin.com/account/datamanagement/exportdata/",
    emits=frozenset(
        {"sleep", "workout", "heart_rate", "blood_pressure"}
        | {measure for table in _TABLES for measure, _ in table.values()}
    ),
    recognise=FORMS.recognise,
    parse=FORMS.parse,
    auth=Key(
        label="Personal API key",
        help="Make one in Garmin Connect: Settings, Personal API key.",
        exchange=trade,
    ),
    base_url="https://personal.connectapi.garmin.com",
    pulls=(
        Pull(name="activity", fetch=_activities, slice_days=90),
        *(Pull(name=type_, fetch=_days_of(type_), slice_days=7) for type_ in _BY_DAY),
    ),
    # Garmin states none; it answers 429 to those who hurry.
    quotas=(Quota(60, 60),),
)
