"""Reduced detail: only days, coarse places, later; through every reader."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from diurnal.errors import Forbidden, HiddenReference, NotFound, UnknownReference
from diurnal.model import places
from diurnal.model.access import Access, Level, Permission, Place
from diurnal.model.events import EventQuery
from diurnal.services import attachments, days, events, series, streams
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests import cases
from tests.clock import DAY, HOUR, SECOND, START, Clock

TODAY = 20513
PLACE = "diurnal-location"
HOME = {"latitude": 52.520008, "longitude": 13.404954, "altitude": 34.2, "name": "Home"}


def read(stream: str = "*", **more: Any) -> Permission:
    return Permission(Level.READ, stream, **more)


def day(ctx: Context, who: Access, key: str, first: int = TODAY, last: int = TODAY) -> list[Any]:
    found = cases.read(ctx, days.values, who, [key], first, last)
    return [d.value for d in found[key]]


# Only days


def test_only_days_are_shown_and_not_what_they_are_made_of(ctx: Context, alice: Access) -> None:
    from diurnal.model.series import columns

    [e] = cases.add(ctx, alice, cases.weigh(70, START))
    cases.write(ctx, series.write, alice, "heart_rate", "watch", columns([START], [60.0]))
    app = cases.share(ctx, alice, read(days_only=True))
    assert cases.ids(ctx, app) == []
    with pytest.raises(NotFound):
        cases.read(ctx, events.get, app, e.id)
    assert cases.read(ctx, series.read, app, "heart_rate", START - DAY, START + DAY) == []
    assert cases.read(ctx, series.buckets, app, "heart_rate", START - DAY, START + DAY, 300) == []
    assert cases.read(ctx, series.listed, app) == []
    assert day(ctx, app, "weight") == [70]
    assert day(ctx, app, "heart_rate") == [60]
    assert "diurnal-weight" in {s.id for s in cases.read(ctx, streams.visible, app)}


def test_the_most_that_any_permission_shows_is_shown(ctx: Context, alice: Access) -> None:
    weights = [cases.weigh(70 + n, START - n * DAY) for n in range(3)]
    ids = [e.id for e in cases.add(ctx, alice, *weights)]
    app = cases.share(
        ctx, alice, read(days_only=True), read(end=START - HOUR), read(delay=2, start=START - DAY)
    )
    assert set(cases.ids(ctx, app)) == set(ids[1:])
    assert day(ctx, app, "weight", TODAY - 2, TODAY) == [72, 71, 70]


# Later


def test_what_is_delayed_comes_when_it_is_old_enough(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    from diurnal.model.series import columns

    cases.add(ctx, alice, *[cases.weigh(70 + n, START - n * DAY) for n in range(4)])
    at = [START - n * DAY for n in range(3, -1, -1)]
    cases.write(ctx, series.write, alice, "heart_rate", "watch", columns(at, [60.0] * 4))
    app = cases.share(ctx, alice, read(delay=2))

    def shown() -> tuple[int, int, int]:
        points = cases.read(ctx, series.read, app, "heart_rate", START - 9 * DAY, START + DAY)
        known = [v for v in day(ctx, app, "weight", TODAY - 9, TODAY + 3) if v is not None]
        return len(cases.ids(ctx, app)), sum(len(cols) for _, cols in points), len(known)

    assert shown() == (2, 2, 2)
    assert cases.read(ctx, days.extent, app)["weight"] == (TODAY - 3, TODAY - 2)
    clock.tick(DAY)
    assert shown() == (3, 3, 3)
    clock.tick(2 * DAY)
    assert shown() == (4, 4, 4)


def test_what_reaches_into_a_hidden_day_is_hidden_and_so_is_what_runs(
    ctx: Context, alice: Access
) -> None:
    midnight = START - 13 * HOUR  # in Berlin
    spans = [(-2 * HOUR, HOUR), (-2 * HOUR, 2 * HOUR), (-HOUR, 2 * HOUR), (-9 * DAY, None)]
    made = cases.add(
        ctx, alice, *[cases.note(time=midnight + at, duration=long) for at, long in spans]
    )
    app = cases.share(ctx, alice, read(delay=1))
    assert set(cases.ids(ctx, app)) == {made[0].id, made[1].id}
    with pytest.raises(NotFound):
        cases.read(ctx, events.get, app, made[3].id)


def test_a_delayed_access_follows_nothing(ctx: Context, alice: Access) -> None:
    from tests.dialects.native.client import app_token, opened

    cases.add(ctx, alice, cases.weigh(70, START - 5 * DAY))
    _, token = app_token(ctx, alice, read(delay=1))
    _, plain = app_token(ctx, alice, read())
    with opened(ctx, token) as app:
        app.refused(403, "GET", "/live")
        app.refused(403, "GET", "/changes")
        app.refused(403, "GET", f"/events?modifiedSince={START // SECOND - 10}")
        answer = app("GET", "/events")
        assert len(answer.json()["events"]) == 1
        assert "etag" not in answer.headers
        assert "etag" in app.with_token(plain)("GET", "/events").headers


def test_an_open_day_counts_nothing_that_is_still_hidden(ctx: Context, alice: Access) -> None:
    cases.plant(ctx, alice, "late", measure="weight")
    cases.add(ctx, alice, cases.weigh(70, START), cases.weigh(90, START + HOUR, stream="late"))
    app = cases.share(ctx, alice, read("diurnal-weight"), read("late", delay=5))
    assert day(ctx, alice, "weight") == [90]
    assert day(ctx, app, "weight") == [70]


# Coarse places


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place.EXACT, HOME),
        (Place.NEAR, {"latitude": 52.52, "longitude": 13.4}),
        (Place.AREA, {"latitude": 52.5, "longitude": 13.4}),
        (Place.NONE, {}),
    ],
)
def test_places_are_as_coarse_as_they_were_granted(
    ctx: Context, alice: Access, place: Place, expected: Any
) -> None:
    [e] = cases.add(
        ctx,
        alice,
        cases.note(
            PLACE,
            HOME,
            type="position/wgs84",
            time=START,
            description="Unter den Linden 1",
            client_data={"geo": {"street": "Unter den Linden"}},
        ),
    )
    app = cases.share(ctx, alice, read(place=place))
    one = cases.read(ctx, events.get, app, e.id)
    assert one.content == expected
    [row] = cases.read(ctx, events.find, app, EventQuery())
    told = msgspec.json.decode(row.body)
    assert told.get("content", {}) == expected
    if place is not Place.EXACT:
        for text in (row.body + row.tail, msgspec.json.encode(one).decode()):
            assert not any(w in text for w in ("Linden", "34.2", "520008", "404954", "Home"))
    days_told = {
        Place.EXACT: "52.520008,13.404954",
        Place.NEAR: "52.52,13.4",
        Place.AREA: "52.5,13.4",
        Place.NONE: None,
    }
    assert day(ctx, app, "location") == [days_told[place]]
    lineage = cases.read(ctx, days.values, app, ["location"], TODAY, TODAY, lineage=True)
    if place is not Place.EXACT:
        assert "520008" not in repr(lineage)


def test_the_most_exact_place_that_fits_is_shown(ctx: Context, alice: Access) -> None:
    cases.plant(ctx, alice, "trip", measure="location")
    made = cases.add(
        ctx,
        alice,
        *[
            cases.note(stream, HOME, type="position/wgs84", time=START, tags=tags)
            for stream, tags in ((PLACE, ()), (PLACE, ("shared",)), ("trip", ()))
        ],
    )
    app = cases.share(
        ctx, alice, read(place=Place.AREA), read(tags=("shared",)), read("trip", place=Place.NEAR)
    )
    told = [cases.read(ctx, events.get, app, e.id).content["latitude"] for e in made]
    assert told == [52.5, 52.520008, 52.52]
    found = {e["id"]: e["content"]["latitude"] for e in cases.found(ctx, app)}
    assert [found[e.id] for e in made] == told


def test_files_may_say_where_they_were_made_so_they_are_not_shown(
    ctx: Context, alice: Access
) -> None:
    digest, size = ctx.blobs.put(alice.account_id, [b"x"], limit=10)
    given = [("a.jpg", "image/jpeg", digest, size)]
    app = cases.share(ctx, alice, read(place=Place.NEAR))
    spot = cases.note(PLACE, HOME, type="position/wgs84")
    for e in cases.add(ctx, alice, cases.note(), spot):
        held = cases.write(ctx, attachments.add, alice, e.id, given)
        assert cases.read(ctx, events.get, app, e.id).files == ()
        with pytest.raises(NotFound):
            cases.read(ctx, attachments.find, app, e.id, held.files[0].id)
        assert cases.read(ctx, attachments.find, alice, e.id, held.files[0].id)
    assert [row.files for row in cases.read(ctx, events.find, app)] == [0, 0]


@pytest.mark.parametrize(
    ("content", "near"),
    [
        ({"activity": "running", "route": [[52.520008, 13.404954]]}, [[52.52, 13.4]]),
        ({"activity": "running", "points": [{"lat": 52.520008, "lng": 13.404954}]}, None),
        ({"geometry": {"type": "Point", "coordinates": [13.404954, 52.520008]}}, None),
        ({"text": "at 52.520008, 13.404954"}, None),
        ({"formatted_address": "Unter den Linden 1", "kcal": 300}, None),
        (["52.520008,13.404954"], None),
    ],
)
def test_places_are_found_wherever_they_hide(content: Any, near: Any) -> None:
    made = places.coarse(content, Place.NEAR)
    text = repr(made)
    assert not any(w in text for w in ("520008", "404954", "Linden"))
    if near is not None:
        assert made["route"] == near
        assert made["activity"] == "running"
    gone = repr(places.coarse(content, Place.NONE))
    assert "52.5" not in gone
    assert "13.4" not in gone
    assert places.coarse(content, Place.EXACT) == content


def test_numbers_that_are_no_places_stay(ctx: Context, alice: Access) -> None:
    told = {"kcal": 300, "long": False, "laps": [1.2345, 2.3456], "note": "70.5 / 80.25"}
    assert {**told, **places.coarse(told, Place.NONE)} == told
    [e] = cases.add(ctx, alice, cases.note("diurnal-note", "a plain text", description="mine"))
    app = cases.share(ctx, alice, read(place=Place.NONE))
    one = cases.read(ctx, events.get, app, e.id)
    assert (one.content, one.description) == ("a plain text", "mine")


# Who may only add


def test_who_may_only_add_leaves_what_others_wrote(ctx: Context, alice: Access) -> None:
    from diurnal.model.series import columns

    def points() -> list[float]:
        found = cases.read(ctx, series.read, alice, "heart_rate", START - DAY, START + DAY)
        return sorted(float(v) for _, cols in found for v in cols.value)

    cases.write(ctx, series.write, alice, "heart_rate", "watch", columns([START], [60.0]))
    cases.write(ctx, days.write_rows, alice, [NewDay("steps", TODAY, 100, "watch")])
    adder = cases.share(ctx, alice, Permission(Level.CREATE_ONLY))
    told = cases.write(ctx, series.write, adder, "heart_rate", "watch", columns([START], [99.0]))
    assert told == (1, 0, 0)  # and not that there was another, or the same
    told = cases.write(ctx, series.write, adder, "heart_rate", "watch", columns([START], [60.0]))
    assert told == (1, 0, 0)
    assert points() == [60, 99]
    for value in (100, 5):
        new = NewDay("steps", TODAY, value, "watch")
        with pytest.raises(Forbidden):
            cases.write(ctx, days.write_rows, adder, [new])
    # What is its own it may correct.
    for value in (1.0, 2.0):
        cols = columns([START], [value])
        cases.write(ctx, series.write, adder, "heart_rate", "own", cols)
        cases.write(ctx, days.write_rows, adder, [NewDay("steps", TODAY - 1, value, "own")])
    assert points() == [2, 60, 99]
    assert day(ctx, alice, "steps", TODAY - 1, TODAY) == [2, 100]


def test_what_is_hidden_answers_as_what_is_not_there(ctx: Context, alice: Access) -> None:
    from diurnal.model.series import columns

    cases.plant(ctx, alice, "secret")
    app = cases.share(ctx, alice, Permission(Level.MANAGE, "diurnal-note"))
    [mine] = cases.add(ctx, app, cases.note())
    for hidden, nowhere in (
        (lambda s: cases.add(ctx, app, cases.note(s)), "nowhere"),
        (lambda s: cases.write(ctx, events.update, app, mine.id, {"stream_ids": (s,)}), "nowhere"),
        (lambda s: cases.write(ctx, events.create, app, [cases.note(s), cases.note()]), "nowhere"),
    ):
        told = []
        for stream in ("secret", nowhere):
            with pytest.raises(UnknownReference) as refused:
                hidden(stream)
            error = refused.value
            told.append((str(error), error.field, str(error.data)))
            assert isinstance(error, HiddenReference) == (stream == "secret")
        assert tuple(str(x).replace("secret", "nowhere") for x in told[0]) == told[1]
    with pytest.raises(HiddenReference):
        cases.write(ctx, series.write, app, "weight", "x", columns([START], [1.0]))
    with pytest.raises(HiddenReference):
        cases.write(ctx, days.write_rows, app, [NewDay("weight", TODAY, 1, "x")])


# The trash, and streams that were deleted


def test_series_and_days_of_a_stream_in_the_trash_count_nowhere(
    ctx: Context, alice: Access
) -> None:
    from diurnal.model.series import columns

    cases.write(ctx, series.write, alice, "heart_rate", "watch", columns([START], [60.0]))
    cases.write(ctx, days.write_rows, alice, [NewDay("heart_rate_resting", TODAY, 180, "watch")])

    def shown() -> tuple[Any, ...]:
        points = cases.read(ctx, series.read, alice, "heart_rate", START - DAY, START + DAY)
        return (
            len(points),
            len(cases.read(ctx, series.listed, alice)),
            *day(ctx, alice, "heart_rate"),
            *day(ctx, alice, "heart_rate_resting"),
        )

    whole = shown()
    assert whole == (1, 1, 60, 180)
    for trashed in ("diurnal-heart-rate", "diurnal-heart"):
        cases.write(ctx, streams.update, alice, trashed, {"trashed": True})
        assert shown()[:3] == (0, 0, None)
        assert (shown()[3] is None) == (trashed == "diurnal-heart")
        cases.write(ctx, streams.update, alice, trashed, {"trashed": False})
        assert shown() == whole


def test_a_standard_stream_that_was_deleted_can_be_made_again(ctx: Context, alice: Access) -> None:
    cases.write(ctx, streams.update, alice, "diurnal-weight", {"trashed": True})
    cases.write(ctx, streams.delete, alice, "diurnal-weight", merge=False)
    # Its rights are those of what stood above it, not of everything.
    app = cases.share(ctx, alice, read(), Permission(Level.NONE, "diurnal-body"))
    with pytest.raises(UnknownReference):
        day(ctx, app, "weight")
    made = cases.write(
        ctx,
        streams.create,
        alice,
        name="Weight",
        id_="diurnal-weight",
        parent_id="diurnal-body",
    )
    assert made.measure == "weight"
    cases.add(ctx, alice, cases.weigh(70, START))
    assert day(ctx, alice, "weight") == [70]
