"""What surrounds the person: air, sound, light."""

from __future__ import annotations

from diurnal.catalog._names import ds, family, hk, named
from diurnal.model.measures import Daily, Measure, Shape

FAMILY = family("exposome", "Surroundings")


def _in_air(key: str, label: str, high: float, personicle: str | None = None) -> Measure:
    """Return the concentration of something in the air.

    Personicle's dictionary says ug/cc, but the numbers are those of OpenWeather, in µg/m³.
    """
    return Measure(
        key=key,
        label=label,
        group="exposome",
        unit="ug/m3",
        shape=Shape.SERIES,
        daily=Daily.MEAN,
        low=0,
        high=high,
        names={
            "pryv": named("concentration/ug-m3", unit="ug/m3"),
            "personicle": ds(f"exposome.{personicle or key}", unit="ug/m3"),
        },
    )


def _sound(key: str, label: str, apple: str) -> Measure:
    """Return a sound level."""
    return Measure(
        key=key,
        label=label,
        group="exposome",
        unit="dB",
        shape=Shape.SERIES,
        daily=Daily.MEAN,
        low=0,
        high=180,
        names={
            "pryv": named("pressure/db", unit="dB"),
            "apple_health": hk(apple, unit="dB"),
        },
    )


MEASURES = (
    Measure(
        key="aqi",
        label="Air quality index",
        group="exposome",
        unit="1",
        shape=Shape.SERIES,
        daily=Daily.MEAN,
        low=0,
        high=1_000,
        names={
            "pryv": named("count/generic", unit="1"),
            "personicle": ds("exposome.aqi", unit="1"),
        },
    ),
    _in_air("pm2_5", "PM2.5", 5_000),
    _in_air("pm10", "PM10", 10_000),
    # The dictionary writes ozone with a zero.
    _in_air("o3", "Ozone", 5_000, "03"),
    _in_air("no2", "Nitrogen dioxide", 10_000),
    _in_air("so2", "Sulphur dioxide", 20_000),
    _in_air("co", "Carbon monoxide", 200_000),
    _in_air("nh3", "Ammonia", 10_000),
    _in_air("no", "Nitrogen monoxide", 10_000),
    _sound("sound_environment", "Surrounding sound", "EnvironmentalAudioExposure"),
    _sound("sound_headphones", "Headphone sound", "HeadphoneAudioExposure"),
    Measure(
        key="daylight_time",
        label="Time in daylight",
        group="exposome",
        unit="min",
        shape=Shape.SERIES,
        daily=Daily.SUM,
        low=0,
        high=1440,
        names={
            "pryv": named("time/min", unit="min"),
            "apple_health": hk("TimeInDaylight", unit="min"),
        },
    ),
)
