"""What an import could not read: all of it is counted, the first of it kept with its reasons."""

from __future__ import annotations

from collections.abc import Sequence

from diurnal.model.records import Bad
from diurnal.services.turns import clean

ASIDE_MAX = 10_000
"""Kept with their reasons; all are counted."""

Row = tuple[int, str, str, str]
"""Number, reason, place, and what came."""


class Asides:
    """What one batch sets aside, until it is written.

    Attributes:
        waiting: what is to be written.
        again: data that an earlier run of the batch has set aside already.
    """

    def __init__(self) -> None:
        self.waiting: list[Row] = []
        self.again = 0
        self._kept = 0
        self._earlier: set[int] = set()

    def go_on(self, kept: Sequence[Row]) -> None:
        """Go on after what earlier runs of the batch kept."""
        self._kept = kept[-1][0] if kept else 0
        self._earlier = {hash((reason, place, raw)) for _, reason, place, raw in kept}

    def add(self, bad: Bad, n: int) -> None:
        """Take what stands for `n` data."""
        full = self._kept >= ASIDE_MAX
        if full and not self._earlier:
            return
        what = clean(bad.reason), clean(bad.where), clean(bad.raw)
        # The newest window is looked at every hour, and what is bad in it is bad each time.
        if hash(what) in self._earlier:
            self.again += n
            return
        if full:
            return
        self._kept += 1
        self.waiting.append((self._kept, *what))

    def take(self) -> list[Row]:
        """Return what is to be written, and forget it."""
        rows, self.waiting = self.waiting, []
        return rows
