"""What a Pryv client sees."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from diurnal.model import time
from diurnal.model.access import Access, Level, Permission
from diurnal.model.events import File, NewEvent
from diurnal.services import accesses, events, streams
from diurnal.services.context import Context
from tests.clock import START, Clock
from tests.dialects.client import BASE, Client, personal_token, simple_token, token

NOW = START // time.SECOND
EVENTS = "/pryv/alice/events"
EVER = "fromTime=-1.7976931348623157e%2B308&toTime=1.7976931348623157e%2B308"


class App:
    """A client of Pryv's API with its token."""

    def __init__(self, ctx: Context, secret: str) -> None:
        self.client = Client(ctx)
        self.headers = {"Authorization": secret}

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path, headers=self.headers)
        assert answer.status_code == status, answer.text
        assert answer.json()["meta"]["apiVersion"] == "1.9.3"
        return answer.json()

    def create(self, status: int = 201, **event: Any) -> Any:
        answer = self.client.post(EVENTS, headers=self.headers, json=event)
        assert answer.status_code == status, answer.text
        return answer.json()

    def note(self, content: str, at: float, *streams: str, **event: Any) -> str:
        ids = list(streams) or ["diary"]
        made = self.create(type="note/txt", content=content, time=at, streamIds=ids, **event)
        found: str = made["event"]["id"]
        return found

    def found(self, query: str = "") -> list[str]:
        listed = self.get(f"{EVENTS}?{query}")["events"]
        return [e["content"] for e in listed]


@pytest.fixture
def app(ctx: Context, alice: Access) -> App:
    """An app that may everything, in an account with the streams diary > dreams, and work."""
    for id_, parent in (("diary", None), ("dreams", "diary"), ("work", None)):
        ctx.store.write(
            lambda tx, id_=id_, parent=parent: streams.create(
                tx, ctx, alice, name=id_.title(), id_=id_, parent_id=parent
            )
        ).result()
    return App(ctx, token(ctx, alice))


# Ways in


def test_a_token_comes_in_many_dresses(ctx: Context, alice: Access, app: App) -> None:
    secret = app.headers["Authorization"]
    for header in (
        secret,
        f"{secret} my-caller",
        f"Bearer {secret}",
        f"Basic {base64.b64encode(secret.encode()).decode()}",
        f"Basic {base64.b64encode(f'{secret}:'.encode()).decode()}",
    ):
        answer = app.client.get(EVENTS, headers={"Authorization": header})
        assert answer.status_code == 200, header
        assert answer.headers["pryv-access-id"].startswith("c")
    assert app.client.get(f"{EVENTS}?auth={secret}").status_code == 200
    header_wins = app.client.get(f"{EVENTS}?auth={secret}", headers={"Authorization": "null"})
    assert header_wins.status_code == 403


def test_tokens_of_other_apis_open_the_same_but_not_from_a_url(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    client = Client(ctx)
    for secret in (token(ctx, alice, api="native"), simple_token(ctx, alice)):
        assert client.get(EVENTS, headers={"Authorization": secret}).status_code == 200
        assert client.get(f"{EVENTS}?auth={secret}").status_code == 403
    foreign = client.get(EVENTS, headers={"Authorization": token(ctx, charlie)})
    assert foreign.status_code == 403
    assert foreign.json()["error"]["message"] == "Cannot find access from token."


def test_an_expired_access_says_so(ctx: Context, alice: Access, clock: Clock) -> None:
    _, secret = ctx.store.write(
        lambda tx: accesses.create(
            tx,
            ctx,
            alice,
            name="Short",
            permissions=[Permission(Level.READ)],
            expires=ctx.now() + 10 * time.SECOND,
            api="pryv",
        )
    ).result()
    App(ctx, secret).get(EVENTS)
    clock.tick(time.MINUTE)
    refused = App(ctx, secret).get(EVENTS, 403)["error"]
    assert refused == {"id": "forbidden", "message": "Access has expired."}
    named = Client(ctx).get(EVENTS, headers={"Authorization": secret})
    assert named.headers["pryv-access-id"].startswith("c")


NOBODIES = ["bob", "%00", "ALICE", "a", "%F0%9F%98%80", "system"]


def test_nobody_has_this_name(ctx: Context, alice: Access, subtests: pytest.Subtests) -> None:
    for user in NOBODIES:
        with subtests.test(user):
            for path in (f"/pryv/{user}", f"/pryv/{user}/events", f"/pryv/{user}/service/info"):
                answer = Client(ctx).get(path)
                assert answer.status_code == 404
                assert answer.json()["error"]["message"].startswith("Unknown user")


def test_any_page_may_ask(ctx: Context, alice: Access) -> None:
    asked = {
        "Origin": "https://app.example.org",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, x-own",
    }
    for path in ("/pryv/", EVENTS, "/pryv/nobody/nothing", "/pryv/reg/service/info"):
        answer = Client(ctx).request("OPTIONS", path, headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert answer.headers["access-control-allow-methods"] == "PUT"
        assert answer.headers["access-control-allow-headers"] == "authorization, x-own"
        assert answer.headers["access-control-expose-headers"] == "API-Version"
        assert answer.headers["access-control-max-age"] == "31536000"
        assert answer.headers["access-control-allow-credentials"] == "true"
    plain = Client(ctx).get("/pryv/nobody/nothing")
    assert plain.headers["access-control-allow-origin"] == "*"
    assert float(plain.headers["server-time"]) == NOW
    assert plain.headers["api-version"] == "1.9.3"


GREETED = ["/pryv/", "/pryv/alice", "/pryv/alice/"]


def test_the_api_greets(ctx: Context, alice: Access, subtests: pytest.Subtests) -> None:
    for path in GREETED:
        with subtests.test(path):
            assert Client(ctx).get(path).json()["cheersFrom"] == "Pryv API"


UNSERVED = [
    ("GET", "/pryv/alice/nothing"),
    ("GET", "/pryv"),
    ("PATCH", EVENTS),
    ("DELETE", f"{EVENTS}/"),
    ("PUT", "/pryv/alice/events/c/d/e"),
]


def test_what_is_not_served_is_an_unknown_resource(
    ctx: Context, alice: Access, subtests: pytest.Subtests
) -> None:
    for method, path in UNSERVED:
        with subtests.test(path):
            answer = Client(ctx).request(method, path)
            assert answer.status_code == 404
            assert answer.json()["error"]["id"] == "unknown-resource"
            assert answer.json()["meta"]["serverTime"] == NOW


def test_service_info_is_one_document(ctx: Context, alice: Access) -> None:
    client = Client(ctx)
    first = client.get("/pryv/reg/service/info").json()
    assert first == client.get("/pryv/alice/service/info/").json()
    assert first["api"].replace("{username}", "alice") == f"{BASE}/pryv/alice/"


# Reading events


def test_the_streamed_answer_begins_as_parsers_expect(app: App) -> None:
    app.note("a", NOW)
    text = app.client.get(f"{EVENTS}/?{EVER}", headers=app.headers).text
    assert text.startswith('{"events":[{')
    with_deletions = app.client.get(
        f"{EVENTS}?modifiedSince=0&includeDeletions=true", headers=app.headers
    ).text
    assert with_deletions.index('"eventDeletions":[') > with_deletions.index('"events":[')


def test_times_choose_by_the_end_of_an_event(app: App) -> None:
    app.note("old", NOW - 90_000)
    app.note("long", NOW - 80_000, duration=80_000)
    app.note("now", NOW)
    app.note("next", NOW + 10)
    assert app.found() == ["next", "now", "long", "old"]
    assert app.found(f"fromTime={NOW - 5}") == ["now", "long"]
    assert app.found(f"toTime={NOW}") == ["now", "long"]
    assert app.found(f"fromTime={NOW + 1}&toTime={NOW + 20}") == ["next"]
    assert app.found(f"fromTime={NOW}&toTime={NOW - 1}") == []
    assert app.found(f"{EVER}&sortAscending=true") == ["old", "long", "now", "next"]
    assert app.found("fromTime=-1.7976931348623157e+308&toTime=1.7976931348623157e+308") != []


def test_what_runs_reaches_into_frames_that_include_now(app: App) -> None:
    app.note("runs", NOW - 1000, duration=None)
    app.note("done", NOW - 1000)
    assert app.found("running=true") == ["runs"]
    assert app.found(f"fromTime={NOW - 10}&toTime={NOW}") == ["runs"]
    assert app.found(f"fromTime={NOW - 20}&toTime={NOW - 10}") == []
    assert set(app.found(f"fromTime={NOW - 2000}&toTime={NOW - 10}")) == {"runs", "done"}


def test_twenty_events_where_nothing_is_asked(app: App) -> None:
    for i in range(25):
        app.note(str(i), NOW + i)
    assert app.found() == [str(i) for i in range(24, 4, -1)]
    assert len(app.found(EVER)) == 25
    assert app.found("limit=2&skip=1") == ["23", "22"]
    assert app.found("limit=0") == []


SPELLINGS = [
    ("streams[]=diary", "dream day both"),
    ("streams=diary", "dream day both"),
    ("streams=dreams&streams=work", "dream job both"),
    ("streams[]=dreams&streams[]=work", "dream job both"),
    ('streams=["work"]', "job both"),
    ('streams={"any":["diary"]}', "dream day both"),
    ('streams={"any":["diary"],"not":["dreams"]}', "day both"),
    ('streams={"any":["*"],"not":["diary"]}', "job"),
    ('streams={"any":["diary"],"all":["work"]}', "both"),
    ('streams=[{"any":["dreams"]},{"any":["work"],"not":["diary"]}]', "dream job"),
    ('streams=["dreams",{"any":["work"],"all":["diary"]}]', "dream both"),
    ('streams={"any":["diary"],"all":["nowhere"]}', ""),
    ('streams={"any":["diary"],"not":["nowhere"]}', "dream day both"),
    ("streams[]=diary!", "day both"),
    ("streams[]=*", "dream day job both"),
    ("streams=[]", ""),
]


def test_streams_are_asked_for_in_every_spelling(app: App, subtests: pytest.Subtests) -> None:
    app.note("dream", 10, "dreams")
    app.note("day", 9, "diary")
    app.note("job", 8, "work")
    app.note("both", 7, "work", "diary")
    for query, expected in SPELLINGS:
        with subtests.test(query):
            assert app.found(query) == expected.split()


def test_a_page_over_several_queries_is_cut_once(app: App) -> None:
    for i in range(6):
        app.note(str(i), i, "dreams" if i % 2 else "work")
    app.note("both", 10, "work", "dreams")
    query = 'streams=[{"any":["dreams"]},{"any":["work"]}]'
    assert app.found(f"{query}&limit=3") == ["both", "5", "4"]
    assert app.found(f"{query}&limit=3&skip=2") == ["4", "3", "2"]
    assert app.found(f"{query}&limit=2&sortAscending=true") == ["0", "1"]


def test_types_tags_and_the_trash_choose(app: App) -> None:
    app.note("plain", 3, tags=["a", " b ", "", "a"])
    app.note("binned", 2, trashed=True)
    app.create(type="note/html", content="html", time=1, streamId="diary")
    assert app.found("types[]=note/txt") == ["plain"]
    assert app.found("types=note/*") == ["plain", "html"]
    assert app.found("types[]=note/html&types[]=mass/kg") == ["html"]
    assert app.found("tags[]=b&tags[]=zzz") == ["plain"]
    assert app.get(f"{EVENTS}?tags=a")["events"][0]["tags"] == ["a", "b"]
    assert app.found("state=trashed") == ["binned"]
    assert app.found("state=all") == ["plain", "binned", "html"]


def test_a_sync_sees_what_changed_and_what_went(
    ctx: Context, alice: Access, app: App, clock: Clock
) -> None:
    app.note("before", 1)
    last = app.get(EVENTS)["events"][0]["modified"]
    clock.tick()
    gone = app.note("gone", 3)
    app.note("after", 2)
    ctx.store.write(lambda tx: events.delete(tx, ctx, alice, gone)).result()
    owner = App(ctx, personal_token(ctx, alice))
    told = owner.get(f"{EVENTS}?modifiedSince={last}&includeDeletions=true&state=all")
    assert [e["content"] for e in told["events"]] == ["after"]
    assert [d["id"] for d in told["eventDeletions"]] == [gone]
    since = max(told["events"][0]["modified"], told["eventDeletions"][0]["deleted"])
    again = owner.get(f"{EVENTS}?modifiedSince={since}&includeDeletions=true&state=all")
    assert (again["events"], again["eventDeletions"]) == ([], [])


BAD_QUERIES = [
    ("unheard=1", "invalid-parameters-format"),
    ("limit=x", "invalid-parameters-format"),
    ("limit=-1", "invalid-parameters-format"),
    ("limit=1.5", "invalid-parameters-format"),
    ("fromTime=NaN", "invalid-parameters-format"),
    ("fromTime=1&fromTime=2", "invalid-parameters-format"),
    ("toTime=Infinity", "invalid-parameters-format"),
    ("running=maybe", "invalid-parameters-format"),
    ("state=gone", "invalid-parameters-format"),
    ("types[]=%00", "invalid-parameters-format"),
    ('tags=["\\u0000"]', "invalid-parameters-format"),
    ('content=[{"path":"$"}]', "invalid-request-structure"),
    ('content=[{"path":"$","like":1}]', "invalid-request-structure"),
    ('clientData=[{"path":"$","in":1}]', "invalid-request-structure"),
    ("streams=[", "invalid-request-structure"),
    ("streams=" + "[" * 5000, "invalid-request-structure"),
    ('streams={"all":["diary"]}', "invalid-request-structure"),
    ('streams={"any":"diary"}', "invalid-request-structure"),
    ('streams={"any":["diary"],"or":[]}', "invalid-request-structure"),
    ("streams=[1]", "invalid-request-structure"),
    ("streams[]=nowhere", "unknown-referenced-resource"),
    ("streams[]=%00", "invalid-request-structure"),
]


def test_a_query_that_cannot_be_right_is_refused(app: App, subtests: pytest.Subtests) -> None:
    for query, id_ in BAD_QUERIES:
        with subtests.test(query):
            assert app.get(f"{EVENTS}?{query}", 400)["error"]["id"] == id_


def test_unknown_streams_are_all_named(app: App) -> None:
    told = app.get(f"{EVENTS}?streams=diary&streams=one&streams=two", 400)["error"]
    assert told["data"] == {"streams": ["one", "two"]}


def test_a_narrow_access_reads_its_streams_only(ctx: Context, alice: Access, app: App) -> None:
    app.note("dream", 1, "dreams")
    app.note("job", 2, "work")
    narrow = App(ctx, token(ctx, alice, Permission(Level.READ, "dreams")))
    assert narrow.found() == ["dream"]
    assert narrow.found("streams[]=*") == ["dream"]
    assert narrow.found('streams={"any":["*"],"not":["work"]}') == ["dream"]
    assert narrow.get(f"{EVENTS}?streams[]=work", 403)["error"]["id"] == "forbidden"
    refused = narrow.create(403, type="note/txt", streamId="dreams")
    assert refused["error"]["message"].startswith("The given token's access permissions")
    blind = App(ctx, token(ctx, alice, Permission(Level.CREATE_ONLY, "dreams"), name="Blind"))
    assert blind.found() == []
    assert blind.get(f"{EVENTS}?streams[]=dreams", 403)["error"]["id"] == "forbidden"
    assert blind.create(type="note/txt", streamId="dreams", content="blind")["event"]["id"]
    assert narrow.found("limit=1&sortAscending=false") == ["blind"]


def test_attachments_are_listed(ctx: Context, alice: Access, app: App) -> None:
    photo = File(id="f1", name="a.jpg", type="image/jpeg", size=3, hash="0" * 64)
    new = NewEvent(stream_ids=("diary",), type="picture/attached", time=0, files=(photo,))
    ctx.store.write(lambda tx: events.create(tx, ctx, alice, [new])).result()
    [told] = app.get(f"{EVENTS}?types=picture/*")["events"]
    [shown] = told["attachments"]
    assert shown.pop("readToken").startswith("c")
    assert shown.pop("integrity") == f"sha256-{base64.b64encode(bytes(32)).decode()}"
    assert shown == {"id": "f1", "fileName": "a.jpg", "type": "image/jpeg", "size": 3}


# Creating events


def test_what_was_created_comes_back_as_written(app: App) -> None:
    given = {
        "id": "c" + "0" * 24,
        "streamIds": ["diary", "work"],
        "time": 1385046854.282,
        "duration": 7140.5,
        "type": "position/wgs84",
        "content": {"latitude": 46.5, "longitude": 6.6, "deep": [None, {"é": True}]},
        "description": "after the run",
        "tags": ["run"],
        "clientData": {"my-app:colour": "red"},
        "trashed": True,
    }
    made = app.create(**given)["event"]
    assert {k: made[k] for k in given} == given
    assert made["streamId"] == "diary"
    assert made["created"] == made["modified"]
    assert made["createdBy"] == made["modifiedBy"]
    assert app.get(f"{EVENTS}?state=all")["events"] == [made]
    # What was read may be sent back: the server's own properties are not taken from it.
    again = {k: v for k, v in made.items() if k not in ("id", "streamId")}
    assert app.create(**again | {"created": 1})["event"]["created"] > 1


def test_what_is_left_out_has_its_default(app: App) -> None:
    made = app.create(type="note/txt", streamId="diary")["event"]
    assert made["time"] == NOW
    assert "duration" not in made
    assert "content" not in made
    assert made["tags"] == []
    assert app.create(type="note/txt", streamId="diary", duration=None)["event"]["duration"] is None
    assert "duration" not in app.create(type="a/b", streamId="diary", duration=0)["event"]
    assert app.create(type="a/b", streamId="diary", time=0)["event"]["time"] == 0


def test_an_id_is_taken_once(app: App) -> None:
    id_ = "a1" + "b" * 22
    app.note("first", 1, id=id_)
    refused = app.create(409, type="note/txt", streamId="diary", id=id_)["error"]
    assert (refused["id"], refused["data"]) == ("item-already-exists", {"id": id_})
    assert app.found() == ["first"]


PROBLEMS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"OBJECT_MISSING_REQUIRED_PROPERTY #/"}),
    ({"streamId": "diary"}, {"OBJECT_MISSING_REQUIRED_PROPERTY #/"}),
    ({"type": "note/txt"}, {"OBJECT_MISSING_REQUIRED_PROPERTY #/"}),
    ({"type": "note/txt", "streamIds": []}, {"ARRAY_LENGTH_SHORT #/streamIds"}),
    ({"type": "note", "streamIds": ["diary"]}, {"PATTERN #/type"}),
    ({"type": "note/txt\n", "streamIds": ["diary"]}, {"PATTERN #/type"}),
    ({"type": "note/txt", "streamId": 1}, {"INVALID_TYPE #/streamId"}),
    ({"type": "note/txt", "streamIds": "diary"}, {"INVALID_TYPE #/streamIds"}),
    ({"type": "a/b", "streamId": "diary", "id": "short"}, {"PATTERN #/id"}),
    ({"type": "a/b", "streamId": "diary", "time": "1"}, {"INVALID_TYPE #/time"}),
    ({"type": "a/b", "streamId": "diary", "time": True}, {"INVALID_TYPE #/time"}),
    ({"type": "a/b", "streamId": "diary", "time": 1e300}, {"INVALID_FORMAT #/time"}),
    ({"type": "a/b", "streamId": "diary", "duration": 1e308}, {"INVALID_FORMAT #/duration"}),
    ({"type": "a/b", "streamId": "diary", "tags": "x"}, {"INVALID_TYPE #/tags"}),
    ({"type": "a/b", "streamId": "diary", "clientData": []}, {"INVALID_TYPE #/clientData"}),
    ({"type": "a/b", "streamId": "diary", "trashed": 1}, {"INVALID_TYPE #/trashed"}),
    ({"type": "a/b", "streamId": "diary", "content": "\0"}, {"INVALID_FORMAT #/content"}),
    ({"type": "a/b", "streamId": "diary", "colour": 1}, {"OBJECT_ADDITIONAL_PROPERTIES #/"}),
    (
        {"type": "A/b", "streamId": "diary", "tags": 1, "x": 1},
        {"PATTERN #/type", "INVALID_TYPE #/tags", "OBJECT_ADDITIONAL_PROPERTIES #/"},
    ),
]


def test_every_problem_of_an_event_is_told(app: App, subtests: pytest.Subtests) -> None:
    for event, codes in PROBLEMS:
        with subtests.test(str(event)):
            refused = app.create(400, **event)["error"]
            assert refused["id"] == "invalid-parameters-format"
            assert {f"{p['code']} {p['path']}" for p in refused["data"]} == codes
            assert app.found() == []


def test_what_does_not_go_together_is_an_operation(ctx: Context, alice: Access, app: App) -> None:
    both = app.create(400, type="a/b", streamId="diary", streamIds=["diary"])["error"]
    assert both["id"] == "invalid-operation"
    ctx.store.write(lambda tx: streams.update(tx, ctx, alice, "work", {"trashed": True})).result()
    binned = app.create(400, type="a/b", streamId="work")["error"]
    assert (binned["id"], binned["data"]) == (
        "invalid-operation",
        {"trashedReference": "streamIds"},
    )
    unknown = app.create(400, type="a/b", streamIds=["one", "diary", "two"])["error"]
    assert (unknown["id"], unknown["data"]) == (
        "unknown-referenced-resource",
        {"streamIds": ["one", "two"]},
    )
    series = app.create(400, type="series:no/such", streamId="diary")["error"]
    assert series["id"] == "invalid-event-type"


BAD_BODIES = [
    (b"{", "application/json", 400, "invalid-request-structure"),
    (b"", "application/json", 400, "invalid-request-structure"),
    (b'{"content":NaN}', "application/json", 400, "invalid-request-structure"),
    (b'{"content":"\\ud800"}', "application/json", 400, "invalid-request-structure"),
    (b'{"content":"\xff"}', "application/json", 400, "invalid-request-structure"),
    (b"[" * 100_000, "application/json", 400, "invalid-request-structure"),
    (b"[]", "application/json", 400, "invalid-parameters-format"),
    (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported-content-type"),
    (b" " * (11 << 20), "application/json", 413, "invalid-request-structure"),
]


def test_a_body_that_cannot_be_read_is_refused(app: App, subtests: pytest.Subtests) -> None:
    for body, type_, status, id_ in BAD_BODIES:
        with subtests.test(repr(body[:20])):
            headers = app.headers | {"Content-Type": type_}
            answer = app.client.post(EVENTS, headers=headers, content=body)
            assert (answer.status_code, answer.json()["error"]["id"]) == (status, id_)


def test_old_clients_do_not_name_the_type_of_a_body(app: App) -> None:
    body = b'{"type":"note/txt","streamId":"diary"}'
    assert app.client.post(EVENTS, headers=app.headers, content=body).status_code == 201


def test_a_bug_answers_without_details(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(events, "create_each", broken)
    told = app.create(500, type="note/txt", streamId="diary")["error"]
    assert told["id"] == "unexpected-error"
    assert told["message"].startswith("Unexpected error: ")
    assert "secret" not in told["message"]


# Streams


def test_streams_are_a_tree_by_name(ctx: Context, alice: Access, app: App) -> None:
    tree = app.get("/pryv/alice/streams")["streams"]
    assert [s["id"] for s in tree] == ["diary", "diurnal", "work"]
    assert [c["id"] for c in tree[0]["children"]] == ["dreams"]
    assert set(tree[0]) == {
        "id", "name", "parentId", "children", "created", "createdBy", "modified", "modifiedBy",
    }  # fmt: skip
    below = app.get("/pryv/alice/streams/?parentId=diary")["streams"]
    assert [(s["id"], s["parentId"], s["children"]) for s in below] == [("dreams", "diary", [])]
    unknown = app.get("/pryv/alice/streams?parentId=nowhere", 400)["error"]
    assert unknown["data"] == {"parentId": "nowhere"}
    assert app.get("/pryv/alice/streams?state=trashed", 400)


def test_the_trash_of_streams_is_shown_on_request(ctx: Context, alice: Access, app: App) -> None:
    ctx.store.write(lambda tx: streams.update(tx, ctx, alice, "work", {"trashed": True})).result()
    assert "work" not in [s["id"] for s in app.get("/pryv/alice/streams")["streams"]]
    shown = {s["id"]: s for s in app.get("/pryv/alice/streams?state=all")["streams"]}
    assert shown["work"]["trashed"] is True
    ctx.store.write(lambda tx: streams.delete(tx, ctx, alice, "work", merge=None)).result()
    owner = App(ctx, personal_token(ctx, alice))
    told = owner.get("/pryv/alice/streams?includeDeletionsSince=0")["streamDeletions"]
    assert [d["id"] for d in told] == ["work"]


def test_a_narrow_access_sees_its_streams_as_roots(ctx: Context, alice: Access, app: App) -> None:
    narrow = App(ctx, token(ctx, alice, Permission(Level.READ, "dreams")))
    [root] = narrow.get("/pryv/alice/streams")["streams"]
    assert (root["id"], root["parentId"]) == ("dreams", None)
    assert narrow.get("/pryv/alice/streams?parentId=work", 400)["error"]["data"] == {
        "parentId": "work"
    }


def test_an_access_knows_itself(ctx: Context, alice: Access, app: App) -> None:
    info = app.get("/pryv/alice/access-info")
    assert info["type"] == "app"
    assert info["token"] == app.headers["Authorization"]
    assert info["permissions"] == [{"streamId": "*", "level": "manage"}]
    assert info["user"] == {"username": "alice"}
    assert app.get("/pryv/alice/access-info?x=1", 400)
