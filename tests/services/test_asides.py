"""What an import sets aside: the first of it is kept, all of it counted."""

from __future__ import annotations

from typing import Any

from diurnal.model.records import Bad
from diurnal.services.asides import ASIDE_MAX, Asides


class Unread(str):
    __slots__ = ()

    def __getitem__(self, key: Any) -> str:
        raise AssertionError("nobody will see this text")


def test_no_more_than_the_most_is_kept_and_the_rest_is_not_even_read() -> None:
    asides = Asides()
    for n in range(ASIDE_MAX):
        asides.add(Bad("no number", f"a.csv:{n}", "many"), 1)
    asides.add(Bad(Unread("no number"), Unread("a.csv"), Unread("many")), 1)
    rows = asides.take()
    assert len(rows) == ASIDE_MAX
    assert rows[-1] == (ASIDE_MAX, "no number", f"a.csv:{ASIDE_MAX - 1}", "many")
    assert asides.waiting == []


def test_what_an_earlier_run_kept_counts_once_also_where_no_more_is_kept() -> None:
    asides = Asides()
    asides.go_on([(n + 1, "no number", f"page {n}", "many") for n in range(ASIDE_MAX)])
    asides.add(Bad("no number", "page 7", "many"), 3)
    asides.add(Bad("no number", "page new", "many"), 1)
    assert (asides.again, asides.waiting) == (3, [])
