"""Imports: the same data once, progress that is true, and a way back."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from diurnal.connectors import activitywatch
from diurnal.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
)
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.model.records import Item
from diurnal.model.time import DAY, day_from_text
from diurnal.services import (
    accesses,
    accounts,
    audit,
    days,
    events,
    imports,
    jobs,
    series,
    uploads,
    zones,
)
from diurnal.services.context import Context
from diurnal.services.imports import Progress, Result
from diurnal.store import accounts as account_store
from diurnal.store import batches
from diurnal.store import events as event_store
from tests import cases
from tests.clock import HOUR, Clock
from tests.conftest import PASSWORD

DATA = Path(__file__).parents[1] / "data"
APPLE = DATA / "apple_health" / "synthetic_export.zip"
CSV = DATA / "csv" / "daily.csv"


def _start(ctx: Context, who: Access, path: Path | None = None, **more: Any) -> int:
    paths = [] if path is None else [str(path)]
    name = path.name if path is not None else ""
    return ctx.store.write(
        lambda tx: imports.start(tx, ctx, who, **{"paths": paths, "name": name, **more})
    ).result()


def _import(ctx: Context, who: Access, path: Path | None = None, **more: Any) -> Result:
    return imports.run(ctx, who.account_id, _start(ctx, who, path, **more))


def _day(ctx: Context, who: Access, measure: str, day: str) -> float | str | None:
    at = day_from_text(day)
    found = ctx.store.read(lambda tx: days.values(tx, ctx, who, [measure], at, at))
    return found[measure][0].value


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _counts(result: Result) -> tuple[int, int, int]:
    return result.new, result.same, result.changed


def test_an_export_imported_twice_is_all_the_same(ctx: Context, alice: Access) -> None:
    first = _import(ctx, alice, APPLE)
    assert first.read == first.new > 20_000
    assert list(first.kinds) == ["apple_health"]
    before = _day(ctx, alice, "steps", "2026-03-10")
    again = _import(ctx, alice, APPLE)
    assert _counts(again) == (0, first.read, 0)
    assert _day(ctx, alice, "steps", "2026-03-10") == before


def test_a_dry_run_tells_the_truth_and_writes_nothing(ctx: Context, alice: Access) -> None:
    dry = _import(ctx, alice, CSV, dry_run=True)
    assert _day(ctx, alice, "steps", "2026-03-10") is None
    assert ctx.store.read(lambda tx: ctx.state(tx, alice.account_id)).measures == {}
    real = _import(ctx, alice, CSV)
    assert _counts(dry) == _counts(real) == (real.read, 0, 0)
    assert _counts(_import(ctx, alice, CSV, dry_run=True)) == (0, real.read, 0)


def test_a_longer_export_brings_only_what_is_new(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    head, *rows = CSV.read_text().splitlines()
    part = _write(tmp_path / "part.csv", "\n".join([head, *rows[:100]]))
    first = _import(ctx, alice, part)
    whole = _import(ctx, alice, CSV)
    assert whole.same == first.read
    assert whole.new == whole.read - first.read


def test_undo_takes_everything_back_and_the_import_can_be_repeated(
    ctx: Context, alice: Access
) -> None:
    result = _import(ctx, alice, APPLE)
    steps = _day(ctx, alice, "steps", "2026-03-10")
    assert steps
    assert imports.undo(ctx, alice, result.batch) > 0
    assert _day(ctx, alice, "steps", "2026-03-10") is None
    assert ctx.store.read(lambda tx: events.find(tx, ctx, alice)) == []
    assert ctx.store.read(lambda tx: series.listed(tx, ctx, alice)) == []
    assert ctx.store.read(lambda tx: imports.get(tx, alice, result.batch)).state == "undone"
    with pytest.raises(Conflict):
        imports.undo(ctx, alice, result.batch)
    assert _counts(_import(ctx, alice, APPLE)) == _counts(result)
    assert _day(ctx, alice, "steps", "2026-03-10") == steps


def test_an_undo_that_was_cut_off_goes_on(ctx: Context, alice: Access, clock: Clock) -> None:
    result = _import(ctx, alice, APPLE)

    def ask() -> str:
        return ctx.store.write(
            lambda tx: imports.request_undo(tx, ctx, alice, result.batch)
        ).result()

    def take() -> jobs.Lease:
        lease = ctx.store.write(lambda tx: jobs.take(tx, ctx, ["undo"], owner="w")).result()
        assert lease is not None
        return lease

    assert ask() == ask()
    turns = iter([False, False, True])
    with pytest.raises(jobs.Stopped):
        imports.run_undo(
            ctx, alice.account_id, result.batch, lease=take(), stopping=lambda: next(turns)
        )
    left = ctx.store.read(lambda tx: batches.written(tx, alice.account_id, result.batch))
    assert 0 < left < result.read
    clock.tick(jobs.LEASE_US + 1)
    imports.run_undo(ctx, alice.account_id, result.batch, lease=take())
    assert ctx.store.read(lambda tx: batches.written(tx, alice.account_id, result.batch)) == 0


def test_undo_leaves_what_others_wrote(ctx: Context, alice: Access, tmp_path: Path) -> None:
    one = _write(tmp_path / "one.csv", "date,steps,read a book\n2026-01-01,100,1\n")
    two = _write(tmp_path / "two.csv", "date,steps,read a book\n2026-01-02,200,1\n")
    first, second = _import(ctx, alice, one), _import(ctx, alice, two)
    imports.undo(ctx, alice, first.batch)
    assert _day(ctx, alice, "steps", "2026-01-01") is None
    assert _day(ctx, alice, "steps", "2026-01-02") == 200
    # The second import uses the measure that the first one made.
    [own] = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id)).measures
    imports.undo(ctx, alice, second.batch)
    state = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id))
    assert own in state.measures
    assert _day(ctx, alice, own, "2026-01-02") is None


def test_an_own_measure_goes_with_the_import_that_made_it(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    before = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id)).tree
    file = _write(tmp_path / "a.csv", "date,read a book\n2026-01-01,1\n2026-01-02,\n2026-01-03,0\n")
    result = _import(ctx, alice, file)
    [own] = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id)).measures.values()
    assert (own.label, own.value) == ("read a book", "boolean")
    shown = [_day(ctx, alice, own.key, f"2026-01-0{n}") for n in (1, 2, 3)]
    assert shown == [1, None, 0]
    imports.undo(ctx, alice, result.batch)
    state = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id))
    assert state.measures == {}
    assert own.stream not in state.tree
    assert {s.id for s in before} <= {s.id for s in state.tree}


def test_a_tag_that_later_counts_becomes_a_number(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    _import(ctx, alice, _write(tmp_path / "a.csv", "date,coffee\n2026-01-01,1\n"))
    _import(ctx, alice, _write(tmp_path / "b.csv", "date,coffee\n2026-01-02,2.5\n"))
    [own] = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id)).measures.values()
    assert own.value == "number"
    assert [_day(ctx, alice, own.key, f"2026-01-0{n}") for n in (1, 2)] == [1, 2.5]


def test_what_cannot_be_read_is_set_aside_with_its_place(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    rows = "date,steps\n2026-01-01,100\n2026-99-99,5\n2026-01-03,many\n2026-01-04,300\n"
    result = _import(ctx, alice, _write(tmp_path / "a.csv", rows))
    assert (result.read, result.set_aside) == (2, 2)
    kept = ctx.store.read(lambda tx: imports.aside(tx, alice, result.batch))
    assert [one.place for one in kept] == ["a.csv:3", "a.csv:4"]
    assert "many" in kept[1].raw
    assert _day(ctx, alice, "steps", "2026-01-04") == 300


def test_a_file_that_a_connector_stumbles_over_costs_no_other(
    ctx: Context, alice: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: Any) -> Iterator[Item]:
        raise AttributeError("'NoneType' object has no attribute 'get'")

    monkeypatch.setattr(activitywatch._Reader, "told", stumble)
    with ZipFile(tmp_path / "drop.zip", "w") as drop:
        drop.write(DATA / "activitywatch" / "aw-buckets-export.json", "a.json")
        drop.write(CSV, "daily.csv")
    result = _import(ctx, alice, tmp_path / "drop.zip")
    assert (result.new > 0, result.set_aside) == (True, 1)
    [aside] = ctx.store.read(lambda tx: imports.aside(tx, alice, result.batch))
    assert aside.place == "a.json"


def test_files_that_nobody_knows_are_named(ctx: Context, alice: Access, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "drop.zip", "w") as drop:
        drop.write(CSV, "daily.csv")
        drop.writestr("readme.md", "hello")
        drop.writestr("other.csv", "a;b\n1;2\n")
        drop.writestr("scale.csv", "when;how heavy\n01.02.2026;80,5\n02.02.2026;80,4\n")
    result = _import(ctx, alice, tmp_path / "drop.zip")
    assert result.new > 0
    assert set(result.unknown) == {"readme.md", "other.csv"}
    assert result.unmapped == ("scale.csv",)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.bin", b"\0\1\2", "nothing here is recognised"),
        ("x.zip", b"PK\3\4 cut off", "cut off"),
        ("x.csv", b"when;what\n1.2.2026;3\n2.2.2026;4\n", "mapping"),
    ],
)
def test_a_drop_that_cannot_be_read_fails_with_the_reason(
    ctx: Context, alice: Access, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    batch = _start(ctx, alice, tmp_path / name)
    with pytest.raises(InvalidInput, match=said):
        imports.run(ctx, alice.account_id, batch)
    found = ctx.store.read(lambda tx: imports.get(tx, alice, batch))
    assert found.state == "failed"
    assert said in (found.error or "")


def test_a_mapping_explains_a_table(ctx: Context, alice: Access, tmp_path: Path) -> None:
    file = _write(tmp_path / "x.csv", "when;what\n1.2.2026;1.234,0\n2.2.2026;4\n")
    mapping = {
        "date": "when",
        "date_format": "%d.%m.%Y",
        "delimiter": ";",
        "decimal": ",",
        "columns": {"what": {"measure": "steps"}},
    }
    result = _import(ctx, alice, file, options=mapping)
    assert (result.new, result.set_aside) == (2, 0)
    assert _day(ctx, alice, "steps", "2026-02-01") == 1234


def test_progress_is_told_in_phases_and_kept(ctx: Context, alice: Access) -> None:
    told: list[Progress] = []
    batch = _start(ctx, alice, APPLE)
    result = imports.run(ctx, alice.account_id, batch, progress=told.append)
    phases = list(dict.fromkeys(p.phase for p in told))
    assert phases[:2] == ["recognising", "reading"]
    assert phases[-1] == "done"
    reading = [p for p in told if p.phase == "reading"]
    assert [p.done for p in reading] == sorted(p.done for p in reading)
    assert all(0 <= p.done <= p.total for p in reading)
    kept = ctx.store.read(lambda tx: imports.get(tx, alice, batch))
    assert kept.state == "done"
    assert kept.progress["new"] == result.new
    assert kept.progress["measures"]["steps"] > 1000
    assert kept.result["kinds"] == {"apple_health": result.read}


def test_nobody_else_sees_an_import(ctx: Context, alice: Access, charlie: Access) -> None:
    batch = _start(ctx, alice, CSV)
    with pytest.raises(NotFound):
        ctx.store.read(lambda tx: imports.get(tx, charlie, batch))
    with pytest.raises(NotFound):
        imports.undo(ctx, charlie, batch)
    assert ctx.store.read(lambda tx: imports.listed(tx, charlie)) == []


def test_the_first_evidence_is_home_for_an_account_without_one(ctx: Context) -> None:
    made = accounts.create(ctx, username="dora", password=PASSWORD)
    dora = accesses.personal(made.account_id, "dora")
    _import(ctx, dora, APPLE)
    known = ctx.store.read(lambda tx: account_store.get(tx, dora.account_id))
    assert known is not None
    assert known.timezone == "Europe/Berlin"
    history = ctx.store.read(lambda tx: ctx.state(tx, dora.account_id)).zones
    assert history.zones == ("Europe/Berlin", "America/New_York", "Europe/Berlin")


def test_dating_many_events_anew_takes_turns(ctx: Context, alice: Access) -> None:
    """A new home zone moves everything; no transaction grows with the history."""
    from diurnal.model.events import NewEvent

    count, at = 1_700, 20_500 * DAY + 23 * HOUR
    batch = [
        NewEvent(stream_ids=("diurnal",), type="note/txt", time=at + i * DAY, content="x")
        for i in range(count)
    ]
    for i in range(0, count, 500):
        ctx.store.write(
            lambda tx, i=i: events.create(tx, ctx, alice, batch[i : i + 500])  # type: ignore[misc]
        ).result()
    ctx.store.write(
        lambda tx: accounts.update(tx, ctx, alice, timezone="Pacific/Auckland")
    ).result()
    [job] = ctx.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, ["date"]))
    lease = ctx.store.write(
        lambda tx: jobs.claim(tx, ctx, alice.account_id, job.id, owner="t")
    ).result()
    biggest = 0
    reserve = event_store.save

    def counted(tx: Any, account_id: int, changed: Any) -> None:
        nonlocal biggest
        biggest = max(biggest, len(changed))
        reserve(tx, account_id, changed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_store, "save", counted)
        zones.run(ctx, lease)
    assert 0 < biggest <= 500
    found = ctx.store.read(
        lambda tx: event_store.adrift(tx, alice.account_id, 0, 2**62, most=10_000)
    )
    assert len(found) == count
    assert {e.offset for e in found} == {12 * 60, 13 * 60}
    assert {e.day - e.time // DAY for e in found} == {1}


# Uploads


def _upload(ctx: Context, who: Access, name: str, content: bytes) -> str:
    made = ctx.store.write(
        lambda tx: uploads.create(tx, ctx, who, name=name, size=len(content))
    ).result()
    half = len(content) // 2
    assert uploads.append(ctx, who, made.id, 0, content[:half]).received == half
    assert uploads.append(ctx, who, made.id, half, content[half:]).complete
    return made.id


def test_an_upload_in_pieces_is_imported_and_then_removed(ctx: Context, alice: Access) -> None:
    id_ = _upload(ctx, alice, "export.zip", APPLE.read_bytes())
    path = uploads.path_of(ctx, alice.account_id, id_)
    assert path.stat().st_mode & 0o777 == 0o600
    dry = _import(ctx, alice, upload_id=id_, dry_run=True)
    assert path.exists()
    real = _import(ctx, alice, upload_id=id_)
    assert _counts(real) == _counts(dry)
    assert not path.exists()
    with pytest.raises(NotFound):
        uploads.status(ctx, alice, id_)


def test_an_upload_keeps_its_name(ctx: Context, alice: Access) -> None:
    """A table is recognised by the end of its name."""
    assert _import(ctx, alice, upload_id=_upload(ctx, alice, "a.csv", CSV.read_bytes())).new


def test_an_upload_goes_on_where_it_was_cut_off(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    made = ctx.store.write(
        lambda tx: uploads.create(tx, ctx, alice, name="../../a.csv", size=10)
    ).result()
    assert made.name == "a.csv"
    uploads.append(ctx, alice, made.id, 0, b"01234")
    assert uploads.status(ctx, alice, made.id).received == 5
    with pytest.raises(Conflict) as gap:
        uploads.append(ctx, alice, made.id, 7, b"789")
    assert gap.value.data == {"offset": 5}
    # The answer was lost and the piece is sent again.
    assert uploads.append(ctx, alice, made.id, 0, b"01234").received == 5
    with pytest.raises(Conflict):
        uploads.append(ctx, alice, made.id, 0, b"xxxxx")
    with pytest.raises(TooLarge):
        uploads.append(ctx, alice, made.id, 5, b"567890")
    with pytest.raises(NotFound):
        uploads.append(ctx, charlie, made.id, 5, b"56789")
    with pytest.raises(Conflict):
        _start(ctx, alice, upload_id=made.id)
    uploads.drop(ctx, alice, made.id)
    with pytest.raises(NotFound):
        uploads.status(ctx, alice, made.id)


def test_uploads_are_limited(ctx: Context, alice: Access) -> None:
    def create(name: str, size: int) -> None:
        ctx.store.write(lambda tx: uploads.create(tx, ctx, alice, name=name, size=size)).result()

    with pytest.raises(TooLarge):
        create("a", ctx.settings.upload_bytes_max + 1)
    for name, size in (("", 1), ("a\0b", 1), ("a", 0)):
        with pytest.raises(InvalidInput):
            create(name, size)
    for _ in range(uploads.OPEN_MAX):
        create("a", 1)
    with pytest.raises(TooMany):
        create("a", 1)


def test_stale_uploads_are_removed_unless_an_import_waits_for_them(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    waits = _upload(ctx, alice, "a.csv", CSV.read_bytes())
    stale = _upload(ctx, alice, "b.csv", CSV.read_bytes())
    _start(ctx, alice, upload_id=waits)
    clock.tick(uploads.STALE + HOUR)
    imports.tidy(ctx, alice.account_id)
    assert uploads.path_of(ctx, alice.account_id, waits).exists()
    assert not uploads.path_of(ctx, alice.account_id, stale).exists()


# Faults


IMPORTER = """
import os, sys
from pathlib import Path
from diurnal import settings
from diurnal.services import import_progress, imports
from diurnal.services.context import opened

def die(progress):
    if progress.new >= least:
        os.kill(os.getpid(), 9)

import_progress.TELL_EVERY_S = 0
chosen = settings.load(data_dir=Path(sys.argv[1]), database_url=sys.argv[2], environ={})
account, batch, least = map(int, sys.argv[3:])
with opened(chosen) as ctx:
    imports.run(ctx, account, batch, progress=die)
"""


def test_an_import_killed_at_any_moment_is_whole_after_the_next_run(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    batch = _start(ctx, alice, APPLE)
    script = _write(tmp_path / "run.py", textwrap.dedent(IMPORTER))
    where = [str(ctx.settings.data_dir), ctx.settings.database_url, str(alice.account_id)]
    for least in (0, 1):
        killed = subprocess.run(
            [sys.executable, str(script), *where, str(batch), str(least)],
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": ".", "PATH": "/usr/bin:/bin"},
            check=False,
        )
        assert killed.returncode == -9
    assert ctx.store.read(lambda tx: batches.written(tx, alice.account_id, batch)) > 0
    result = imports.run(ctx, alice.account_id, batch)
    # What was written before the end is the work of this import, too.
    assert _counts(result) == (result.read, 0, 0)
    assert ctx.store.read(lambda tx: imports.get(tx, alice, batch)).state == "done"
    assert _counts(_import(ctx, alice, APPLE)) == (0, result.read, 0)
    assert ctx.store.check() == []


def test_an_import_whose_workers_all_died_counts_as_failed(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    batch = _start(ctx, alice, CSV)
    for _ in range(jobs.LEASES_MAX + 1):
        ctx.store.write(lambda tx: jobs.take(tx, ctx, ["import"], owner="w")).result()
        clock.tick(jobs.LEASE_US + 1)
    assert ctx.store.read(lambda tx: imports.get(tx, alice, batch)).state == "failed"


def test_a_worker_that_lost_its_lease_writes_nothing_more(
    ctx: Context, alice: Access, clock: Clock, tmp_path: Path
) -> None:
    file = _write(tmp_path / "a.csv", "date,steps\n2026-03-10,1000\n")
    batch = _start(ctx, alice, file)
    slow = ctx.store.write(lambda tx: jobs.take(tx, ctx, ["import"], owner="a")).result()

    def pause(progress: Progress) -> None:
        if progress.phase == "reading":
            clock.tick(jobs.LEASE_US + 1)
            ctx.store.write(lambda tx: jobs.take(tx, ctx, ["import"], owner="b")).result()

    with pytest.raises(jobs.LeaseLost):
        imports.run(ctx, alice.account_id, batch, lease=slow, progress=pause)
    assert _day(ctx, alice, "steps", "2026-03-10") is None


def test_an_import_leaves_a_line_in_the_audit(ctx: Context, alice: Access) -> None:
    result = _import(ctx, alice, CSV)
    asked = audit.Query(doors=("worker",))
    [entry] = ctx.store.read(lambda tx: audit.find(tx, alice, asked))
    line = entry.line
    assert (line.action, line.target, line.n) == (
        "imports.run",
        f"import {result.batch}",
        result.new,
    )


def test_an_import_ends_with_the_access_that_began_it(ctx: Context, alice: Access) -> None:
    """But not with a session: who signs out wants the import all the same."""
    said = {"paths": [str(CSV)], "source": None, "map": {}}
    app = cases.share(ctx, alice, Permission(Level.MANAGE))
    session = cases.share(ctx, alice, kind=Kind.PERSONAL)
    for who in (app, session):
        batch = cases.write(ctx, imports.begin, who, name="x", options=said)
        cases.write(ctx, accesses.revoke, alice, who.id)
        if who is app:
            with pytest.raises(Unauthenticated):
                imports.run(ctx, alice.account_id, batch)
        else:
            assert imports.run(ctx, alice.account_id, batch).new > 0
