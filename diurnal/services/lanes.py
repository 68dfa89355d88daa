"""The points of one measure from one source, while an import reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from diurnal.model import series as columns
from diurnal.model import time
from diurnal.model.records import Points
from diurnal.model.series import NO_OFFSET, Columns
from diurnal.services.series import LONGEST


@dataclass
class Waiting:
    """Points of one lane until their spans are whole."""

    parts: list[Points] = field(default_factory=list)
    n: int = 0
    tail: Columns = columns.EMPTY


def checked(parts: Sequence[Points]) -> tuple[Columns, int]:
    """Return points as columns, without those that nobody can keep, and how many those are."""
    if not parts:
        return columns.EMPTY, 0
    start = np.concatenate([np.asarray(p.start, np.int64) for p in parts])
    end = np.concatenate([np.asarray(p.end, np.int64) for p in parts])
    value = np.concatenate([np.asarray(p.value, np.float64) for p in parts])
    offset = None
    if any(p.offset is not None for p in parts):
        offset = np.concatenate(
            [
                np.full(len(p.start), NO_OFFSET, np.int16)
                if p.offset is None
                else np.asarray(p.offset, np.int16)
                for p in parts
            ]
        )
    good = np.isfinite(value) & (start >= time.TIME_MIN) & (end <= time.TIME_MAX)
    good &= (end >= start) & (end - start <= LONGEST)
    lost = len(good) - int(good.sum())
    if lost:
        start, end, value = start[good], end[good], value[good]
        offset = None if offset is None else offset[good]
    return columns.columns(start, value, end, offset), lost
