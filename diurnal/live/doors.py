"""Doors: what a dialect gives to sockets, whatever their transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from diurnal.model.access import Access

Notice = tuple[str, tuple[Any, ...]]
"""A message to a socket: its name, its arguments."""


class Refused(Exception):
    """A socket may not enter; the text is told to it."""


class Changed(NamedTuple):
    """What has changed in an account after number `after`, up to and with `upto`."""

    kinds: frozenset[str]
    after: int
    upto: int


class Entering(NamedTuple):
    """Who wants to enter.

    Attributes:
        path: the namespace, split: the last part is a user's name.
        query: of the handshake.
        base: scheme and host that the client reached us under.
    """

    path: tuple[str, ...]
    query: Mapping[str, str]
    address: str
    base: str


class Guest(Protocol):
    """Who has entered."""

    access: Access

    async def call(self, name: str, args: Sequence[Any]) -> tuple[Any, ...]:
        """Do what a message asks for; return the arguments of its acknowledgement."""

    async def notices(self, changed: Changed) -> Sequence[Notice]:
        """Return what to tell of a change."""


class Door(msgspec.Struct, frozen=True):
    """What a dialect gives.

    Attributes:
        enter: let somebody in; raises `Refused`.
        takes_rest: whether namespaces that name no dialect are for it.
    """

    enter: Callable[[Entering], Awaitable[Guest]]
    takes_rest: bool = False


Doors = Mapping[str, Door]
"""By the first part of a namespace."""


def door_of(doors: Doors, namespace: str) -> tuple[Door, tuple[str, ...]]:
    """Return the door that a namespace leads to, and its parts.

    Raises:
        Refused: none.
    """
    parts = tuple(part for part in namespace.split("/") if part)
    if parts:
        named = doors.get(parts[0])
        if named is not None and len(parts) > 1:
            return named, parts
        for door in doors.values():
            if door.takes_rest:
                return door, parts
    raise Refused("Unknown user")
