"""Scopes of Exist: three of version 1, thirty-four of version 2.

Source: `developer.exist.io`, version 1 (2021) and version 2 (2025).
"""

from __future__ import annotations

from diurnal.catalog import by_name
from diurnal.catalog.scopes import Scope, Scopes, gathered
from diurnal.catalog.scopes._words import listed, sensitive
from diurnal.model.access import EVERY

OWN_STREAM = "own"
"""Above the streams of an account's own attributes and tags."""
TAGS = "tags"
NAMES: dict[str, tuple[str, ...]] = {
    group: tuple(names.split())
    for group, names in {
        "activity": "steps steps_active_min steps_elevation floors steps_distance cycle_min"
        " cycle_distance active_energy stand_hours",
        "productivity": "productive_min neutral_min distracting_min commits tasks_completed"
        " words_written emails_sent emails_received pomodoros_min keystrokes",
        "mood": "mood mood_note energy_level stress_level",
        "sleep": "sleep time_in_bed sleep_start sleep_end sleep_awakenings sleep_light sleep_deep"
        " sleep_rem",
        "workouts": "workouts workouts_min workouts_distance",
        "events": "events events_duration",
        "finance": "money_spent",
        "food": "coffees alcoholic_drinks energy water carbohydrates fat fibre protein sugar"
        " sodium cholesterol caffeine",
        "health": "weight body_fat lean_mass heartrate heartrate_max heartrate_resting"
        " meditation_min menstrual_flow sexual_activity heartrate_variability",
        "location": "checkins location",
        "media": "tracks articles_read pages_read mobile_screen_min gaming_min tv_min movies_min",
        # Those of Twitter have a group and no scope of their own.
        "social": "facebook_posts facebook_comments facebook_reactions mastodon_posts"
        " mastodon_replies mastodon_boosts mastodon_favourites tweets twitter_mentions"
        " twitter_username",
        "weather": "weather_temp_max weather_temp_min weather_precipitation weather_cloud_cover"
        " weather_wind_speed weather_summary weather_icon sunrise sunset day_length",
    }.items()
}
"""The attributes of each group that a scope of version 2 is about."""
OWN_GROUPS = {
    "symptoms": (("own-symptoms",), "Symptoms", "the symptoms that you track"),
    "medication": (("own-medication",), "Medication", "the medication that you track"),
    "custom": ((OWN_STREAM,), "Custom tags", "your own tags and attributes"),
}


def measures(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the measures that Exist's names mean, without names of the account's own."""
    found = (by_name("exist", name) for name in names)
    return tuple(dict.fromkeys(m.key for m in found if m is not None))


_ALL = measures(tuple(n for names in NAMES.values() for n in names))
_LABELS = {"events": "Events", "health": "Health and body", "food": "Food and drink"}


def _pair(
    stem: str,
    title: str,
    about: str,
    streams: tuple[str, ...] = (EVERY,),
    keys: tuple[str, ...] | None = None,
) -> tuple[Scope, Scope]:
    told = keys is not None and sensitive(keys)
    return (
        Scope(
            name=f"{stem}_read",
            title=title,
            words=f"read {about}",
            reads=True,
            streams=streams,
            measures=keys,
            sensitive=told or keys is None,
        ),
        Scope(
            name=f"{stem}_write",
            title=title,
            words=f"write {about}",
            writes=True,
            streams=streams,
            measures=keys,
            sensitive=told or keys is None,
        ),
    )


V1 = (
    Scope(
        name="read",
        title="Read",
        words="read all your attributes, averages, correlations and insights",
        reads=True,
        measures=(*_ALL, TAGS),
        also=(OWN_STREAM,),
        sensitive=True,
    ),
    Scope(
        name="write",
        title="Write",
        words="take ownership of attributes and write their values",
        writes=True,
        measures=(*_ALL, TAGS),
        also=(OWN_STREAM,),
    ),
    Scope(
        name="append",
        title="Tags",
        words="add tags to your days",
        adds=True,
        streams=(OWN_STREAM,),
    ),
)
V2 = tuple(
    scope
    for pair in (
        *(
            _pair(
                group,
                _LABELS.get(group, group.capitalize()),
                f"your {listed(measures(names))}",
                keys=measures(names),
            )
            for group, names in NAMES.items()
        ),
        *(
            _pair(stem, title, about, streams)
            for stem, (streams, title, about) in OWN_GROUPS.items()
        ),
        _pair("manual", "What you track by hand", "what you track by hand", (OWN_STREAM,)),
    )
    for scope in pair
)

SCOPES = Scopes(
    known=gathered((*V1, *V2)),
    offered=tuple(s.name for s in (*V1, *V2)),
    separators=" +,",
)
