"""Answers kept for whoever asks again before anything has changed.

A kept answer holds while the account's change numbers stand, so a read sees the last write as if
nothing were kept. What the audit is told of it is told each time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from diurnal.model.access import Access
from diurnal.services import audit
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store.database import Tx

BYTES_MAX = 32 << 20
LASTS_US = 60 * 1_000_000
"""What an answer names of other accounts (an application's name) may be this old."""


class _Kept(NamedTuple):
    revs: tuple[int, int]
    at: int
    body: bytes
    told: tuple[tuple[int, tuple[str, ...]], ...]


class Answers:
    """The answers of one process, the ones asked for longest ago dropped first."""

    def __init__(self, most: int = BYTES_MAX) -> None:
        self._most = most
        self._size = 0
        self._kept: dict[Hashable, _Kept] = {}

    def get(
        self, tx: Tx, ctx: Context, caller: Access, key: Hashable, make: Callable[[], bytes]
    ) -> bytes:
        """Return the answer to `key` for the caller, made anew where anything has changed."""
        revs = changes.revs(tx, caller.account_id)
        if revs is None or caller.delayed:  # what is delayed changes with the clock alone
            return make()
        whole = (caller.account_id, caller.id, key)
        known = self._kept.pop(whole, None)
        now = ctx.now()
        if known is not None and known.revs == revs and 0 <= now - known.at < LASTS_US:
            self._kept[whole] = known
            for n, targets in known.told:
                audit.tell(tx, n, *targets)
            return known.body
        if known is not None:
            self._size -= len(known.body)
        before = len(tx.told or ())
        body = make()
        told = tuple((n, tuple(targets)) for n, targets in (tx.told or ())[before:])
        self._kept[whole] = _Kept(revs, now, body, told)
        self._size += len(body)
        while self._size > self._most and self._kept:
            self._size -= len(self._kept.pop(next(iter(self._kept))).body)
        return body
