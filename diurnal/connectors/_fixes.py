"""Where a phone was, every minute or two for years: the fixes of an hour are one event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from diurnal.connectors._places import TYPE
from diurnal.connectors._said import utc
from diurnal.model.records import Datum, Item, Source
from diurnal.model.time import HOUR, MILLISECOND, TIME_MAX, TIME_MIN

DEGREE = 10_000_000
"""Units of a place in a degree."""
HOURS_OPEN = 8
FIXES_MAX = 10_000
"""Of one hour; more than two a second are noise."""

_STAMP = "2024-03-02T10:00:00.000Z"
_HOUR = len("2024-03-02T10:")
_MARKS, _MARKED = [16, 19, 23], np.frombuffer(b":.Z", np.uint8)
_DIGITS = [14, 15, 17, 18, 20, 21, 22]
_DIGIT_MAX = np.array([5, 9, 5, 9, 9, 9, 9], np.uint8)
_DIGIT_MS = np.array([600_000, 60_000, 10_000, 1_000, 100, 10, 1])


class Fixes:
    """Fixes by the hour, until their hour is over.

    An event has its fixes as text, `milliseconds,latitude,longitude,metres` each, with places in
    ten-millionths of a degree and -1 for an accuracy that is not told; see `model.tellings`.

    Args:
        telling: the telling's name: where several exports tell of an hour, the first counts.
    """

    def __init__(self, source: Source, telling: str) -> None:
        self._source, self._telling = source, telling
        self._hours: dict[int, list[str]] = {}

    def add(
        self, at: int, latitude: float, longitude: float, accuracy: Any = None
    ) -> Iterator[Item]:
        """Take one fix, in microseconds, degrees and metres, and yield an hour that is long over.

        Raises:
            ValueError: no place on Earth, or no time.
        """
        if not (abs(latitude) <= 90 and abs(longitude) <= 180 and TIME_MIN <= at <= TIME_MAX):
            raise ValueError(f"no place on Earth: {latitude}, {longitude}")
        metres = -1 if accuracy is None else int(accuracy)
        fix = f"{at // MILLISECOND},{round(latitude * DEGREE)},{round(longitude * DEGREE)},{metres}"
        yield from self._take(at // HOUR, [fix])

    def add_all(
        self,
        at: NDArray[np.int64],
        latitudes: Sequence[int],
        longitudes: Sequence[int],
        metres: Iterable[int],
    ) -> Iterator[Item]:
        """Take many fixes that are known to be in range; yield the hours that are long over.

        Args:
            at: Unix milliseconds.
            latitudes, longitudes: ten-millionths of a degree.
            metres: -1 where it is not told.
        """
        hours = at // (HOUR // MILLISECOND)
        turns = np.flatnonzero(hours[1:] != hours[:-1]) + 1
        # Written by the encoder, all at once: a number to text is most of what a fix costs.
        rows = list(zip(at.tolist(), latitudes, longitudes, metres, strict=True))
        fixes = msgspec.json.encode(rows)[2:-2].decode().split("],[")
        for i, j in pairwise([0, *turns.tolist(), len(rows)]):
            yield from self._take(int(hours[i]), fixes[i:j])

    def flush(self) -> Iterator[Item]:
        """Yield the hours that are still open."""
        for hour, fixes in self._hours.items():
            yield self._event(hour, fixes)
        self._hours = {}

    def _take(self, hour: int, fixes: list[str]) -> Iterator[Item]:
        known = self._hours.setdefault(hour, fixes)
        if known is not fixes:
            known += fixes
        while len(self._hours) > HOURS_OPEN:
            first = next(iter(self._hours))
            yield self._event(first, self._hours.pop(first))

    def _event(self, hour: int, fixes: list[str]) -> Datum:
        # All times have as many digits, so their texts come in their order.
        track = sorted(dict.fromkeys(fixes[:FIXES_MAX]))
        start, end = int(track[0].partition(",")[0]), track[-1].split(",")
        return Datum(
            source=self._source,
            source_id=f"track:{hour}",
            type=TYPE,
            start=start * MILLISECOND,
            duration=(int(end[0]) - start) * MILLISECOND,
            content={
                "latitude": int(end[1]) / DEGREE,
                "longitude": int(end[2]) / DEGREE,
                "track": ";".join(track),
            },
            measure="location",
            telling=self._telling,
        )


def milliseconds(stamps: Sequence[str]) -> NDArray[np.int64]:
    """Return the Unix milliseconds of many times, all like 2024-03-02T10:00:00.000Z.

    A whole second may come without its fraction, as Google writes it.

    Raises:
        ValueError: one is written otherwise.
    """
    whole = [s if len(s) == len(_STAMP) else f"{s[:-1]}.000Z" for s in stamps]
    letters = np.frombuffer("".join(whole).encode(), np.uint8).reshape(-1, len(_STAMP))
    digits = letters[:, _DIGITS] - ord("0")
    if len(letters) != len(stamps) or (digits > _DIGIT_MAX).any():
        raise ValueError("no minutes, seconds and milliseconds")
    if (letters[:, _MARKS] != _MARKED).any():
        raise ValueError("a time is not written as most are")
    hours = letters[:, :_HOUR]
    turns = np.flatnonzero((hours[1:] != hours[:-1]).any(axis=1)) + 1
    bounds = [0, *turns.tolist(), len(stamps)]
    begins = [utc(f"{stamps[i][:_HOUR]}00:00Z") // MILLISECOND for i in bounds[:-1]]
    at: NDArray[np.int64] = np.repeat(np.array(begins), np.diff(bounds)) + digits @ _DIGIT_MS
    return at
