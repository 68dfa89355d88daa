"""Exports: what comes home is what went out, and other programs can read it."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from sqlalchemy import delete, select

from diurnal import worker
from diurnal.errors import Conflict, Forbidden, InvalidInput
from diurnal.model.access import Access, Level, Permission
from diurnal.model.time import HOUR, SECOND, day_from_text
from diurnal.services import (
    attachments,
    days,
    events,
    experiments,
    exports,
    findings,
    imports,
    jobs,
    records,
    series,
    streams,
)
from diurnal.services import own_rows as rules
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.store import events as event_rows
from diurnal.store import findings as finding_rows
from diurnal.store import own_rows, tables
from diurnal.store.sql import Sql
from tests import cases
from tests.clock import START
from tests.test_invented_person import bring_in

DATA = Path(__file__).parents[1] / "data"


def live(ctx: Context, who: Access) -> None:
    """Have some of everything that an export holds."""
    bring_in(ctx, who, DATA / "csv" / "daily.csv")
    cases.plant(ctx, who, "garden", client_data={"x": [1, {"y": None}]})
    cases.plant(ctx, who, "beds", parent="garden")
    cases.plant(ctx, who, "old")
    cases.add(
        ctx,
        who,
        cases.weigh(70.5, START, source="scale", source_id="w1", zone="Asia/Tokyo"),
        cases.note(
            stream_ids=("beds", "garden"), tags=("a", "b c"), content="ünïcode 🦉", id="mine"
        ),
        cases.note(stream_ids=("garden",), content={"a": [1, 2.5, None]}, type="x/odd"),
        cases.note(stream_ids=("old",), content="long gone", id="gone"),
        cases.note(content="=1+1", description="- a formula", duration=3 * SECOND + 1, time=START),
        cases.note(content="still", duration=None, time=START + HOUR, id="running"),
        cases.note(content="no more", id="trash", trashed=True),
    )
    digest, size = ctx.blobs.put(who.account_id, [b"\x1f\x8b" + bytes(900_000)], limit=1 << 20)
    given = [("leaf.gz", "image/png", digest, size)]
    cases.write(ctx, attachments.add, who, "mine", given)
    cases.write(ctx, streams.update, who, "old", {"trashed": True})
    scale = ctx.store.read(lambda tx: event_rows.by_source(tx, who.account_id, "scale", ["w1"]))
    for said in (71.0, 70.5):
        cases.write(ctx, events.update, who, scale["w1"].id, {"content": said})
    cases.write(ctx, events.update, who, "gone", {"content": "nearly gone"})
    starts = [START + i * 60 * SECOND for i in range(2_000)]
    cols = series_of(starts, [60.0 + i % 40 / 7 for i in range(2_000)])
    cases.write(ctx, series.write, who, "heart_rate", "Watch of A", cols, kind="wrist")
    steps = series_of(starts[:50], [12.0] * 50, [s + 30 * SECOND for s in starts[:50]], 540)
    cases.write(ctx, series.write, who, "steps", "Phone", steps, kind="phone")
    today = day_from_text("2026-03-01")
    typed = [NewDay("mood", today, 7.0, days.MANUAL, "manual", "person", "7")]
    cases.write(ctx, days.write_rows, who, typed)


def series_of(
    start: list[int], value: list[float], end: list[int] | None = None, offset: int | None = None
) -> Any:
    import numpy as np

    from diurnal.model import series as columns

    given = None if offset is None else np.full(len(start), offset, np.int16)
    return series.prepare(columns.columns(start, value, end if end else start, given))


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / exports.FILE).read_text().splitlines()]


def bare(out: Path) -> list[dict[str, Any]]:
    """Return the lines without what is told anew by each server: who, when written."""
    found = []
    for line in lines(out):
        if line["kind"] == exports.KIND:
            continue
        if line["kind"] == "version":
            found.append({k: v for k, v in line.items() if k != "until"})
            continue
        found.append({k: v for k, v in line.items() if k not in ("created", "modified")})
    return found


def test_what_was_exported_comes_back_as_the_same_rows(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    live(ctx, alice)
    made = exports.write(ctx, alice, "jsonl", tmp_path / "out")
    assert made.rows["events"] > 6
    assert made.rows["points"] == 2_050
    assert made.rows["files"] == 1
    result = bring_in(ctx, charlie, tmp_path / "out")
    aside = ctx.store.read(lambda tx: imports.aside(tx, charlie, result.batch, most=9))
    assert result.set_aside == 0, aside
    assert result.kinds == {"diurnal_export": result.read}
    exports.write(ctx, charlie, "jsonl", tmp_path / "again")
    assert bare(tmp_path / "again") == bare(tmp_path / "out")
    for measure in ("mood", "steps", "heart_rate", "weight"):
        mine, theirs = (told(ctx, who, measure) for who in (alice, charlie))
        assert mine == theirs
        assert any(day.value is not None for day in mine)
    assert made.rows["versions"] == 4
    assert {line["content"] for line in lines(tmp_path / "again") if line["kind"] == "version"} > {
        70.5,
        71.0,
        "long gone",
    }
    (file,) = cases.read(ctx, events.get, charlie, "mine").files
    assert ctx.blobs.intact(charlie.account_id, file.hash)


ROWS = (tables.record, tables.record_key, tables.experiment, tables.track, tables.finding)


def live_on(ctx: Context, who: Access) -> None:
    """Have some of every table that is held row by row."""
    from diurnal.model.tracks import Track
    from diurnal.services import tracks

    people = [{"email": "A@b.example", "n": 1.5}, {"email": None, "tags": ["x", {"y": None}]}]
    cases.write(ctx, records.create, who, "users", people, keys=("email",), number="user_id")
    cases.write(ctx, records.create, who, "notes_of", [{"text": "ünïcode 🦉"}])
    planned = {"name": "Coffee", "arm_a": "none", "arm_b": "some", "measures": ["steps"]}
    days_ = {"first_day": day_from_text("2026-03-01"), "pairs": 3, "block_days": 2}
    cases.write(ctx, experiments.create, who, **planned, **days_, washout_days=0, seed=2**52 + 1)
    assert worker.step(ctx, {"experiment": worker.handlers()["experiment"]}, owner="w")
    cases.add(ctx, who, cases.note(type="series:x/speed", id="ride", content=None))
    import numpy as np

    points = Track(np.array([0, 10**9]), {"value": np.array([1.5, 2.5])})
    cases.write(ctx, tracks.write, who, "ride", points)
    said: dict[str, Any] = {"measure": "mood", "measure2": "steps", "day": 0, "version": 1}
    row = finding_rows.Stored(
        **said,
        id=ctx.new_id(),
        kind=findings.FEEDBACK,
        body='{"opinion":"useful"}',
        created=START,
    )
    result = msgspec.structs.replace(row, id=ctx.new_id(), kind="average", body="{}")
    ctx.store.write(lambda tx: finding_rows.add(tx, who.account_id, [row, result])).result()


def as_they_lie(ctx: Context, who: Access) -> dict[str, list[Any]]:
    """Return the rows without the account's number, and of findings the opinions alone."""
    found = {}
    for t in ROWS:
        said = select(*(c for c in t.columns if c.name != "account_id"))
        mine = said.where(t.c.account_id == who.account_id).order_by(*t.primary_key)
        if t is tables.finding:
            mine = mine.where(t.c.kind == findings.FEEDBACK)
        found[t.name] = ctx.store.read(lambda tx, q=mine: tx.execute(Sql(q), {}))
    return found


def test_records_experiments_tracks_and_opinions_come_home_as_the_same_rows(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    # Her numbers are far ahead of those that he will get.
    gone = cases.write(ctx, records.create, alice, "gone", [{}] * 100)
    cases.write(ctx, records.delete, alice, "gone", [r.id for r in gone])
    live_on(ctx, alice)
    before = as_they_lie(ctx, alice)
    assert all(before.values()), before
    made = exports.write(ctx, alice, "jsonl", tmp_path / "out")
    assert made.rows["rows"] == sum(map(len, before.values()))
    result = bring_in(ctx, charlie, tmp_path / "out")
    aside = ctx.store.read(lambda tx: imports.aside(tx, charlie, result.batch, most=9))
    assert result.set_aside == 0, aside
    assert as_they_lie(ctx, charlie) == before
    again = bring_in(ctx, charlie, tmp_path / "out")
    assert (again.new, again.changed, again.set_aside) == (0, 0, 0)
    assert as_they_lie(ctx, charlie) == before
    # A number that came along is never given to another.
    (new,) = cases.write(ctx, records.create, charlie, "users", [{}], number="user_id")
    seqs = [r.seq for r in cases.read(ctx, lambda tx, _c: records.listed(tx, charlie, "users"))]
    assert new.seq == new.values["user_id"] == max(seqs)
    assert len(set(seqs)) == len(seqs) == 3


def test_undoing_takes_back_the_rows_that_came_along(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    live_on(ctx, alice)
    exports.write(ctx, alice, "jsonl", tmp_path / "out")
    (own,) = cases.write(ctx, records.create, charlie, "users", [{"name": "his"}])
    result = bring_in(ctx, charlie, tmp_path / "out")
    again = bring_in(ctx, charlie, tmp_path / "out")
    brought = as_they_lie(ctx, charlie)
    imports.undo(ctx, charlie, again.batch)
    assert as_they_lie(ctx, charlie) == brought
    kept = cases.read(ctx, lambda tx, _c: records.listed(tx, charlie, "users"))[-1]
    cases.write(
        ctx, records.update, charlie, "users", [(kept, {"email": "c@d.example"})], keys=("email",)
    )
    imports.undo(ctx, charlie, result.batch)
    left = as_they_lie(ctx, charlie)
    assert [row[1] for row in left.pop("record")] == [own.id]
    assert not any(left.values()), left


def test_an_experiment_that_came_along_goes_on(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    live_on(ctx, alice)
    exports.write(ctx, alice, "jsonl", tmp_path / "out")
    bring_in(ctx, charlie, tmp_path / "out")
    open_ = ctx.store.read(lambda tx: jobs.open_jobs(tx, charlie.account_id, ["experiment"]))
    assert len(open_) == 1


BAD_ROWS = [
    ("session", ["access_id"], [["x"]]),
    ("record", ["collection", "id"], [["users", "x"]]),
    ("record", None, ["users", "x", 5, "not json", 1, 1]),
    ("record", None, ["users", "x", -5, "{}", 1, 1]),
    ("record", None, ["Users!", "x", 5, "{}", 1, 1]),
    ("record", None, ["users", "x", "5", "{}", 1, 1]),
    ("record_key", None, ["users", "email", "x" * 401, "x"]),
    ("track", None, ["ride", 0, 1, "AAAA"]),
    ("finding", None, ["f", "average", "mood", None, 0, 1, "{}", 1]),
    ("experiment", None, ["e", "n", "a", "b", "[]", 1, 1, 3, 2, 0, None, None, None, None, 1, 1]),
    (
        "experiment",
        None,
        ["e", "n", "a", "b", '["mood"]', 1, 1, 3, 2, 0, "[{}]", None, None, None, 1, 1],
    ),
]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_rows_that_nobody_exported_are_set_aside(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    exports.write(ctx, alice, "jsonl", tmp_path / "out")
    path = tmp_path / "out" / exports.FILE
    *first, end = path.read_bytes().splitlines(keepends=True)
    given = [
        {"kind": "rows", "table": t, "columns": c or own_rows.columns(t), "rows": r if c else [r]}
        for t, c, r in BAD_ROWS
    ]
    path.write_bytes(b"".join([*first, *(msgspec.json.encode(g) + b"\n" for g in given), end]))
    result = bring_in(ctx, alice, tmp_path / "out")
    assert (result.new, result.set_aside) == (0, len(BAD_ROWS))
    assert not any(as_they_lie(ctx, alice).values())


BAD_LINES: list[dict[str, Any]] = [
    {"kind": "event", "streams": []},
    {"kind": "event", "source": ["x"]},
    {"kind": "event", "source": "x", "sourceKind": 5},
    {"kind": "event", "duration": None},
    {"kind": "event", "tags": "x"},
    {"kind": "stream", "id": 5},
    {"kind": "day", "measure": "mood", "date": "2026-03-01", "value": [5]},
    {"kind": "day", "measure": 5, "date": "2026-03-01", "value": 5},
    {"kind": "day", "measure": "mood", "date": "2026-02-30", "value": 5},
    {"kind": "measure", "key": ["x"], "label": "x", "value": "number"},
    {"kind": "points", "measure": "steps", "start": [1, 2], "value": [5]},
    {"kind": "points", "measure": "steps", "start": [1], "value": [5], "offset": [60, 60]},
    {"kind": "version", "streams": [], "created": 1, "modified": 1},
    {"kind": "version", "created": 1, "modified": 10**25},
    {"kind": "version", "created": -(10**25), "modified": 1},
    {"kind": "version", "id": "nobody", "created": 1, "modified": 1},
    {"kind": "version", "created": 1, "modified": 1, "zone": "Nowhere/Else"},
    {"kind": "version", "created": 1, "modified": 1, "time": 2**62},
    {"kind": "version", "created": 1, "modified": 1, "files": [{"id": 1}]},
]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_lines_that_nobody_exported_are_set_aside(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    cases.add(ctx, alice, cases.note(content="now", id="mine"))
    exports.write(ctx, alice, "jsonl", tmp_path / "out")
    path = tmp_path / "out" / exports.FILE
    *first, end = path.read_bytes().splitlines(keepends=True)
    [whole] = [line for line in lines(tmp_path / "out") if line["kind"] == "event"]
    given = [json.dumps({**whole, **bad}).encode() + b"\n" for bad in BAD_LINES]
    path.write_bytes(b"".join([*first, *given, end]))
    result = bring_in(ctx, alice, tmp_path / "out")
    assert (result.new, result.set_aside) == (0, len(BAD_LINES))
    assert cases.read(ctx, events.versions, alice, "mine") == []


def test_every_table_is_in_an_export_or_said_not_to_be() -> None:
    known = set(tables.metadata.tables)
    declared = {*rules.HELD, *rules.NOT_HELD}
    assert declared - {"alembic_version"} == known
    assert not set(rules.HELD) & set(rules.NOT_HELD)
    assert {t.name for t in ROWS} == set(own_rows.TABLES)
    assert {name for name, how in rules.HELD.items() if how.startswith("rows")} == set(
        own_rows.TABLES
    )
    assert all(rules.NOT_HELD.values())


def told(ctx: Context, who: Access, measure: str) -> list[Any]:
    first = day_from_text("2026-02-20")
    return ctx.store.read(lambda tx: days.values(tx, ctx, who, [measure], first, first + 30))[
        measure
    ]


def test_one_s_own_export_brings_nothing_new_home(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    live(ctx, alice)
    exports.write(ctx, alice, "jsonl", tmp_path / "out")
    before = rows(ctx, alice)
    dry = ctx.store.write(
        lambda tx: imports.start(
            tx, ctx, alice, paths=[str(tmp_path / "out")], name="out", dry_run=True
        )
    ).result()
    assert imports.run(ctx, alice.account_id, dry).new == 0
    result = bring_in(ctx, alice, tmp_path / "out")
    assert (result.new, result.changed, result.set_aside) == (0, 0, 0)
    assert result.same == result.read
    assert rows(ctx, alice) == before


def test_undoing_takes_back_what_events_were(ctx: Context, alice: Access, tmp_path: Path) -> None:
    live(ctx, alice)
    exports.write(ctx, alice, "jsonl", tmp_path / "out")
    ctx.store.write(lambda tx: tx.execute(Sql(delete(tables.event_version)), {})).result()
    before = rows(ctx, alice)
    result = bring_in(ctx, alice, tmp_path / "out")
    assert (result.new, result.changed, result.set_aside) == (4, 0, 0)
    assert len(rows(ctx, alice)["event_version"]) == 4
    imports.undo(ctx, alice, result.batch)
    assert rows(ctx, alice) == before


def rows(ctx: Context, who: Access) -> dict[str, list[Any]]:
    wanted = (
        *(tables.event, tables.event_version, tables.chunk),
        *(tables.day_row, tables.stream, tables.file),
    )
    return {
        t.name: ctx.store.read(
            lambda tx, t=t: tx.execute(
                Sql(select(t).where(t.c.account_id == who.account_id).order_by(*t.primary_key)), {}
            )
        )
        for t in wanted
    }


def test_an_export_that_is_cut_or_damaged_says_so(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    live(ctx, alice)
    exports.write(ctx, alice, "jsonl", tmp_path / "out")
    whole = (tmp_path / "out" / exports.FILE).read_bytes().splitlines(keepends=True)
    half = tmp_path / "half.jsonl"
    half.write_bytes(b"".join(whole[:-1])[:-20] + b'\n{"kind":"day"}\nnot json\n')
    result = bring_in(ctx, charlie, half)
    assert result.set_aside == 4
    later = tmp_path / "later.jsonl"
    later.write_bytes(whole[0].replace(b'"version":1', b'"version":9') + b"".join(whole[1:]))
    with pytest.raises(InvalidInput, match="newer version"):
        bring_in(ctx, charlie, later)


def test_tables_say_what_the_pages_say(ctx: Context, alice: Access, tmp_path: Path) -> None:
    live(ctx, alice)
    exports.write(ctx, alice, "csv", tmp_path / "csv")
    with (tmp_path / "csv" / "events.csv").open(newline="", encoding="utf-8") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    assert found["mine"]["streams"] == "beds garden"
    assert found["running"]["end"] == ""
    assert found["trash"]["trashed"] == "1"
    formulas = [r for r in found.values() if r["content"] == "'=1+1"]
    assert formulas
    assert formulas[0]["description"] == "'- a formula"
    weighed = next(r for r in found.values() if r["source_id"] == "w1")
    assert (weighed["value"], weighed["unit"], weighed["zone"]) == ("70.5", "kg", "Asia/Tokyo")
    with (tmp_path / "csv" / "days.csv").open(newline="", encoding="utf-8") as file:
        daily = list(csv.DictReader(file))
    mood = [r for r in daily if (r["date"], r["measure"]) == ("2026-03-01", "mood")]
    assert [(r["value"], r["source"]) for r in mood] == [("7.0", "manual")]
    with (tmp_path / "csv" / "by-day.csv").open(newline="", encoding="utf-8") as file:
        wide = {row["date"]: row for row in csv.DictReader(file)}
    assert wide["2026-03-01"]["mood"] == "7"
    assert len(list((tmp_path / "csv" / "files").iterdir())) == 1

    exports.write(ctx, alice, "sqlite", tmp_path / "sqlite")
    with closing(apsw.Connection(str(tmp_path / "sqlite" / "diurnal.sqlite"))) as database:
        counted = database.execute("SELECT count(*), min(start), sum(value) FROM points").fetchall()
        assert counted[0][0] == 2_050
        assert str(counted[0][1]).endswith("Z")
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    made = exports.write(ctx, alice, "parquet", tmp_path / "parquet")
    import pyarrow.parquet as pq

    points = pq.read_table(str(tmp_path / "parquet" / "points.parquet"))
    assert points.num_rows == made.rows["points"] == 2_050
    assert str(points.schema.field("start").type) == "timestamp[us, tz=UTC]"
    assert sum(points.column("value").to_pylist()) == pytest.approx(counted[0][2])
    events_ = pq.read_table(str(tmp_path / "parquet" / "events.parquet"))
    assert events_.num_rows == len(found)


def test_only_the_owner_exports_and_nothing_is_overwritten(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    other = cases.share(ctx, alice, Permission(stream="*", level=Level.MANAGE))
    with pytest.raises(Forbidden):
        exports.write(ctx, other, "jsonl", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        exports.write(ctx, alice, "jsonl", tmp_path / "full")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    with pytest.raises(InvalidInput, match="jsonl, csv"):
        exports.write(ctx, alice, "docx", tmp_path / "out")
    for format_ in exports.formats():
        exports.write(ctx, alice, format_, tmp_path / format_)
        assert [p.stat().st_mode & 0o077 for p in (tmp_path / format_).iterdir()] != []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_other_programs_read_what_fits_into_their_formats(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    import gpxpy
    import icalendar

    live(ctx, alice)
    here = {"latitude": 52.5, "longitude": 13.4, "altitude": 34}
    cases.add(
        ctx,
        alice,
        cases.note(stream_ids=("diurnal-location",), type="position/wgs84", content=here),
        cases.note(
            stream_ids=("diurnal-blood-pressure",),
            type="blood-pressure/mmhg-bpm",
            content={"systolic": 120, "diastolic": 80},
        ),
    )
    assert exports.write(ctx, alice, "ics", tmp_path / "ics").rows["entries"] >= 3
    text = (tmp_path / "ics" / "diurnal.ics").read_bytes()
    entries = {str(e["uid"]): e for e in icalendar.Calendar.from_ical(text).walk("VEVENT")}
    assert str(entries["mine@diurnal"]["summary"]) == "ünïcode 🦉"
    assert "trash@diurnal" not in entries

    assert exports.write(ctx, alice, "gpx", tmp_path / "gpx").rows == {"positions": 1}
    (track,) = gpxpy.parse((tmp_path / "gpx" / "diurnal.gpx").read_text()).tracks
    (point,) = track.segments[0].points
    assert (point.latitude, point.longitude, point.elevation) == (52.5, 13.4, 34)

    exports.write(ctx, alice, "fhir", tmp_path / "fhir")
    told = (tmp_path / "fhir" / "Observation.ndjson").read_text().splitlines()
    codes = [json.loads(line)["code"]["coding"][0]["code"] for line in told]
    assert codes.count("8867-4") == 2_000
    assert codes.count("29463-7") == 1
    assert codes.count("85354-9") == 1
    assert len({json.loads(line)["id"] for line in told}) == len(told)

    exports.write(ctx, alice, "omh", tmp_path / "omh")
    points = (tmp_path / "omh" / "datapoints.ndjson").read_text().splitlines()
    names = [json.loads(line)["header"]["schema_id"]["name"] for line in points]
    assert (names.count("heart-rate"), names.count("step-count")) == (2_000, 50)
    weight = next(json.loads(p) for p in points if "body-weight" in p)
    assert weight["body"]["body_weight"] == {"value": 70.5, "unit": "kg"}
