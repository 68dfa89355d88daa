"""Moving in from another server: an Exist account, a Pryv account, one of Diurnal's own."""

from __future__ import annotations

import json
from pathlib import Path

from diurnal.connectors import diurnal_export
from diurnal.model.access import Access
from diurnal.model.records import Datum
from diurnal.model.time import day_from_text
from diurnal.services import days, events, imports
from diurnal.services.context import Context
from tests import cases
from tests.connectors.reading import DATA, only, read
from tests.test_invented_person import bring_in


def told(ctx: Context, who: Access, measure: str, first: str, n: int) -> list[object]:
    at = day_from_text(first)
    found = ctx.store.read(lambda tx: days.values(tx, ctx, who, [measure], at, at + n - 1))
    return [day.value for day in found[measure]]


def test_an_exist_account_moves_in_with_its_units_and_own_attributes(
    ctx: Context, alice: Access
) -> None:
    result = bring_in(ctx, alice, DATA / "exist_export")
    assert result.set_aside == 0
    assert result.kinds == {"exist_export": result.read}
    assert told(ctx, alice, "steps", "2026-02-01", 3) == [8123, None, 4000]
    assert told(ctx, alice, "distance_walk_run", "2026-02-01", 1) == [5250]
    assert told(ctx, alice, "mood", "2026-02-01", 1) == [7]
    assert told(ctx, alice, "mood_note", "2026-02-01", 1) == ["a good day"]
    assert told(ctx, alice, "practised_guitar", "2026-02-01", 2) == [1, 0]
    assert bring_in(ctx, alice, DATA / "exist_export").new == 0


def test_a_pryv_account_moves_in_with_its_tree_files_and_ids(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    result = bring_in(ctx, alice, DATA / "pryv_backup" / "backup.zip")
    aside = ctx.store.read(lambda tx: imports.aside(tx, alice, result.batch, most=9))
    assert result.set_aside == 0, aside
    assert (result.new, result.unknown) == (3, ())
    tree = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id)).tree
    walks, old = tree.get("walks"), tree.get("old")
    assert walks is not None
    assert walks.parent_id == "diary"
    assert old is not None
    assert old.trashed
    hello = cases.read(ctx, events.get, alice, "cmm7example000000000000a1")
    assert hello.time == 1_772_355_600_500_000
    assert hello.tags == ("a",)
    (file,) = hello.files
    with ctx.blobs.open(alice.account_id, file.hash) as stored:
        assert stored.read() == b"hello"
    running = cases.read(ctx, events.get, alice, "cmm7example000000000000a2")
    assert running.duration is None
    assert running.stream_ids == ("diurnal-note", "walks")
    assert cases.read(ctx, events.get, alice, "cmm7example000000000000a4").trashed
    again = bring_in(ctx, alice, DATA / "pryv_backup" / "backup.zip")
    assert (again.new, again.changed) == (0, 0)


def test_a_night_by_the_clock_comes_home_by_the_clock(tmp_path: Path) -> None:
    """Its instant and offset followed from where one was; here they are found again."""
    night = {
        "kind": "event",
        "id": "cmm7example000000000000b1",
        "streams": ["diurnal-sleep"],
        "type": "sleep/night",
        "time": 1_772_316_000_000_000,
        "clock": 1_772_319_600_000_000,
        "duration": 25_200_000_000,
        "offset": 60,
        "source": "Fitbit",
        "sourceId": "sleep:1",
    }
    lines = ({"kind": "diurnal-export", "version": 1}, night, {"kind": "end"})
    path = tmp_path / "diurnal.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    [found] = only(Datum, read(diurnal_export.CONNECTOR, path))
    assert (found.clock, found.start, found.offset) == (True, night["clock"], None)
    assert (found.stream, found.source_id) == ("diurnal-sleep", "sleep:1")
