"""What APIs of music, posts, weather and tasks answer, fetched from a service on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from diurnal import plugins
from diurnal.connectors import Connector, OAuth2, instapaper
from diurnal.model.access import Access
from diurnal.model.events import EventQuery
from diurnal.model.time import DAY, SECOND, day_text
from diurnal.outbound.client import Client
from diurnal.services import days, events, source_http, source_tokens, syncs
from diurnal.services.context import Context
from diurnal.store.connections import Stored
from tests.clock import Clock
from tests.connectors.reading import DATA
from tests.services.syncing import connect, pointed, run
from tests.upstream import Asked, Said, Upstream

# Connectors know nothing of the engine; what is stored is tested on both elsewhere.
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
CONNECTORS = plugins.load("diurnal.connectors", "CONNECTOR", Connector)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(source_http, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(source_http, "RETRY_MAX_S", 0.02)


class Service:
    """A service that answers by path; what is asked stays known."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Asked], Any]] = {}

    def __call__(self, asked: Asked) -> Said:
        answer = self.answers.get(asked.path)
        if answer is None:
            return Said({"error": asked.path}, status=404)
        said = answer(asked)
        return said if isinstance(said, Said) else Said(said)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def upstream(service: Service) -> Iterator[Upstream]:
    made = Upstream(service)
    yield made
    made.close()


def fetched(
    ctx: Context,
    owner: Access,
    upstream: Upstream,
    name: str,
    key: str | None = "the-key",
    **given: Any,
) -> tuple[Context, Stored, syncs.Outcome]:
    """Connect a source at the service and look for the first time."""
    connector = CONNECTORS[name]
    if any(s.key == "url" for s in connector.settings):
        given.setdefault("url", upstream.url)
    here = pointed(ctx, upstream.url, name)
    c = connect(here, owner, connector, key=key, **given)
    if isinstance(connector.auth, OAuth2):
        c = signed_in(here, owner, connector, c)
    return here, c, run(here, c)


def signed_in(ctx: Context, owner: Access, connector: Connector, c: Stored) -> Stored:
    """Go through the source's sign-in."""
    ctx.store.write(
        lambda tx: source_tokens.begin(tx, ctx, c, connector, "http://localhost/back")
    ).result()
    from diurnal.store import connections as store

    def row() -> Stored:
        found = ctx.store.read(lambda tx: store.get(tx, owner.account_id, c.id))
        assert found is not None
        return found

    with Client(ctx.settings.outbound_allow) as client:
        source_tokens.finish(ctx, row(), connector, client, "the-code")
    return row()


def stored(ctx: Context, owner: Access) -> dict[str, Any]:
    """Return events by source id."""
    found = ctx.store.read(lambda tx: events.find(tx, ctx, owner, EventQuery(limit=1000)))
    full = [ctx.store.read(lambda tx, i=f.id: events.get(tx, ctx, owner, i)) for f in found]
    return {str(e.source_id): e for e in full}


def told(path: str) -> Any:
    return json.loads((DATA / path).read_text())


def at(ctx: Context, days_ago: float, form: str = "") -> Any:
    """Return an instant some days ago, as text or Unix seconds."""
    instant = ctx.now() - round(days_ago * DAY)
    day, rest = divmod(instant // SECOND, 86_400)
    if form == "s":
        return instant // SECOND
    return f"{day_text(day)}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def again(ctx: Context, c: Stored, owner: Access) -> None:
    """Look again: nothing is new."""
    before = stored(ctx, owner)
    outcome = run(ctx, c, force=True)
    assert outcome.problem is None
    assert stored(ctx, owner).keys() == before.keys()
    assert outcome.result is None or (outcome.result.new, outcome.result.changed) == (0, 0)


def test_spotify_gives_its_newest_after_a_sign_in(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    service.answers = {
        "/api/token": lambda _: {"access_token": "a", "refresh_token": "r", "expires_in": 3600},
        "/v1/me/player/recently-played": lambda _: told("spotify/recently_played.json"),
    }
    connector = CONNECTORS["spotify"]
    here = pointed(ctx, upstream.url, "spotify", client_id="id", client_secret="s")
    c = signed_in(here, alice, connector, connect(here, alice, connector, key=None))
    outcome = run(here, c)
    assert outcome.problem is None
    assert len(stored(here, alice)) == 12
    asked = [a for a in upstream.asked if a.path.endswith("recently-played")]
    assert asked[0].headers["authorization"] == "Bearer a"
    again(here, c, alice)


def test_lastfm_is_paged_by_time_because_pages_shift(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    plays = [at(ctx, n / 300, "s") for n in range(450)]

    def answer(asked: Asked) -> Any:
        first, last = int(asked.query["from"]), int(asked.query["to"])
        found = [p for p in plays if first < p <= last][: int(asked.query["limit"])]
        tracks = [
            {"artist": {"#text": "A"}, "name": f"T{p}", "date": {"uts": str(p)}} for p in found
        ]
        return {"recenttracks": {"track": tracks}}

    service.answers = {"/2.0/": answer}
    here, c, outcome = fetched(
        ctx, alice, upstream, "lastfm", user="me", since=day_text(ctx.now() // DAY - 3)
    )
    assert outcome.problem is None
    assert len(stored(here, alice)) == 450
    assert {a.query["api_key"] for a in upstream.asked} == {"the-key"}
    again(here, c, alice)


def test_listenbrainz_goes_back_until_the_window_begins(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    listens = [
        {
            "listened_at": at(ctx, n, "s"),
            "track_metadata": {"artist_name": "A", "track_name": f"T{n}"},
        }
        for n in range(1, 60)
    ]

    def answer(asked: Asked) -> Any:
        found = [n for n in listens if n["listened_at"] < int(asked.query["max_ts"])]
        return {"payload": {"listens": found[:20]}}

    service.answers = {"/1/user/me/listens": answer}
    since = day_text(ctx.now() // DAY - 10)
    here, c, outcome = fetched(ctx, alice, upstream, "listenbrainz", None, user="me", since=since)
    assert outcome.problem is None
    assert len(stored(here, alice)) == 10
    again(here, c, alice)


def test_mastodon_follows_its_links(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    one = told("mastodon/user_statuses.json")[0]
    statuses = [{**one, "id": str(n), "created_at": at(ctx, n)} for n in range(1, 6)]

    def answer(asked: Asked) -> Any:
        page = int(asked.query.get("page", "0"))
        link = f'<{upstream.url}{asked.path}?page={page + 1}>; rel="next"'
        return Said(statuses[page * 2 : page * 2 + 2], headers={"Link": link} if page < 3 else {})

    service.answers = {
        "/api/v1/accounts/verify_credentials": lambda _: {"id": "1"},
        "/api/v1/accounts/1/statuses": answer,
    }
    here, c, outcome = fetched(
        ctx, alice, upstream, "mastodon", since=day_text(ctx.now() // DAY - 20)
    )
    assert outcome.problem is None
    assert len(stored(here, alice)) == 5
    again(here, c, alice)


def test_bluesky_begins_at_the_key_of_the_window(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    from diurnal.connectors.bluesky import _tid

    records = [
        {
            "uri": f"at://did:plc:a/app.bsky.feed.post/{_tid(ctx.now() - n * DAY)}",
            "value": {"$type": "app.bsky.feed.post", "text": f"{n}", "createdAt": at(ctx, n)},
        }
        for n in range(1, 8)
    ]

    def answer(asked: Asked) -> Any:
        after = asked.query["cursor"]
        found = [r for r in records if r["uri"].rpartition("/")[2] < after][:3]
        end = {"cursor": found[-1]["uri"].rpartition("/")[2]} if found else {}
        return {"records": found, **end}

    service.answers = {"/xrpc/com.atproto.repo.listRecords": answer}
    since = day_text(ctx.now() // DAY - 5)
    here, c, outcome = fetched(
        ctx, alice, upstream, "bluesky", None, handle="me.example.org", since=since
    )
    assert outcome.problem is None
    assert {e.content for e in stored(here, alice).values()} >= {"1", "2", "3", "4", "5"}
    again(here, c, alice)


def test_github_searches_commits_by_their_author(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    made = told("github/commits.json")

    def answer(asked: Asked) -> Any:
        assert asked.query["q"].startswith("author:me author-date:")
        return {"items": made if asked.query["page"] == "1" else []}

    service.answers = {"/search/commits": answer}
    since = day_text(ctx.now() // DAY - 2)
    here, c, outcome = fetched(ctx, alice, upstream, "github", user="me", since=since)
    assert outcome.problem is None
    assert len(stored(here, alice)) == 2
    assert upstream.asked[0].headers["authorization"] == "Bearer the-key"
    again(here, c, alice)


def test_what_is_unkept_at_pinboard_goes_here_too(
    ctx: Context, alice: Access, service: Service, upstream: Upstream, clock: Clock
) -> None:
    kept = [
        {**p, "time": at(ctx, n + 1)}
        for n, p in enumerate(told("pinboard/pinboard_batchresponse.json"))
    ]
    service.answers = {"/v1/posts/all": lambda _: kept}
    since = day_text(ctx.now() // DAY - 20)
    here, c, outcome = fetched(ctx, alice, upstream, "pinboard", since=since)
    assert outcome.problem is None
    assert len(stored(here, alice)) == 3
    assert upstream.asked[0].query["auth_token"] == "the-key"
    gone = kept.pop(0)["hash"]
    # It may be asked once in five minutes.
    clock.tick(600 * SECOND)
    assert run(here, c, force=True).problem is None
    assert len(stored(here, alice)) == 2
    assert gone not in stored(here, alice)


def test_todoist_is_read_cursor_by_cursor(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    tasks = [
        {"id": str(n), "content": f"Task {n}", "completed_at": at(ctx, n / 4), "project_id": "1"}
        for n in range(1, 8)
    ]

    def answer(asked: Asked) -> Any:
        first = int(asked.query.get("cursor") or 0)
        more = str(first + 3) if first + 3 < len(tasks) else None
        return {"items": tasks[first : first + 3], "next_cursor": more}

    service.answers = {"/api/v1/tasks/completed/by_completion_date": answer}
    here, c, outcome = fetched(
        ctx, alice, upstream, "todoist", since=day_text(ctx.now() // DAY - 5)
    )
    assert outcome.problem is None
    assert len(stored(here, alice)) == 7
    again(here, c, alice)


def test_rescuetime_and_activitywatch_tell_minutes_of_days(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    today = ctx.now() // DAY
    service.answers = {
        "/anapi/data": lambda _: {
            "row_headers": ["Date", "Time Spent (seconds)", "Number of People", "Productivity"],
            "rows": [[f"{day_text(today - 1)}T00:00:00", 5_400, 1, 2]],
        },
        "/api/0/buckets/": lambda _: {
            "w": {"id": "w", "type": "currentwindow", "hostname": "desk"},
            "v": {"id": "v", "type": "web.tab.current", "hostname": "desk"},
        },
        "/api/0/buckets/w/events": lambda _: [
            {"timestamp": at(ctx, 2.4), "duration": 600, "data": {"app": "Vim", "title": ""}}
        ],
    }
    since = day_text(today - 4)
    here, _, first = fetched(ctx, alice, upstream, "rescuetime", since=since)
    also, _, second = fetched(here, alice, upstream, "activitywatch", None, since=since)
    assert (first.problem, second.problem) == (None, None)
    found = also.store.read(
        lambda tx: days.values(tx, also, alice, ["productive_time"], today - 4, today)
    )["productive_time"]
    assert sorted(d.value for d in found if d.value) == [10, 90]


def test_swarm_checkins_come_after_a_sign_in(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    one = told("foursquare/checkin.json")
    made = [{**one, "id": f"c{n}", "createdAt": at(ctx, n, "s")} for n in range(1, 5)]
    service.answers = {
        "/oauth2/access_token": lambda _: {"access_token": "a"},
        "/v2/users/self/checkins": lambda _: {"response": {"checkins": {"items": made[::-1]}}},
    }
    connector = CONNECTORS["foursquare"]
    here = pointed(ctx, upstream.url, "foursquare", client_id="id", client_secret="s")
    c = signed_in(
        here,
        alice,
        connector,
        connect(here, alice, connector, key=None, since=day_text(ctx.now() // DAY - 9)),
    )
    assert run(here, c).problem is None
    assert len(stored(here, alice)) == 4
    asked = next(a for a in upstream.asked if a.path == "/v2/users/self/checkins")
    assert asked.query["oauth_token"] == "a"


def test_the_weather_is_asked_for_where_the_person_was(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    from diurnal.model.events import NewEvent

    today = ctx.now() // DAY
    places = {today - 3: (48.14, 11.58), today - 2: (48.14, 11.57)}
    new = [
        NewEvent(
            stream_ids=("diurnal-location",),
            type="position/wgs84",
            time=day * DAY + DAY // 2,
            content={"latitude": la, "longitude": lo},
        )
        for day, (la, lo) in places.items()
    ]
    ctx.store.write(lambda tx: events.create(tx, ctx, alice, new)).result()

    def answer(asked: Asked) -> Any:
        place = float(asked.query["latitude"]), float(asked.query["longitude"])
        warm = 20.0 if place == (48.1, 11.6) else 10.0
        from diurnal.model.time import day_from_text

        first, last = (day_from_text(asked.query[k]) for k in ("start_date", "end_date"))
        names = [day_text(d) for d in range(first, last + 1)]
        # The archive does not know the last two days yet.
        late = asked.path.endswith("archive")
        told = [None if late and d >= today - 1 else warm for d in range(first, last + 1)]
        return {"daily": {"time": names, "temperature_2m_max": told}, "daily_units": {}}

    service.answers = {"/v1/archive": answer, "/v1/forecast": answer}
    here, _, outcome = fetched(
        ctx, alice, upstream, "open_meteo", None,
        latitude=52.5, longitude=13.4, since=day_text(today - 4),
    )  # fmt: skip
    assert outcome.problem is None
    found = here.store.read(
        lambda tx: days.values(tx, here, alice, ["weather_temp_max"], today - 4, today)
    )["weather_temp_max"]
    assert [d.value for d in found] == [10, 20, 20, 10, 10]


def test_a_calendar_is_fetched_from_its_address_and_forgets_what_is_gone(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    def calendar(*names: str) -> bytes:
        start = at(ctx, 2).replace("-", "").replace(":", "")
        parts = [
            f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:{start}\r\nSUMMARY:{n}\r\nEND:VEVENT"
            for n in names
        ]
        return "\r\n".join(["BEGIN:VCALENDAR", *parts, "END:VCALENDAR", ""]).encode()

    service.answers = {"/dav/mine.ics": lambda _: Said(calendar("a", "b"))}
    connector = CONNECTORS["ical"]
    here = pointed(ctx, "", "ical")
    c = connect(here, alice, connector, key="secret", url=f"{upstream.url}/dav/mine.ics", user="me")
    assert run(here, c).problem is None
    assert stored(here, alice).keys() == {"a", "b"}
    assert upstream.asked[0].headers["authorization"].startswith("Basic ")
    service.answers = {"/dav/mine.ics": lambda _: Said(calendar("b"))}
    assert run(here, c, force=True).problem is None
    assert stored(here, alice).keys() == {"b"}


def test_a_caldav_calendar_is_asked_for_what_it_holds(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    start = at(ctx, 2).replace("-", "").replace(":", "")
    held = [
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"
        f"UID:{n}\r\nDTSTART:{start}\r\nSUMMARY:Tea &amp; {n}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        for n in "ab"
    ]
    parts = "".join(
        f"<response><propstat><prop><c:calendar-data>{h}</c:calendar-data></prop></propstat></response>"
        for h in held
    )
    answer = (
        '<?xml version="1.0"?><multistatus xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
        f"{parts}</multistatus>"
    )

    def says(asked: Asked) -> Said:
        if asked.method == "GET":
            return Said(b"use a WebDAV client", status=405)
        assert asked.headers["depth"] == "1"
        assert b"time-range" in asked.body
        return Said(answer.encode(), status=207)

    service.answers = {"/dav/me/calendar/": says}
    here = pointed(ctx, "", "ical")
    address = f"{upstream.url}/dav/me/calendar/"
    c = connect(here, alice, CONNECTORS["ical"], key="secret", url=address, user="me")
    assert run(here, c).problem is None
    assert {e.description for e in stored(here, alice).values()} == {"Tea & a", "Tea & b"}


def test_home_assistant_is_asked_for_the_entities_named(
    ctx: Context, alice: Access, service: Service, upstream: Upstream
) -> None:
    def answer(asked: Asked) -> Any:
        assert asked.query["filter_entity_id"] == "sensor.scale"
        return [
            [
                {
                    "entity_id": "sensor.scale",
                    "state": "71.5",
                    "attributes": {"unit_of_measurement": "kg"},
                    "last_changed": at(ctx, 0.5),
                }
            ]
        ]

    since = day_text(ctx.now() // DAY - 1)
    for back in (0, 1, 2):
        day = day_text(ctx.now() // DAY - back)
        service.answers[f"/api/history/period/{day}T00:00:00Z"] = answer
    here, c, outcome = fetched(
        ctx, alice, upstream, "home_assistant",
        entities=["sensor.scale"], map=["sensor.scale=weight"], since=since,
    )  # fmt: skip
    assert outcome.problem is None
    [event] = stored(here, alice).values()
    assert (event.measure, event.content) == ("weight", 71.5)
    again(here, c, alice)


def test_instapaper_goes_on_where_it_was_and_asks_for_highlights_in_portions(
    ctx: Context,
    alice: Access,
    service: Service,
    upstream: Upstream,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(instapaper, "PAGE", 2)
    monkeypatch.setattr(instapaper, "HIGHLIGHTED", 2)
    now = ctx.now() // SECOND
    kept = [
        {"id": n, "url": f"https://example.org/{n}", "title": f"T{n}", "time": now - 100 * n}
        for n in range(1, 5)
    ]
    # A page that was deleted takes a place of the list, as one that changed does.
    places = [kept[0], None, kept[1], kept[2], kept[3]]
    changed: list[Any] = places

    def bookmarks(asked: Asked) -> Any:
        since, offset, limit = (int(asked.query[k]) for k in ("since", "offset", "limit"))
        rows = (changed if since < now - 1_000 else [])[offset : offset + limit]
        return {
            "bookmarks": [r for r in rows if r is not None],
            "deleted_ids": [9 for r in rows if r is None],
            "total": len(changed),
        }

    def marked(n: int) -> Callable[[Asked], Any]:
        one = {"id": n, "bookmark_id": n, "text": f"Passage {n}", "position": 0, "time": now - n}
        return lambda _: {"highlights": [one]}

    service.answers = {
        "/api/2/oauth2/token": lambda _: {"access_token": "a", "token_type": "Bearer"},
        "/api/2/bookmarks": bookmarks,
        **{f"/api/2/bookmarks/{n}/highlights": marked(n) for n in range(1, 5)},
    }
    connector = CONNECTORS["instapaper"]
    here = pointed(ctx, upstream.url, "instapaper", client_id="id", client_secret="s")
    c = signed_in(here, alice, connector, connect(here, alice, connector, key=None))
    for passages in (1, 3, 4, 4):
        assert run(here, c, force=True).problem is None
        events_ = stored(here, alice)
        assert len([i for i in events_ if i.startswith("highlight")]) == passages
        assert len(events_) == 4 + passages
        clock.tick(60 * SECOND)
    assert {a.headers["authorization"] for a in upstream.asked if "token" not in a.path} == {
        "Bearer a"
    }
    last = [a for a in upstream.asked if a.path == "/api/2/bookmarks"][-1]
    assert int(last.query["since"]) > now - 1_000
