"""Sharing, as those who share and those who are shared with meet it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from diurnal.model.access import Access
from diurnal.model.time import day_from_text, day_text
from diurnal.services import accounts
from diurnal.services.context import Context
from diurnal.store import shares
from tests.clock import HOUR, SECOND, START, Clock
from tests.dialects.native.client import Api, opened, owner_token
from tests.live.following import SOON_S, serving

BODY = [{"level": "read", "stream": "diurnal-body"}]
WEIGHT = {"streamIds": ["diurnal-weight"], "type": "mass/kg", "content": 71.5}


@pytest.fixture
def guest(ctx: Context) -> Iterator[Api]:
    with opened(ctx) as made:
        yield made


def _owner(ctx: Context, guest: Api, access: Access) -> Api:
    return guest.with_token(owner_token(ctx, access))


def test_a_link_shows_its_part_and_ends_when_it_is_taken_back(
    ctx: Context, guest: Api, alice: Access
) -> None:
    mine = _owner(ctx, guest, alice)
    mine.ok("POST", "/events", json={**WEIGHT, "time": START // SECOND})
    secret = {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "my secret"}
    mine.ok("POST", "/events", json={**secret, "time": START // SECOND})
    share = mine.ok("POST", "/shares", json={"name": "Body", "permissions": BODY})
    assert share["expires"] == pytest.approx((START + 30 * 24 * HOUR) / SECOND, abs=60)
    path = "/share/" + share["url"].rpartition("/")[2]
    door = guest.page("GET", path)
    assert "alice shares this with you" in door.text
    assert "71.5" not in door.text
    assert guest.page("POST", path, data={}).status_code == 303
    seen = guest.page("GET", path)
    assert "71.5" in seen.text
    assert "my secret" not in seen.text
    assert "Add something" not in seen.text
    assert mine.ok("GET", "/shares")["shares"][0]["opens"] == 1
    assert mine("GET", f"/shares/{share['id']}/picture").text.startswith("<svg")
    lines = mine.ok("GET", "/audit")["lines"]
    assert {"share.open", "share.view"} <= {line["action"] for line in lines}
    token = guest.ok("POST", "/shares/open", json={"link": path.rpartition("/")[2]})["token"]
    assert guest.with_token(token)("GET", "/events").status_code == 200
    mine.ok("DELETE", f"/shares/{share['id']}")
    assert guest.page("GET", path).status_code == 404
    assert guest.with_token(token)("GET", "/events").status_code == 401
    assert mine.ok("GET", "/shares")["shares"] == []


def test_a_password_is_asked_and_guesses_are_counted(
    ctx: Context, guest: Api, alice: Access
) -> None:
    mine = _owner(ctx, guest, alice)
    asked = {"name": "Body", "permissions": BODY, "password": "open up"}
    share = mine.ok("POST", "/shares", json=asked)
    path = "/share/" + share["url"].rpartition("/")[2]
    door = guest.page("GET", path)
    assert "alice" not in door.text
    assert 'type="password"' in door.text
    wrong = [guest.page("POST", path, data={"password": "x"}).status_code for _ in range(11)]
    assert wrong == [401] * 10 + [429]
    assert guest.page("POST", path, data={"password": "open up"}).status_code == 429
    mine.ok("PATCH", f"/shares/{share['id']}", json={"password": None})
    assert guest.page("POST", path, data={}).status_code == 303


def test_another_password_shows_out_who_came_in_by_the_one_before(
    ctx: Context, guest: Api, alice: Access
) -> None:
    mine = _owner(ctx, guest, alice)
    mine.ok("POST", "/events", json={**WEIGHT, "time": START // SECOND})
    # The socket's server goes by the machine's clock: no end, then.
    asked = {"name": "Body", "permissions": BODY, "password": "open up", "expires": None}
    share = mine.ok("POST", "/shares", json=asked)
    path = "/share/" + share["url"].rpartition("/")[2]
    assert guest.page("POST", path, data={"password": "open up"}).status_code == 303
    assert "71.5" in guest.page("GET", path).text
    door = {"link": path.rpartition("/")[2], "password": "open up"}
    token = guest.ok("POST", "/shares/open", json=door)["token"]
    with serving(ctx) as server, server.follow(token) as stream:
        assert stream.answer.status == 200
        mine.ok("PATCH", f"/shares/{share['id']}", json={"name": "Body", "password": "sesame"})
        stream.until(lambda: stream.ended is not None, within=SOON_S)
    assert "71.5" not in guest.page("GET", path).text
    assert guest.with_token(token)("GET", "/events").status_code == 401
    assert guest.page("POST", path, data={"password": "open up"}).status_code == 401
    assert guest.page("POST", path, data={"password": "sesame"}).status_code == 303
    assert "71.5" in guest.page("GET", path).text
    [now] = mine.ok("GET", "/shares")["shares"]
    assert (now["id"], now["url"], now["opens"]) == (share["id"], share["url"], 3)
    assert (now.get("expires"), now["words"]) == (None, share["words"])
    # Without one nobody is asked, and nobody is shown out.
    mine.ok("PATCH", f"/shares/{share['id']}", json={"password": None})
    assert "71.5" in guest.page("GET", path).text


def test_fewer_rights_hold_at_once_for_a_guest_who_is_in(
    ctx: Context, guest: Api, alice: Access
) -> None:
    mine = _owner(ctx, guest, alice)
    mine.ok("POST", "/events", json={**WEIGHT, "time": START // SECOND})
    share = mine.ok("POST", "/shares", json={"name": "Body", "permissions": BODY})
    path = "/share/" + share["url"].rpartition("/")[2]
    guest.page("POST", path, data={})
    assert "71.5" in guest.page("GET", path).text
    less = [{"level": "read", "stream": "diurnal-heart"}]
    mine.ok("PATCH", f"/shares/{share['id']}", json={"permissions": less})
    assert "71.5" not in guest.page("GET", path).text


def test_a_guest_looks_at_one_day_and_at_a_longer_stretch(
    ctx: Context, guest: Api, alice: Access
) -> None:
    mine = _owner(ctx, guest, alice)
    for back, kilograms in ((0, 71.5), (1, 72.25), (60, 80.75)):
        at = (START - back * 24 * HOUR) // SECOND
        mine.ok("POST", "/events", json={**WEIGHT, "content": kilograms, "time": at})
        note = {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "my secret"}
        mine.ok("POST", "/events", json={**note, "time": at})
    share = mine.ok("POST", "/shares", json={"name": "Body", "permissions": BODY})
    path = "/share/" + share["url"].rpartition("/")[2]
    today = mine.ok("GET", "/days/extent")["measures"]["weight"]["to"]
    before = day_text(day_from_text(today, field="day") - 1)
    # Nobody is shown a day before the link is opened.
    assert "72.25" not in guest.page("GET", f"{path}?day={before}").text
    guest.page("POST", path, data={})
    days = guest.page("GET", path).text.partition("Newest entries")[0]
    assert "72.25 kg" in days
    assert "80.75" not in days
    assert "80.75 kg" in guest.page("GET", f"{path}?days=90").text.partition("Newest entries")[0]
    one = guest.page("GET", f"{path}?day={before}&days=30").text
    card = one[one.index("day-title") : one.index("days-title")]
    assert card.count("72.25 kg") == 2  # the day's value, and the entry behind it
    assert "Weight 72.25 kg" in card
    assert "71.5" not in card
    assert f"?day={today}&amp;days=30" in card
    assert "my secret" not in one
    for wrong in ("?day=yesterday", "?days=100000", "?day=2026-02-30&days=x"):
        assert guest.page("GET", path + wrong).status_code == 200


def test_a_guest_reads_when_somebody_rose_as_a_time_of_day(
    ctx: Context, guest: Api, alice: Access
) -> None:
    mine = _owner(ctx, guest, alice)
    mine.ok("PUT", "/days/sleep_end/2026-01-01", json={"value": 383})
    mine.ok("PUT", "/days/sleep_start/2026-01-01", json={"value": 665})
    whole = [{"level": "read", "stream": "*"}]
    share = mine.ok("POST", "/shares", json={"name": "Sleep", "permissions": whole})
    path = "/share/" + share["url"].rpartition("/")[2]
    guest.page("POST", path, data={})
    shown = guest.page("GET", f"{path}?day=2026-01-01").text
    card = shown[shown.index("day-title") : shown.index("days-title")]
    assert "<dd>06:23</dd>" in card
    assert "<dd>23:05</dd>" in card


def test_a_guest_reads_values_and_entries_as_the_app_says_them(
    ctx: Context, guest: Api, alice: Access
) -> None:
    mine = _owner(ctx, guest, alice)
    values = {
        "spo2": 0.97,
        "heart_rate": 59.53,
        "respiratory_rate": 14.28,
        "weather_temp": 2.59,
        "distance_walk_run": 7_516,
        "height": 1.72,
        "steps": 10_121,
    }
    for key, value in values.items():
        mine.ok("PUT", f"/days/{key}/2026-01-01", json={"value": value})
    place = {"latitude": 54.4012, "longitude": 9.9335}
    track = {"artist": "Quiet Arithmetic", "title": "Remainders", "album": "Long Division"}
    for type_, content, description in (
        ("position/wgs84", place, "Weaver Lane"),
        ("position/wgs84", {**place, "latitude": 54.5}, None),
        ("music/track", track, None),
    ):
        event = {"streamIds": ["diurnal-notes"], "type": type_, "content": content}
        mine.ok(
            "POST", "/events", json=event | ({"description": description} if description else {})
        )
    whole = [{"level": "read", "stream": "*"}]
    share = mine.ok("POST", "/shares", json={"name": "All", "permissions": whole})
    path = "/share/" + share["url"].rpartition("/")[2]
    guest.page("POST", path, data={})
    shown = guest.page("GET", f"{path}?day=2026-01-01").text
    card = shown[shown.index("day-title") : shown.index("days-title")]
    assert ">1 January 2026</h2>" in card
    for told in (
        *("97 %", "59.5 bpm", "14.3 breaths/min", "2.6 °C", "7.52 km", "172 cm", "10,121"),
    ):
        assert f"<dd>{told}</dd>" in card
    assert "Weaver Lane<small>" in shown
    assert "54.4012" not in shown
    assert "54.5000, 9.9335" in shown
    assert "Remainders, Quiet Arithmetic, Long Division" in shown


def test_a_guest_adds_where_it_is_allowed(ctx: Context, guest: Api, alice: Access) -> None:
    mine = _owner(ctx, guest, alice)
    asked = [{"level": "contribute", "stream": "diurnal-notes"}]
    share = mine.ok("POST", "/shares", json={"name": "Notes", "permissions": asked})
    path = "/share/" + share["url"].rpartition("/")[2]
    guest.page("POST", path, data={})
    note = {"stream": "diurnal-notes", "text": "hello <b>there</b>"}
    assert guest.page("POST", f"{path}/add", data=note).status_code == 303
    assert "hello &lt;b&gt;there" in guest.page("GET", path).text
    elsewhere = guest.page("POST", f"{path}/add", data={**note, "stream": "diurnal-body"})
    assert elsewhere.status_code == 400
    [event] = mine.ok("GET", "/events")["events"]
    assert event["createdBy"] == share["token"]


def test_a_share_says_in_words_what_it_opens(ctx: Context, guest: Api, alice: Access) -> None:
    mine = _owner(ctx, guest, alice)
    asked = [
        {"level": "read", "stream": "*", "daysOnly": True, "place": "near", "delay": 7},
        {"level": "contribute", "stream": "*", "rights": ["create", "update"]},
        {"level": "none", "stream": "diurnal-notes"},
        {"level": "read", "stream": "diurnal-body", "measures": ["weight"], "tags": ["a"]},
    ]
    share = mine.ok("POST", "/shares", json={"name": "Words", "permissions": asked})
    assert share["words"] == [
        "See everything, only one value a day, places to about 1 km, 7 days later",
        "Add to and change everything",
        "Never see “Notes”",
        "See Weight in “Body” tagged a",
    ]


def test_a_link_ends_by_itself(ctx: Context, clock: Clock, guest: Api, alice: Access) -> None:
    mine = _owner(ctx, guest, alice)
    share = mine.ok("POST", "/shares", json={"name": "Body", "permissions": BODY})
    clock.tick(31 * 24 * HOUR)
    assert guest.page("GET", "/share/" + share["url"].rpartition("/")[2]).status_code == 404


def test_another_account_accepts_sees_and_is_left_out_again(
    ctx: Context, guest: Api, alice: Access, charlie: Access
) -> None:
    mine, theirs = _owner(ctx, guest, alice), _owner(ctx, guest, charlie)
    mine.ok("POST", "/events", json={**WEIGHT, "time": START // SECOND})
    rev = theirs.ok("GET", "/changes")["rev"]
    asked: dict[str, Any] = {"name": "Body", "permissions": BODY, "to": "charlie"}
    share = mine.ok("POST", "/shares", json=asked)
    told = theirs.ok("GET", f"/changes?since={rev}")["changes"]
    assert ("share", share["id"]) in {(c["kind"], c["id"]) for c in told}
    [offer] = theirs.ok("GET", "/shares/received")["received"]
    assert (offer["owner"], offer["state"]) == ("alice", "offered")
    here = f"/shares/received/{share['id']}"
    assert theirs("POST", f"{here}/token").status_code == 404
    theirs.ok("PUT", here, json={"accept": True})
    assert mine.ok("GET", "/shares")["shares"][0]["state"] == "accepted"
    token = theirs.ok("POST", f"{here}/token")["token"]
    through = guest.with_token(token)
    [event] = through.ok("GET", "/events")["events"]
    assert event["content"] == 71.5
    theirs.ok("PUT", here, json={"accept": False})
    assert theirs.ok("GET", "/shares/received")["received"] == []
    mine.ok("DELETE", f"/shares/{share['id']}")
    assert through("GET", "/events").status_code == 401
    assert theirs("PUT", here, json={"accept": True}).status_code == 404


def test_a_share_tells_nobody_which_names_there_are(
    ctx: Context, guest: Api, alice: Access, charlie: Access
) -> None:
    mine = _owner(ctx, guest, alice)
    told = [
        mine.ok("POST", "/shares", json={"name": "Body", "permissions": BODY, "to": name})
        for name in ("charlie", "nobody")
    ]
    for share in told:
        for one in ("id", "token", "to", "created"):
            share.pop(one)
    assert told[0] == told[1]
    assert mine("GET", "/shares/received").json() == {"received": []}


def test_with_either_account_its_shares_go(
    ctx: Context, guest: Api, alice: Access, charlie: Access
) -> None:
    mine, theirs = _owner(ctx, guest, alice), _owner(ctx, guest, charlie)
    mine.ok("POST", "/shares", json={"name": "Body", "permissions": BODY, "to": "charlie"})
    theirs.ok("POST", "/shares", json={"name": "Body", "permissions": BODY, "to": "alice"})
    accounts.delete(ctx, charlie.account_id)
    assert mine.ok("GET", "/shares")["shares"] == []
    assert mine.ok("GET", "/shares/received")["received"] == []
    assert ctx.store.read(lambda tx: shares.received(tx, charlie.account_id)) == []
