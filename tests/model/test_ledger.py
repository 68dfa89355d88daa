"""The ledger of what has been fetched: nothing twice but the overlap, nothing forgotten."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from diurnal.model.ledger import DONE, FAILED, REFUSED, Stretch, days, gaps, put, windows
from diurnal.model.time import DAY, HOUR

NOW = 20_000 * DAY + 10 * HOUR


def done(start: int, end: int) -> Stretch:
    return Stretch(start=start, end=end, state=DONE)


def plan(ledger: list[Stretch], now: int = NOW, **kw: int) -> list[tuple[int, int]]:
    """Return windows in days before the end of today."""
    given = {"horizon": NOW - 100 * DAY, "slice_days": 30, "overlap_days": 3, **kw}
    end = NOW // DAY + 1
    return [(end - s // DAY, end - e // DAY) for s, e in windows(ledger, now, **given)]


def test_at_first_everything_newest_first() -> None:
    assert plan([]) == [(30, 0), (60, 30), (90, 60), (101, 90)]


def test_later_only_the_last_days_again() -> None:
    assert plan([done(0, NOW - HOUR)]) == [(4, 0)]


def test_after_an_outage_only_the_gap() -> None:
    assert plan([done(0, NOW - 20 * DAY)]) == [(21, 0)]
    ledger = [done(0, NOW - 60 * DAY), done(NOW - 40 * DAY, NOW)]
    assert plan(ledger) == [(4, 0), (61, 40)]


def test_what_is_refused_is_not_asked_again_and_what_failed_is() -> None:
    old = Stretch(start=0, end=NOW - 50 * DAY, state=REFUSED, reason="too old")
    bad = Stretch(start=NOW - 50 * DAY, end=NOW - 40 * DAY, state=FAILED, tries=1)
    assert plan([old, bad, done(NOW - 40 * DAY, NOW)]) == [(4, 0), (51, 40)]


def test_what_changed_is_fetched_again() -> None:
    ledger = [done(0, NOW)]
    again = [(NOW - 50 * DAY, NOW - 49 * DAY)]
    found = list(windows(ledger, NOW, horizon=0, slice_days=30, overlap_days=1, again=again))
    assert [(e - s) // DAY for s, e in found] == [2, 2]


def test_a_day_says_how_it_stands() -> None:
    ledger = [
        done(0, 2 * DAY + HOUR),
        Stretch(start=3 * DAY, end=4 * DAY, state=REFUSED),
        Stretch(start=4 * DAY, end=5 * DAY, state=FAILED),
    ]
    assert [s for _, s in days(ledger, 1, 5)] == [DONE, "part", REFUSED, FAILED, "missing"]


Stretches = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 10), st.sampled_from([DONE, REFUSED, FAILED])),
    max_size=12,
)


@given(Stretches)
def test_the_last_word_on_each_moment_stands(said: list[tuple[int, int, str]]) -> None:
    ledger: list[Stretch] = []
    truth: dict[int, str] = {}
    for start, length, state in said:
        ledger = put(ledger, Stretch(start=start, end=start + length, state=state))
        truth.update(dict.fromkeys(range(start, start + length), state))
    assert all(a.end <= b.start for a, b in pairwise(ledger))
    told = {at: s.state for s in ledger for at in range(s.start, s.end)}
    assert told == truth
    missing = {at for start, end in gaps(ledger, 0, 50) for at in range(start, end)}
    assert missing == {at for at in range(50) if truth.get(at, FAILED) == FAILED}


@given(Stretches, st.integers(1, 9), st.integers(0, 5))
def test_windows_close_every_gap_and_never_overlap(
    said: list[tuple[int, int, str]], slice_days: int, overlap_days: int
) -> None:
    ledger: list[Stretch] = []
    for start, length, state in said:
        new = Stretch(start=start * DAY, end=(start + length) * DAY, state=state)
        ledger = put(ledger, new)
    now = 55 * DAY + HOUR
    found = list(
        windows(ledger, now, horizon=2 * DAY, slice_days=slice_days, overlap_days=overlap_days)
    )
    assert found == sorted(found, reverse=True)
    assert all(0 < e - s <= slice_days * DAY and s % DAY == 0 for s, e in found)
    assert all(a[0] >= b[1] for a, b in pairwise(found))
    for start, end in found:
        ledger = put(ledger, done(start, min(end, now)))
    assert gaps(ledger, 2 * DAY, now) == []
