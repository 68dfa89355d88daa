"""Scopes: what applications may ask for, by dialect: what they reach, and the words for it.

One module per dialect, found by its name, with a `SCOPES`. `permissions` turns what was granted
into permissions, so that no scope opens more through one API than through another.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import msgspec

from diurnal import plugins
from diurnal.catalog import STANDARD_STREAMS
from diurnal.model.access import EVERY, Level, Permission

NAME_MAX = 200
ASKED_MAX = 400
"""Scopes in one request."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an application may ask for.

    Attributes:
        title: what it is about, "Heart rate".
        words: what the application may do with it, as a sentence to the owner.
        reads, adds, writes: none for what opens no data (`openid`); to write is to add, change
            and delete.
        streams: a stream and all below, or `*`.
        measures: only data of these; None for all.
        also: streams that are open whole besides.
        sensitive: the consent page marks it.
        always: comes with whatever else is asked; nobody can leave it out.
    """

    name: str
    title: str
    words: str
    reads: bool = False
    adds: bool = False
    writes: bool = False
    streams: tuple[str, ...] = (EVERY,)
    measures: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    sensitive: bool = False
    always: bool = False

    @property
    def opens(self) -> bool:
        """Whether it opens any data."""
        return self.reads or self.adds or self.writes


class Scopes(msgspec.Struct, frozen=True, kw_only=True):
    """The scopes of one dialect.

    Attributes:
        known: by name, in the order in which a form offers them.
        offered: those that a form offers; the others are accepted too.
        aliases: other spellings -> name.
        separators: what stands between two scopes of a request.
    """

    known: Mapping[str, Scope]
    offered: tuple[str, ...]
    aliases: Mapping[str, str] = {}
    separators: str = " "

    def find(self, name: str) -> Scope | None:
        """Return the scope of this name or spelling."""
        return self.known.get(self.aliases.get(name, name))

    def split(self, text: str) -> list[str]:
        """Return the scopes that a request names, each once, by their own names."""
        for separator in self.separators:
            text = text.replace(separator, " ")
        return list(dict.fromkeys(self.aliases.get(name, name) for name in text.split()))


_FAMILIES = {
    "events": "calendar",
    "exposome": "air around you",
    "interactions": "visits and clicks",
    "health": "intimate health",
    "heart": "heart and blood",
}


def family(group: str) -> str:
    """Return what people call a family of measures."""
    return _FAMILIES.get(group, group)


@cache
def of(api: str) -> Scopes:
    """Return the scopes of a dialect.

    Raises:
        KeyError: it has none.
    """
    if api not in plugins.names(__name__):
        raise KeyError(api)
    found = importlib.import_module(f"{__name__}.{api}").SCOPES
    if not isinstance(found, Scopes):
        raise TypeError(f"{__name__}.{api}.SCOPES is no Scopes")
    return found


def apis() -> list[str]:
    """Return the names of the dialects that have scopes."""
    return plugins.names(__name__)


def gathered(scopes: Iterable[Scope]) -> dict[str, Scope]:
    """Return scopes by name, in their order."""
    return {scope.name: scope for scope in scopes}


_READ, _ADD, _CHANGE = 1, 2, 4
_GIVEN: Mapping[int, tuple[Level, tuple[str, ...] | None]] = {
    _READ: (Level.READ, None),
    _ADD: (Level.CREATE_ONLY, None),
    _ADD | _CHANGE: (Level.CONTRIBUTE, ("create", "update", "delete")),
    _READ | _ADD: (Level.CONTRIBUTE, ("create", "read")),
    _READ | _ADD | _CHANGE: (Level.CONTRIBUTE, None),
}
_PARENTS = {s.id: s.parent_id for s in STANDARD_STREAMS}


def permissions(
    scopes: Iterable[Scope], *, writable: Sequence[str] | None = None
) -> tuple[Permission, ...]:
    """Return what the scopes open together.

    Writing alone is adding and changing without seeing. A permission on a stream hides those on
    what is above it, so each stream that is named repeats what reaches it from above.

    Args:
        writable: the only measures that may be changed, where the application is held to some.
    """
    parts = [part for scope in scopes for part in _parts(scope, writable)]
    anchors = dict.fromkeys(stream for stream, _, _ in parts)
    made: list[Permission] = []
    for anchor in anchors:
        near = {anchor, EVERY, *_above(anchor)}
        whole = 0
        single: dict[str, int] = {}
        for stream, measures, right in parts:
            if stream not in near:
                continue
            if measures is None:
                whole |= right
            for measure in measures or ():
                single[measure] = single.get(measure, 0) | right
        if whole:
            made.append(_permission(whole, anchor))
        for right in sorted({r | whole for r in single.values()} - {whole}):
            keys = tuple(sorted(m for m, r in single.items() if r | whole == right))
            made.append(_permission(right, anchor, keys))
    return tuple(made)


def _permission(right: int, stream: str, keys: tuple[str, ...] | None = None) -> Permission:
    level, rights = _GIVEN[right]
    return Permission(level, stream, measures=keys, rights=rights)


_Part = tuple[str, tuple[str, ...] | None, int]


def _parts(scope: Scope, writable: Sequence[str] | None) -> list[_Part]:
    """Return (stream, measures, rights) of a scope."""
    write = (_ADD if scope.adds or scope.writes else 0) | (_CHANGE if scope.writes else 0)
    both = (_READ if scope.reads else 0) | write
    if not both:
        return []
    places = [(s, scope.measures) for s in scope.streams] + [(s, None) for s in scope.also]
    if writable is None or not scope.writes:
        return [(stream, measures, both) for stream, measures in places]
    found: list[_Part] = []
    for stream, measures in places:
        held = tuple(m for m in writable if measures is None or m in measures)
        if held:
            found.append((stream, held, write))
        if scope.reads:
            found.append((stream, measures, _READ))
    return found


def _above(stream: str) -> list[str]:
    """Return what is above a stream of ours."""
    found = []
    parent = _PARENTS.get(stream)
    if parent is None and "-" in stream and stream not in _PARENTS:
        parent = stream.partition("-")[0]
    while parent is not None:
        found.append(parent)
        parent = _PARENTS.get(parent)
    return found
