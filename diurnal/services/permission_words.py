"""What permissions open, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from diurnal.model.access import EVERY, RIGHTS, Level, Permission, Place
from diurnal.model.streams import ACCOUNT_STREAMS
from diurnal.model.time import day_text
from diurnal.services.context import AccountState

_DOES = {
    Level.READ: "See",
    Level.CONTRIBUTE: "See, add and change",
    Level.MANAGE: "See, add, change and arrange",
    Level.CREATE_ONLY: "Add to, without seeing,",
    Level.NONE: "Never see",
}
_RIGHTS = {"create": "add to", "read": "see", "update": "change", "delete": "delete from"}
_PLACES = {
    Place.NEAR: "places to about 1 km",
    Place.AREA: "places to about 10 km",
    Place.NONE: "no places",
}


def words(state: AccountState, permissions: Sequence[Permission]) -> list[str]:
    """Return what permissions open, a sentence for each."""
    return [_sentence(state, p) for p in permissions]


def _doing(p: Permission) -> str:
    if p.rights is None or p.level is Level.NONE:
        return _DOES[p.level]
    names = [_RIGHTS[right] for right in RIGHTS if right in p.rights]
    told = " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
    return told[:1].upper() + told[1:] or _DOES[Level.NONE]


def _sentence(state: AccountState, p: Permission) -> str:
    node = state.tree.get(p.stream) if p.stream in state.tree else None
    name = node.name if node else ACCOUNT_STREAMS.get(p.stream, p.stream)
    what = "everything" if p.stream == EVERY else f"“{name}”"
    labels = [m.label for m in map(state.measure, p.measures or ()) if m is not None]
    if labels:
        what = ", ".join(labels) + ("" if p.stream == EVERY else f" in {what}")
    if p.tags:
        what += f" tagged {', '.join(p.tags)}"
    parts = [f"{_doing(p)} {what}"]
    if p.start is not None:
        parts.append(f"from {_date(state, p.start)}")
    if p.end is not None:
        parts.append(f"up to {_date(state, p.end)}")
    if p.level is Level.NONE:
        return ", ".join(parts)
    if p.days_only:
        parts.append("only one value a day")
    if p.place in _PLACES:
        parts.append(_PLACES[p.place])
    if p.delay:
        parts.append(f"{p.delay} day{'' if p.delay == 1 else 's'} later")
    return ", ".join(parts)


def _date(state: AccountState, at: int) -> str:
    return day_text(state.zones.day_at(at))
