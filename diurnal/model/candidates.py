"""Candidates: what a day value is made from, the order of sources, and what comes out.

Source: spec measures §5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from diurnal.model.sources import RANK, rank

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ROWS_MAX = 50
"""Ids that one day value names; `n` counts all."""


class Intervals(msgspec.Struct, frozen=True, eq=False):
    """Numbers of one measure from one source; any order.

    Attributes:
        start, end: int64[n], microseconds UTC; equal for instants.
        value: float64[n], canonical unit; NaN where a datum is only its duration.
        row: ids of the n events, None for points of a series.
    """

    source: str
    kind: str
    start: Ints
    end: Ints
    value: Floats
    row: Sequence[str] | None = None


class DayEntry(msgspec.Struct, frozen=True):
    """A day row: one value for a whole local day.

    Attributes:
        by: "person" typed it, "owner" is the service that owns the attribute, else "source".
        row: its id; ids are ordered by time, so the greatest is the newest.
    """

    source: str
    kind: str
    day: int
    value: float | str
    by: Literal["person", "owner", "source"]
    row: str


class Session(msgspec.Struct, frozen=True):
    """A sleep or workout.

    Attributes:
        asleep_min: minutes asleep that the session itself states.
        stages: (name, start, end); of sleep: asleep, light, core, deep, rem, awake, in_bed. A
            session with in_bed alone tells of no sleep.
        zone, offset: where the session carries its own; else the account's history counts.
    """

    source: str
    kind: str
    id: str
    start: int
    end: int
    asleep_min: float | None = None
    stages: tuple[tuple[str, int, int], ...] = ()
    zone: str | None = None
    offset: int | None = None


class TextItem(msgspec.Struct, frozen=True):
    """A text, or any event that counts by being there."""

    source: str
    kind: str
    time: int
    text: str
    id: str


class Inputs(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """All data of one measure that touch the days asked for; trashed rows are not among them.

    Attributes:
        intervals: those that overlap the days, also from before and beyond.
        sessions: those that end or begin within a day of them.
        alive: days on which a connection that delivers counted events worked: none is then 0.
    """

    intervals: Sequence[Intervals] = ()
    entries: Sequence[DayEntry] = ()
    sessions: Sequence[Session] = ()
    texts: Sequence[TextItem] = ()
    alive: frozenset[int] = frozenset()


class Reason(StrEnum):
    """Why a total does not count."""

    PERSON = "person"
    """The person's own entry counts."""
    OWNER = "owner"
    """The entry of the service that owns the attribute counts."""
    EQUAL = "equal"
    """Another source of the same rank counts; they are never added."""
    BETTER = "better"
    """A better source counts."""
    COVERED = "covered"
    """A better source covers this time."""
    SAME = "same"
    """The same data came another way."""
    FINER = "finer"
    """Finer data cover the day."""
    SMALLER = "smaller"
    """A daily total is larger than what finer data cover, or is not."""
    OVERLAP = "overlap"
    """Another session covers more than half of it."""
    IN_BED = "in_bed"
    """Time in bed alone is not sleep."""
    RANGE = "range"
    """Outside what the measure allows."""


class Rejected(msgspec.Struct, frozen=True):
    """What a source said of a day and did not count.

    Attributes:
        value: its total in the measure's unit; None where it has none to tell.
        n: data behind it.
    """

    source: str
    value: float | str | None
    reason: Reason
    n: int = 1


class Part(msgspec.Struct, frozen=True):
    """What a source gave to a day value."""

    source: str
    value: float | str
    n: int = 1


class DayValue(msgspec.Struct, frozen=True):
    """The value of one local day, and where it came from.

    Attributes:
        value: canonical unit, not rounded; None where nothing is known.
        source: the source that won: the one that gave most.
        by: how: "person", "owner", "total" (a source's day row) or "data".
        parts: what each source gave, in their order.
        rows: ids behind it, at most ROWS_MAX; points of series have none.
        n: data behind it.
    """

    day: int
    value: float | str | None = None
    source: str | None = None
    by: Literal["person", "owner", "total", "data"] | None = None
    parts: tuple[Part, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    rows: tuple[str, ...] = ()
    n: int = 0


class SourceFacts(msgspec.Struct, frozen=True):
    """What ranks a source for one measure.

    Attributes:
        days: days of the whole history on which it has the measure.
        oldest: its oldest datum, microseconds UTC.
    """

    kind: str
    days: int
    oldest: int


class SourceOrder(msgspec.Struct, frozen=True):
    """The sources of a measure, best first, and the rank of each."""

    names: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()

    def place(self, source: str) -> tuple[int, str]:
        """Return a sort key: unknown sources come last, by name."""
        try:
            return self.names.index(source), source
        except ValueError:
            return len(self.names), source

    def rank_of(self, source: str) -> int:
        """Return the rank; sources of equal rank are never added."""
        place, _ = self.place(source)
        return self.ranks[place] if place < len(self.names) else len(RANK)

    def arranged(self, sources: Iterable[str]) -> list[str]:
        """Return `sources`, each once, best first."""
        return sorted(set(sources), key=self.place)


def order_sources(
    sources: Mapping[str, SourceFacts], group: str, user_order: Sequence[str] = ()
) -> SourceOrder:
    """Return the order of a measure's sources, whatever the order in which they came.

    The user's list comes first, then the rank of the kind; among equals the source with more
    days, then the one with the oldest datum, then the name. The list moves a source up; it does
    not change its rank: two watches still are not added.
    """
    listed = {name: i for i, name in reversed(list(enumerate(user_order)))}

    def key(name: str) -> tuple[int, int, int, int, str]:
        facts = sources[name]
        return (
            listed.get(name, len(user_order)),
            rank(facts.kind, group),
            -facts.days,
            facts.oldest,
            name,
        )

    names = sorted(sources, key=key)
    return SourceOrder(tuple(names), tuple(rank(sources[n].kind, group) for n in names))
