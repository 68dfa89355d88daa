"""What people say for more and less of a measure: one line each, and rules for all others."""

from __future__ import annotations

from typing import NamedTuple

from diurnal.analysis import MeasureInfo
from diurnal.model.measures import Daily


class Phrase(NamedTuple):
    """How a sentence says that there is more, or less, of something.

    Attributes:
        more, less: clauses without a full stop, beginning in lower case.
        rank: of two measures the one with the higher is the condition: nobody steers the weather.
        opposite: whether `less` is an ordinary thing to say in a condition ("you go to bed
            earlier"), so that a link against is told by it.
    """

    more: str
    less: str
    rank: float
    opposite: bool = False


RANKS = {
    "mood": 0.0,
    "heart": 1.0,
    "body": 1.2,
    "health": 1.4,
    "sleep": 2.0,
    "activity": 3.0,
    "productivity": 4.0,
    "social": 4.4,
    "finance": 4.6,
    "notes": 4.8,
    "workouts": 5.0,
    "media": 6.0,
    "food": 6.4,
    "custom": 7.0,
    "events": 8.0,
    "location": 8.2,
    "exposome": 9.0,
    "weather": 9.2,
    "calendar": 10.0,
}
"""Feelings and bodies are outcomes; what is done is in the middle; what befalls us is last."""

_YOU = {
    # More than one word differs between the two: both are given.
    "steps": ("get more steps", "get fewer steps"),
    "active_time": ("spend more time active", "are less active"),
    "floors": ("climb more floors", "climb fewer floors"),
    "sleep": ("spend more time asleep", "spend less time asleep"),
    "time_in_bed": ("spend more time in bed", "spend less time in bed"),
    "sleep_start": ("go to bed later", "go to bed earlier"),
    "sleep_end": ("wake up later", "wake up earlier"),
    "awakenings": ("wake up more often in the night", "wake up less often in the night"),
    "sleep_deep": ("get more deep sleep", "get less deep sleep"),
    "sleep_light": ("get more light sleep", "get less light sleep"),
    "sleep_rem": ("get more REM sleep", "get less REM sleep"),
    "mood": ("have a better day", "have a worse day"),
    "energy_level": ("have more energy", "have less energy"),
    "stress_level": ("feel more stressed", "feel less stressed"),
    "meditation": ("meditate more", "meditate less"),
    "productive_time": ("are more productive", "are less productive"),
    "distracting_time": ("get distracted more", "get distracted less"),
    "neutral_time": ("spend more neutral time", "spend less neutral time"),
    "commit": ("make more commits", "make fewer commits"),
    "task_completed": ("complete more tasks", "complete fewer tasks"),
    "words_written": ("write more", "write less"),
    "email_sent": ("send more emails", "send fewer emails"),
    "email_received": ("get more emails", "get fewer emails"),
    "pomodoro": ("do more pomodoros", "do fewer pomodoros"),
    "keystrokes": ("type more", "type less"),
    "track_played": ("listen to music more", "listen to music less"),
    "article_read": ("read more articles", "read fewer articles"),
    "pages_read": ("read more pages", "read fewer pages"),
    "bookmark": ("save more bookmarks", "save fewer bookmarks"),
    "screen_mobile": ("use your phone more", "use your phone less"),
    "gaming": ("play more games", "play fewer games"),
    "tv": ("watch more TV", "watch less TV"),
    "movies": ("spend more time at the movies", "spend less time at the movies"),
    "photo": ("take more photos", "take fewer photos"),
    "workout": ("do more workouts", "do fewer workouts"),
    "workouts_min": ("spend more time working out", "spend less time working out"),
    "workout_distance": ("cover more ground in workouts", "cover less ground in workouts"),
    "distance_walk_run": ("walk further", "walk less far"),
    "distance_cycle": ("cycle further", "cycle less far"),
    "distance_swim": ("swim further", "swim less far"),
    "cycle_time": ("spend more time cycling", "spend less time cycling"),
    "elevation_gain": ("climb higher", "climb less high"),
    "energy_active": ("burn more energy being active", "burn less energy being active"),
    "energy_intake": ("eat more energy", "eat less energy"),
    "meal": ("eat more meals", "eat fewer meals"),
    "water": ("drink more water", "drink less water"),
    "caffeine": ("have more caffeine", "have less caffeine"),
    "coffees": ("drink more coffees", "drink fewer coffees"),
    "alcoholic_drinks": ("have more alcoholic drinks", "have fewer alcoholic drinks"),
    "money_spent": ("spend more money", "spend less money"),
    "calendar_event": ("have more events", "have fewer events"),
    "events_duration": ("spend more time in events", "spend less time in events"),
    "checkin": ("check in more", "check in less"),
    "weight": ("weigh more", "weigh less"),
    "tweet": ("tweet more", "tweet less"),
    "mentions": ("get mentioned more", "get mentioned less"),
    "status_post": ("post more", "post less"),
    "mastodon_post": ("toot more", "toot less"),
    "facebook_post": ("post on Facebook more", "post on Facebook less"),
    "daylight_time": ("spend more time in daylight", "spend less time in daylight"),
    "sexual_activity": ("have more sex", "have less sex"),
}
_IT = {
    "weather_temp": ("it's a warmer day", "it's a colder day"),
    "weather_temp_max": ("it's a warmer day", "it's a colder day"),
    "weather_temp_min": ("it's a warmer night", "it's a colder night"),
    "weather_feels_like": ("it feels warmer", "it feels colder"),
    "weather_precipitation": ("it rains more", "it rains less"),
    "cloud_cover": ("it's cloudier", "the sky is clearer"),
    "wind_speed": ("it's windier", "it's less windy"),
    "humidity_air": ("the air is more humid", "the air is less humid"),
    "pressure_air": ("the air pressure is higher", "the air pressure is lower"),
    "uv_index": ("the UV index is higher", "the UV index is lower"),
    "sunrise": ("the sun rises later", "the sun rises earlier"),
    "sunset": ("the sun sets later", "the sun sets earlier"),
    "day_length": ("the days are longer", "the days are shorter"),
    "sound_environment": ("it's louder around you", "it's quieter around you"),
    "weekend": ("it's the weekend", "it's a weekday"),
}
_FINE_RANK = {"steps": -0.2, "sleep": -0.2, "productive_time": -0.1, "mood": -0.2}
"""Within a family these are what people ask about, so the other one is the condition."""


def phrase(measure: MeasureInfo) -> Phrase:
    """Return what to say for a measure; there is something for every one."""
    rank = RANKS.get(measure.group, 7.0 if measure.is_tag else 5.5)
    rank += _FINE_RANK.get(measure.key, 0.0)
    if measure.is_tag:
        tag = f"you tag '{measure.label}'"
        return Phrase(f"{tag} more", f"{tag} less", RANKS["custom"])
    if measure.key in _YOU:
        more, less = _YOU[measure.key]
        return Phrase(f"you {more}", f"you {less}", rank, opposite=measure.is_clock)
    if measure.key in _IT:
        return Phrase(*_IT[measure.key], rank, opposite=measure.is_clock)
    label = inside(measure.label)
    if measure.is_clock:
        return Phrase(f"your {label} is later", f"your {label} is earlier", rank, opposite=True)
    if measure.kind is Daily.DURATION or (measure.unit == "min" and measure.is_total):
        time = label if "time" in label.split() else f"time on {label}"
        return Phrase(f"you spend more {time}", f"you spend less {time}", rank)
    if measure.kind is Daily.COUNT or (measure.kind is Daily.SUM and measure.unit == "1"):
        return Phrase(f"you have more {label}", f"you have fewer {label}", rank)
    if measure.kind is Daily.SUM:
        return Phrase(f"you have more {label}", f"you have less {label}", rank)
    owner = "the" if measure.group in ("weather", "exposome") else "your"
    return Phrase(f"{owner} {label} is higher", f"{owner} {label} is lower", rank)


def is_condition(a: MeasureInfo, b: MeasureInfo) -> bool:
    """Return whether `a` is the condition of a link on the same day, and `b` the outcome."""
    return (phrase(a).rank, a.key) > (phrase(b).rank, b.key)


def inside(label: str) -> str:
    """Return a label as it stands inside a sentence: "Time asleep" but not "REM sleep"."""
    first = label.split(" ", 1)[0]
    return label if first[1:] != first[1:].lower() else label[:1].lower() + label[1:]
