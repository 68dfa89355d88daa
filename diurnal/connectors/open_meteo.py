"""Open-Meteo: the weather of each day where the person was, from the open API.

Weather data by Open-Meteo.com, CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any

from diurnal import catalog
from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Options,
    Pull,
    Quota,
    Setting,
    Window,
    _json,
    _said,
)
from diurnal.connectors._points import Lanes
from diurnal.errors import InvalidInput
from diurnal.model import units
from diurnal.model.records import Bad, DayDatum, Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import day_from_text, day_text, micros, zone

SOURCE = Source("Open-Meteo", Kind.DERIVED)
ARCHIVE = "https://archive-api.open-meteo.com/v1/archive"
FORECAST = "https://api.open-meteo.com/v1/forecast"
"""Also knows the last days, which the archive gets five days late."""
GRID = 1
"""Decimals of a position that are told: about 10 km."""

_DAILY = {
    "temperature_2m_max": "weather_temp_max",
    "temperature_2m_min": "weather_temp_min",
    "temperature_2m_mean": "weather_temp",
    "apparent_temperature_mean": "weather_feels_like",
    "precipitation_sum": "weather_precipitation",
    "cloud_cover_mean": "cloud_cover",
    "cloudcover_mean": "cloud_cover",
    "wind_speed_10m_mean": "wind_speed",
    "windspeed_10m_mean": "wind_speed",
    "relative_humidity_2m_mean": "humidity_air",
    "surface_pressure_mean": "pressure_air",
    "uv_index_max": "uv_index",
    "daylight_duration": "day_length",
    "sunrise": "sunrise",
    "sunset": "sunset",
    "weather_code": "weather_summary",
    "weathercode": "weather_summary",
}
_HOURLY = {
    "temperature_2m": "weather_temp",
    "apparent_temperature": "weather_feels_like",
    "relative_humidity_2m": "humidity_air",
    "relativehumidity_2m": "humidity_air",
    "surface_pressure": "pressure_air",
    "uv_index": "uv_index",
}
_ASKED = tuple(name for name in _DAILY if "cover_mean" not in name or "_cover" in name)
_WORDS = (
    # First and last code of the WMO, words, icon (as Exist names them).
    (0, 0, "Clear", "clear-day"),
    (1, 2, "Partly cloudy", "partly-cloudy-day"),
    (3, 3, "Overcast", "cloudy"),
    (45, 48, "Fog", "fog"),
    (51, 57, "Drizzle", "rain"),
    (61, 65, "Rain", "rain"),
    (66, 67, "Freezing rain", "sleet"),
    (71, 77, "Snow", "snow"),
    (80, 82, "Showers", "rain"),
    (85, 86, "Snow showers", "snow"),
    (95, 99, "Thunderstorm", "rain"),
)


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the weather of an answer: its days and hours."""
    for place in answer if isinstance(answer, list) else [answer]:
        yield from _days(place)
        yield from _hours(place)


def _days(place: Mapping[str, Any]) -> Iterator[Item]:
    told, said = place.get("daily") or {}, place.get("daily_units") or {}
    for name, values in told.items():
        key = _DAILY.get(name)
        if key is None:
            continue
        for day, value in zip(told["time"], values, strict=True):
            if value is not None:
                read = partial(_day, key, said.get(name))
                yield from _json.careful(read, (day, value), f"{name} of {day}")


def _day(key: str, unit: str | None, told: tuple[str, Any]) -> Iterator[Item]:
    day, value = day_from_text(told[0]), told[1]
    if key == "weather_summary":
        words, icon = _named(int(value))
        yield DayDatum(source=SOURCE, measure=key, day=day, value=words, raw=str(value))
        yield DayDatum(source=SOURCE, measure="weather_icon", day=day, value=icon)
        return
    if key in ("sunrise", "sunset"):
        minute = int(value[11:13]) * 60 + int(value[14:16])
        number = float(minute if key == "sunrise" else (minute - 720) % 1440)
    elif key == "weather_precipitation":
        number = units.convert(_said.number(value), _code(unit, "mm"), "mm") / 24
    else:
        measure = catalog.get(key)
        number = catalog.to_canonical(measure, _said.number(value), _code(unit, measure.unit))
    yield DayDatum(source=SOURCE, measure=key, day=day, value=number, raw=str(value))


def _named(code: int) -> tuple[str, str]:
    for first, last, words, icon in _WORDS:
        if first <= code <= last:
            return words, icon
    raise ValueError(f"unknown weather code {code}")


def _code(unit: str | None, default: str) -> str:
    return _said.unit(unit) if unit else default


def _hours(place: Mapping[str, Any]) -> Iterator[Item]:
    told, said = place.get("hourly") or {}, place.get("hourly_units") or {}
    if not told:
        return
    name = place.get("timezone") or "GMT"
    where, lanes = zone("UTC" if name == "GMT" else name), Lanes()
    for column, values in told.items():
        key = _HOURLY.get(column)
        if key is None:
            continue
        measure = catalog.get(key)
        try:
            unit = _code(said.get(column), measure.unit)
            for text, value in zip(told["time"], values, strict=True):
                if value is not None:
                    at = micros(_said.naive(text).replace(tzinfo=where))
                    number = catalog.to_canonical(measure, _said.number(value), unit)
                    lanes.add(key, SOURCE, at, number)
        except (InvalidInput, ValueError) as e:
            yield Bad(str(e), f"the hours of {column}")
        yield from lanes.flush()
    yield from lanes.flush(everything=True)


def recognise(entry: Entry) -> float:
    """Return 0.95 for an answer of the API."""
    seen = _json.members(entry.head)
    own = {"latitude", "generationtime_ms", "utc_offset_seconds"} <= seen
    return 0.95 if own and seen & {"daily.time", "hourly.time"} else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer."""
    return _json.whole(entry, rows_of)


def _weather(http: Http, window: Window, options: Options) -> Iterator[Item]:
    for first, last, latitude, longitude in _stays(window, options):
        asked = {
            "latitude": latitude,
            "longitude": longitude,
            "start_date": day_text(first),
            "end_date": day_text(last),
            "daily": ",".join(_ASKED),
            "timezone": "auto",
        }
        # The archive refuses the days that it does not have yet, or leaves them empty.
        answer = http.get(ARCHIVE, asked, accept=(400,))
        days = (answer.get("daily") or {}).get("temperature_2m_max") or []
        if answer.get("error") or None in days:
            recent = http.get(FORECAST, asked, accept=(400,))
            if not recent.get("error"):
                yield from rows_of(recent)
        if not answer.get("error"):
            yield from rows_of(answer)


def _stays(window: Window, options: Options) -> Iterator[tuple[int, int, float, float]]:
    """Yield stretches of days at one place: (first, last, latitude, longitude)."""
    home = options.get("latitude"), options.get("longitude")
    known = {day: (la, lo) for day, la, lo in options.get("places", ())}

    def place(day: int) -> tuple[float, float] | None:
        latitude, longitude = known.get(day, home)
        if latitude is None or longitude is None:
            return None
        return round(latitude, GRID), round(longitude, GRID)

    days = range(day_from_text(window.first_day), day_from_text(window.last_day) + 1)
    for where, stay in groupby(days, place):
        if where is not None:
            span = list(stay)
            yield span[0], span[-1], *where


CONNECTOR = Connector(
    name="open_meteo",
    title="Open-Meteo weather",
    docs="https://open-meteo.com/en/docs/historical-weather-api",
    emits=frozenset(_DAILY.values()) | frozenset(_HOURLY.values()) | {"weather_icon"},
    recognise=recognise,
    parse=parse,
    base_url="https://archive-api.open-meteo.com",
    hosts=("api.open-meteo.com",),
    settings=(
        Setting(
            key="latitude",
            label="Latitude of home",
            kind="number",
            help="Where no position of a day is known.",
            low=-90,
            high=90,
        ),
        Setting(key="longitude", label="Longitude of home", kind="number", low=-180, high=180),
    ),
    pulls=(Pull(name="days", fetch=_weather, slice_days=90, overlap_days=7, places=True),),
    quotas=(Quota(10_000, 86_400),),
    every_s=21_600,
)
