"""Rooms: all sockets of one account; they are told of its changes, and shown out in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from diurnal.errors import AppError
from diurnal.live.doors import Changed, Guest, Notice
from diurnal.live.hub import PACE_S, Hub
from diurnal.services import authentication, changelog
from diurnal.services.context import Context

log = structlog.get_logger(__name__)

EXPIRY_S = 0.5
"""How often accesses that end by themselves are looked at."""
MEMBERS_MAX = 2_000
"""Sockets of one account."""
GATES = frozenset({"access", "account", "client", "consent"})
"""Changes after which somebody may have to go."""


class Member(Protocol):
    """One socket that has entered."""

    guest: Guest

    def send(self, notices: list[Notice]) -> Awaitable[None]:
        """Tell it something; a socket that does not read is cut."""

    def leave(self) -> Awaitable[None]:
        """Close it."""


class Rooms:
    """The rooms of one process."""

    def __init__(self, ctx: Context, hub: Hub) -> None:
        self.ctx = ctx
        self.hub = hub
        self._rooms: dict[int, _Room] = {}

    async def join(self, member: Member) -> bool:
        """Have a socket told of what changes from now on; False where there are too many."""
        account_id = member.guest.access.account_id
        room = self._rooms.get(account_id)
        if room is None or room.ended:
            room = self._rooms[account_id] = _Room(self, account_id, self._drop)
        if len(room.members) >= MEMBERS_MAX:
            return False
        room.members.add(member)
        await room.ready.wait()
        return not room.ended

    def part(self, member: Member) -> None:
        """Have a socket told no more."""
        room = self._rooms.get(member.guest.access.account_id)
        if room is not None:
            room.members.discard(member)
            # A room that shows its last out ends by itself.
            if not room.members and room.task is not asyncio.current_task():
                room.task.cancel()
                self._drop(room)

    def _drop(self, room: _Room) -> None:
        room.ended = True
        room.ready.set()
        if self._rooms.get(room.account_id) is room:
            del self._rooms[room.account_id]


class _Room:
    def __init__(self, rooms: Rooms, account_id: int, drop: Callable[[_Room], None]) -> None:
        self.account_id = account_id
        self.members: set[Member] = set()
        self.ready = asyncio.Event()
        self.ended = False
        self._ctx = rooms.ctx
        self._hub = rooms.hub
        self._drop = drop
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._follow()
        except AppError as error:
            log.warning("sockets are closed", reason=error.message)
        finally:
            self._drop(self)
            for member in list(self.members):
                await member.leave()

    async def _follow(self) -> None:
        async with self._hub.watch(self.account_id) as follower:
            known = self._hub.rev(self.account_id)
            self.ready.set()
            while known is not None and self.members:
                # Told apart from changes: an access that ends by itself changes nothing.
                ending = any(m.guest.access.expires is not None for m in self.members)
                rev = await follower.next(known, EXPIRY_S if ending else None)
                if rev is not None:
                    await self._tell(known, rev)
                    known = rev
                    await asyncio.sleep(PACE_S)
                elif follower.ended:
                    return
                else:
                    await self._show_out(lambda a: authentication.expired(self._ctx, a))

    async def _tell(self, after: int, upto: int) -> None:
        account_id = self.account_id
        kinds = await self._ctx.store.reads(
            lambda tx: changelog.kinds_of(tx, account_id, after, upto)
        )
        if kinds & GATES:
            await self._refresh()
        changed = Changed(frozenset(kinds), after, upto)
        for member in list(self.members):
            try:
                notices = list(await member.guest.notices(changed))
            except AppError as error:
                log.warning("a socket is not told", reason=error.message)
                continue
            if notices:
                await member.send(notices)

    async def _refresh(self) -> None:
        """Look at the accesses of all anew; show out whose open nothing any more."""
        ctx = self._ctx
        held = {m.guest.access.id: m.guest.access for m in self.members}
        now = await ctx.store.reads(
            lambda tx: {id_: authentication.current(tx, ctx, a) for id_, a in held.items()}
        )
        for member in list(self.members):
            access = now.get(member.guest.access.id, member.guest.access)
            if access is not None:
                member.guest.access = access
        await self._show_out(lambda a: now.get(a.id, a) is None)

    async def _show_out(self, gone: Callable[..., bool]) -> None:
        for member in [m for m in self.members if gone(m.guest.access)]:
            self.members.discard(member)
            await member.leave()
