"""Sources: what kind of device or app measured, and which of several counts."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Kinds of source, best first (`spec: measures §5.3`)."""

    MANUAL = "manual"
    """The person typed it."""
    DEDICATED = "dedicated"
    """A device for this: scale, cuff, chest strap, ring (for sleep), CGM."""
    WRIST = "wrist"
    PHONE = "phone"
    DERIVED = "derived"
    """Estimated, or an app whose device is not known."""


RANK = {kind: i for i, kind in enumerate(Kind)}

_WORDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.DEDICATED, ("withings", "scale", "omron", "eufy", "renpho", "polar h", "wahoo tickr")),
    (Kind.DEDICATED, ("dexcom", "libre", "oura", "ringconn", "ultrahuman", "eight sleep")),
    (Kind.WRIST, ("watch", "fitbit", "garmin", "whoop", "band", "suunto", "coros", "amazfit")),
    (Kind.PHONE, ("iphone", "phone", "pixel", "galaxy s", "ipad", "android")),
)


def kind_of(name: str) -> Kind:
    """Guess the kind of a source from its name; DERIVED where nothing fits."""
    folded = name.casefold()
    for kind, words in _WORDS:
        if any(w in folded for w in words):
            return kind
    return Kind.DERIVED


def rank(kind: str, group: str) -> int:
    """Return the rank of a source kind for measures of `group`; lower counts first.

    A ring is dedicated for sleep; for steps it ranks with what is worn on the wrist.
    """
    known = Kind(kind) if kind in RANK else Kind.DERIVED
    if known is Kind.DEDICATED and group in ("activity", "workouts"):
        known = Kind.WRIST
    return RANK[known]
