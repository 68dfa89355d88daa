"""One datum, every API: what one door writes, every other reads, in its own unit, on its day.

A new dialect adds a writer, a reader or both, and its column in `table.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from diurnal import catalog
from diurnal.dialects.exist import shapes as exist_shapes
from diurnal.dialects.personicle import times as personicle_times
from diurnal.dialects.personicle.dictionary import PREFIX as PERSONICLE_PREFIX
from diurnal.model import series, time
from diurnal.model.access import Access
from diurnal.model.events import NewEvent
from diurnal.model.measures import Daily, Shape
from diurnal.model.time import day_text
from diurnal.services import days, events
from diurnal.services import series as series_service
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests.clock import Clock
from tests.dialects.client import Client, simple_token, token
from tests.dialects.exist.test_services import Service
from tests.dialects.personal.test_personal import Caller as PersonalCaller
from tests.dialects.personicle.test_personicle import Caller as PersonicleCaller
from tests.dialects.personyze.test_personyze import Caller as PersonyzeKey
from tests.one_datum.table import AT, DATA, DAY, DERIVED, PERSONAL, PERSONICLE, Datum

Writer = Callable[[Context, Access, list[Datum]], None]
Reader = Callable[[Context, Access], dict[str, Any]]


def write_days(ctx: Context, owner: Access, data: list[Datum]) -> None:
    rows = [NewDay(d.measure, DAY, d.value, "Test") for d in data]
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, owner, rows)).result()


def write_events(ctx: Context, owner: Access, data: list[Datum]) -> None:
    new = [
        NewEvent(
            stream_ids=(catalog.get(d.measure).stream,),
            type=d.pryv.type,
            time=AT,
            duration=round(d.pryv.minutes * time.MINUTE),
            content=d.pryv.content,
        )
        for d in data
        if d.pryv is not None
    ]
    ctx.store.write(lambda tx: events.create(tx, ctx, owner, new)).result()


def write_series(ctx: Context, owner: Access, data: list[Datum]) -> None:
    for d in data:
        points = series.columns([AT], [float(d.value)], [AT + time.SECOND])
        ctx.store.write(
            lambda tx, d=d, points=points: series_service.write(
                tx, ctx, owner, d.measure, "Test", points
            )
        ).result()


def write_pryv(ctx: Context, owner: Access, data: list[Datum]) -> None:
    client, secret = Client(ctx), token(ctx, owner)
    for d in data:
        assert d.pryv is not None
        answer = client.post(
            f"/pryv/{owner.username}/events",
            headers={"Authorization": secret},
            json={
                "streamIds": [catalog.get(d.measure).stream],
                "type": d.pryv.type,
                "time": AT / time.SECOND,
                "duration": d.pryv.minutes * 60,
                "content": d.pryv.content,
            },
        )
        assert answer.status_code == 201, answer.text


def read_exist(ctx: Context, owner: Access) -> dict[str, Any]:
    answer = Client(ctx).get(
        f"/exist/api/1/users/$self/attributes/?limit=3&date_max={day_text(DAY + 1)}",
        headers={"Authorization": f"Token {simple_token(ctx, owner)}"},
    )
    shown = {}
    for attribute in answer.json():
        after, value, before = (v["value"] for v in attribute["values"])
        assert (after, before) == (None, None), attribute
        if value is not None:
            shown[attribute["attribute"]] = value
    return shown


def whole_series(d: Datum) -> bool:
    measure = catalog.get(d.measure)
    return measure.shape is Shape.SERIES and measure.daily is not Daily.DURATION


def write_exist(ctx: Context, owner: Access, data: list[Datum]) -> None:
    service = Service(ctx, owner, "Test")
    names = [{"name": d.exist[0], "active": True} for d in data]
    for at in range(0, len(names), 30):
        service.post("/exist/api/1/attributes/acquire/", names[at : at + 30])
        values = [
            {"name": d.exist[0], "date": day_text(DAY), "value": d.exist[1]}
            for d in data[at : at + 30]
        ]
        service.post("/exist/api/1/attributes/update/", values)


def write_personyze(ctx: Context, owner: Access, data: list[Datum]) -> None:
    key = PersonyzeKey(ctx, owner)
    now = ctx.now
    # Its writes are of now: now is the moment that the table tells of.
    object.__setattr__(ctx, "now", lambda: AT + 20 * time.HOUR)
    try:
        key.ask("PUT", "users/1", json={d.measure: d.value for d in data})
    finally:
        object.__setattr__(ctx, "now", now)


def write_personicle(ctx: Context, owner: Access, data: list[Datum]) -> None:
    caller = PersonicleCaller(ctx, owner)
    for d in data:
        name, value = PERSONICLE[d.measure]
        point = {"timestamp": personicle_times.write(AT), "value": value}
        caller.points(PERSONICLE_PREFIX + name, point)


def write_personal(ctx: Context, owner: Access, data: list[Datum]) -> None:
    caller = PersonalCaller(ctx, owner)
    for d in data:
        resource, column, value = PERSONAL[d.measure]
        sent = {"date": f"{day_text(DAY)} 00:00:00", column: str(value)}
        caller.ask("POST", resource, 201, data=sent)


def read_native(ctx: Context, owner: Access) -> dict[str, Any]:
    found = ctx.store.read(
        lambda tx: days.values(tx, ctx, owner, [d.measure for d in DATA], DAY, DAY)
    )
    return {key: listed[0].value for key, listed in found.items() if listed[0].value is not None}


def read_personyze(ctx: Context, owner: Access) -> dict[str, Any]:
    [row] = PersonyzeKey(ctx, owner).get("users/1")
    return {d.measure: row[d.measure] for d in DATA if d.measure in row}


def read_personicle(ctx: Context, owner: Access) -> dict[str, Any]:
    caller = PersonicleCaller(ctx, owner)
    shown = {}
    for measure, (name, _) in PERSONICLE.items():
        rows = caller.get("datastreams", datatype=PERSONICLE_PREFIX + name)
        if rows:
            [row] = rows
            shown[measure] = row["value"]
    return shown


def read_personal(ctx: Context, owner: Access) -> dict[str, Any]:
    caller = PersonalCaller(ctx, owner)
    shown = {}
    for measure, (resource, column, _) in PERSONAL.items():
        answer = caller.client.get(
            f"/personal/v1/{resource}", params={"token": caller.token, "date": day_text(DAY)}
        )
        if answer.status_code == 200:
            [row] = answer.json()
            shown[measure] = row[column]
    return shown


def read_pryv(ctx: Context, owner: Access) -> dict[str, Any]:
    """Read the values of the day as events, whatever they were written as."""
    day = f"fromTime={AT / time.SECOND}&toTime={AT / time.SECOND}"
    answer = Client(ctx).get(
        f"/pryv/{owner.username}/events?streams[]=:_days:&{day}&limit=1000",
        headers={"Authorization": token(ctx, owner)},
    )
    shown = {}
    for event in answer.json()["events"]:
        stream, date = event["id"].rsplit(":", 1)
        assert date == day_text(DAY)
        assert event["streamIds"] == [stream]
        shown[stream.removeprefix(":_days:")] = event["content"]
    return shown


def _native(data: list[Datum]) -> dict[str, Any]:
    return {d.measure: d.value for d in data}


def _personicle(data: list[Datum]) -> dict[str, Any]:
    return {d.measure: PERSONICLE[d.measure][1] for d in data if d.measure in PERSONICLE}


def _personal(data: list[Datum]) -> dict[str, Any]:
    return {d.measure: PERSONAL[d.measure][2] for d in data if d.measure in PERSONAL}


WRITERS: dict[str, tuple[Writer, Callable[[Datum], bool]]] = {
    "days": (write_days, lambda _d: True),
    "events": (write_events, lambda d: d.pryv is not None),
    "series": (write_series, whole_series),
    "pryv": (write_pryv, lambda d: d.pryv is not None),
    # Its tags are attributes of their own; tests/dialects/exist has them.
    "exist": (write_exist, lambda d: d.measure != "tags"),
    "personyze": (write_personyze, lambda d: catalog.get(d.measure).derived is None),
    "personicle": (write_personicle, lambda d: d.measure in PERSONICLE),
    "personal": (write_personal, lambda d: d.measure in PERSONAL),
}
"""How to write, and which of the data this way can."""
READERS: dict[str, Reader] = {"exist": read_exist}
OTHERS: dict[str, tuple[Reader, Callable[[list[Datum]], dict[str, Any]]]] = {
    "native": (read_native, _native),
    "pryv": (read_pryv, _native),
    "personyze": (read_personyze, _native),
    "personicle": (read_personicle, _personicle),
    "personal": (read_personal, _personal),
}
"""How to read what is told in other units, and what is to be told of the data."""


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("writer", ["days", "events", "series", "pryv", "exist"])
def test_what_one_door_writes_another_reads(
    ctx: Context, alice: Access, charlie: Access, writer: str, reader: str
) -> None:
    write, can = WRITERS[writer]
    data = [d for d in DATA if can(d)]
    write(ctx, alice, data)
    expected = dict(getattr(d, reader) for d in data)
    if writer in ("events", "pryv"):
        expected = DERIVED[reader] | expected
    if writer == "series":
        expected["heartrate_max"] = DERIVED[reader]["heartrate_max"]
    shown = READERS[reader](ctx, alice)
    assert shown == expected
    kinds = {name: type(value) for name, value in shown.items()}
    assert kinds == {name: type(value) for name, value in expected.items()}
    assert READERS[reader](ctx, charlie) == {}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_one_door_writes_all_the_others_read(
    ctx: Context, alice: Access, charlie: Access, writer: str
) -> None:
    write, can = WRITERS[writer]
    data = [d for d in DATA if can(d)]
    write(ctx, alice, data)
    for name, (read, told) in OTHERS.items():
        shown, expected = read(ctx, alice), told(data)
        wrong = {
            key: (shown.get(key), value)
            for key, value in expected.items()
            if not alike(shown.get(key), value, whole=writer in WHOLE)
        }
        assert not wrong, (writer, name, wrong)
    for name in ("native", "pryv", "personicle", "personal"):
        assert OTHERS[name][0](ctx, charlie) == {}


WHOLE = frozenset({"exist", "personicle"})
"""Doors through which some measures are whole numbers."""


def alike(shown: Any, expected: Any, *, whole: bool) -> bool:
    """A door that knows whole numbers alone rounds; nothing else may differ."""
    if whole and isinstance(shown, float | int) and isinstance(expected, float):
        return shown in (pytest.approx(expected, rel=1e-9), exist_shapes.rounded(expected))
    if isinstance(shown, int | float) and isinstance(expected, int | float):
        return shown == pytest.approx(expected, rel=1e-9)
    return bool(shown == expected)


def test_steps_written_through_pryv_are_in_exists_day_at_once(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    client, secret = Client(ctx), token(ctx, alice)
    for total in (100, 200, 300):
        made = client.post(
            "/pryv/alice/events",
            headers={"Authorization": secret},
            json={"streamId": "diurnal-steps", "type": "count/steps", "content": 100},
        )
        assert made.status_code == 201
        clock.tick()
        [steps] = client.get(
            "/exist/api/1/users/$self/attributes/?limit=1",
            headers={"Authorization": f"Token {simple_token(ctx, alice)}"},
        ).json()
        assert steps["values"] == [{"value": total, "date": "2026-03-01"}]


def test_the_stream_says_what_a_type_means(ctx: Context, alice: Access) -> None:
    client, secret = Client(ctx), token(ctx, alice)
    for stream, type_ in (("diurnal-notes", "mass/kg"), ("diurnal-weight", "note/txt")):
        client.post(
            "/pryv/alice/events",
            headers={"Authorization": secret},
            json={"streamId": stream, "type": type_, "content": 70},
        )
    assert read_exist(ctx, alice) == {}


def test_the_table_has_every_attribute_of_exist() -> None:
    assert {d.exist[0] for d in DATA} == set(exist_shapes.templates())
    named = {d.measure for d in DATA}
    for name in exist_shapes.templates():
        assert any(m.key in named for m in catalog.named("exist", name)), name
