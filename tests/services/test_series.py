"""Series: what is refused, whose points they are, and how they are counted."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.errors import Forbidden, InvalidInput, UnknownReference
from diurnal.model.access import Access, Level, Permission
from diurnal.model.series import columns
from diurnal.services import series
from diurnal.services.context import Context
from diurnal.services.series import Counts
from tests import cases
from tests.clock import DAY, HOUR, MINUTE, START


def write(ctx: Context, who: Access, *points: tuple[int, float], **more: Any) -> Counts:
    given = {"measure": "heart_rate", "source": "watch", **more}
    measure, source = given.pop("measure"), given.pop("source")
    cols = columns([p[0] for p in points], [p[1] for p in points])
    counts: Counts = cases.write(ctx, series.write, who, measure, source, cols, **given)
    return counts


def read(ctx: Context, who: Access, start: int = 0, end: int = START * 2, **more: Any) -> Any:
    found = cases.read(ctx, series.read, who, "heart_rate", start, end, **more)
    return {s: list(zip(c.start.tolist(), c.value.tolist(), strict=True)) for s, c in found}


def test_what_cannot_be_a_series(ctx: Context, alice: Access) -> None:
    wrong: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (UnknownReference, "measure", {"measure": "heart_rat"}),
        (InvalidInput, "measure", {"measure": "note"}),
        (InvalidInput, "measure", {"measure": "heart_rate_max"}),
        (InvalidInput, "source", {"source": ""}),
        (InvalidInput, "source", {"source": "x" * 201}),
        (InvalidInput, "source", {"source": "a\0"}),
        (InvalidInput, "source", {"source": "\ud800"}),
    ]
    for error, field, given in wrong:
        with pytest.raises(error) as refused:
            write(ctx, alice, (START, 60.0), **given)
        assert getattr(refused.value, "field", None) == field, given
    long = columns([START], [1.0], [START + 33 * DAY])
    with pytest.raises(InvalidInput, match="32 days"):
        cases.write(ctx, series.write, alice, "steps", "watch", long)
    log = cases.log(ctx, alice)
    assert write(ctx, alice) == Counts(0, 0, 0)
    assert cases.log(ctx, alice) == log
    with pytest.raises(UnknownReference):
        cases.read(ctx, series.read, alice, "none", 0, 1)
    for start, end, width in ((0, 0, 1), (5, 0, 1), (0, 10, 0), (0, 10, 10_001)):
        with pytest.raises(InvalidInput):
            cases.read(ctx, series.buckets, alice, "heart_rate", start, end, width)


def test_points_of_one_call_that_exclude_each_other_are_one(ctx: Context, alice: Access) -> None:
    assert write(ctx, alice, (START, 60.0), (START, 60.0), replace=False) == Counts(1, 1, 0)
    assert write(ctx, alice, (START + 1, 60.0), (START + 1, 61.0)) == Counts(1, 1, 0)
    assert read(ctx, alice) == {"watch": [(START, 60.0), (START + 1, 61.0)]}


def test_a_later_import_takes_the_place_of_an_earlier_one(ctx: Context, alice: Access) -> None:
    at = [START + i * MINUTE for i in range(4)]
    assert write(ctx, alice, *((t, 60.0) for t in at[:3]), batch_id=1) == Counts(3, 0, 0)
    assert write(ctx, alice, *((t, 60.0) for t in at), batch_id=2) == Counts(1, 3, 0)
    assert write(ctx, alice, (at[0], 99.0), batch_id=2) == Counts(0, 0, 1)
    assert write(ctx, alice, (at[0], 99.0), batch_id=3) == Counts(0, 1, 0)
    assert read(ctx, alice)["watch"][0] == (at[0], 99.0)
    while cases.write(ctx, series.drop_batch, alice, 2, 1):
        pass
    assert read(ctx, alice) == {"watch": [(at[1], 60.0), (at[2], 60.0)]}
    log = cases.log(ctx, alice)
    assert log[-1][1:3] == ("series", "delete")
    assert [row[0] for row in log] == list(range(1, len(log) + 1))


def test_two_sources_stay_apart(ctx: Context, alice: Access) -> None:
    write(ctx, alice, (START, 60.0), source="a")
    write(ctx, alice, (START, 70.0), source="b")
    assert read(ctx, alice) == {"a": [(START, 60.0)], "b": [(START, 70.0)]}
    assert read(ctx, alice, source="b") == {"b": [(START, 70.0)]}
    assert read(ctx, alice, START + 1) == {}


def test_an_app_adds_only_where_it_may(ctx: Context, alice: Access) -> None:
    frames = [
        Permission(Level.CREATE_ONLY, start=START, end=START + HOUR),
        Permission(Level.CREATE_ONLY, start=START + 2 * HOUR, end=START + 3 * HOUR),
    ]
    app = cases.share(ctx, alice, *frames)
    write(ctx, app, (START, 60.0), (START + 2 * HOUR, 60.0))
    for outside in (START - 1, START + HOUR, START + 3 * HOUR, START + 90 * MINUTE):
        points = sorted([(START, 1.0), (outside, 1.0), (START + 3 * HOUR - 1, 1.0)])
        with pytest.raises(Forbidden):
            write(ctx, app, *points)
    with pytest.raises(UnknownReference):
        read(ctx, app)
    assert len(read(ctx, alice)["watch"]) == 2


def test_what_another_account_wrote_is_not_there(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    write(ctx, alice, (START, 60.0))
    assert read(ctx, charlie) == {}
    assert cases.read(ctx, series.listed, charlie) == []
    write(ctx, charlie, (START, 61.0))
    assert cases.write(ctx, series.drop_batch, charlie, 0, 100) == 1
    assert read(ctx, alice) == {"watch": [(START, 60.0)]}
