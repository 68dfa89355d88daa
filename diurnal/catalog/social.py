"""Social: posts, and what others answer."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, named
from diurnal.model.measures import Daily, Measure, Shape, ValueKind

FAMILY = family("social", "Social")

SHARED = {("personal", "statuses.status"): "status_post"}
"""The Personal API lists the posts of all networks in one resource."""


def _posts(key: str, label: str, *pryv: str, exist: str | None) -> Measure:
    """Return posts on one network: an event each, counted by day."""
    names = {
        "pryv": named(*pryv),
        "personicle": ev("StatusPost" if exist is None else key),
        "personal": named("statuses.status"),
    }
    if exist is not None:
        names["exist"] = named(exist, unit="1")
    return Measure(
        key=key,
        label=label,
        group="social",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.COUNT,
        value=ValueKind.TEXT,
        low=0,
        high=5_000,
        names=names,
    )


def _answers(key: str, label: str, exist: str) -> Measure:
    """Return how often others reacted, summed by day."""
    return Measure(
        key=key,
        label=label,
        group="social",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.SUM,
        value=ValueKind.INTEGER,
        low=0,
        high=10_000_000,
        names={"pryv": named("count/generic", unit="1"), "exist": named(exist, unit="1")},
    )


MEASURES = (
    _posts("status_post", "Posts", "note/txt", "message/twitter", "message/facebook", exist=None),
    _posts("tweet", "Tweets", "message/twitter", "note/txt", exist="tweets"),
    _posts("mastodon_post", "Mastodon posts", "note/txt", "note/html", exist="mastodon_posts"),
    _posts(
        "facebook_post", "Facebook posts", "message/facebook", "note/txt", exist="facebook_posts"
    ),
    _answers("mentions", "Mentions", "twitter_mentions"),
    _answers("social_comments", "Comments", "facebook_comments"),
    _answers("social_reactions", "Reactions", "facebook_reactions"),
    _answers("mastodon_replies", "Mastodon replies", "mastodon_replies"),
    _answers("mastodon_boosts", "Mastodon boosts", "mastodon_boosts"),
    _answers("mastodon_favourites", "Mastodon favourites", "mastodon_favourites"),
    Measure(
        key="social_username",
        label="User name",
        group="social",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.LAST,
        value=ValueKind.TEXT,
        names={"pryv": named("note/txt"), "exist": named("twitter_username")},
    ),
)
