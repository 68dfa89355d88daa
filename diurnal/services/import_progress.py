"""How far an import is: what was read, by what came of it, and over which stretch of time."""

from __future__ import annotations

import time as stopwatch
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from diurnal.services.imports import Progress
from diurnal.services.turns import day_text

TELL_EVERY_S = 0.1


@dataclass
class Counts:
    """Data that were read, by what came of them, and what was set aside."""

    new: int = 0
    same: int = 0
    changed: int = 0
    aside: int = 0

    @property
    def read(self) -> int:
        """All that could be read."""
        return self.new + self.same + self.changed


class Telling:
    """Tells whoever waits how far an import is, not too often.

    Attributes:
        path: the file that is read, or what is fetched.
    """

    def __init__(self, tell: Callable[[Progress], None]) -> None:
        self.counts = Counts()
        self.path = ""
        self._tell = tell
        self._measures: Counter[str] = Counter()
        self._first: int | None = None
        self._last: int | None = None
        self._shown = Progress(phase="")
        self._told = stopwatch.monotonic()

    def spread(self, measure: str, n: int, first: int, last: int) -> None:
        """Count data of a measure, and the stretch of time that they are from."""
        self._measures[measure] += n
        if self._first is None or first < self._first:
            self._first = first
        if self._last is None or last > self._last:
            self._last = last

    def show(self, phase: str, done: int, total: int) -> None:
        """Say what is under way; a new phase is told at once."""
        if phase != self._shown.phase:
            self._told = 0.0
        self._shown = Progress(phase=phase, done=done, total=total, file=self.path)

    def tell(self, *, at_once: bool = False) -> None:
        """Tell it, where that was not just done."""
        now = stopwatch.monotonic()
        if at_once or now - self._told >= TELL_EVERY_S:
            self._told = now
            self._tell(self.now())

    def now(self) -> Progress:
        """Return it."""
        counts = self.counts
        return msgspec.structs.replace(
            self._shown,
            read=counts.read,
            new=counts.new,
            same=counts.same,
            changed=counts.changed,
            set_aside=counts.aside,
            measures=dict(self._measures),
            first=None if self._first is None else day_text(self._first),
            last=None if self._last is None else day_text(self._last),
        )
