"""Streams: the tree that an account's data hang on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

ROOT = "diurnal"
"""Root of the standard set; every id below it begins with `diurnal-`."""
DEPTH_MAX = 64
ACCOUNT_STREAMS = {
    ":_system:account": "Account",
    ":_system:language": "Language",
    ":system:email": "E-mail",
    ":_system:storageUsed": "Storage used",
    ":_system:dbDocuments": "Documents",
    ":_system:attachedFiles": "Attached files",
}
"""Id -> name of streams that hold fields of the account, and are no rows. `*` is not of them:
an access reads one that it names, and changes none."""
STREAMS_MAX = 10_000


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A node in an account's tree.

    Attributes:
        measure: what data of a fitting type mean here; inherited by streams below.
        created, modified: microseconds UTC; `…_by` are access ids.
    """

    id: str
    name: str
    parent_id: str | None = None
    measure: str | None = None
    client_data: dict[str, Any] | None = None
    trashed: bool = False
    created: int = 0
    created_by: str = ""
    modified: int = 0
    modified_by: str = ""


class Tree:
    """The streams of one account, immutable; walks up and down."""

    def __init__(self, streams: Iterable[Stream]) -> None:
        self._by_id = {s.id: s for s in streams}
        self._children: dict[str | None, list[str]] = {}
        for s in self._by_id.values():
            self._children.setdefault(s.parent_id, []).append(s.id)
        for ids in self._children.values():
            ids.sort(key=lambda i: (self._by_id[i].name.casefold(), i))
        self._paths: dict[str, tuple[str, ...]] = {}
        self._measures: dict[str, str | None] = {}

    def __contains__(self, stream: str) -> bool:
        return stream in self._by_id

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, stream: str) -> Stream | None:
        """Return the stream with this id, or None."""
        return self._by_id.get(stream)

    def children(self, parent: str | None) -> list[Stream]:
        """Return the streams directly below `parent` (None: the roots), by name."""
        return [self._by_id[i] for i in self._children.get(parent, ())]

    def path(self, stream: str) -> tuple[str, ...]:
        """Return the stream and its ancestors, nearest first; () for an unknown stream."""
        known = self._paths.get(stream)
        if known is not None:
            return known
        path: list[str] = []
        at: str | None = stream
        while at is not None and at in self._by_id and len(path) < DEPTH_MAX:
            path.append(at)
            at = self._by_id[at].parent_id
        self._paths[stream] = tuple(path)
        return self._paths[stream]

    def below(self, stream: str) -> list[str]:
        """Return the stream and everything below it."""
        found: list[str] = []
        waiting = [stream] if stream in self._by_id else []
        while waiting:
            at = waiting.pop()
            found.append(at)
            waiting.extend(self._children.get(at, ()))
        return found

    def height(self, stream: str) -> int:
        """Return how many levels the stream and what is below it take."""
        levels, at = 0, [stream]
        while at:
            levels += 1
            at = [c for s in at for c in self._children.get(s, ())]
        return levels

    def governed_by(self, anchor: str, anchors: Collection[str]) -> Iterator[str]:
        """Yield the streams whose nearest ancestor among `anchors` is `anchor` (`*`: none is)."""
        waiting = [anchor] if anchor in self._by_id else []
        if anchor == "*":
            waiting = [s for s in self._children.get(None, ()) if s not in anchors]
        while waiting:
            at = waiting.pop()
            yield at
            waiting.extend(c for c in self._children.get(at, ()) if c not in anchors)

    def measure_of(self, stream: str) -> str | None:
        """Return the measure declared by the stream or its nearest ancestor that declares one."""
        if stream not in self._measures:
            declared = (self._by_id[i].measure for i in self.path(stream))
            self._measures[stream] = next((m for m in declared if m), None)
        return self._measures[stream]

    def trashed(self, stream: str) -> bool:
        """Return whether the stream or an ancestor of it is in the trash."""
        return any(self._by_id[i].trashed for i in self.path(stream))
