"""Who may do what: levels, permissions, and the one check that every door uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from diurnal.model.streams import Tree


class Level(StrEnum):
    """What a permission allows; each can do all that the ones before it can, save create-only."""

    NONE = "none"
    CREATE_ONLY = "create-only"
    """May add, may not see."""
    READ = "read"
    CONTRIBUTE = "contribute"
    MANAGE = "manage"

    @property
    def reads(self) -> bool:
        """May see."""
        return self in (Level.READ, Level.CONTRIBUTE, Level.MANAGE)

    @property
    def creates(self) -> bool:
        """May add."""
        return self in (Level.CREATE_ONLY, Level.CONTRIBUTE, Level.MANAGE)

    @property
    def changes(self) -> bool:
        """May change and delete."""
        return self in (Level.CONTRIBUTE, Level.MANAGE)

    @property
    def manages(self) -> bool:
        """May shape the tree."""
        return self is Level.MANAGE


_ORDER = {level: i for i, level in enumerate(Level)}
EVERY = "*"


class Permission(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A level on part of an account; a datum must fit every part that is given.

    Attributes:
        stream: a stream and all below it, or `*`.
        measures: only data of these measures.
        tags: only events that carry one of these tags.
        start, end: only data in [start, end), microseconds UTC.
    """

    level: Level
    stream: str = EVERY
    measures: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    start: int | None = None
    end: int | None = None


class Kind(StrEnum):
    """Kinds of access."""

    PERSONAL = "personal"
    """The owner's own: everything."""
    APP = "app"
    SHARED = "shared"
    PUBLIC = "public"


class Clause(msgspec.Struct, frozen=True):
    """Part of a reach: data in `streams` (None: all) that fit the rest."""

    streams: frozenset[str] | None
    measures: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    start: int | None = None
    end: int | None = None


class Reach(msgspec.Struct, frozen=True):
    """What a caller may read of one account: data that fit any clause. No clause: nothing."""

    clauses: tuple[Clause, ...]

    @property
    def everything(self) -> bool:
        """Whether nothing is held back."""
        return ALL_DATA in self.clauses

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
        scopes: what an application was granted, in its dialect's words; the permissions rule,
            these are told.
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
    scopes: tuple[str, ...] = ()

    @property
    def owner(self) -> bool:
        """Whether this is the owner's own access."""
        return self.kind is Kind.PERSONAL

    def level_on(
        self,
        tree: Tree,
        stream: str,
        *,
        measure: str | None = None,
        tags: Iterable[str] = (),
        at: int | None = None,
    ) -> Level:
        """Return the level on a datum of `stream`.

        The permissions of the nearest ancestor (the stream itself included) count, `*` where
        none has any; of those that fit the datum, the highest.
        """
        if self.owner:
            return Level.MANAGE
        fitting = (
            p.level for p in self.nearest(tree, stream) if _fits(p, measure, tuple(tags), at)
        )
        return max(fitting, key=_ORDER.__getitem__, default=Level.NONE)

    def level_on_stream(self, tree: Tree, stream: str) -> Level:
        """Return the level on the stream as a node, whatever narrows its data."""
        if self.owner:
            return Level.MANAGE
        levels = (p.level for p in self.nearest(tree, stream))
        return max(levels, key=_ORDER.__getitem__, default=Level.NONE)

    def reach(self, tree: Tree) -> Reach:
        """Return what may be read: the same answer as `level_on`, for every datum at once."""
        if self.owner:
            return EVERYTHING
        anchors = {p.stream for p in self.permissions}
        grouped: dict[tuple[object, ...], tuple[Permission, set[str] | None]] = {}
        for p in self.permissions:
            if not p.level.reads:
                continue
            streams: set[str] | None = (
                None
                if p.stream == EVERY and anchors == {EVERY}
                else set(tree.governed_by(p.stream, anchors))
            )
            key = (p.measures, p.tags, p.start, p.end)
            known = grouped.get(key)
            if known is None:
                grouped[key] = (p, streams)
            elif known[1] is None or streams is None:
                grouped[key] = (p, None)
            else:
                known[1].update(streams)
        return Reach(
            tuple(
                Clause(
                    None if streams is None else frozenset(streams),
                    p.measures,
                    p.tags,
                    p.start,
                    p.end,
                )
                for p, streams in grouped.values()
            )
        )

    def nearest(self, tree: Tree, stream: str) -> Sequence[Permission]:
        """Return what governs a stream: its nearest ancestor's permissions, else those on `*`."""
        for node in tree.path(stream):
            here = [p for p in self.permissions if p.stream == node]
            if here:
                return here
        return [p for p in self.permissions if p.stream == EVERY]


def _fits(p: Permission, measure: str | None, tags: tuple[str, ...], at: int | None) -> bool:
    return (
        (p.measures is None or measure in p.measures)
        and (p.tags is None or any(t in p.tags for t in tags))
        and (p.start is None or (at is not None and at >= p.start))
        and (p.end is None or (at is not None and at < p.end))
    )
