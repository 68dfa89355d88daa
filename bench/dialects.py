"""What the dialects' readers cost: CPU of one answer, as its handler makes it; told, not gated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench import server
from bench.report import Report, cpu_of
from diurnal import catalog
from diurnal.auth import tokens
from diurnal.dialects.exist import ownership, reading, shapes, writing
from diurnal.dialects.personal import elements, resources
from diurnal.dialects.personicle import datastreams, dictionary
from diurnal.dialects.personicle import events as personicle_events
from diurnal.dialects.personyze import grammar, methods
from diurnal.model import series
from diurnal.model.access import EVERY, Access, Kind, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.model.measures import ValueKind
from diurnal.model.time import DAY, SECOND
from diurnal.process import keep_objects
from diurnal.services import accesses, clients, days, events, records
from diurnal.services import series as series_service
from diurnal.services.answers import Answers
from diurnal.services.context import Context, opened
from diurnal.services.days import NewDay
from diurnal.store.database import Tx

ROWS = 1_000
DAYS = 60


def run(report: Report, quick: bool) -> None:
    """Measure reads of every dialect, and Exist's update."""
    turns = 10 if quick else 50
    with TemporaryDirectory() as folder:
        settings, _ = server.prepare(Path(folder) / "data")
        with opened(settings) as ctx:
            owner = accesses.personal(1, server.ACCOUNT)
            _fill(ctx, owner)
            keep_objects()
            for name, work in _reads(ctx, owner).items():
                # What the first read computes is stored behind it: else that is measured.
                work()
                ctx.store.write(lambda tx: None, bulk=True).result()
                report(name, _ms(work, turns))
            report(
                "exist: an update of 35 values, durable: ms (aim: 2)", _update(ctx, owner, turns)
            )


def _ms(work: Callable[[], object], turns: int) -> float:
    return cpu_of(lambda: [work() for _ in range(turns)]) / turns * 1e3


def _fill(ctx: Context, owner: Access) -> None:
    today = ctx.now() // DAY
    rows = [
        NewDay(m.key, today - n, "x" if text else 1.0, "Fitbit")
        for a in shapes.templates().values()
        for m in a.measures[:1]
        if m.derived is None
        for text in [catalog.day_kind(m) is ValueKind.TEXT]
        for n in range(DAYS)
    ]
    for at in range(0, len(rows), 1_000):
        part = rows[at : at + 1_000]
        ctx.store.write(lambda tx, part=part: days.write_rows(tx, ctx, owner, part)).result()
    now = ctx.now() // SECOND * SECOND
    posts = [
        NewEvent(
            stream_ids=("diurnal-status-post",),
            type="note/txt",
            time=now - n * 60 * SECOND,
            content=f"Post {n}",
            source="Twitter",
        )
        for n in range(ROWS)
    ]
    ctx.store.write(lambda tx: events.create(tx, ctx, owner, posts)).result()
    people = [{"email": f"p{n}@example.org", "first_name": f"P{n}"} for n in range(ROWS)]
    ctx.store.write(
        lambda tx: records.create(
            tx, ctx, owner, "users", people, keys=("email",), number="user_id"
        )
    ).result()
    starts = [now - n * 60 * SECOND for n in range(ROWS)]
    points = series.columns(starts, [60.0 + n % 40 for n in range(ROWS)])
    ctx.store.write(
        lambda tx: series_service.write(tx, ctx, owner, "heart_rate", "Watch", points)
    ).result()
    ctx.store.write(lambda tx: days.refresh(tx, ctx, owner.account_id)).result()


def _reads(ctx: Context, owner: Access) -> dict[str, Callable[[], object]]:
    now = ctx.now()
    start, end = now - 2 * DAY, now + DAY
    heart = dictionary.DATASTREAMS[dictionary.PREFIX + "heartrate"]
    wanted = personicle_events.Asked(start=start, end=end)
    people = grammar.parse("users/order_by/user_id/limit/1000")
    statuses = resources.STANDARD["statuses"]

    def read(work: Callable[..., object]) -> Callable[[], object]:
        return lambda: msgspec.json.encode(ctx.store.read(work))

    kept = Answers()

    def warm(work: Callable[[Tx], object]) -> Callable[[], object]:
        return lambda: ctx.store.read(
            lambda tx: kept.get(tx, ctx, owner, work, lambda: msgspec.json.encode(work(tx)))
        )

    def listed(tx: Tx) -> object:
        return reading.listed(tx, ctx, owner, count=31, date_max=None, names=None, groups=None)

    def today(tx: Tx) -> object:
        return reading.today(tx, ctx, owner)

    return {
        "exist: attributes x 31 days, asked again: ms (aim: 2)": warm(listed),
        "exist: today, asked again: ms (aim: 1)": warm(today),
        "exist: attributes x 31 days, after a change: ms": read(listed),
        "exist: today, after a change: ms": read(today),
        "personicle: 1000 points of a datastream: ms (aim: 3)": read(
            lambda tx: datastreams.rows(
                heart, "00u", datastreams.read(tx, ctx, owner, heart, start, end, None)
            )
        ),
        "personicle: 1000 events: ms (aim: 3)": read(
            lambda tx: personicle_events.read(tx, ctx, owner, "00u", wanted)
        ),
        # More than one answer has (200): the aim is told for as many as the others read.
        "personal: 1000 elements: ms (aim: 3)": read(
            lambda tx: elements.listed(
                tx, ctx, owner, statuses, day=None, count=ROWS, ascending=False
            )
        ),
        "personyze: 1000 users: ms (aim: 3)": read(lambda tx: methods.read(tx, ctx, owner, people)),
    }


def _update(ctx: Context, owner: Access, turns: int) -> float:
    client, _ = ctx.store.write(
        lambda tx: clients.create(
            tx, ctx, owner, api="exist", name="Bench", redirect_uris=["https://example.org/"]
        )
    ).result()
    stored, _ = ctx.store.write(
        lambda tx: accesses.issue(
            tx,
            ctx,
            account_id=owner.account_id,
            username=owner.username,
            kind=Kind.APP,
            name="Bench",
            permissions=(Permission(Level.MANAGE, EVERY),),
            api="exist",
            client_id=client.id,
            token=tokens.make_hex(owner.account_id),
        )
    ).result()
    service = stored.access
    names = [a.name for a in shapes.templates().values() if a.type_v1 == 0 and a.name != "mood"][
        :35
    ]
    wish = [{"name": name, "active": True} for name in names]
    ctx.store.write(lambda tx: ownership.acquire_v1(tx, ctx, service, wish)).result()
    dates = iter(range(10_000))

    def one() -> None:
        value = next(dates) % 1_000
        items = [{"name": name, "date": "2026-01-05", "value": value} for name in names]
        ctx.store.write(lambda tx: writing.update(tx, ctx, service, items, version=1)).result()

    one()
    return _ms(one, turns)
