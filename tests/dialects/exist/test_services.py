"""What a service that writes to Exist's API sees."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.dialects.exist import shapes, tags
from diurnal.model.access import EVERY, Access, Kind, Level, Permission
from diurnal.model.time import day_from_text
from diurnal.services import accesses, accounts, clients, days
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.store import days as stored
from tests.conftest import PASSWORD
from tests.dialects.client import Client, simple_token

V1, V2 = "/exist/api/1", "/exist/api/2"
DAY = "2026-02-27"


class Service:
    """An application with a token."""

    def __init__(
        self,
        ctx: Context,
        owner: Access,
        name: str,
        *scopes: str,
        level: Level = Level.CONTRIBUTE,
        attributes: list[str] | None = None,
    ) -> None:
        self.client = Client(ctx)
        made, _ = ctx.store.write(
            lambda tx: clients.create(
                tx,
                ctx,
                owner,
                api="exist",
                name=name,
                redirect_uris=["https://example.org/back"],
                attributes=attributes,
            )
        ).result()
        _, self.token = ctx.store.write(
            lambda tx: accesses.issue(
                tx,
                ctx,
                account_id=owner.account_id,
                username=owner.username,
                kind=Kind.APP,
                name=name,
                permissions=(Permission(level, EVERY),),
                api="exist",
                client_id=made.id,
                scopes=scopes or ("read", "write"),
            )
        ).result()

    def ask(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        headers = {"authorization": f"Bearer {self.token}", **given.pop("headers", {})}
        answer = self.client.request(method, path, headers=headers, **given)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        return self.ask("POST", path, status, json=body)

    def values(self, name: str) -> dict[str, Any]:
        rows = self.ask("GET", f"{V1}/users/$self/attributes/{name}/")["results"]
        return {row["date"]: row["value"] for row in rows if row["value"] is not None}


@pytest.fixture
def service(ctx: Context, alice: Access) -> Service:
    return Service(ctx, alice, "My Tracker")


def test_a_service_acquires_writes_reads_and_releases(service: Service) -> None:
    acquired = service.post(f"{V1}/attributes/acquire/", [{"name": "steps", "active": True}])
    assert acquired == {"success": [{"name": "steps", "active": True}], "failed": []}
    item = {"name": "steps", "date": DAY, "value": "4321"}
    assert service.post(f"{V1}/attributes/update/", [item]) == {"success": [item], "failed": []}
    assert service.values("steps") == {DAY: 4321}
    [owned] = service.ask("GET", f"{V1}/attributes/owned/")
    assert (owned["attribute"], owned["service"], owned["value"]) == ("steps", "my_tracker", None)
    [listed] = service.ask("GET", f"{V1}/users/$self/attributes/")
    assert listed["service"] == "my_tracker"
    assert service.post(f"{V1}/attributes/release/", [{"name": "steps"}])["failed"] == []
    assert service.ask("GET", f"{V1}/users/$self/attributes/") == []  # nobody's: inactive
    refused = service.post(f"{V1}/attributes/update/", [item], 202)
    assert refused["failed"][0]["error_code"] == "unauthorised"
    assert refused["failed"][0]["error"] == "Attribute 'steps' does not belong to this service"


def test_release_passes_an_attribute_to_the_service_that_had_it(
    ctx: Context, alice: Access, service: Service
) -> None:
    other = Service(ctx, alice, "Other")
    wish = [{"name": "mood", "active": True}]
    service.post(f"{V1}/attributes/acquire/", wish)
    other.post(f"{V1}/attributes/acquire/", wish)
    item = [{"name": "mood", "date": DAY, "value": 7}]
    service.post(f"{V1}/attributes/update/", item, 202)
    other.post(f"{V1}/attributes/update/", item)
    other.post(f"{V1}/attributes/release/", [{"name": "mood"}])
    service.post(f"{V1}/attributes/update/", item)


def test_a_day_that_may_not_be_written_fails_alone(ctx: Context, alice: Access) -> None:
    service = Service(ctx, alice, "My Tracker", "write", level=Level.CREATE_ONLY)
    taken = NewDay("steps", day_from_text(DAY), 1.0, "My Tracker")
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, [taken])).result()
    names = ("steps", "steps_distance", "floors")
    service.post(f"{V1}/attributes/acquire/", [{"name": n, "active": True} for n in names])
    last, no, bad, first = (
        {"name": "steps_distance", "date": DAY, "value": 2},
        {"name": "steps", "date": DAY, "value": 4321},
        {"name": "floors", "date": DAY, "value": "x"},
        {"name": "steps_distance", "date": DAY, "value": 3},
    )
    answer = service.post(f"{V1}/attributes/update/", [last, no, bad, first], 202)
    assert answer["success"] == [last, first]
    told = [(f["name"], f["error_code"]) for f in answer["failed"]]
    assert told == [("steps", "not_allowed"), ("floors", "validation")]
    day, keys = day_from_text(DAY), ["steps", shapes.templates()["steps_distance"].keys[0]]
    rows = ctx.store.read(lambda tx: stored.rows_of(tx, alice.account_id, keys, day, day))
    assert sorted((row.source, row.value) for row in rows) == [
        ("My Tracker", 1.0),
        ("My Tracker", 3_000.0),
    ]


@pytest.mark.parametrize(
    ("item", "code", "says"),
    [
        (
            {"name": "steps", "date": DAY},
            "missing_field",
            "Object at index 0 missing field(s) 'value'",
        ),
        ({"name": "steps", "date": DAY, "value": 1.5}, "validation", "float to an integer"),
        ({"name": "steps", "date": DAY, "value": True}, "validation", "number"),
        ({"name": "steps", "date": "27.2.2026", "value": 1}, "validation", "date"),
        ({"name": "mood", "date": DAY, "value": 10}, "validation", "between 1 and 9"),
        ({"name": "body_fat", "date": DAY, "value": 20}, "validation", "between 0 and 1"),
        ({"name": "sleep_end", "date": DAY, "value": 1440}, "validation", "1439"),
        ({"name": "mood_note", "date": DAY, "value": "x" * 1001}, "validation", "1000"),
        ({"name": "weight", "date": DAY, "value": 70}, "not_found", "named 'weight'"),
    ],
)
def test_a_bad_item_says_why_and_does_not_stop_the_others(
    service: Service, item: dict[str, Any], code: str, says: str
) -> None:
    names = ("steps", "mood", "body_fat", "sleep_end", "mood_note")
    service.post(f"{V1}/attributes/acquire/", [{"name": n, "active": True} for n in names])
    good = {"name": "steps", "date": "2026-02-20", "value": 5}
    answer = service.post(f"{V1}/attributes/update/", [item, good], 202)
    assert answer["success"] == [good]
    [failed] = answer["failed"]
    assert failed["error_code"] == code
    assert says in failed["error"]
    assert {k: failed[k] for k in item} == item


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps_distance", 4.5),
        ("active_energy", 1234.5),
        ("sleep", 455),
        ("sleep_start", 660),
        ("sleep_end", 415),
        ("body_fat", 0.213),
        ("weight", 71.25),
        ("mood", 7),
        ("mood_note", "Fine"),
        ("heartrate_resting", 52),
        ("water", 1500),
        ("weather_precipitation", 0.125),
        ("location", "51.5,7.4"),
        ("coffees", 3),
        ("tracks", 12),
    ],
)
def test_what_is_written_comes_back_as_it_was(service: Service, name: str, value: Any) -> None:
    service.post(f"{V1}/attributes/acquire/", [{"name": name, "active": True}])
    service.post(f"{V1}/attributes/update/", [{"name": name, "date": DAY, "value": value}])
    assert service.values(name) == {DAY: value}


def test_an_untyped_body_a_form_and_too_many_items(service: Service) -> None:
    text = b'[{"name": "steps", "active": true}]'
    assert service.ask("POST", f"{V1}/attributes/acquire/", content=text)["failed"] == []
    many = [{"name": "steps", "date": DAY, "value": n} for n in range(37)]
    assert len(service.post(f"{V1}/attributes/update/", many[:36])["success"]) == 36
    assert "At most 36" in service.post(f"{V1}/attributes/update/", many, 400)["detail"]
    assert service.values("steps") == {DAY: 35}
    for body in ({"name": "steps"}, "x", 3):
        assert "list" in service.post(f"{V1}/attributes/update/", body, 400)["detail"]


def test_tags_are_set_as_one_text_and_the_others_become_0(service: Service) -> None:
    service.post(f"{V1}/attributes/acquire/", [{"name": "custom", "active": True}])

    def tag(text: str) -> None:
        item = {"name": "custom", "date": DAY, "value": text}
        assert service.post(f"{V1}/attributes/update/", [item])["failed"] == []

    tag("tired, bike ride,  Übung!")
    assert service.values("custom") == {DAY: "bike_ride, tired, Übung"}
    assert service.values("bike_ride") == {DAY: 1}
    tag("tired")
    assert service.values("bike_ride") == {DAY: 0}
    assert service.values("custom") == {DAY: "tired"}
    tag("")
    assert service.values("custom") == {}


def test_tags_are_appended_without_ownership(ctx: Context, alice: Access, service: Service) -> None:
    appender = Service(ctx, alice, "Appender", "read", "append")
    one = {"value": "Bike ride", "date": DAY}
    assert appender.post(f"{V1}/attributes/custom/append/", one)["success"] == [
        {"date": DAY, "value": "Bike ride"}
    ]
    done = appender.post(
        f"{V1}/attributes/custom/append/", [{"value": "late"}, {"value": "!"}], 202
    )
    assert done["failed"][0]["error_code"] == "validation"
    assert appender.values("Bike_ride") == {DAY: 1}
    assert appender.values("late") == {"2026-03-01": 1}
    assert service.post(f"{V1}/attributes/custom/append/", one, 403)["detail"]
    [tag] = appender.ask("GET", f"{V1}/users/$self/attributes/?attributes=late")
    assert (tag["label"], tag["private"], tag["service"]) == ("Late", True, "builtin")


def test_the_digest_ends_after_the_last_tag_that_fits() -> None:
    names = [f"a_long_tag_number_{n:03}" for n in range(20)]
    text = tags.digest(names)
    assert len(text) <= 250
    assert text.split(", ") == names[: text.count(",") + 1]


def test_version_2_makes_increments_and_lists(service: Service) -> None:
    own = {"label": "Push ups", "group": "custom", "value_type": 0}
    made = service.post(f"{V2}/attributes/create/", [own])["success"]
    assert made == [{**own, "name": "push_ups", "priority": 9}]
    again = service.post(f"{V2}/attributes/create/", [own], 202)
    assert again["failed"][0]["error_code"] == "exists"
    whole = service.post(f"{V2}/attributes/acquire/?success_objects=1", [{"template": "steps"}])
    assert whole["success"][0]["service"] == {"name": "my_tracker", "label": "My Tracker"}
    for total in (2, 5):
        add = {"name": "push_ups", "value": total, "date": DAY}
        service.post(f"{V2}/attributes/increment/", [add])
    assert service.values("push_ups") == {DAY: 7}
    listed = service.ask("GET", f"{V2}/attributes/with-values/?days=3&attributes=push_ups")
    assert listed["count"] == 1
    assert listed["results"][0]["values"] == [
        {"date": "2026-03-01", "value": 0},
        {"date": "2026-02-28", "value": None},
        {"date": DAY, "value": 7},
    ]
    owned = service.ask("GET", f"{V2}/attributes/owned/")["results"]
    assert {a["name"] for a in owned} == {"push_ups", "steps"}
    assert service.ask("GET", f"{V2}/attributes/templates/?limit=100")["count"] > 50


def test_scopes_hold(ctx: Context, alice: Access) -> None:
    reader = Service(ctx, alice, "Reader", "read", level=Level.READ)
    reader.post(f"{V1}/attributes/acquire/", [{"name": "steps", "active": True}], 403)
    sleeper = Service(ctx, alice, "Sleeper", "sleep_write")
    answer = sleeper.post(f"{V2}/attributes/acquire/", [{"template": "steps"}], 202)
    assert (
        answer["failed"][0]["error"] == "No permission to write to attributes in group 'activity'"
    )
    listed = Service(ctx, alice, "Listed", attributes=["mood"])
    refused = listed.post(f"{V1}/attributes/acquire/", [{"name": "steps", "active": True}], 202)
    assert refused["failed"][0]["error_code"] == "not_allowed"


def test_an_owned_day_wins_and_finer_data_stay(
    ctx: Context, alice: Access, service: Service
) -> None:
    day = day_from_text(DAY)
    fine = days.NewDay("steps", day, 9000, "Watch")
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, [fine])).result()
    service.post(f"{V1}/attributes/acquire/", [{"name": "steps", "active": True}])
    service.post(f"{V1}/attributes/update/", [{"name": "steps", "date": DAY, "value": 5}])
    assert service.values("steps") == {DAY: 5}
    found = ctx.store.read(
        lambda tx: days.values(tx, ctx, alice, ["steps"], day, day, lineage=True)
    )
    rejected = found["steps"][0].lineage["rejected"]
    assert "Watch" in str(rejected)


def test_a_simple_token_for_name_and_password_reads_only(ctx: Context, alice: Access) -> None:
    client = Client(ctx)
    form = {"username": "alice", "password": PASSWORD}
    for given in ({"data": form}, {"json": form}):
        answer = client.post(f"{V1}/auth/simple-token/", **given)
        assert answer.json() == {"token": simple_token(ctx, alice)}
    wrong = client.post(f"{V2}/auth/simple-token/", data={**form, "password": "no"})
    assert (wrong.status_code, list(wrong.json())) == (400, ["non_field_errors"])
    headers = {"authorization": f"Token {simple_token(ctx, alice)}"}
    refused = client.post(f"{V1}/attributes/update/", headers=headers, json=[])
    assert refused.status_code == 403


def test_the_profile_of_others_is_a_stub(
    ctx: Context, alice: Access, charlie: Access, service: Service
) -> None:
    service.post(f"{V1}/attributes/acquire/", [{"name": "steps", "active": True}])
    mine = service.ask("GET", f"{V1}/users/$self/today/")
    assert mine["username"] == "alice"
    assert [g["group"] for g in mine["attributes"]] == ["activity"]
    assert mine["local_time"].endswith("+01:00")
    theirs = service.ask("GET", f"{V1}/users/charlie/today/")
    assert (theirs["username"], theirs["attributes"]) == ("charlie", [])
    service.ask("GET", f"{V1}/users/nobody/profile/", 404)
    assert service.ask("GET", f"{V2}/accounts/profile/")["joined"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_who_chose_miles_and_pounds_is_shown_miles_and_pounds(
    ctx: Context, alice: Access, service: Service
) -> None:
    def chosen(**units: str) -> set[str]:
        ctx.store.write(
            lambda tx: accounts.update(tx, ctx, alice, settings={"units": units})
        ).result()
        told = service.ask("GET", f"{V2}/accounts/profile/")
        one = service.ask("GET", f"{V1}/users/$self/profile/")
        assert one["imperial_units"] == all(v for k, v in told.items() if k.startswith("imperial"))
        return {k.removeprefix("imperial_") for k, v in told.items() if v is True}

    assert chosen() == set()
    assert chosen(mass="lb", distance="mi") == {"weight", "distance"}
    assert chosen(mass="kg", volume="fl oz", temperature="°F") == {"liquid", "temperature"}
    assert (
        len(chosen(mass="st", volume="fl oz", temperature="°F", distance="mi", energy="kcal")) == 5
    )
