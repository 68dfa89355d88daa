"""Scopes of our own API and of assistants: `read:` or `write:` and a group or a measure.

`read:heart` is a family of measures, `read:heart_rate` one of them, `read:own` the account's own
measures, `read:all` everything.
"""

from __future__ import annotations

from diurnal.catalog import MEASURES
from diurnal.catalog.scopes import Scope, Scopes, family, gathered
from diurnal.catalog.scopes._words import (
    EMAIL,
    OFFLINE,
    OPENID,
    PROFILE,
    listed,
    lower,
    sensitive,
)
from diurnal.model.access import EVERY

OWN_STREAM = "own"
"""Above the streams of an account's own measures."""
GROUPS: dict[str, tuple[str, ...]] = {
    group: tuple(m.key for m in MEASURES.values() if m.group == group)
    for group in dict.fromkeys(m.group for m in MEASURES.values())
    if group != "custom"
}


def _both(
    name: str,
    title: str,
    about: str,
    *,
    measures: tuple[str, ...] | None = None,
    streams: tuple[str, ...] = (EVERY,),
    told: bool = False,
) -> tuple[Scope, Scope]:
    return (
        Scope(
            name=f"read:{name}",
            title=title,
            words=f"read {about}",
            reads=True,
            streams=streams,
            measures=measures,
            sensitive=told,
        ),
        Scope(
            name=f"write:{name}",
            title=title,
            words=f"add and change {about}",
            writes=True,
            streams=streams,
            measures=measures,
            sensitive=told,
        ),
    )


_FAMILIES = [
    scope
    for group, keys in GROUPS.items()
    for scope in _both(
        group,
        family(group).capitalize(),
        f"your {listed(keys)}",
        measures=keys,
        told=sensitive(keys),
    )
]
_OWN = _both(
    "own",
    "Your own measures",
    "what you measure yourself: your own measures and tags",
    streams=(OWN_STREAM,),
)
_ALL = _both("all", "Everything", "all your data, of every kind", told=True)
_SINGLE = [
    scope
    for key, measure in MEASURES.items()
    if key not in GROUPS and measure.group != "custom"
    for scope in _both(
        key,
        measure.label,
        f"your {lower(measure.label)}",
        measures=(key,),
        told=sensitive([key]),
    )
]
_KNOWN = gathered([OPENID, PROFILE, EMAIL, OFFLINE, *_ALL, *_FAMILIES, *_OWN, *_SINGLE])

SCOPES = Scopes(
    known=_KNOWN,
    offered=tuple(s.name for s in (OPENID, PROFILE, EMAIL, OFFLINE, *_ALL, *_FAMILIES, *_OWN)),
    aliases={"read": "read:all", "write": "write:all"},
)
