"""Google Health API (the successor of Fitbit's): saved pages of data points."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Http, OAuth2, Options, Pull, Quota, Window
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import Stage, converted, day_value, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import key, name, number, utc
from diurnal.connectors.fitbit import FITBIT
from diurnal.model.records import Item, Source
from diurnal.model.sources import kind_of
from diurnal.model.time import day_from_text

_INTERVALS: Mapping[str, tuple[str, str, float]] = {
    "steps": ("steps", "count", 1),
    "floors": ("floors", "count", 1),
    "distance": ("distance_walk_run", "millimeters", 0.001),
    "activeEnergyBurned": ("energy_active", "kcal", 1),
    "totalCalories": ("energy_total", "kcal", 1),
}
_SAMPLES: Mapping[str, tuple[str, str, str]] = {
    "heartRate": ("heart_rate", "beatsPerMinute", "/min"),
    "heartRateVariability": (
        "hrv_rmssd",
        "rootMeanSquareOfSuccessiveDifferencesMilliseconds",
        "ms",
    ),
    "oxygenSaturation": ("spo2", "percentage", "%"),
}
_EVENTS: Mapping[str, tuple[str, str, str]] = {
    "weight": ("weight", "weightGrams", "g"),
    "bodyFat": ("body_fat", "percentage", "%"),
    "height": ("height", "heightMillimeters", "mm"),
}
_DAYS: Mapping[str, tuple[str, str, str]] = {
    "dailyRestingHeartRate": ("heart_rate_resting", "beatsPerMinute", "/min"),
    "dailyRespiratoryRate": ("respiratory_rate", "breathsPerMinute", "/min"),
}
_STAGES = {"AWAKE": "awake", "LIGHT": "light", "DEEP": "deep", "REM": "rem", "ASLEEP": "asleep"}
_BESIDE = {"dataSource", "name"}


def points(point: Any, lanes: Lanes) -> Iterator[Item]:
    """Read one data point; its type is the member beside its source."""
    source = _source(point.get("dataSource") or {})
    for type_ in sorted(point.keys() - _BESIDE):
        said = point[type_]
        if type_ in _INTERVALS:
            measure, member, factor = _INTERVALS[type_]
            start, end, offset = _interval(said["interval"])
            lanes.add(measure, source, start, number(said[member]) * factor, end=end, offset=offset)
        elif type_ in _SAMPLES:
            measure, member, unit = _SAMPLES[type_]
            at, offset = _sample(said["sampleTime"])
            value = number(said[member])
            yield from lanes.reading(measure, source, at, value, unit, offset=offset)
        elif type_ in _EVENTS:
            measure, member, unit = _EVENTS[type_]
            at, offset = _sample(said["sampleTime"])
            id_ = key(point.get("name") or f"{type_}:{at}")
            value = number(said[member])
            yield value_event(measure, source, id_, at, value, unit, offset=offset)
        elif type_ in _DAYS:
            measure, member, unit = _DAYS[type_]
            date = said["date"]
            day = day_from_text(f"{date['year']:04}-{date['month']:02}-{date['day']:02}")
            yield day_value(measure, source, day, said[member], unit)
        elif type_ == "sleep":
            yield _sleep(point, said, source)
        elif type_ == "exercise":
            yield _exercise(point, said, source)
        else:
            raise ValueError(f"a data point of type {type_} is not read")


FORMS = Forms((Form("points", points, {"dataSource"}),), where=("dataPoints.item",), sure=0.95)


def _source(said: Any) -> Source:
    if said.get("platform") == "FITBIT":
        return FITBIT
    device = name((said.get("device") or {}).get("displayName"))
    app = (said.get("application") or {}).get("packageName", "")
    found = device or name(app) or "Google Health"
    return Source(found, kind_of(found))


def _offset(text: str | None) -> int | None:
    return None if text is None else round(number(text.removesuffix("s")) / 60)


def _interval(said: Any) -> tuple[int, int, int | None]:
    offset = _offset(said.get("startUtcOffset"))
    return utc(said["startTime"]), utc(said["endTime"]), offset


def _sample(said: Any) -> tuple[int, int | None]:
    return utc(said["physicalTime"]), _offset(said.get("utcOffset"))


def _sleep(point: Any, said: Any, source: Source) -> Item:
    start, end, offset = _interval(said["interval"])
    stated = (said.get("summary") or {}).get("minutesAsleep")
    stages: list[Stage] = [
        (_STAGES[s["type"]], utc(s["startTime"]), utc(s["endTime"]))
        for s in said.get("stages") or ()
        if s.get("type") in _STAGES
    ]
    return night(
        source,
        key(point.get("name") or f"sleep:{start}"),
        start,
        end,
        asleep_s=None if stated is None else number(stated) * 60,
        stages=stages,
        offset=offset,
    )


def _exercise(point: Any, said: Any, source: Source) -> Item:
    start, end, offset = _interval(said["interval"])
    sums = said.get("metricsSummary") or {}
    energy, steps = sums.get("caloriesKcal"), sums.get("steps")
    rate = sums.get("averageHeartRateBeatsPerMinute")
    return workout(
        source,
        key(point.get("name") or f"exercise:{start}"),
        start,
        end,
        str(said.get("exerciseType") or "other").lower(),
        {
            "distance": converted(sums.get("distanceMillimeters"), "mm", "m"),
            "energy": None if energy is None else number(energy),
            "heart_rate": None if rate is None else number(rate),
            "steps": None if steps is None else number(steps),
        },
        offset=offset,
    )


_SCOPE = "https://www.googleapis.com/auth/googlehealth."
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _field(type_: str) -> str:
    """Return what the filter of a type compares with its window."""
    name_ = _CAPITAL.sub("_", type_).lower()
    if type_ == "sleep":
        return "sleep.interval.end_time"
    if type_ in _INTERVALS or type_ == "exercise":
        return f"{name_}.interval.start_time"
    return f"{name_}.date" if type_ in _DAYS else f"{name_}.sample_time.physical_time"


def _points(type_: str) -> Callable[[Http, Window, Options], Iterator[Item]]:
    """Return what fetches the data points of a type."""
    path = f"/v4/users/me/dataTypes/{_CAPITAL.sub('-', type_).lower()}/dataPoints"
    field, by_day = _field(type_), type_ in _DAYS

    def fetch(http: Http, window: Window, _options: Options) -> Iterator[Item]:
        first = window.first_day if by_day else window.start_text
        end = window.end_day if by_day else window.end_text
        asked = {"filter": f'{field} >= "{first}" AND {field} < "{end}"', "pageSize": 1_000}
        for page in http.pages(path, asked, token=("nextPageToken", "pageToken")):
            yield from FORMS.answer("points", page["dataPoints"], type_)

    return fetch


CONNECTOR = Connector(
    name="google_health",
    title="Google Health",
    docs="https://developers.google.com/health",
    emits=frozenset(
        {"sleep", "workout"}
        | {m for m, _, _ in (*_INTERVALS.values(), *_SAMPLES.values())}
        | {m for m, _, _ in (*_EVENTS.values(), *_DAYS.values())}
    ),
    recognise=FORMS.recognise,
    parse=FORMS.parse,
    auth=OAuth2(
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
        scopes=tuple(
            f"{_SCOPE}{part}.readonly"
            for part in ("activity_and_fitness", "health_metrics_and_measurements", "sleep")
        ),
        pkce=True,
        # Else Google gives a token that cannot be renewed.
        authorize_params={"access_type": "offline", "prompt": "consent"},
        help="Make an OAuth client in a project of https://console.cloud.google.com with the "
        "Google Health API switched on.",
    ),
    base_url="https://health.googleapis.com",
    pulls=tuple(
        Pull(name=type_, fetch=_points(type_), slice_days=7 if type_ in _SAMPLES else 30)
        for type_ in (*_INTERVALS, *_SAMPLES, *_EVENTS, *_DAYS, "sleep", "exercise")
    ),
    quotas=(Quota(300, 60),),
)
