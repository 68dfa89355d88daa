"""Who may do what: levels, permissions, and the one check that every door uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from diurnal.model.streams import Tree


class Rights(NamedTuple):
    """What may be done with a datum: see it, add it, change it, delete it; shape the tree."""

    reads: bool = False
    creates: bool = False
    changes: bool = False
    deletes: bool = False
    manages: bool = False

    @property
    def knows(self) -> bool:
        """Whether the caller may know that the stream is there."""
        return self.reads or self.creates


NO_RIGHTS = Rights()
ALL_RIGHTS = Rights(True, True, True, True, True)


class Level(StrEnum):
    """What a permission allows; each can do all that the ones before it can, save create-only.

    Where several permissions fit, what each allows adds up.
    """

    NONE = "none"
    CREATE_ONLY = "create-only"
    """May add, may not see."""
    READ = "read"
    CONTRIBUTE = "contribute"
    MANAGE = "manage"

    @property
    def rights(self) -> Rights:
        """What it allows."""
        return _RIGHTS[self]

    @property
    def reads(self) -> bool:
        """May see."""
        return _RIGHTS[self].reads


_RIGHTS: Mapping[Level, Rights] = {
    Level.NONE: NO_RIGHTS,
    Level.CREATE_ONLY: Rights(creates=True),
    Level.READ: Rights(reads=True),
    Level.CONTRIBUTE: Rights(True, True, True, True),
    Level.MANAGE: ALL_RIGHTS,
}
RIGHTS = ("create", "read", "update", "delete")
"""Names of the rights that a permission may be held to."""


class Place(StrEnum):
    """How exactly places are shown."""

    EXACT = "exact"
    NEAR = "near"
    """Coordinates to about 1 km; no addresses."""
    AREA = "area"
    """To about 10 km; no addresses."""
    NONE = "none"


_BLUR = {place: n for n, place in enumerate(Place)}
EVERY = "*"


class Permission(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A level on part of an account; a datum must fit every part that is given.

    Attributes:
        stream: a stream and all below it, or `*`.
        measures: only data of these measures.
        tags: only events that carry one of these tags.
        start, end: only data in [start, end), microseconds UTC.
        rights: of `RIGHTS`, which of the level's are given; None for all.
        days_only: day values are shown, the events and series they are made of are not.
        place: how exactly places are shown.
        delay: data are shown once they lie this many local days back; 1 hides today's.
    """

    level: Level
    stream: str = EVERY
    measures: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    start: int | None = None
    end: int | None = None
    rights: tuple[str, ...] | None = None
    days_only: bool = False
    place: Place = Place.EXACT
    delay: int = 0

    @property
    def allows(self) -> Rights:
        """What it allows."""
        whole = _RIGHTS[self.level]
        if self.rights is None:
            return whole
        return Rights(
            whole.reads and "read" in self.rights,
            whole.creates and "create" in self.rights,
            whole.changes and "update" in self.rights,
            whole.deletes and "delete" in self.rights,
            whole.manages and len(self.rights) == len(RIGHTS),
        )

    @property
    def reduced(self) -> bool:
        """Whether less is shown than is there."""
        return self.days_only or self.place is not Place.EXACT or self.delay > 0

    def fits(self, measure: str | None, tags: Iterable[str], at: int | None) -> bool:
        """Return whether a datum is within measures, tags and time frame."""
        return (
            (self.measures is None or measure in self.measures)
            and (self.tags is None or any(t in self.tags for t in tags))
            and (self.start is None or (at is not None and at >= self.start))
            and (self.end is None or (at is not None and at < self.end))
        )

    def covers(self, other: Permission) -> bool:
        """Return whether it gives all that `other` gives, on a stream that both are for."""
        mine, theirs = self.allows, other.allows
        return (
            all(m or not t for m, t in zip(mine, theirs, strict=True))
            and _within(other.measures, self.measures)
            and _within(other.tags, self.tags)
            and (self.start is None or (other.start is not None and other.start >= self.start))
            and (self.end is None or (other.end is not None and other.end <= self.end))
            and (not theirs.reads or self._shows_all_of(other))
        )

    def _shows_all_of(self, other: Permission) -> bool:
        return (
            self.days_only <= other.days_only
            and _BLUR[self.place] <= _BLUR[other.place]
            and self.delay <= other.delay
        )


def _within(some: tuple[str, ...] | None, all_: tuple[str, ...] | None) -> bool:
    return all_ is None or (some is not None and set(some) <= set(all_))


class Kind(StrEnum):
    """Kinds of access."""

    PERSONAL = "personal"
    """The owner's own: everything."""
    APP = "app"
    SHARED = "shared"
    PUBLIC = "public"


class Clause(msgspec.Struct, frozen=True):
    """Part of a reach: data in `streams` (None: all) that fit the rest.

    Attributes:
        until: only what ends at or before this instant.
        place: how exactly places are shown.
    """

    streams: frozenset[str] | None
    measures: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    start: int | None = None
    end: int | None = None
    until: int | None = None
    place: Place = Place.EXACT


class Reach(msgspec.Struct, frozen=True):
    """What a caller may read of one account: data that fit any clause. No clause: nothing."""

    clauses: tuple[Clause, ...]

    @property
    def everything(self) -> bool:
        """Whether nothing is held back."""
        return ALL_DATA in self.clauses

    @property
    def blurs(self) -> bool:
        """Whether some places are shown less exactly than they are."""
        return any(c.place is not Place.EXACT for c in self.clauses)

    def narrowed(self, streams: frozenset[str]) -> Reach:
        """Return this reach within `streams`."""
        return Reach(
            tuple(
                msgspec.structs.replace(
                    c, streams=streams if c.streams is None else c.streams & streams
                )
                for c in self.clauses
            )
        )


Until = Callable[[int], int]
"""Delay in days -> the instant from which on nothing is shown."""

ALL_DATA = Clause(None)
EVERYTHING = Reach((ALL_DATA,))
NOTHING = Reach(())


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A credential's reach.

    Attributes:
        id: "c" + 24 characters; what `createdBy` and the change log name.
        expires: microseconds UTC, None for never.
        api: the dialect whose rules made it ("native", "pryv", "exist", …).
        client_id: the registered application behind it, if any.
        fences: streams where another permission of its maker begins; nothing above them reaches
            what is in them, wherever they are moved.
        features: what else is said of it, as `selfRevoke`.
        scopes: what an application was granted, in its dialect's words; the permissions rule,
            these are told.
        resource: the only address at which its token is good (RFC 8707), None where it is good
            at every one.
    """

    id: str
    account_id: int
    username: str
    kind: Kind
    name: str
    permissions: tuple[Permission, ...] = ()
    api: str = "native"
    client_id: str | None = None
    expires: int | None = None
    fences: frozenset[str] = frozenset()
    features: Mapping[str, str] = {}
    scopes: tuple[str, ...] = ()
    resource: str | None = None

    @property
    def owner(self) -> bool:
        """Whether this is the owner's own access."""
        return self.kind is Kind.PERSONAL

    @property
    def delayed(self) -> bool:
        """Whether some of what it reads comes later: it follows no changes."""
        return not self.owner and any(p.delay and p.allows.reads for p in self.permissions)

    def rights_on(
        self,
        tree: Tree,
        stream: str,
        *,
        measure: str | None = None,
        tags: Iterable[str] = (),
        at: int | None = None,
    ) -> Rights:
        """Return the rights on a datum of `stream`, in whatever detail it may be seen.

        The permissions of the nearest ancestor (the stream itself included) count, `*` where
        none has any; what those that fit the datum allow adds up.
        """
        if self.owner:
            return ALL_RIGHTS
        given = tuple(tags)
        return _sum(p for p in self.nearest(tree, stream) if p.fits(measure, given, at))

    def rights_on_stream(self, tree: Tree, stream: str) -> Rights:
        """Return the rights on the stream as a node, whatever narrows its data."""
        return ALL_RIGHTS if self.owner else _sum(self.nearest(tree, stream))

    def sight(
        self,
        tree: Tree,
        streams: Iterable[str],
        *,
        measure: str | None,
        tags: Iterable[str],
        at: int,
        end: int | None,
        until: Until | None,
    ) -> Place | None:
        """Return how exactly a datum in `streams` is shown as it was written, None for not at all.

        Args:
            at, end: of the datum; `end` is None while it runs.
            until: where delays end now; None: as if all were over.
        """
        if self.owner:
            return Place.EXACT
        given = tuple(tags)
        shown = (
            p.place
            for s in streams
            for p in self.nearest(tree, s)
            if p.allows.reads and not p.days_only and p.fits(measure, given, at)
            if until is None or not p.delay or is_past(at, end, until(p.delay))
        )
        return min(shown, key=_BLUR.__getitem__, default=None)

    def reach(self, tree: Tree, until: Until | None = None) -> Reach:
        """Return what may be read as it was written: as `sight`, for every datum at once.

        Args:
            until: where delays end now; without it what is delayed is left out.
        """
        if self.owner:
            return EVERYTHING
        grouped: dict[tuple[object, ...], tuple[Permission, set[str] | None]] = {}
        anchors = {p.stream for p in self.permissions} | self.fences
        for p in self.permissions:
            if not p.allows.reads or p.days_only or (p.delay and until is None):
                continue
            streams: set[str] | None = (
                None
                if p.stream == EVERY and anchors == {EVERY}
                else set(tree.governed_by(p.stream, anchors))
            )
            key = (p.measures, p.tags, p.start, p.end, p.delay, p.place)
            known = grouped.get(key)
            if known is None:
                grouped[key] = (p, streams)
            elif known[1] is None or streams is None:
                grouped[key] = (p, None)
            else:
                known[1].update(streams)
        return Reach(tuple(_clause(p, streams, until) for p, streams in grouped.values()))

    def nearest(self, tree: Tree, stream: str) -> Sequence[Permission]:
        """Return what governs a stream: its nearest ancestor's permissions, else those on `*`."""
        for node in tree.path(stream):
            here = [p for p in self.permissions if p.stream == node]
            if here or node in self.fences:
                return here
        return [p for p in self.permissions if p.stream == EVERY]

    def covers(self, tree: Tree, new: Sequence[Permission]) -> bool:
        """Return whether permissions reach no more than this access does, stream by stream."""
        if self.owner:
            return True
        anchors = {p.stream for p in new}
        return all(
            any(mine.covers(p) for mine in self.nearest(tree, stream))
            for p in new
            if any(p.allows)
            for stream in _governed(tree, p, anchors)
        )


def is_past(at: int, end: int | None, until: int) -> bool:
    """Return whether a datum lies wholly before an instant; what runs does not."""
    return at < until and end is not None and end <= until


def _governed(tree: Tree, p: Permission, anchors: set[str]) -> Iterator[str]:
    yield p.stream
    yield from tree.governed_by(p.stream, anchors)


def _clause(p: Permission, streams: set[str] | None, until: Until | None) -> Clause:
    return Clause(
        None if streams is None else frozenset(streams),
        p.measures,
        p.tags,
        p.start,
        p.end,
        until(p.delay) if p.delay and until is not None else None,
        p.place,
    )


def _sum(permissions: Iterable[Permission]) -> Rights:
    found = NO_RIGHTS
    for p in permissions:
        given = p.allows
        found = given if found == NO_RIGHTS else Rights(*map(max, found, given))
    return found
