"""What an Exist client sees."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.dialects.exist import shapes
from diurnal.model import time
from diurnal.model.access import Access, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.model.time import day_from_text, day_text
from diurnal.services import accesses, analyse, authentication, days, events
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests.clock import Clock
from tests.dialects.client import Client, personal_token, simple_token, token

USERS = "/exist/api/1/users"
TODAY = day_from_text("2026-03-01")


def write(ctx: Context, owner: Access, measure: str, day: int, value: float | str) -> None:
    row = NewDay(measure, day, value, "Fitbit")
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, owner, [row])).result()


def reader(ctx: Context, owner: Access) -> Any:
    client, simple = Client(ctx), simple_token(ctx, owner)

    def get(path: str, status: int = 200) -> Any:
        answer = client.get(path, headers={"Authorization": f"Token {simple}"})
        assert answer.status_code == status, answer.text
        return answer.json()

    return get


def test_the_caller_has_many_names(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "steps", TODAY, 10)
    get = reader(ctx, alice)
    for user in ("$self", "%24self", "%2524self", "alice"):
        for slash in ("", "/"):
            [steps] = get(f"{USERS}/{user}/attributes{slash}?limit=1")
            assert steps["values"] == [{"value": 10, "date": "2026-03-01"}]


def test_another_persons_data_are_not_there(ctx: Context, alice: Access, charlie: Access) -> None:
    write(ctx, charlie, "steps", TODAY, 10)
    get = reader(ctx, alice)
    for user in ("charlie", "nobody", "%00"):
        for path in ("attributes/", "attributes/steps/"):
            assert get(f"{USERS}/{user}/{path}", 404) == {"detail": "Not found."}
    assert get(f"{USERS}/$self/attributes/") == []


def test_the_simple_token_is_always_the_same_and_only_reads(ctx: Context, alice: Access) -> None:
    first = simple_token(ctx, alice)
    assert first == simple_token(ctx, alice)
    assert len(first) == 40
    int(first, 16)
    access = ctx.store.read(lambda tx: authentication.resolve(tx, ctx, first))
    assert [p.level for p in access.permissions] == [Level.READ]
    answer = Client(ctx).post(
        "/pryv/alice/events",
        headers={"Authorization": first},
        json={"streamId": "diurnal-steps", "type": "count/steps", "content": 1},
    )
    assert answer.status_code == 403


def test_a_token_of_the_other_kind_opens_nothing(ctx: Context, alice: Access, clock: Clock) -> None:
    simple, app = simple_token(ctx, alice), token(ctx, alice)
    revoked = token(ctx, alice, name="gone")
    known = ctx.store.read(lambda tx: authentication.resolve(tx, ctx, revoked))
    ctx.store.write(lambda tx: accesses.revoke(tx, ctx, alice, known.id)).result()
    clock.tick()  # several processes learn of it within a second
    client = Client(ctx)
    for header, status in {
        f"Token {simple}": 200,
        f"token {simple}": 200,
        f"Bearer {app}": 200,
        f"Bearer {simple}": 401,
        f"Token {app}": 401,
        f"Bearer {revoked}": 401,
        simple: 401,
        "Token": 401,
        "": 401,
    }.items():
        answer = client.get(f"{USERS}/$self/attributes/", headers={"Authorization": header})
        assert answer.status_code == status, header
        if status == 401:
            assert answer.json() == {"detail": "Invalid token"}
            assert answer.headers["www-authenticate"]


def test_our_own_session_may_explore(ctx: Context, alice: Access) -> None:
    cookie = {"Cookie": f"diurnal_session={personal_token(ctx, alice, api='session')}"}
    assert Client(ctx).get(f"{USERS}/$self/attributes/", headers=cookie).json() == []


def test_only_attributes_with_data_are_listed_with_every_day(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "steps", TODAY - 2, 10)
    write(ctx, alice, "mood", TODAY - 100, 5)
    listed = reader(ctx, alice)(f"{USERS}/$self/attributes/?limit=3")
    assert [a["attribute"] for a in listed] == ["steps", "mood"]
    assert [v["value"] for v in listed[0]["values"]] == [None, None, 10]
    assert [v["date"] for v in listed[0]["values"]] == ["2026-03-01", "2026-02-28", "2026-02-27"]
    assert [v["value"] for v in listed[1]["values"]] == [None, None, None]
    assert listed[1]["service"] == ""


def test_what_was_deleted_leaves_the_list_and_the_count(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "steps", TODAY, 10)
    new = NewEvent(
        stream_ids=("diurnal-weight",),
        type="mass/kg",
        time=(TODAY - 40) * time.DAY + 12 * time.HOUR,
        content=70,
    )
    [made] = ctx.store.write(lambda tx: events.create(tx, ctx, alice, [new])).result()
    get = reader(ctx, alice)
    assert get(f"{USERS}/$self/attributes/weight/")["count"] == 41
    ctx.store.write(lambda tx: events.delete(tx, ctx, alice, made.event.id)).result()
    assert [a["attribute"] for a in get(f"{USERS}/$self/attributes/")] == ["steps"]
    assert get(f"{USERS}/$self/attributes/weight/")["count"] == 0


def test_the_list_is_narrowed_by_name_and_group(ctx: Context, alice: Access) -> None:
    for measure in ("steps", "floors", "mood", "weight"):
        write(ctx, alice, measure, TODAY, 3)
    get = reader(ctx, alice)

    def names(query: str) -> list[str]:
        return [a["attribute"] for a in get(f"{USERS}/$self/attributes/?{query}")]

    assert names("") == ["steps", "floors", "mood", "weight"]
    assert names("attributes=mood,weight,unheard-of") == ["mood", "weight"]
    assert names("groups=health,activity") == ["steps", "floors", "weight"]
    assert names("groups=activity&attributes=mood,floors") == ["floors"]


def test_limits_are_capped_and_nonsense_is_refused(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "steps", TODAY, 10)
    write(ctx, alice, "steps", TODAY - 300, 10)
    get = reader(ctx, alice)
    base = f"{USERS}/$self/attributes/"
    assert len(get(base)[0]["values"]) == 7
    assert len(get(f"{base}?limit=32")[0]["values"]) == 31
    assert len(get(f"{base}?limit={'9' * 5000}")[0]["values"]) == 31
    assert len(get(f"{base}steps/")["results"]) == 20
    assert len(get(f"{base}steps/?limit=1000")["results"]) == 100
    for query in ("limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=٣", "date_max=tomorrow"):
        assert set(get(f"{base}?{query}", 400)) == {"detail"}
        assert set(get(f"{base}steps/?{query}", 400)) == {"detail"}


def test_the_ends_of_the_calendar_are_days_too(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "steps", TODAY, 10)
    get = reader(ctx, alice)
    for day in ("0001-01-01", "9999-12-31"):
        listed = get(f"{USERS}/$self/attributes/?date_max={day}")
        assert listed[0]["values"][0] == {"value": None, "date": day}
        get(f"{USERS}/$self/attributes/steps/?date_max={day}")


def test_pages_lead_from_the_newest_day_to_the_first(ctx: Context, alice: Access) -> None:
    for back in (0, 3, 49):
        write(ctx, alice, "steps", TODAY - back, back)
    get = reader(ctx, alice)
    url: str | None = f"{USERS}/alice/attributes/steps/?limit=20"
    pages = []
    while url:
        pages.append(get(url))
        url = pages[-1]["next"]
    assert [len(p["results"]) for p in pages] == [20, 20, 10]
    assert {p["count"] for p in pages} == {50}
    dates = [r["date"] for p in pages for r in p["results"]]
    assert dates == [day_text(TODAY - i) for i in range(50)]
    own = "http://localhost:8400/exist/api/1/users/alice/attributes/steps/"
    assert [p["previous"] for p in pages] == [None, f"{own}?limit=20", f"{own}?page=2&limit=20"]


def test_a_page_past_the_end_is_not_there(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "steps", TODAY, 10)
    get = reader(ctx, alice)
    for page in ("2", "0", "-1", "last", "9" * 50):
        invalid = get(f"{USERS}/$self/attributes/steps/?page={page}", 404)
        assert invalid == {"detail": "Invalid page."}
    empty = {"count": 0, "next": None, "previous": None, "results": []}
    assert get(f"{USERS}/$self/attributes/mood/") == empty
    assert get(f"{USERS}/$self/attributes/steps/?date_max=2020-01-01") == empty
    assert get(f"{USERS}/$self/attributes/unheard_of/", 404) == {"detail": "Not found."}


def test_today_is_the_persons_own(ctx: Context, alice: Access, clock: Clock) -> None:
    clock.set(TODAY * time.DAY + 23 * time.HOUR + 30 * time.MINUTE)  # half past midnight in Berlin
    write(ctx, alice, "steps", TODAY, 10)
    [steps] = reader(ctx, alice)(f"{USERS}/$self/attributes/?limit=1")
    assert steps["values"] == [{"value": None, "date": "2026-03-02"}]
    ahead = reader(ctx, alice)(f"{USERS}/$self/attributes/?limit=1&date_max=2026-03-03")
    assert ahead[0]["values"] == [{"value": None, "date": "2026-03-03"}]


def test_a_narrow_token_sees_what_it_may(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "steps", TODAY, 10)
    write(ctx, alice, "weight", TODAY, 70)
    narrow = token(ctx, alice, Permission(Level.READ, "diurnal-steps"), api="native")
    headers = {"Authorization": f"Bearer {narrow}"}
    listed = Client(ctx).get(f"{USERS}/$self/attributes/", headers=headers).json()
    assert [a["attribute"] for a in listed] == ["steps"]
    hidden = Client(ctx).get(f"{USERS}/$self/attributes/weight/", headers=headers).json()
    assert hidden == {"count": 0, "next": None, "previous": None, "results": []}


def test_a_time_frame_hides_when_the_data_began(ctx: Context, alice: Access) -> None:
    for back in (0, 200):
        write(ctx, alice, "steps", TODAY - back, 10)
    frame = Permission(Level.READ, "diurnal-steps", start=(TODAY - 9) * time.DAY)
    headers = {"Authorization": f"Bearer {token(ctx, alice, frame)}"}
    answer = Client(ctx).get(f"{USERS}/$self/attributes/steps/", headers=headers).json()
    assert answer["count"] == 1


def test_an_app_is_named_as_the_service(ctx: Context, alice: Access) -> None:
    answer = Client(ctx).post(
        "/pryv/alice/events",
        headers={"Authorization": token(ctx, alice, name="My Étape App!")},
        json={"streamId": "diurnal-steps", "type": "count/steps", "content": 7},
    )
    assert answer.status_code == 201
    [steps] = reader(ctx, alice)(f"{USERS}/$self/attributes/?limit=1")
    assert (steps["service"], steps["values"][0]["value"]) == ("my_étape_app", 7)


def test_either_heart_rate_variability_shows_rmssd_first(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "hrv_sdnn", TODAY - 1, 40)
    write(ctx, alice, "hrv_sdnn", TODAY, 41)
    write(ctx, alice, "hrv_rmssd", TODAY, 30)
    [hrv] = reader(ctx, alice)(f"{USERS}/$self/attributes/?limit=2")
    assert hrv["attribute"] == "heartrate_variability"
    assert [v["value"] for v in hrv["values"]] == [30, 40]


def test_texts_are_cut_in_the_view_only(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "mood_note", TODAY, "x" * 1500)
    [note] = reader(ctx, alice)(f"{USERS}/$self/attributes/?limit=1")
    assert note["values"][0]["value"] == "x" * 1000


def test_nobody_weighs_nothing_before_they_step_on_the_scales(ctx: Context, alice: Access) -> None:
    write(ctx, alice, "weight", TODAY - 1, 71.5)
    write(ctx, alice, "steps", TODAY - 1, 4000)
    listed = reader(ctx, alice)("/exist/api/2/attributes/with-values/?attributes=steps,weight")
    told = {a["name"]: a["values"][0]["value"] for a in listed["results"]}
    assert told == {"steps": 0, "weight": None}


def test_a_correlation_of_version_1_is_a_sentence_with_a_capital(
    ctx: Context, alice: Access
) -> None:
    for back in range(40):
        write(ctx, alice, "steps", TODAY - 1 - back, 5000 + 100 * (back * 7 % 40))
        write(ctx, alice, "weight", TODAY - 1 - back, 70 + (back * 7 % 40) / 10)
    analyse.run(ctx, alice.account_id)
    get = reader(ctx, alice)
    first = get(f"{USERS}/$self/correlations/strongest/")["results"][0]
    again = get("/exist/api/2/correlations/")["results"][0]
    assert first["second_person"] == "You weigh more when you get more steps."
    assert again["second_person"] == "you weigh more when you get more steps."


WRITES = ["POST", "PUT", "DELETE", "PATCH"]


def test_no_answer_is_one_that_clients_die_of(
    ctx: Context, alice: Access, subtests: pytest.Subtests
) -> None:
    headers = {"Authorization": f"Token {simple_token(ctx, alice)}"}
    client = Client(ctx)
    for method in WRITES:
        with subtests.test(method):
            answer = client.request(method, f"{USERS}/$self/attributes/", headers=headers)
            assert answer.status_code == 400
            unserved = client.request(method, "/exist/api/1/nothing/", headers=headers)
            assert (unserved.status_code, unserved.json()) == (404, {"detail": "Not found."})


def test_every_attribute_is_known_to_the_catalog() -> None:
    for attribute in shapes.templates().values():
        assert attribute.measures, attribute.name
        assert attribute.type_v1 in shapes.TYPES_V1


@given(st.floats(-1e15, 1e15))
def test_integers_are_rounded_half_away_from_zero(value: float) -> None:
    rounded = shapes.rounded(value)
    assert abs(rounded - value) <= 0.5
    assert shapes.rounded(-value) == -rounded
    assert shapes.rounded(math.copysign(2.5, value)) == math.copysign(3, value)
    assert shapes.rounded(0.49999999999999994) == 0
