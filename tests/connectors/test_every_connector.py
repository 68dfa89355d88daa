"""What holds for every connector that reads files, whichever they are."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from diurnal import catalog, plugins
from diurnal.connectors import Connector
from diurnal.connectors._drop import drop
from diurnal.errors import InvalidInput, TooLarge
from diurnal.model.access import Access
from diurnal.model.records import (
    Bad,
    Datum,
    DayDatum,
    Item,
    OwnMeasure,
    Points,
    Progress,
    Source,
)
from diurnal.model.sources import RANK
from diurnal.model.time import TIME_MAX, TIME_MIN
from diurnal.services.context import Context
from diurnal.store import foreign
from tests.connectors.reading import DATA, only, read
from tests.connectors.test_all_vendors import everything
from tests.test_invented_person import bring_in

CONNECTORS = plugins.load("diurnal.connectors", "CONNECTOR", Connector)
FILES = sorted(p for p in DATA.rglob("*.*") if p.is_file() and p.suffix not in (".md", ".py"))
STREAMS = {s.id for s in catalog.STANDARD_STREAMS}


def taken() -> list[tuple[Connector, Path, list[Item]]]:
    """Return what each connector says of each file that it takes without questions."""
    found = []
    for path in FILES:
        with drop(path, tables=foreign.tables) as dropped:
            for connector in CONNECTORS.values():
                if connector.recognise is None or connector.parse is None:
                    continue
                said: list[Item] = []
                try:
                    for entry in dropped.entries.values():
                        if connector.recognise(entry):
                            said += connector.parse(entry, {})
                except InvalidInput:  # a file that needs a mapping
                    continue
                if said:
                    found.append((connector, path, said))
    return sorted(found, key=lambda t: (t[0].name, t[1].name))


TAKEN = taken()


@pytest.fixture(params=TAKEN, ids=lambda t: f"{t[0].name}-{t[1].name}")
def case(request: pytest.FixtureRequest) -> tuple[Connector, Path, list[Item]]:
    """A connector, a file, and what it says."""
    found: tuple[Connector, Path, list[Item]] = request.param
    return found


def test_each_connector_declares_itself() -> None:
    assert {"apple_health", "csv_file"} <= CONNECTORS.keys()
    for name, connector in CONNECTORS.items():
        assert connector.name == name
        assert connector.title
        assert connector.docs.startswith("https://")
        assert (connector.recognise is None) == (connector.parse is None)
        for key in connector.emits or ():
            assert key in catalog.MEASURES


def test_each_has_a_file_here() -> None:
    tested = {connector.name for connector, _, _ in TAKEN}
    assert tested == {n for n, c in CONNECTORS.items() if c.recognise}


def test_only_declared_measures_come(case: tuple[Connector, Path, list[Item]]) -> None:
    connector, _, said = case
    own = {o.key for o in only(OwnMeasure, said)}
    for item in said:
        if isinstance(item, Points | Datum | DayDatum) and item.measure not in own:
            if isinstance(item, Datum) and item.measure is None:
                assert item.stream in STREAMS
                continue
            assert item.measure in catalog.MEASURES
            assert connector.emits is None or item.measure in connector.emits


def test_reading_twice_says_the_same(case: tuple[Connector, Path, list[Item]]) -> None:
    connector, path, said = case
    assert read(connector, path) == said


def test_what_comes_can_be_stored(case: tuple[Connector, Path, list[Item]]) -> None:
    said = case[2]
    for p in only(Points, said):
        assert len(p.start) == len(p.end) == len(p.value) > 0
        assert all(a <= b for a, b in zip(p.start, p.end, strict=True))
        assert min(p.start) >= TIME_MIN
        assert max(p.end) <= TIME_MAX
        assert all(map(math.isfinite, p.value))
        assert p.offset is None or len(p.offset) == len(p.start)
    for d in only(Datum, said):
        assert d.measure or d.stream
        assert d.type.count("/") == 1
        assert len(d.source_id) <= 100
        assert TIME_MIN <= d.start <= TIME_MAX
        assert d.duration is None or d.duration >= 0
        assert len(msgspec.json.encode(d.content)) < 1_000_000
    for d in only(DayDatum, said):
        assert isinstance(d.value, str) or math.isfinite(d.value)
    own = [o.key for o in only(OwnMeasure, said)]
    assert len(own) == len(set(own))


def test_ids_are_unique_within_a_source(case: tuple[Connector, Path, list[Item]]) -> None:
    ids = [(d.source.name, d.source_id) for d in only(Datum, case[2])]
    if case[1].suffix == ".zip" and "synthetic" in case[1].name:
        assert len(ids) == len(set(ids))


def test_sources_are_named_and_ranked(case: tuple[Connector, Path, list[Item]]) -> None:
    kinds: dict[str, str] = {}
    for item in case[2]:
        source = getattr(item, "source", None)
        if isinstance(source, Source):
            assert source.name == " ".join(source.name.split())
            assert source.kind in RANK
            assert kinds.setdefault(source.name, source.kind) == source.kind


def test_progress_never_goes_back(case: tuple[Connector, Path, list[Item]]) -> None:
    phases: dict[str, int] = {}
    for p in only(Progress, case[2]):
        assert 0 <= p.done <= p.total
        if not p.done:
            phases[p.phase] = 0  # Another file of the archive.
        assert phases.get(p.phase, 0) <= p.done
        phases[p.phase] = p.done
    assert phases


def test_faults_say_where(case: tuple[Connector, Path, list[Item]]) -> None:
    for b in only(Bad, case[2]):
        assert b.reason
        assert b.where
        assert len(b.raw) <= 2_000


SMALL = 40_000
"""Bytes of files that are imported three times here; the large ones have tests of their own."""
BY_NAME = {
    name: sorted({path for c, path, _ in TAKEN if c.name == name and path.stat().st_size < SMALL})
    for name in sorted({c.name for c, _, _ in TAKEN} - {"csv_file"})
}


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("name", BY_NAME)
def test_the_order_of_files_and_repeats_change_nothing(
    name: str, ctx: Context, alice: Access, charlie: Access
) -> None:
    """All files of a connector: twice brings nothing new, the other way round is the same."""
    paths = BY_NAME[name]
    for path in paths:
        bring_in(ctx, alice, path)
    before = everything(ctx, alice, ("sleep",))
    for path in paths:
        again = bring_in(ctx, alice, path)
        assert (again.new, again.changed) == (0, 0), path.name
    assert everything(ctx, alice, ("sleep",)) == before
    for path in reversed(paths):
        bring_in(ctx, charlie, path)
    assert everything(ctx, charlie, ("sleep",)) == before


def test_a_file_that_was_cut_off_loses_only_its_end(
    case: tuple[Connector, Path, list[Item]], tmp_path: Path
) -> None:
    """What is read of a cut file is in the whole one; the fault is told, and nothing fails."""
    connector, path, whole = case
    if path.suffix in (".zip", ".gz") or path.stat().st_size > SMALL:
        pytest.skip("archives are tested with the drop, large files cost too much")
    cut = tmp_path / path.name
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    try:
        said = read(connector, cut)
    except (InvalidInput, TooLarge):
        return
    known = {(d.source.name, d.source_id) for d in only(Datum, whole)}
    found = {(d.source.name, d.source_id) for d in only(Datum, said)}
    # A recording, a night or a quarter of fixes may end earlier; none may be there that is not.
    assert len(found - known) <= 1


def test_only_one_connector_is_sure_of_a_file() -> None:
    """A file is given to the surest; two that are equally sure would be a guess."""
    for path in FILES:
        with drop(path, tables=foreign.tables) as dropped:
            for entry in dropped.entries.values():
                sure = sorted(
                    (c.recognise(entry), name) for name, c in CONNECTORS.items() if c.recognise
                )
                best = [s for s in sure if s[0] >= 0.5]
                assert len(best) < 2 or best[-1][0] > best[-2][0], (entry.path, best)


def test_naive_times_are_declared() -> None:
    """A datum by the clock on the wall has no zone beside: that would be two rules."""
    for _, path, said in TAKEN:
        for d in only(Datum, said):
            assert not (d.clock and (d.zone or d.offset is not None)), path
