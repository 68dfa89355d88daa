"""What a Personicle client sees."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diurnal import catalog
from diurnal.dialects.personicle import dictionary, healthkit, ids, times
from diurnal.dialects.personicle import events as rows
from diurnal.errors import InvalidInput
from diurnal.model.access import EVERY, Access, Kind, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.services import accesses, audit, clients, connections, days, events, subjects
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests.clock import DAY, START
from tests.dialects.client import Client, personal_token
from tests.oauth.browser import Browser, session
from tests.services import syncing

READ, WRITE = "/personicle/api/data/read", "/personicle/data/write"
WINDOW = {"startTime": "2026-01-01 00:00:00.000000", "endTime": "2026-04-01T00:00:00Z"}
HEART = dictionary.PREFIX + "heartrate"
YOGA = "com.personicle.individual.events.exercise.Yoga"
POSTS = catalog.get("status_post").stream
BACK = "https://example.com/callback"


class Caller:
    """A client with a token of the owner's, or of an application."""

    def __init__(self, ctx: Context, owner: Access, *scopes: str) -> None:
        self.ctx, self.client = ctx, Client(ctx)
        self.user = ctx.store.read(lambda tx: subjects.of(tx, owner.account_id))
        if not scopes:
            self.token = personal_token(ctx, owner, api="personicle")
            return
        client, _ = ctx.store.write(
            lambda tx: clients.create(
                tx, ctx, owner, api="native", name="Some app", redirect_uris=[BACK]
            )
        ).result()
        _, self.token = ctx.store.write(
            lambda tx: accesses.issue(
                tx,
                ctx,
                account_id=owner.account_id,
                username=owner.username,
                kind=Kind.APP,
                name="Some app",
                permissions=(Permission(Level.MANAGE, EVERY),),
                api="personicle",
                client_id=client.id,
                scopes=scopes,
            )
        ).result()

    def ask(self, method: str, url: str, status: int = 200, **given: Any) -> Any:
        headers = {"authorization": f"Bearer {self.token} ", **given.pop("headers", {})}
        answer = self.client.request(method, url, headers=headers, **given)
        assert answer.status_code == status, answer.text
        return answer

    def get(self, what: str, status: int = 200, **params: str) -> Any:
        return self.ask("GET", f"{READ}/{what}", status, params={**WINDOW, **params}).json()

    def events(self, *sent: Any) -> Any:
        return self.ask("POST", f"{WRITE}/event/upload", json=list(sent)).json()

    def points(self, name: str, *points: Any, status: int = 200, **more: Any) -> Any:
        body = {
            "streamName": name,
            "individual_id": self.user,
            "source": "fitbit",
            "dataPoints": list(points),
            **more,
        }
        return self.ask("POST", f"{WRITE}/datastream/upload", status, json=body).text

    def event(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "individual_id": self.user,
            "start_time": "2026-02-16 00:20:00",
            "end_time": "2026-02-16T00:40:00.000Z",
            "event_name": name,
            "source": "google-fit",
            "parameters": '{"duration": 1200000}',
            **more,
        }


@pytest.fixture
def caller(ctx: Context, alice: Access) -> Caller:
    return Caller(ctx, alice)


def test_an_event_comes_back_as_it_was_sent(caller: Caller) -> None:
    done = caller.events(caller.event("Walking"), caller.event("Walking"))
    assert done["message"] == "Sent 2 records to database"
    [row] = caller.get("events")
    assert ids.from_uuid(row.pop("unique_event_id"))
    assert row == {
        "user_id": caller.user,
        "start_time": "2026-02-16T00:20:00",
        "end_time": "2026-02-16T00:40:00",
        "event_name": "Walking",
        "source": "google-fit",
        "parameters": {"duration": 1200000},
    }
    for names, found in (("walking", 1), ("sleep;WALKING", 1), ("sleep", 0)):
        assert len(caller.get("events", event_type=names)) == found
    assert len(caller.get("events", source="fitbit;google-fit")) == 1
    assert caller.get("events", source="oura") == []
    assert caller.get("events", startTime="2026-02-16 00:20:01") == []
    [kind] = caller.get("metadata/events")
    assert (kind["event_type"], kind["total_occurences"]) == ("Walking", 1)
    assert kind["observed_parameters"] == {"duration": 1}


@pytest.mark.parametrize(
    "noted", ["mine", {"event_name": "x"}, {"event_name": 1, "parameters": {}}]
)
def test_an_event_that_another_api_marked_is_read(
    ctx: Context, alice: Access, caller: Caller, noted: Any
) -> None:
    beat = NewEvent(
        stream_ids=(catalog.get("heart_rate").stream,),
        type="frequency/bpm",
        time=START,
        content=61,
        client_data={"personicle": noted},
    )
    post = msgspec.structs.replace(beat, stream_ids=(POSTS,), type="note/txt", content="Snow")
    ctx.store.write(lambda tx: events.create(tx, ctx, alice, [beat, post])).result()
    [row] = caller.get("events")
    assert row["parameters"] == {"duration": 0, "value": "Snow"}
    [row] = caller.get("datastreams", datatype=HEART)
    assert (row["value"], row["confidence"]) == (61, None)


def test_bad_events_are_counted_and_the_others_stored(caller: Caller) -> None:
    done = caller.events(
        caller.event("Sleep", parameters={"efficiency": 91}),
        caller.event("Sleep", individual_id="somebody"),
        caller.event("Sleep", start_time="yesterday"),
        {"event_name": "Sleep"},
        caller.event(
            "",
            event_type="com.personicle.individual.events.exercise.Yoga",
            end_time="2026-02-16 01:00",
        ),
    )
    assert done["summary"] == {
        "Sleep": 1,
        "Yoga": 1,
        "incorrect_user_id": 1,
        "incorrectly_formatted_events": 2,
    }
    assert len(caller.get("events", event_type=YOGA)) == 1


def test_a_night_and_a_workout_count_in_days(ctx: Context, alice: Access, caller: Caller) -> None:
    night = {"start_time": "2026-02-15 22:00:00", "end_time": "2026-02-16 06:00:00"}
    caller.events(caller.event("sleep", **night), caller.event("Running"))
    day = START // DAY - 13
    found = ctx.store.read(lambda tx: days.values(tx, ctx, alice, ["sleep", "workout"], day, day))
    assert found["sleep"][0].value == 480
    assert found["workout"][0].value == 1


def test_lying_in_bed_is_not_counted_as_sleep(ctx: Context, alice: Access, caller: Caller) -> None:
    night = {"start_time": "2026-02-15 23:00:00", "end_time": "2026-02-16 06:00:00"}
    bed = {"start_time": "2026-02-15 22:00:00", "end_time": "2026-02-16 07:00:00"}
    caller.events(
        caller.event("Sleep:INBED", source="PERSONICLE_IOS_APP", **bed),
        caller.event("Sleep:ASLEEP", source="PERSONICLE_IOS_APP", **night),
    )
    day = START // DAY - 13
    found = ctx.store.read(
        lambda tx: days.values(tx, ctx, alice, ["sleep", "time_in_bed"], day, day)
    )
    assert (found["sleep"][0].value, found["time_in_bed"][0].value) == (420, 540)
    assert [row["parameters"] for row in caller.get("events")] == [{"duration": 1200000}] * 2


SAMPLE = {
    "startTime": 1771192800,
    "endTime": 1771218000,
    "HKDeviceManufacturerName": "Apple Inc.",
    "HKDeviceName": "Watch",
    "SleepStage": "ASLEEP",
    "HKTimeZone": "Europe/London",
}


@pytest.mark.parametrize(
    "spelled",
    [
        {},
        {"startTime": 1771192800000, "endTime": 1771218000000},
        {
            "startTime": "2026-02-15T14:00:00.000-08:00",
            "endTime": "2026-02-15T21:00:00.000-08:00",
        },
    ],
)
def test_samples_of_sleep_come_from_healthkit(
    ctx: Context, alice: Access, caller: Caller, spelled: dict[str, Any]
) -> None:
    sent = {"test_key": "test_value", "data": [{**SAMPLE, **spelled}]}
    for _ in range(2):
        answer = caller.ask("POST", "/personicle/healthkit/upload", 201, json=sent)
        assert answer.json() == {"success": True}
    [row] = caller.get("events")
    del row["unique_event_id"]
    assert row == {
        "user_id": caller.user,
        "start_time": "2026-02-15T22:00:00",
        "end_time": "2026-02-16T05:00:00",
        "event_name": "sleep",
        "source": "healthkit",
        "parameters": {
            "duration": 25200.0,
            "device_manufacturer_name": "Apple Inc.",
            "device_name": "Watch",
            "sleep_stage": "ASLEEP",
            "time_zone": "Europe/London",
        },
    }
    day = START // DAY - 13
    found = ctx.store.read(lambda tx: days.values(tx, ctx, alice, ["sleep"], day, day))
    assert found["sleep"][0].value == 420


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        {"data": {}},
        {"data": [1]},
        {"data": [SAMPLE, {**SAMPLE, "endTime": 1771192799}]},
        {"data": [SAMPLE, {**SAMPLE, "startTime": None}]},
        {"data": [SAMPLE, {**SAMPLE, "startTime": "noon"}]},
        {"data": [SAMPLE, {**SAMPLE, "startTime": 1e300}]},
        {"data": [SAMPLE] * 10_001},
    ],
)
def test_samples_are_stored_all_or_none(caller: Caller, wrong: Any) -> None:
    answer = caller.ask("POST", "/personicle/healthkit/upload", 400, json=wrong)
    assert answer.json()["success"] is False
    assert caller.get("events") == []


def test_samples_need_a_token_that_may_write_events(
    ctx: Context, alice: Access, caller: Caller
) -> None:
    sent = {"test_key": "test_value", "data": [SAMPLE]}
    nobody = caller.client.post("/personicle/healthkit/upload", json=sent)
    assert (nobody.status_code, nobody.json()["success"]) == (401, False)
    reader = Caller(ctx, alice, "openid", "events.read")
    assert reader.ask("POST", "/personicle/healthkit/upload", 403, json=sent)
    assert caller.get("events") == []


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("heartrate", 61, "bpm"),
        ("weight", 71.25, "kilogram"),
        ("height", 181.5, "cm"),
        ("body_fat", 21.3, "percentage"),
        ("speed", 12.6, "kmph"),
        ("blood_pressure.systolic", 121, "mm"),
        ("exposome.humidity", 40.5, "%"),
        ("location", [{"latitude": 51.5, "longitude": 7.4}], "NA"),
        ("subjective.user_questionnaire", [{"question_id": "1", "value": "a"}], ""),
    ],
)
def test_a_point_comes_back_in_its_unit(caller: Caller, name: str, value: Any, unit: str) -> None:
    point = {"timestamp": "2026-02-16 08:00:00.123456", "value": value}
    full = dictionary.PREFIX + name
    assert caller.points(full, point, confidence=0.9) == "Sent 1 records to database"
    caller.points(full, {**point, "value": value})
    [row] = caller.get("datastreams", datatype=full)
    assert (row["value"], row["unit"], row["timestamp"], row["source"]) == (
        value,
        unit,
        "2026-02-16T08:00:00.123456",
        "fitbit",
    )
    assert row["individual_id"] == caller.user


def test_intervals_keep_their_ends_and_are_known_by_both_names(caller: Caller) -> None:
    point = {"start_time": "2026-02-16 08:00:00", "end_time": "2026-02-16 08:10:00", "value": 800}
    caller.points(dictionary.PREFIX + "interval.step.count", point)
    caller.points(dictionary.PREFIX + "interval.step.count", {**point, "value": 5})
    [row] = caller.get("datastreams", datatype=dictionary.PREFIX + "interval.step.count")
    assert (row["start_time"], row["end_time"], row["value"]) == (
        "2026-02-16T08:00:00",
        "2026-02-16T08:10:00",
        800,
    )
    [row] = caller.get("datastreams", datatype=dictionary.PREFIX + "step.count")
    assert row["timestamp"] == "2026-02-16T08:00:00"
    [kind] = caller.get("metadata/datastream", data_type=dictionary.PREFIX + "step.count")
    assert (kind["table_name"], kind["source"]) == ("step_count", "fitbit")


def test_a_day_of_another_api_is_a_row_at_noon_or_of_the_whole_day(
    ctx: Context, alice: Access, caller: Caller
) -> None:
    row = NewDay("energy_total", START // DAY - 1, 2200, "Exist")
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, [row])).result()
    [instant] = caller.get("datastreams", datatype=dictionary.PREFIX + "total_calories")
    assert (instant["timestamp"], instant["value"]) == ("2026-02-28T11:00:00", 2200)
    [whole] = caller.get("datastreams", datatype=dictionary.PREFIX + "interval.total_calories")
    assert (whole["start_time"], whole["end_time"]) == (
        "2026-02-27T23:00:00",
        "2026-02-28T23:00:00",
    )


def test_events_and_points_are_deleted(caller: Caller) -> None:
    caller.events(caller.event("Walking"), caller.event("Sleep"))
    [sleep] = caller.get("events", event_type="sleep")
    url, who = f"{WRITE}/event/delete", {"user_id": caller.user}
    for params, status in (
        ({}, 400),
        (who, 400),
        ({**who, "event_id": "x", "event_type": "y"}, 400),
        ({**who, "event_type": "nothing"}, 400),
        ({**who, "event_id": sleep["unique_event_id"]}, 200),
        ({**who, "event_type": "walking", "start_time": "2026-02-16 00:00:00"}, 200),
    ):
        caller.ask("DELETE", url, status, params=params)
    assert caller.get("events") == []
    for minute in (1, 2, 3):
        caller.points(HEART, {"timestamp": f"2026-02-16 08:0{minute}:00", "value": 60})
    url = f"{WRITE}/datastream/delete"
    params = {**who, "stream_name": HEART, "source": "fitbit", "end_time": "2026-02-16 08:02:00"}
    assert caller.ask("DELETE", url, params=params).json() == {"message": "Deleted 2 records"}
    caller.ask("DELETE", url, 400, params={**params, "stream_name": "nothing"})
    assert len(caller.get("datastreams", datatype=HEART)) == 1


@pytest.mark.parametrize(
    ("path", "params", "status", "says"),
    [
        ("events", {"startTime": ""}, 422, "startTime"),
        ("events", {"startTime": "last week"}, 422, "Invalid request"),
        ("datastreams", {}, 422, "datatype"),
        ("datastreams", {"datatype": "x"}, 422, "Could not match"),
    ],
)
def test_what_cannot_be_read_is_a_422(
    caller: Caller, path: str, params: dict[str, str], status: int, says: str
) -> None:
    assert says in str(caller.get(path, status, **params))


def test_what_cannot_be_written_is_refused(caller: Caller) -> None:
    caller.points("nothing", status=422)
    caller.points(HEART, {"timestamp": "2026-02-16", "value": 60.0}, status=422)
    caller.points(HEART, {"value": 60}, status=422)
    caller.points(HEART, {"timestamp": "2026-02-16", "value": 1}, status=403, individual_id="x")
    refused = caller.ask("POST", f"{WRITE}/event/upload", 422, json={})
    assert refused.text == "Array of events expected"
    caller.ask("POST", f"{WRITE}/event/upload", 415, content=b"[]")
    assert caller.points(HEART) == "Sent 0 records to database"


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e999])
def test_a_number_that_no_float_holds_is_refused(caller: Caller, value: float) -> None:
    body = {
        "streamName": dictionary.PREFIX + "weight",
        "individual_id": caller.user,
        "source": "scale",
        "dataPoints": [{"timestamp": "2026-02-16 00:20:00", "value": value}],
    }
    sent = json.dumps(body).replace("Infinity", "1e999")
    headers = {"content-type": "application/json"}
    caller.ask("POST", f"{WRITE}/datastream/upload", 422, content=sent, headers=headers)


def test_without_a_token_nothing_is_told(ctx: Context, caller: Caller) -> None:
    client = Client(ctx)
    answer = client.get(f"{READ}/events", params=WINDOW)
    assert (answer.status_code, answer.json()) == (401, "Bearer token not present in request")
    answer = client.get(f"{READ}/events", params=WINDOW, headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.json()) == (401, "Invalid Bearer token")
    bare = client.get(f"{READ}/events", params=WINDOW, headers={"authorization": caller.token})
    assert bare.json() == []


def test_a_client_that_writes_reads_why_not_in_the_words_it_knows(caller: Caller) -> None:
    client = Client(caller.ctx)
    upload, gone = f"{WRITE}/datastream/upload", f"{WRITE}/event/delete"
    assert client.post(upload, json={}).text == "Unauthorised access token"
    assert client.request("DELETE", gone).text == "Unauthorized"
    refused = client.request("DELETE", f"{WRITE}/account/delete")
    assert (refused.status_code, refused.json()) == (401, {"error": "Unauthorized"})
    params = {"user_id": caller.user, "event_type": "sleep"}
    nothing = caller.ask("DELETE", gone, 400, params=params)
    assert nothing.json() == {"message": "No such events found"}
    bad = caller.ask("DELETE", gone, 400, params={**params, "start_time": "yesterday"})
    assert bad.text == "Invalid request"


def test_scopes_hold_and_a_base_covers_its_intervals(ctx: Context, alice: Access) -> None:
    reader = Caller(ctx, alice, "openid", "profile", "email", HEART, dictionary.PREFIX + "distance")
    assert reader.get("events", 403) == "You do not have access to read events"
    assert reader.get("datastreams", datatype=HEART) == []
    assert reader.get("datastreams", datatype=dictionary.PREFIX + "interval.distance") == []
    denied = reader.get("datastreams", 403, datatype=dictionary.PREFIX + "weight")
    assert denied == "You do not have access to requested scopes"
    reader.points(HEART, {"timestamp": "2026-02-16", "value": 60}, status=403)
    check = "/personicle/auth/authenticate"
    told = reader.ask("GET", check, params={"scopes": HEART}).json()
    assert told == {"message": True, "user_id": reader.user}
    refused = reader.ask("GET", check, 403, params={"scopes": "events.read"}).json()
    assert refused == {"message": "INVALID_SCOPES"}


def test_physicians_see_whoever_added_them(ctx: Context, alice: Access, charlie: Access) -> None:
    patient, doctor = Caller(ctx, alice), Caller(ctx, charlie)
    patient.events(patient.event("Walking"))
    api = "/personicle/api"
    assert patient.ask("GET", f"{api}/physicians/all").json() == []
    doctor.ask("POST", f"{api}/update/user", json={"is_physician": True})
    [listed] = patient.ask("GET", f"{api}/physicians/all").json()
    assert listed == {"name": "charlie", "user_id": doctor.user, "is_physician": True}
    assert doctor.get("events", user_id=patient.user) == []
    patient.ask("POST", f"{api}/user/physicians", json={"physicians": [doctor.user]})
    patient.ask("POST", f"{api}/user/physicians", 404, json={"physicians": ["nobody"]})
    assert len(doctor.get("events", user_id=patient.user)) == 1
    mine = patient.ask("GET", f"{api}/physicians").json()
    assert mine["physicians"] == [{"name": "charlie", "user_id": doctor.user}]
    patient.ask("GET", f"{api}/physician/{doctor.user}")
    patient.ask("POST", f"{api}/user/physicians/remove", json={"physicians": [doctor.user]})
    assert doctor.get("events", user_id=patient.user) == []
    assert patient.client.get(f"{api}/user").status_code == 401


def test_images_are_kept_and_given_out_for_a_while(caller: Caller) -> None:
    files = {"user_image[images][]": ("a.png", b"\x89PNG\r\n", "image/png")}
    [made] = caller.ask("POST", "/personicle/user_images", 201, files=files).json()
    key = made["image_key"]
    url = caller.ask("GET", f"/personicle/user_images/{key}").json()["image_url"]
    parts = urlsplit(url)
    shown = caller.client.get(f"{parts.path}?{parts.query}")
    assert (shown.content, shown.headers["content-type"]) == (b"\x89PNG\r\n", "image/png")
    assert caller.client.get(f"{parts.path}?sig=x").status_code == 404
    caller.ask("DELETE", "/personicle/user_images/delete", params={"image_ids": key})
    caller.ask("GET", f"/personicle/user_images/{key}", 404)


def test_an_application_is_registered_and_gets_a_token_in_the_fragment(
    ctx: Context, alice: Access
) -> None:
    browser = Browser(ctx, session(ctx, alice))
    sent = {
        "client_name": "My application",
        "client_uri": "https://example.com",
        "redirect_uri": BACK,
        "access_scopes": [HEART, "events.read"],
    }
    headers = {"origin": "http://localhost:8400"}
    page = browser.request("POST", "/personicle/register", data=sent, headers=headers)
    assert page.status_code == 200
    client_id = page.text.split("client_id</dt><dd><code>")[1].split("<")[0]
    again = browser.request("POST", "/personicle/register", data=sent, headers=headers)
    assert again.status_code in (400, 403)
    url = (
        "/personicle/oauth2/aus445eqrgaj1kKdh5d7/v1/authorize"
        f"?client_id={client_id}&redirect_uri={BACK}&response_type=token"
        f"&scope=openid+profile+email+{HEART}+events.read&state=anyRandomString&nonce=n"
    )
    back = urlsplit(browser.decide(browser.get(url)).headers["location"])
    told = parse_qs(back.fragment)
    assert (told["state"], told["token_type"]) == (["anyRandomString"], ["Bearer"])
    bearer = {"authorization": f"Bearer {told['access_token'][0]}"}
    answer = browser.client.get(f"{READ}/events", params=WINDOW, headers=bearer)
    assert answer.json() == []
    userinfo = browser.client.get("/personicle/oauth2/default/v1/userinfo", headers=bearer).json()
    assert userinfo["sub"].startswith("00u")
    scopes = browser.request(
        "POST", "/personicle/get-scopes", data={"client_id": client_id}, headers=headers
    )
    assert HEART in scopes.text


def test_what_is_done_with_applications_is_in_the_audit(ctx: Context, alice: Access) -> None:
    browser = Browser(ctx, session(ctx, alice))
    headers = {"origin": "http://localhost:8400"}
    sent = {
        "client_name": "My application",
        "client_uri": "https://example.com",
        "redirect_uri": BACK,
        "access_scopes": [HEART],
    }
    browser.request("POST", "/personicle/register", data=sent, headers=headers)
    browser.request("POST", "/personicle/delete", data={"client_id": "no"}, headers=headers)
    foreign = {"origin": "https://evil.example"}
    browser.request("POST", "/personicle/register", data=sent, headers=foreign)
    audit.flush(ctx)
    found = ctx.store.read(lambda tx: audit.find(tx, alice, audit.Query(doors=("page",))))
    assert [(e.line.action, e.line.error) for e in reversed(found)] == [
        ("personicle.register", ""),
        ("personicle.delete", "not-found"),
        ("personicle.register", "forbidden"),
    ]


def test_a_connection_fetches_now_or_is_made_on_our_page(
    ctx: Context, alice: Access, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"params": {"user_id": caller.user}}
    assert caller.ask("GET", "/personicle/fitbit/connection", 401).text == "User not logged in"
    other = {"params": {"user_id": "somebody"}}
    assert caller.ask("GET", "/personicle/oura/connection", 401, **other).text
    answer = caller.ask("GET", "/personicle/oura/connection", 302, **asked)
    assert answer.headers["location"] == "/sources"
    app = Caller(ctx, alice, "openid", "email")
    app.ask("POST", "/personicle/oura/connection", 403, **asked)
    oura = syncing.with_(name="oura")
    syncing.use(monkeypatch, oura)
    made = syncing.connect(ctx, alice, oura)
    answer = caller.ask("POST", "/personicle/oura/connection", **asked)
    assert answer.json() == {"success": True, "response": "The import has begun"}
    ctx.store.write(lambda tx: connections.update(tx, ctx, alice, made.id, paused=True)).result()
    answer = caller.ask("POST", "/personicle/oura/connection", **asked).json()
    assert (answer["success"], "paused" in answer["response"].lower()) == (False, True)


def test_what_ends_after_the_year_9999_is_told_to_end_with_it() -> None:
    assert times.write(253_402_300_799_000_000 + 7_200_000_000) == "9999-12-31T23:59:59.999999"


cuids = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=24, max_size=24)


@given(ours=st.lists(cuids.map("c{}".format), min_size=ids.MANY, max_size=ids.MANY + 20))
@example(ours=["c" + c * 24 for c in "0z9a"] * ids.MANY)
def test_ids_written_all_at_once_are_those_written_one_by_one(ours: list[str]) -> None:
    told = ids.to_uuids(ours)
    assert told == [ids.to_uuid(id_) for id_ in ours]
    assert [ids.from_uuid(text) for text in told] == ours


@pytest.mark.parametrize("other", ["c" + "A" * 24, "d" + "0" * 24, "c" + "{" * 24, "c" + "é" * 24])
def test_an_id_of_another_form_among_many_is_told_too(other: str) -> None:
    mixed = [*("c" + f"{n:024d}" for n in range(ids.MANY)), other, "mine"]
    assert ids.to_uuids(mixed) == [ids.to_uuid(id_) for id_ in mixed]


MOMENTS = st.integers() | st.floats() | st.text(max_size=30) | st.none() | st.booleans()


@given(start=MOMENTS | st.integers(-(10**400), 10**400), end=MOMENTS, more=st.text(max_size=5))
@example(start=10**400, end=0, more="")
@example(start="9999-12-31T23:59:59-12:00", end=1e18, more="")
def test_no_sample_of_sleep_crashes(start: Any, end: Any, more: str) -> None:
    sample = {"startTime": start, "endTime": end, "SleepStage": more, "HKTimeZone": more}
    with suppress(InvalidInput):
        assert rows.well_formed(healthkit.event(1, "me", sample)) in (True, False)


@given(text=st.text(max_size=40))
def test_no_time_crashes(text: str) -> None:
    try:
        at = times.read(text)
    except InvalidInput:
        return
    assert isinstance(at, int)


@given(
    at=st.integers(-62_135_596_800, 253_402_300_799).map(lambda s: s * 1_000_000),
    us=st.integers(0, 999_999),
)
def test_a_time_comes_back_however_it_is_spelled(at: int, us: int) -> None:
    told = times.write(at + us)
    for spelling in (told, told.replace("T", " "), told + "Z", told + "+00:00", told + " 00:00"):
        assert times.read(spelling) == at + us
