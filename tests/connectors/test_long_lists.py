"""Long lists read in blocks, and the fixes of an hour."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from diurnal.connectors import _blocks, _fixes
from diurnal.connectors._drop import drop
from diurnal.connectors._fixes import Fixes, milliseconds
from diurnal.connectors._said import utc
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Datum, Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import HOUR

PHONE = Source("Phone", Kind.PHONE)


def elements(path: Path, *, spoils: int = -1) -> tuple[list[int], list[int], list[Item]]:
    """Return the numbers read many at once, those read singly, and what else was said."""
    at_once: list[int] = []
    singly: list[int] = []

    def many(text: bytearray) -> Iterator[Item]:
        found = [row["n"] for row in msgspec.json.decode(text)]
        if spoils in found:
            raise ValueError("not as most are")
        return iter(at_once.extend(found) or ())

    def one(row: Any) -> Iterator[Item]:
        singly.append(row["n"])
        return iter(())

    with drop(path) as dropped:
        said = list(_blocks.read(dropped.entries[path.name], "list", "n", many, one))
    return at_once, singly, said


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list whose elements hold what looks like a border between two of them."""
    rng = random.Random(3)
    rows = [
        {
            "n": n,
            "text": '}, {"n": 7' * rng.randrange(3),
            "within": [{"n": -1}, {"n": -2}][: rng.randrange(3)],
        }
        for n in range(60)
    ]
    path = tmp_path / "long.json"
    path.write_text('{"before": {"n": 1}, "list" : ' + json.dumps(rows, indent=1) + ', "n": 2}')
    return path


@pytest.mark.parametrize("block", [700, 1_000, 1_777, 4_000, 1 << 17])
def test_every_element_of_a_list_is_read_once(
    listed: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(_blocks, "BLOCK", block)
    at_once, singly, said = elements(listed)
    assert at_once + singly == list(range(60))
    assert {type(item) for item in said} == {Progress}
    assert said[-1] == Progress("reading", listed.stat().st_size, listed.stat().st_size)


def test_from_an_odd_element_on_each_is_read_by_itself(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed.write_text(json.dumps({"list": [{"n": n} for n in range(60)]}))
    monkeypatch.setattr(_blocks, "BLOCK", 100)
    at_once, singly, _ = elements(listed, spoils=30)
    assert at_once + singly == list(range(60))
    assert 20 < len(at_once) <= 30


def test_a_list_that_breaks_off_keeps_what_came_before(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f'{{"n": {n}}},' for n in range(60))
    monkeypatch.setattr(_blocks, "BLOCK", 100)
    listed.write_text(f'{{"list": [{rows}}}')
    at_once, singly, said = elements(listed)
    assert at_once + singly == list(range(60))
    assert [item.where for item in said if isinstance(item, Bad)] == ["long.json"]
    listed.write_text('{"list": [}')
    with pytest.raises(InvalidInput, match="damaged"):
        elements(listed)


def test_an_element_without_end_is_not_held(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocks, "REST_MAX", 2_000)
    monkeypatch.setattr(_blocks, "BLOCK", 1_000)
    long = {"n": 1, "text": "x" * 10_000}
    listed.write_text(json.dumps({"list": [{"n": 0}, long, {"n": 2}, {"n": 3}]}))
    at_once, singly, _ = elements(listed)
    assert at_once + singly == [0, 1, 2, 3]
    assert singly == [1, 2, 3]


def test_times_of_many_are_those_of_each() -> None:
    rng = random.Random(5)
    stamps = []
    for _ in range(500):
        day = f"20{rng.randrange(100):02}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        clock = ":".join(f"{rng.randrange(most):02}" for most in (24, 60, 60))
        stamps += [f"{day}T{clock}.{rng.randrange(1000):03}Z", f"{day}T{clock}Z"]
    assert milliseconds(stamps).tolist() == [utc(s) // 1000 for s in stamps]
    for odd in ("2024-03-02T10:05:07.2Z", "2024-03-02T10:05:07.250", "2024-02-30T10:05:07.250Z"):
        with pytest.raises(ValueError, match=r"."):
            milliseconds([*stamps, odd])


def test_fixes_told_singly_or_in_columns_make_the_same_hours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hours come as they end, in the order of their beginning; an older fix still finds its own."""
    rng = random.Random(7)
    ms = 1_700_000_000_000
    at = np.array([ms + 300_000 * n + rng.randrange(-3_000_000, 3_000_000) for n in range(300)])
    at[10] = at[9]
    latitudes = [rng.randrange(-900_000_000, 900_000_001) for _ in at]
    longitudes = [rng.randrange(-1_800_000_000, 1_800_000_001) for _ in at]
    metres = [rng.randrange(-1, 50) for _ in at]

    columns = Fixes(PHONE, "1 all")
    found = [
        item
        for part in (slice(0, 110), slice(110, 300))
        for item in columns.add_all(at[part], latitudes[part], longitudes[part], metres[part])
    ]
    still_open = list(columns.flush())
    assert len(still_open) == _fixes.HOURS_OPEN
    found += still_open
    single = Fixes(PHONE, "1 all")
    each = [
        item
        for a, lat, lon, m in zip(at.tolist(), latitudes, longitudes, metres, strict=True)
        for item in single.add(a * 1000, lat / 1e7, lon / 1e7, m)
    ]
    assert [*each, *single.flush()] == found
    assert list(columns.flush()) == []
    events = [item for item in found if isinstance(item, Datum)]
    assert [e.start // HOUR for e in events] == [int(e.source_id[len("track:") :]) for e in events]
    assert sum(e.content["track"].count(";") + 1 for e in events) == 300
    last = events[-1].content["track"].rpartition(";")[2].split(",")
    assert events[-1].content["latitude"] == int(last[1]) / 1e7

    monkeypatch.setattr(_fixes, "FIXES_MAX", 2)
    noisy = Fixes(PHONE, "1 all")
    list(noisy.add_all(at[:1].repeat(5) + np.arange(5), latitudes[:5], longitudes[:5], metres[:5]))
    [event] = [item for item in noisy.flush() if isinstance(item, Datum)]
    assert event.content["track"].count(";") == 1


@pytest.mark.parametrize(("lat", "lon", "at"), [(90.1, 0, 0), (0, -180.1, 0), (0, 0, 1 << 62)])
def test_a_fix_that_is_nowhere_is_refused(lat: float, lon: float, at: int) -> None:
    with pytest.raises(ValueError, match="no place on Earth"):
        list(Fixes(PHONE, "1 all").add(at, lat, lon))
