"""One datum in every API: what is written, and how each API says it.

A dialect grows this by its column: what a client sends for the datum, what a client is told. The
numbers are written out, not computed: a conversion must not judge itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from diurnal.model import time
from diurnal.model.time import day_from_text

DAY = day_from_text("2026-02-28")
AT = DAY * time.DAY - 30 * time.MINUTE
"""Half past midnight in Berlin, and still the day before in UTC."""


class Event(NamedTuple):
    """A Pryv event in the measure's home stream, from `AT` on."""

    type: str
    content: Any
    minutes: float = 0


class Datum(NamedTuple):
    """A measure's value on one day.

    Attributes:
        value: in the canonical unit, as a day row has it.
        exist: attribute and value.
        pryv: None where the measure is only ever derived from another's data.
    """

    measure: str
    value: float | str
    exist: tuple[str, Any]
    pryv: Event | None


POST = {"id": "1", "text": "hello"}
PLACE = {"latitude": 46.5, "longitude": 6.6}

DATA = [
    Datum("steps", 8210, ("steps", 8210), Event("count/steps", 8210)),
    Datum("active_time", 42, ("steps_active_min", 42), Event("time/min", 42)),
    Datum("elevation_gain", 125, ("steps_elevation", 0.125), Event("length/m", 125)),
    Datum("floors", 9, ("floors", 9), Event("count/generic", 9)),
    Datum("distance_walk_run", 5432.1, ("steps_distance", 5.4321), Event("length/km", 5.4321)),
    Datum("distance_cycle", 12_000, ("cycle_distance", 12.0), Event("length/m", 12_000)),
    Datum("cycle_time", 33, ("cycle_min", 33), None),
    Datum("energy_active", 500, ("active_energy", 2092.0), Event("energy/kcal", 500)),
    Datum("stand_hours", 11, ("stand_hours", 11), Event("count/generic", 11)),
    Datum("workout", 1, ("workouts", 1), Event("activity/plain", None, 45)),
    Datum("workouts_min", 45, ("workouts_min", 45), None),
    Datum("workout_distance", 7500, ("workouts_distance", 7.5), None),
    Datum("productive_time", 180, ("productive_min", 180), Event("time/min", 180, 180)),
    Datum("neutral_time", 25, ("neutral_min", 25), Event("time/min", 25, 25)),
    Datum("distracting_time", 15, ("distracting_min", 15), Event("time/min", 15, 15)),
    Datum("commit", 1, ("commits", 1), Event("note/txt", "Fix it")),
    Datum("task_completed", 1, ("tasks_completed", 1), Event("note/txt", "Done")),
    Datum("words_written", 1234, ("words_written", 1234), Event("count/generic", 1234)),
    Datum("email_sent", 1, ("emails_sent", 1), Event("message/email", {"subject": "x"})),
    Datum("email_received", 1, ("emails_received", 1), Event("message/email", {"subject": "y"})),
    Datum("pomodoro", 25, ("pomodoros_min", 25), Event("activity/plain", None, 25)),
    Datum("keystrokes", 9000, ("keystrokes", 9000), Event("count/generic", 9000)),
    Datum("coffees", 3, ("coffees", 3), Event("count/generic", 3)),
    Datum("alcoholic_drinks", 2, ("alcoholic_drinks", 2), Event("count/generic", 2)),
    Datum("energy_intake", 2000, ("energy", 8368.0), Event("energy/kcal", 2000)),
    Datum("water", 1500, ("water", 1500), Event("volume/l", 1.5)),
    Datum("carbohydrates", 210.5, ("carbohydrates", 210.5), Event("mass/g", 210.5)),
    Datum("fat", 70, ("fat", 70.0), Event("mass/g", 70)),
    Datum("fibre", 30.25, ("fibre", 30.25), Event("mass/g", 30.25)),
    Datum("protein", 90, ("protein", 90.0), Event("mass/g", 90)),
    Datum("sugar", 40, ("sugar", 40.0), Event("mass/g", 40)),
    Datum("sodium", 2300, ("sodium", 2300.0), Event("mass/g", 2.3)),
    Datum("cholesterol", 180, ("cholesterol", 180.0), Event("mass/mg", 180)),
    Datum("caffeine", 95, ("caffeine", 95.0), Event("mass/mg", 95)),
    Datum("money_spent", 12.5, ("money_spent", 12.5), Event("diurnal/money-spent", 12.5)),
    Datum("mood", 7, ("mood", 7), Event("mood/rating", 0.75)),
    Datum("mood_note", "fine", ("mood_note", "fine"), Event("note/txt", "fine")),
    Datum("energy_level", 4, ("energy_level", 4), Event("scale/1-9", 4)),
    Datum("stress_level", 9, ("stress_level", 9), Event("scale/1-9", 9)),
    Datum("sleep", 450, ("sleep", 450), Event("sleep/analysis", "asleep", 450)),
    Datum("time_in_bed", 480, ("time_in_bed", 480), None),
    Datum("sleep_start", 660, ("sleep_start", 660), None),
    Datum("sleep_end", 420, ("sleep_end", 420), None),
    Datum("awakenings", 2, ("sleep_awakenings", 2), None),
    Datum("sleep_light", 240, ("sleep_light", 240), None),
    Datum("sleep_deep", 90, ("sleep_deep", 90), None),
    Datum("sleep_rem", 100.5, ("sleep_rem", 101), None),
    Datum("calendar_event", 1, ("events", 1), Event("calendar/ical-event", {"uid": "1"}, 60)),
    Datum("events_duration", 60, ("events_duration", 60), None),
    Datum("weight", 71.25, ("weight", 71.25), Event("mass/kg", 71.25)),
    Datum("body_fat", 0.215, ("body_fat", 0.215), Event("ratio/percent", 21.5)),
    Datum("lean_mass", 55, ("lean_mass", 55.0), Event("mass/g", 55_000)),
    Datum("heart_rate", 61.5, ("heartrate", 62), Event("frequency/bpm", 61.5)),
    Datum("heart_rate_max", 140, ("heartrate_max", 140), None),
    Datum("heart_rate_resting", 52, ("heartrate_resting", 52), Event("frequency/bpm", 52)),
    Datum("hrv_rmssd", 34.4, ("heartrate_variability", 34), Event("time/ms", 34.4)),
    Datum("meditation", 12, ("meditation_min", 12), Event("activity/plain", None, 12)),
    Datum(
        "menstrual_flow",
        4,
        ("menstrual_flow", 4),
        Event("reproductive-health/menstrual-flow", "heavy"),
    ),
    Datum(
        "sexual_activity",
        1,
        ("sexual_activity", 1),
        Event("reproductive-health/sexual-activity", "unspecified"),
    ),
    Datum("checkin", 1, ("checkins", 1), Event("position/wgs84", PLACE)),
    Datum("location", "46.5,6.6", ("location", "46.5,6.6"), Event("position/wgs84", PLACE)),
    Datum("track_played", 1, ("tracks", 1), Event("music/basic", {"title": "x"}, 3)),
    Datum(
        "article_read", 1, ("articles_read", 1), Event("note/webclip", {"url": "https://x.test"})
    ),
    Datum("pages_read", 31, ("pages_read", 31), Event("count/generic", 31)),
    Datum("screen_mobile", 95, ("mobile_screen_min", 95), Event("time/min", 95, 95)),
    Datum("gaming", 30, ("gaming_min", 30), Event("activity/plain", None, 30)),
    Datum("tv", 50, ("tv_min", 50), Event("activity/plain", None, 50)),
    Datum("movies", 100, ("movies_min", 100), Event("activity/plain", None, 100)),
    Datum("facebook_post", 1, ("facebook_posts", 1), Event("message/facebook", POST)),
    Datum("social_comments", 5, ("facebook_comments", 5), Event("count/generic", 5)),
    Datum("social_reactions", 6, ("facebook_reactions", 6), Event("count/generic", 6)),
    Datum("mastodon_post", 1, ("mastodon_posts", 1), Event("note/txt", "toot")),
    Datum("mastodon_replies", 2, ("mastodon_replies", 2), Event("count/generic", 2)),
    Datum("mastodon_boosts", 3, ("mastodon_boosts", 3), Event("count/generic", 3)),
    Datum("mastodon_favourites", 4, ("mastodon_favourites", 4), Event("count/generic", 4)),
    Datum("tweet", 1, ("tweets", 1), Event("message/twitter", POST)),
    Datum("mentions", 2, ("twitter_mentions", 2), Event("count/generic", 2)),
    Datum("social_username", "me", ("twitter_username", "me"), Event("note/txt", "me")),
    Datum("weather_temp_max", 11.5, ("weather_temp_max", 11.5), None),
    Datum("weather_temp_min", -3, ("weather_temp_min", -3.0), None),
    Datum(
        "weather_precipitation",
        2.54,
        ("weather_precipitation", 0.1),
        Event("precipitation/mm-h", 2.54),
    ),
    Datum("cloud_cover", 0.4, ("weather_cloud_cover", 0.4), Event("ratio/percent", 40)),
    Datum("wind_speed", 5, ("weather_wind_speed", 18.0), Event("speed/km-h", 18)),
    Datum("weather_summary", "Dry", ("weather_summary", "Dry"), Event("note/txt", "Dry")),
    Datum("weather_icon", "sun", ("weather_icon", "sun"), Event("note/txt", "sun")),
    Datum("sunrise", 433, ("sunrise", 433), Event("diurnal/sunrise", 433)),
    Datum("sunset", 366, ("sunset", 366), Event("diurnal/sunset", 366)),
    Datum("day_length", 653, ("day_length", 653), Event("time/min", 653)),
    Datum("tags", "work", ("custom", "work"), Event("note/txt", "work")),
]

DERIVED = {
    "exist": {
        "workouts_min": 45,
        "sleep_start": 750,
        "time_in_bed": 450,
        "sleep_end": 480,
        "events_duration": 60,
        "heartrate_max": 62,
    }
}
"""What follows from the events of the table, by reader."""


PERSONICLE = {
    "steps": ("step.count", 8210),
    "active_time": ("active_minutes", 42.0),
    "distance_walk_run": ("distance", 5432.1),
    "energy_active": ("active_calories", 500.0),
    "weight": ("weight", 71.25),
    "body_fat": ("body_fat", 21.5),
    "heart_rate": ("heartrate", 62),
}
"""Measures of the table that are datastreams: the datastream, and its value in its unit."""
PERSONAL = {
    "steps": ("steps", "steps", 8210),
    "weight": ("weight", "weight", "71.25"),
    "heart_rate": ("heartrate", "bpm", 61.5),
    "mood": ("mood", "mood", 7),
    "sleep": ("sleep", "duration", 450),
}
"""Measures of the table that are resources: the resource, its column and the value there."""
