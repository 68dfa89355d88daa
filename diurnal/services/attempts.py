"""Failed attempts at passwords and codes, counted in the database for all processes."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from functools import lru_cache

from diurnal.auth.keys import Keys
from diurnal.errors import TooMany
from diurnal.model.time import SECOND
from diurnal.store import attempts
from diurnal.store.database import Store

WINDOW_S = 900
SLOT_S = 60
PAIR_MAX = 10
"""Failures in a window by one address at one name."""
NAME_MAX = 100
"""By everybody at one name: more would let strangers guess, less would let them lock out."""
ADDRESS_MAX = 100
"""By one address at all names."""
CODE_MAX = 10
"""By everybody at one account's second factor: only who knows the password comes that far."""

_SLOTS = WINDOW_S // SLOT_S


class Attempts:
    """Counts failures only: whoever knows the password is never slowed.

    Keys are hashed with the server's own key, so that the table tells no names or addresses.
    """

    def __init__(self, store: Store, keys: Keys, now: Callable[[], int]) -> None:
        self._store, self._keys, self._now = store, keys, now

    def check(self, name: str, address: str, now: int | None = None, *, code: bool = False) -> None:
        """Refuse an attempt after too many failures.

        Args:
            now: microseconds UTC; left out, the clock's.
            code: at a second factor, where strangers cannot come.

        Raises:
            TooMany: by this address, at this name, or both together.
        """
        now = self._now() if now is None else now
        most = self._most(name, address, code=code)
        after = now // SECOND // SLOT_S - _SLOTS
        found = self._store.read(lambda tx: attempts.count(tx, most, after))
        full = [first for key, (n, first) in found.items() if n >= most[key]]
        if full:
            left = (max(full) + _SLOTS) * SLOT_S - now // SECOND
            raise TooMany(
                "too many failed attempts; try again later",
                retry_after_s=max(1, min(WINDOW_S, left)),
            )

    def failed(self, name: str, address: str, *, code: bool = False) -> None:
        """Count a failure; waits for the store."""
        keys = self._most(name, address, code=code)
        slot = self._now() // SECOND // SLOT_S
        self._store.write(lambda tx: attempts.add(tx, keys, slot)).result()

    def forget(self, name: str) -> None:
        """Forget what everybody failed at one name; waits for the store."""
        keys = [self._key("name", name)]
        self._store.write(lambda tx: attempts.drop(tx, keys)).result()

    def tidy(self) -> None:
        """Forget what is too old to count; waits for the store."""
        upto = self._now() // SECOND // SLOT_S - _SLOTS
        self._store.write(lambda tx: attempts.forget(tx, upto)).result()

    def key(self, kind: str, address: str) -> str:
        """Return the key under which an address is counted for something else than signing in."""
        return self._key(kind, network(address))

    def _most(self, name: str, address: str, *, code: bool) -> Mapping[str, int]:
        where = network(address)
        return {
            self._key("pair", name, where): PAIR_MAX,
            self._key("name", name): CODE_MAX if code else NAME_MAX,
            self._key("address", where): ADDRESS_MAX,
        }

    def _key(self, *parts: str) -> str:
        text = "\0".join(part.strip().casefold() for part in parts)
        key = self._keys.derive("attempts")
        return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16, key=key).hexdigest()


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """Return the address, or for IPv6 the /64 that one household has."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
