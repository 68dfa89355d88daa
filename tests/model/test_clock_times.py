"""Instants of what a clock on the wall showed, for somebody who travels."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.connectors._health import clock
from diurnal.model.time import HOUR, MINUTE, ZoneHistory, micros

HOME = ZoneHistory("Europe/Berlin")


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text))


TRAVELLER = ZoneHistory(
    "Europe/Berlin",
    (at("2026-05-10T10:00Z"), at("2026-05-25T05:00Z")),
    ("America/New_York", "Europe/Berlin"),
)


@pytest.mark.parametrize(
    ("shown", "instant"),
    [
        ("2026-05-01T12:00", "2026-05-01T10:00Z"),
        ("2026-05-15T12:00", "2026-05-15T16:00Z"),
        # After the journey west the clock shows 07:00 a second time: the later counts.
        ("2026-05-10T07:00", "2026-05-10T11:00Z"),
        # On the way back it skips from 01:00 to 07:00: read by the clock after it.
        ("2026-05-25T06:30", "2026-05-25T04:30Z"),
        ("2026-05-25T07:30", "2026-05-25T05:30Z"),
    ],
)
def test_a_traveller_s_clock(shown: str, instant: str) -> None:
    assert TRAVELLER.instant_of(clock(shown)) == at(instant)


def test_a_clock_set_back_means_the_first_of_two() -> None:
    assert HOME.instant_of(clock("2025-10-26T02:30")) == at("2025-10-26T00:30Z")


@given(st.integers(at("2026-04-01T00:00Z"), at("2026-06-30T00:00Z")))
def test_what_the_clock_showed_leads_back_unless_it_showed_it_twice(instant: int) -> None:
    shown = instant + TRAVELLER.offset_at(instant) * MINUTE
    found = TRAVELLER.instant_of(shown)
    assert found + TRAVELLER.offset_at(found) * MINUTE == shown
    assert 0 <= found - instant <= 6 * HOUR
