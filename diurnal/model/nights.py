"""Sessions, and what the sleeps of a day say: minutes, stages, and the times of the main one.

Source: spec measures §4.4, §4.5, §5.0, §5.7.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

import msgspec

from diurnal.model.candidates import Ints, Reason, Session, SourceOrder
from diurnal.model.time import DAY, MINUTE, ZoneHistory, day_of, offset_min

ASLEEP = frozenset({"asleep", "light", "core", "deep", "rem"})
AWAKE = frozenset({"awake", "wake"})
IN_BED = frozenset({"in_bed", "inBed"})
STAGES = {
    "deep": frozenset({"deep"}),
    "light": frozenset({"light", "core"}),
    "rem": frozenset({"rem"}),
}
_OVERLAP_SHARE = 0.5
_DAY_MIN = DAY // MINUTE
_LENGTH_MAX = 4 * DAY
"""Sessions longer than this are not searched for duplicates that began so long before."""

Span = tuple[int, int]


class Kept(msgspec.Struct, frozen=True):
    """A session that counts, and those that tell of the same one."""

    session: Session
    same: tuple[Session, ...] = ()

    @property
    def all(self) -> tuple[Session, ...]:
        """The session and its duplicates, best first."""
        return (self.session, *self.same)


class Night(msgspec.Struct, frozen=True):
    """The sleeps that ended on one local day.

    Attributes:
        main: the longest; the latest of several; None where only time in bed is known.
        asleep_min: minutes asleep, naps included; None where only time in bed is known.
        in_bed_min: minutes of the union of times in bed.
        start_min: fall-asleep time of the main sleep: wall clock, minutes after midday of the
            day before, 0 to 1439.
        end_min: wake-up time of the main sleep: wall clock, minutes after midnight.
        awakenings: stretches awake; None where no session has stages of its own.
        deep_min, light_min, rem_min: None where no session tells them apart.
        sources: (source, minutes asleep) of every sleep that counts.
        rejected: (source, minutes asleep or None, reason) of what does not.
        ids: sessions that count.
    """

    day: int
    main: Session | None = None
    asleep_min: float | None = None
    in_bed_min: float | None = None
    start_min: int | None = None
    end_min: int | None = None
    awakenings: int | None = None
    deep_min: float | None = None
    light_min: float | None = None
    rem_min: float | None = None
    naps: int = 0
    sources: tuple[tuple[str, float], ...] = ()
    rejected: tuple[tuple[str, float | None, Reason], ...] = ()
    ids: tuple[str, ...] = ()


def distinct(sessions: Iterable[Session], order: SourceOrder, *, sleep: bool = False) -> list[Kept]:
    """Return the sessions that count, each with those that overlap it by more than half.

    Half is of the shorter one. The better source is kept; of one source the session that says
    more. Where they are sleep, one that knows only time in bed gives way to any other.
    """

    def preference(s: Session) -> tuple[bool, tuple[int, str], bool, int, int, int, str]:
        return (
            sleep and minutes_asleep(s) is None,
            order.place(s.source),
            s.asleep_min is None,
            -len(s.stages),
            s.start - s.end,
            s.start,
            s.id,
        )

    kept: list[tuple[int, int, Session]] = []
    same: dict[int, list[Session]] = {}
    for n, s in enumerate(sorted((s for s in sessions if s.end >= s.start), key=preference)):
        first = bisect.bisect_left(kept, s.start - _LENGTH_MAX, key=lambda k: k[0])
        last = bisect.bisect_right(kept, s.end, key=lambda k: k[0])
        found = next((k for k in sorted(kept[first:last], key=_nth) if _are_same(k[2], s)), None)
        if found is None:
            bisect.insort(kept, (s.start, n, s), key=lambda k: (k[0], k[1]))
        else:
            same.setdefault(found[1], []).append(s)
    return [Kept(s, tuple(same.get(n, ()))) for _, n, s in kept]


def _nth(kept: tuple[int, int, Session]) -> int:
    return kept[1]


def _are_same(a: Session, b: Session) -> bool:
    shorter = min(a.end - a.start, b.end - b.start)
    overlap = min(a.end, b.end) - max(a.start, b.start)
    if shorter == 0:
        return overlap == 0 and a.source == b.source and a.id == b.id
    return overlap > _OVERLAP_SHARE * shorter


def union_min(spans: Iterable[Span]) -> float:
    """Return the minutes that spans cover together."""
    return sum(end - start for start, end in merged(spans)) / MINUTE


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the union of spans as disjoint ones, ascending; those that touch become one."""
    joined: list[Span] = []
    for start, end in sorted(s for s in spans if s[1] > s[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def stages_of(s: Session, names: frozenset[str]) -> list[Span]:
    """Return where a session is in one of the stages."""
    return [(start, end) for name, start, end in s.stages if name in names]


def minutes_asleep(s: Session) -> float | None:
    """Return the minutes asleep: as stated, else by stages; None for time in bed alone."""
    if s.asleep_min is not None:
        return s.asleep_min
    asleep = stages_of(s, ASLEEP)
    if asleep:
        return union_min(asleep)
    if stages_of(s, IN_BED):
        return None
    awake = [(max(a, s.start), min(b, s.end)) for a, b in stages_of(s, AWAKE)]
    return (s.end - s.start) / MINUTE - union_min(awake)


def wall(s: Session, at: int, zones: ZoneHistory) -> int:
    """Return the offset from UTC in minutes of the clock on the wall during a session."""
    if s.zone is not None:
        return offset_min(s.zone, at)
    return s.offset if s.offset is not None else zones.offset_at(at)


def day_of_waking(s: Session, bounds: Ints, first_day: int, zones: ZoneHistory) -> int:
    """Return the local day on which a sleep ended; what carries its own zone never moves."""
    if s.zone is not None or s.offset is not None:
        return day_of(s.end, wall(s, s.end, zones))
    return first_day - 1 + int(bounds.searchsorted(s.end, "right"))


def nights(
    sessions: Sequence[Session],
    bounds: Ints,
    first_day: int,
    zones: ZoneHistory,
    order: SourceOrder,
    *,
    low: float | None = None,
    high: float | None = None,
) -> dict[int, Night]:
    """Return what is known of the sleeps that ended on each of the days, by day.

    Args:
        bounds: int64[days + 1], starts of the days and the end of the last.
        low, high: sleeps of fewer or more minutes are left out.
    """
    days = len(bounds) - 1
    good: list[Session] = []
    bad: list[Session] = []
    for s in sessions:
        asleep = minutes_asleep(s)
        outside = asleep is not None and (
            (low is not None and asleep < low) or (high is not None and asleep > high)
        )
        (bad if outside else good).append(s)
    by_day: dict[int, list[Kept]] = {}
    counted = distinct(good, order, sleep=True)
    sleeps = [k.session for k in counted if minutes_asleep(k.session) is not None]
    shares = _shares(sleeps, order)
    for kept in counted:
        by_day.setdefault(day_of_waking(kept.session, bounds, first_day, zones), []).append(kept)
    left_out: dict[int, list[Session]] = {}
    for s in bad:
        left_out.setdefault(day_of_waking(s, bounds, first_day, zones), []).append(s)
    return {
        day: _night(day, by_day.get(day, []), left_out.get(day, []), shares, zones, order)
        for day in sorted(by_day.keys() | left_out.keys())
        if first_day <= day < first_day + days
    }


def _night(
    day: int,
    kept: list[Kept],
    left_out: list[Session],
    shares: dict[Session, float],
    zones: ZoneHistory,
    order: SourceOrder,
) -> Night:
    kept = sorted(kept, key=lambda k: (order.place(k.session.source), k.session.start))
    sleeps = [k.session for k in kept if minutes_asleep(k.session) is not None]
    rejected: list[tuple[str, float | None, Reason]] = [
        (s.source, minutes_asleep(s), Reason.OVERLAP) for k in kept for s in k.same
    ]
    rejected += [(k.session.source, None, Reason.IN_BED) for k in kept if k.session not in sleeps]
    rejected += [(s.source, minutes_asleep(s), Reason.RANGE) for s in left_out]
    in_bed = union_min(span for k in kept for span in _in_bed(k)) if kept else None
    if not sleeps:
        return Night(day, in_bed_min=in_bed, rejected=tuple(rejected))
    main = max(sleeps, key=lambda s: (s.end - s.start, s.end))
    counted = tuple((s.source, (minutes_asleep(s) or 0.0) * shares.get(s, 1.0)) for s in sleeps)
    noon = 12 * 60
    staged = [s for s in sleeps if stages_of(s, STAGES["deep"] | STAGES["light"] | STAGES["rem"])]
    watched = [s for s in sleeps if stages_of(s, ASLEEP | AWAKE)]
    stage_min = {
        name: union_min(span for s in staged for span in stages_of(s, names)) if staged else None
        for name, names in STAGES.items()
    }
    return Night(
        day,
        main=main,
        asleep_min=sum(minutes for _, minutes in counted),
        in_bed_min=in_bed,
        start_min=(_minute(main, main.start, zones) - noon) % _DAY_MIN,
        end_min=_minute(main, main.end, zones),
        awakenings=sum(len(merged(stages_of(s, AWAKE))) for s in watched) if watched else None,
        deep_min=stage_min["deep"],
        light_min=stage_min["light"],
        rem_min=stage_min["rem"],
        naps=sum(s is not main and _minute(s, s.end, zones) > noon for s in sleeps),
        sources=counted,
        rejected=tuple(rejected),
        ids=tuple(s.id for s in sleeps),
    )


def _shares(sleeps: list[Session], order: SourceOrder) -> dict[Session, float]:
    """Return the share of each sleep that no better one has; most overlap nothing: 1.0."""
    taken: dict[Session, list[Span]] = {}
    open_: list[Session] = []
    for s in sorted((s for s in sleeps if s.end > s.start), key=lambda s: (s.start, s.id)):
        open_ = [o for o in open_ if o.end > s.start]
        for o in open_:
            worse = max(o, s, key=lambda s: (order.place(s.source), s.start, s.id))
            taken.setdefault(worse, []).append((s.start, min(o.end, s.end)))
        open_.append(s)
    return {s: 1 - union_min(spans) * MINUTE / (s.end - s.start) for s, spans in taken.items()}


def _in_bed(kept: Kept) -> list[Span]:
    """Where somebody says so, the time in bed; else from the first moment to the last."""
    told = (stages_of(s, IN_BED) for s in kept.all)
    return next((spans for spans in told if spans), [(kept.session.start, kept.session.end)])


def _minute(s: Session, at: int, zones: ZoneHistory) -> int:
    return (at // MINUTE + wall(s, at, zones)) % _DAY_MIN
