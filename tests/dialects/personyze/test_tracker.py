"""What an app with Personyze's tracker sees."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diurnal.dialects.personyze import tracker
from diurnal.errors import AppError
from diurnal.model.access import Access, Level
from diurnal.services import days
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.store.database import WriteTx
from tests.clock import DAY, SECOND, START, Clock
from tests.dialects.personyze.test_personyze import Caller

DEVICE = -1234567890
NOW = START // SECOND


def sent(*commands: list[Any], session: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a request as the vendor's library for Android makes it."""
    return {
        "user_id": DEVICE,
        "session_id": session,
        "new_session": session is None,
        "past_sessions": "",
        "platform": "Android",
        "time_zone": 1.0,
        "languages": "en",
        "screen": "1080x2280",
        "os": "Android/14 (REL)",
        "device_type": "phone",
        "noti_enabled": False,
        "commands": list(commands),
        **more,
    }


class App(Caller):
    """An app that follows its user."""

    session: str | None = None

    def track(self, *commands: list[Any], **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.post(
            "tracker-v1", sent(*commands, session=self.session, **more)
        )
        self.session = answer["session_id"]
        return answer

    def sessions(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.get("sessions_archive")
        return listed

    def done(self) -> list[tuple[int, str, str]]:
        rows = self.get("products_interactions/order_by/id")
        return [(r["user_id"], r["internal_id"], r["interaction"]) for r in rows]


@pytest.fixture
def app(ctx: Context, alice: Access) -> App:
    return App(ctx, alice)


def test_a_session_is_an_event_that_grows_with_each_request(app: App, clock: Clock) -> None:
    begun = clock.now()
    answer = app.track(["Navigate", "urn:personyze:doc:Main"])
    assert int(answer["session_id"].split(" ")[0]) == begun // SECOND
    clock.tick(60 * SECOND)
    app.track(["Navigate", "urn:personyze:doc:Cart"], ["Action Status", "7", "close", "3"])
    [session] = app.sessions()
    [user] = app.get("users/where/user_id!=1")
    assert session["user_id"] == user["user_id"]
    assert session["end_time"] - session["time"] == pytest.approx(60, abs=1)
    content = session["content"]
    assert [d["document"] for d in content["documents"]] == [
        "urn:personyze:doc:Main",
        "urn:personyze:doc:Cart",
    ]
    assert [(a["action"], a["status"], a["arg"]) for a in content["answers"]] == [
        ("7", "close", "3")
    ]
    assert (content["platform"], content["screen"], content["time_zone"]) == (
        "Android",
        "1080x2280",
        1.0,
    )
    assert (user["session_counter"], user["last_session_time"]) == (1, begun // SECOND)


def test_another_session_begins_when_asked_for_or_after_an_hour_and_a_half(
    app: App, clock: Clock
) -> None:
    first = app.track()["session_id"]
    assert app.track()["session_id"] == first
    clock.tick(60 * SECOND)
    second = app.track(new_session=True)["session_id"]
    assert second != first
    clock.tick(91 * 60 * SECOND)
    assert app.track()["session_id"] not in (first, second)
    [user] = app.get("users/where/user_id!=1")
    assert (user["session_counter"], len(app.sessions())) == (3, 3)


def test_sessions_are_counted_on_their_day(
    ctx: Context, alice: Access, app: App, clock: Clock
) -> None:
    begun = {device: app.track(user_id=device, new_session=True) for device in (5, 6)}
    clock.tick(600 * SECOND)
    for device, answer in begun.items():
        app.session = answer["session_id"]
        app.track(["Navigate", "a"], user_id=device, new_session=False)
    assert [s["duration"] for s in app.sessions()] == [600, 600]
    today = START // DAY
    found = ctx.store.read(lambda tx: days.values(tx, ctx, alice, ["app_session"], today, today))
    assert found["app_session"][0].value == 2


@pytest.mark.parametrize("told", ["", "x", "1 2", "99999999999999999999 1", "1 999999999999999999"])
def test_a_session_that_is_not_there_is_begun(app: App, told: str) -> None:
    app.session = told
    assert app.track(new_session=False)["session_id"] != told
    assert len(app.sessions()) == 1


def test_what_is_told_of_a_person_is_kept_under_the_columns_of_users(app: App) -> None:
    app.track(
        ["User profile", "email", "Bo@Example.org"],
        ["User profile", "firstName", "Bo"],
        ["User profile", "Boots size", "42"],
        ["User profile", "session_counter", "99"],
    )
    [user] = app.get("users/where/email=bo@example.org")
    assert (user["first_name"], user["boots_size"], user["session_counter"]) == ("Bo", "42", 1)


def test_who_is_known_by_a_key_is_that_user_on_every_device(app: App) -> None:
    known = app.post("users", {"email": "bo@example.org", "first_name": "Bo"})
    app.track(["Navigate", "a"])
    app.track(["User profile", "email", "bo@example.org"])
    assert app.sessions()[0]["user_id"] == known
    app.track(["Navigate", "b"], user_id=77, new_session=True)
    app.track(["User profile", "email", "bo@example.org"], user_id=77)
    assert [s["user_id"] for s in app.sessions()] == [known, known]


def test_the_owners_own_app_writes_the_owners_data(app: App) -> None:
    app.track(["User profile", "internal_id", "alice"], ["User profile", "weight", "71.5"])
    [owner] = app.get("users/1")
    assert (owner["weight"], owner["session_counter"]) == (71.5, 1)
    assert app.sessions()[0]["user_id"] == 1
    assert app.get("users/column/user_id") == [1]


def test_what_is_done_with_products_is_as_if_it_had_been_posted(app: App) -> None:
    for name in ("tea", "cup"):
        app.post("products", {"internal_id": name, "title": name.title()})
    app.post("articles", {"internal_id": "brew", "title": "How to"})
    app.track(
        ["Product Viewed", "tea"],
        ["Product Added to cart", "tea", "quantity", "2"],
        ["Product Added to cart", "cup"],
        ["Product Removed from cart", "cup"],
        ["Product Liked", "cup"],
        ["Article Goal", "brew"],
        ["Product Viewed", "not there"],
        ["Never heard of", "x"],
        [],
    )
    app.track(["Products Purchased"], ["Products Purchased"], ["Products Unliked"])
    [user] = app.get("users/where/user_id!=1/column/user_id")
    assert app.done() == [
        (user, "tea", "Viewed"),
        (user, "tea", "Added to cart"),
        (user, "cup", "Added to cart"),
        (user, "cup", "Removed from cart"),
        (user, "cup", "Liked"),
        (user, "brew", "Goal"),
        (user, "tea", "Purchased"),
        (user, "cup", "Unliked"),
    ]
    seen = app.get("events/order_by/id")
    assert {(e["user_id"], e["measure"]) for e in seen} == {
        (user, "item_interaction"),
        (user, "app_session"),
    }


def test_only_what_its_user_has_in_the_cart_is_bought(app: App) -> None:
    app.post("products", {"internal_id": "tea"})
    app.track(["Product Added to cart", "tea"])
    app.track(["Products Purchased"], user_id=5, new_session=True)
    assert [verb for _, _, verb in app.done()] == ["Added to cart"]


def test_the_answer_tells_which_actions_have_a_place_and_which_goals_are_met(
    ctx: Context, alice: Access, app: App, clock: Clock
) -> None:
    today = START // DAY
    rows = [NewDay("steps", today, 9_000, "Watch"), NewDay("weight", today, 71.0, "Scale")]
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, rows)).result()
    app.post("placeholders", {"name": "steps", "html_id": "#steps"})
    first = app.track(["Navigate", "a"])
    [action] = app.get("actions/where/content_param=steps")
    assert first["actions"] == [{"id": action["id"]}]
    [other] = app.get("actions/where/content_param=weight")
    assert other["id"] in first["dismiss_actions"]
    clock.tick(2 * SECOND)
    assert app.track(["Navigate", "b"])["cache_version"] > first["cache_version"] > 0


def test_a_key_that_may_not_write_tracks_nothing(ctx: Context, alice: Access, app: App) -> None:
    for level in (Level.READ, Level.CREATE_ONLY):
        assert "may not" in App(ctx, alice, level).post("tracker-v1", sent(), 500)
    assert app.sessions() == []
    assert app.get("users/column/user_id") == [1]


def test_a_session_of_another_account_is_not_gone_on_with(
    ctx: Context, charlie: Access, app: App
) -> None:
    app.track(["Navigate", "mine"])
    other = App(ctx, charlie)
    other.session = app.session
    other.track(["Navigate", "theirs"], new_session=False)
    assert [d["document"] for d in app.sessions()[0]["content"]["documents"]] == ["mine"]


def test_an_event_that_is_no_session_of_this_device_is_not_changed(app: App) -> None:
    app.track(["Navigate", "mine"])
    app.track(["Navigate", "theirs"], user_id=5)
    assert len(app.sessions()) == 2
    assert [d["document"] for d in app.sessions()[0]["content"]["documents"]] == ["mine"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "no request of a tracker"),
        ({}, "user_id"),
        ({"user_id": None}, "user_id"),
        ({"user_id": 1, "commands": {}}, "commands"),
        ({"user_id": 1, "commands": [["Navigate", {}]]}, "commands"),
        ({"user_id": 1, "commands": [["Navigate", "x" * 501]]}, "500 characters"),
        ({"user_id": 1, "os": "x" * 501}, "500 characters"),
        ({"user_id": 1, "commands": [[]] * 1001}, "1000 commands"),
    ],
)
def test_a_wrong_request_is_a_500_that_says_what_is_wrong(app: App, body: Any, says: str) -> None:
    assert says in app.post("tracker-v1", body, 500)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
WORDS = st.sampled_from(
    [
        *("Navigate", "User profile", "Action Status", "Product Viewed", "Products Purchased"),
        *("email", "internal_id", "alice", "tea", "weight", "user_id", "sleep", "mood_note", ""),
    ]
)
REQUESTS = st.fixed_dictionaries(
    {"user_id": st.integers() | st.text(max_size=5)},
    optional={
        "session_id": st.none() | st.from_regex(r"[0-9]{1,3} [0-9]{1,19}", fullmatch=True),
        "new_session": st.booleans(),
        "time_zone": st.none() | st.floats(allow_nan=False) | st.text(max_size=5),
        "commands": st.lists(st.lists(WORDS | JSON, max_size=5), max_size=4),
    },
)


def test_no_request_crashes_the_tracker(ctx: Context, alice: Access, app: App) -> None:
    app.post("products", {"internal_id": "tea"})

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(REQUESTS | JSON)
    def check(sent: Any) -> None:
        def run(tx: WriteTx) -> None:
            tracker.answer(tx, ctx, alice, tracker.track(tx, ctx, alice, sent))

        with suppress(AppError):
            ctx.store.write(run).result()

    check()


def test_a_tracker_is_not_read(app: App) -> None:
    assert "cannot be read" in app.get("tracker-v1", 500)
