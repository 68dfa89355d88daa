"""Connectors: one file per source, found by scanning for `CONNECTOR`.

A connector declares itself on top and gives functions; the host owns files, network, retries,
progress and storage. It yields `model.records` items and gets no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import msgspec

from diurnal.model.records import Item


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file, or one member of an archive, that somebody dropped.

    Attributes:
        path: name with folders, `/`-separated, as in the archive.
        size: bytes when unpacked.
        head: the first 64 KiB.
        open: open the whole from its beginning; each call gives a new reader. Readers enforce
            the host's size limits and raise `TooLarge`.
        siblings: every entry of the same drop by path, this one included.
    """

    path: str
    size: int
    head: bytes
    open: Callable[[], BinaryIO]
    siblings: Mapping[str, Entry]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    """Code for one source.

    Attributes:
        name: the module's name; `--source` takes it.
        emits: keys of the measures it may yield; a test compares.
        recognise: how sure it is that it can read an entry, 0 (no) to 1; sees names and heads.
        parse: read one recognised entry; options are the guided mapping's or {}.
        members: whether other entries of the drop are read through the recognised one and must
            not be reported as unknown (`path -> bool`).
    """

    name: str
    title: str
    docs: str
    emits: frozenset[str] | None = None
    recognise: Callable[[Entry], float] | None = None
    parse: Callable[[Entry, Mapping[str, Any]], Iterator[Item]] | None = None
    members: Callable[[str], bool] | None = None
