"""What has been fetched of a source, what is missing, and what to ask for next.

A ledger is a list of stretches `[start, end)` that do not overlap, in order. Windows are whole
UTC days; the newest come first, so that today is fresh while the years before fill up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from diurnal.model.time import DAY

DONE, REFUSED, FAILED = "done", "refused", "failed"
TRIES_MAX = 4
"""Failures after which a stretch of the past counts as refused."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time of one pull, `[start, end)`, microseconds.

    Attributes:
        state: `done` (fetched whole), `refused` (the source will not give it) or `failed`
            (tried in vain, to be tried again).
        at: when that was found.
    """

    start: int
    end: int
    state: str
    reason: str | None = None
    tries: int = 0
    at: int = 0


def put(ledger: Sequence[Stretch], new: Stretch) -> list[Stretch]:
    """Return the ledger with a stretch laid over what was said of that time before."""
    parts = [*_without(ledger, new.start, new.end), new] if new.end > new.start else [*ledger]
    return _merged(sorted(parts, key=lambda s: s.start))


def _without(ledger: Iterable[Stretch], start: int, end: int) -> Iterator[Stretch]:
    for s in ledger:
        if s.end <= start or s.start >= end:
            yield s
            continue
        if s.start < start:
            yield msgspec.structs.replace(s, end=start)
        if s.end > end:
            yield msgspec.structs.replace(s, start=end)


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Join neighbours that say the same; the later time of finding stands."""
    joined: list[Stretch] = []
    for s in stretches:
        last = joined[-1] if joined else None
        same = last is not None and (
            (last.state, last.reason, last.tries) == (s.state, s.reason, s.tries)
        )
        if last is not None and same and last.end == s.start and s.state != FAILED:
            joined[-1] = msgspec.structs.replace(last, end=s.end, at=max(last.at, s.at))
        else:
            joined.append(s)
    return joined


def wanted_again(ledger: Iterable[Stretch]) -> list[Stretch]:
    """Return a ledger without what was given up after tries: its source may have got well.

    What the source itself said not to have stays refused.
    """
    return [s for s in ledger if s.state != REFUSED or not s.tries]


def gaps(ledger: Sequence[Stretch], start: int, end: int) -> list[tuple[int, int]]:
    """Return what of [start, end) is neither fetched nor refused, in order."""
    found = []
    at = start
    for s in ledger:
        if s.state == FAILED or s.end <= at:
            continue
        if s.start >= end:
            break
        if s.start > at:
            found.append((at, s.start))
        at = max(at, s.end)
    if at < end:
        found.append((at, end))
    return found


def windows(
    ledger: Sequence[Stretch],
    now: int,
    *,
    horizon: int,
    slice_days: int,
    overlap_days: int,
    again: Sequence[tuple[int, int]] = (),
) -> Iterator[tuple[int, int]]:
    """Yield what to fetch, newest first: the last days again, then every gap.

    Args:
        now: the newest window ends with its day.
        horizon: nothing older is asked for.
        again: stretches to fetch although they were.
    """
    today = _floor(now) + DAY
    horizon = _floor(max(horizon, 0))
    wanted = [(start, min(end, now)) for start, end in gaps(ledger, horizon, now)]
    if ledger and overlap_days:
        wanted.append((max(now - overlap_days * DAY, horizon), now))
    wanted += [(max(start, horizon), end) for start, end in again]
    for start, end in reversed(_days(wanted, today)):
        while end > start:
            begin = max(start, end - slice_days * DAY)
            # What was cut off before is asked for in smaller pieces, or it would never end.
            tries = max((s.tries for s in ledger if s.start < end and s.end > begin), default=0)
            begin = max(begin, end - max(slice_days >> tries, 1) * DAY)
            yield begin, end
            end = begin


def _days(wanted: Iterable[tuple[int, int]], latest: int) -> list[tuple[int, int]]:
    """Return stretches as whole days that do not overlap, in order."""
    whole: list[tuple[int, int]] = []
    for start, end in sorted((_floor(s), min(_ceil(e), latest)) for s, e in wanted):
        if end <= start:
            continue
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def _floor(at: int) -> int:
    return at // DAY * DAY


def _ceil(at: int) -> int:
    return -(-at // DAY) * DAY


def days(ledger: Sequence[Stretch], first: int, last: int) -> Iterator[tuple[int, str]]:
    """Yield (day, state) of every UTC day: done, part, refused, failed or missing."""
    i = 0
    for day in range(first, last + 1):
        start, end = day * DAY, (day + 1) * DAY
        while i < len(ledger) and ledger[i].end <= start:
            i += 1
        covered: dict[str, int] = {}
        j = i
        while j < len(ledger) and ledger[j].start < end:
            s = ledger[j]
            held = min(s.end, end) - max(s.start, start)
            covered[s.state] = covered.get(s.state, 0) + held
            j += 1
        if covered.get(DONE, 0) == DAY:
            yield day, DONE
        elif covered.get(FAILED):
            yield day, FAILED
        elif covered.get(DONE):
            yield day, "part"
        else:
            yield day, REFUSED if covered.get(REFUSED) else "missing"
