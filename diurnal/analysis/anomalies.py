"""Days that stand out: values to ask back ("74 or 7.4 kg?") and stretches unlike the rest."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from diurnal.analysis import Analysis, Days, Floats
from diurnal.analysis._outliers import suspects
from diurnal.analysis._pairs import autocorrelation

STRETCH_MIN = 2
STRETCH_MAX = 21
STRETCH_Z = 6.0
"""Of the mean of a stretch; chance reaches 4.5 in a year, and lives are wilder than chance."""
LONE_Z = 6.5
Z_MAX = 10.0
"""One wild day must not make a stretch of its neighbours."""
PER_MEASURE_MAX = 10


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """Something unlike the rest.

    Attributes:
        measure: key.
        kind: "typo" (with `instead`), "glitch" (out of reach), "day" or "stretch".
        first_day, last_day: both included.
        value: the value, or the mean of the stretch.
        usual: what the calendar and the season would have had.
        instead: what was probably meant, for a typo.
        z: robust standard deviations.
        excluded: whether correlations leave it out; only typos and glitches are.
    """

    measure: str
    kind: str
    first_day: int
    last_day: int
    value: float
    usual: float
    instead: float | None = None
    z: float
    excluded: bool = False


def run(days: Days) -> list[Anomaly]:
    """Return what stands out, strongest first within a measure."""
    if not len(days.values):
        return []
    found = suspects(days)
    made: list[Anomaly] = []
    for j, measure in enumerate(days.measures):
        z = found.z[:, j]
        if not np.isfinite(z).any():
            continue
        values = days.values[:, j]
        middle = float(np.nanmedian(values[np.abs(np.nan_to_num(z)) < 2]))
        out = found.out[:, j]
        own = [
            Anomaly(
                measure=measure.key,
                kind="typo" if np.isfinite(found.instead[t, j]) else "glitch",
                first_day=days.first_day + int(t),
                last_day=days.first_day + int(t),
                value=float(values[t]),
                usual=middle,
                instead=float(found.instead[t, j]) if np.isfinite(found.instead[t, j]) else None,
                z=float(z[t]),
                excluded=True,
            )
            for t in np.flatnonzero(out)
        ]
        rest = np.where(out, np.nan, z)
        for first, last, strength in _stretches(rest):
            part = values[first : last + 1]
            own.append(
                Anomaly(
                    measure=measure.key,
                    kind="stretch" if last > first else "day",
                    first_day=days.first_day + first,
                    last_day=days.first_day + last,
                    value=float(np.nanmean(part)),
                    usual=middle,
                    z=strength,
                )
            )
        own.sort(key=lambda anomaly: (not anomaly.excluded, -abs(anomaly.z)))
        made += own[:PER_MEASURE_MAX]
    return made


def _stretches(z: Floats) -> list[tuple[int, int, float]]:
    """Return the clearest stretches that do not overlap: first row, last row, z of their mean."""
    known = np.isfinite(z)
    clipped = np.clip(np.where(known, z, 0.0), -Z_MAX, Z_MAX)
    calm = np.where(known & (np.abs(np.nan_to_num(z)) < 3), z, np.nan)
    phi = min(max(float(autocorrelation(calm[:, None], 2)[0, 1]), 0.0), 0.95)
    spread = max(float(np.nanstd(calm)), 1.0) if np.isfinite(calm).any() else 1.0
    sums = np.concatenate([[0.0], np.cumsum(clipped)])
    counts = np.concatenate([[0], np.cumsum(known)])
    found: list[tuple[float, int, int]] = []
    for length in range(1, min(STRETCH_MAX, len(z)) + 1):
        n = counts[length:] - counts[:-length]
        # The variance of a mean of neighbours that resemble each other.
        power = np.arange(1, length)
        memory = length + 2 * float(((length - power) * phi**power).sum())
        score = (sums[length:] - sums[:-length]) / (spread * math.sqrt(memory))
        need = LONE_Z if length < STRETCH_MIN else STRETCH_Z
        good = np.flatnonzero((np.abs(score) > need) & (n >= max(1, 0.6 * length)))
        found += [(float(score[t]), int(t), int(t) + length - 1) for t in good]
    made: list[tuple[int, int, float]] = []
    taken = np.zeros(len(z), dtype=np.bool_)
    for strength, first, last in sorted(found, key=lambda item: -abs(item[0])):
        if not taken[first : last + 1].any():
            taken[max(0, first - 1) : last + 2] = True
            made.append((first, last, strength))
    return made


ANALYSIS = Analysis(name="anomalies", version=1, run=run)
