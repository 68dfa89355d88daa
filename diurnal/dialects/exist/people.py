"""Users, as both versions show them."""

from __future__ import annotations

from typing import Any

from diurnal.errors import NotFound
from diurnal.model.access import Access
from diurnal.model.time import to_datetime
from diurnal.services import accounts, profile
from diurnal.services.context import Context
from diurnal.store.accounts import Account
from diurnal.store.database import Tx

IMPERIAL = {
    "distance": ("distance", ("mi",)),
    "weight": ("mass", ("lb", "st")),
    "energy": ("energy", ("kcal",)),
    "liquid": ("volume", ("fl oz",)),
    "temperature": ("temperature", ("°F",)),
}
"""Exist's kinds: our kind of units, and which of them are not Exist's metric ones."""
AVATAR = "/api/1/users/{}/avatar/"


def user(tx: Tx, ctx: Context, account: Account, base: str, *, whole: bool) -> dict[str, Any]:
    """Return a user of version 1, without attributes.

    Args:
        base: address that the dialect is mounted at, as the client knows it.
        whole: whether the caller may see a private profile.
    """
    said = profile.of(account)
    if said.private and not whole:
        said = profile.Profile(private=True)
    zone = ctx.state(tx, account.account_id).zones.zone_at(ctx.now())
    chosen = account.settings.get("units") or {}
    imperial = {name: chosen.get(kind) in units for name, (kind, units) in IMPERIAL.items()}
    return {
        "id": account.account_id,
        "username": account.username,
        "first_name": said.first_name or "",
        "last_name": said.last_name or "",
        "bio": said.bio or "",
        "url": said.url or "",
        "avatar": base + AVATAR.format(account.username) if said.avatar else "",
        "timezone": zone,
        "local_time": to_datetime(ctx.now(), zone).isoformat(timespec="milliseconds"),
        "private": bool(said.private),
        "imperial_units": all(imperial.values()),
        **{f"imperial_{k}": v for k, v in imperial.items()},
        "attributes": [],
    }


def profile_v2(tx: Tx, ctx: Context, caller: Access, base: str) -> dict[str, Any]:
    """Return the profile of version 2."""
    account = accounts.find(tx, caller.username)
    said = user(tx, ctx, account, base, whole=True)
    kept = ("username", "first_name", "last_name", "avatar", "timezone", "local_time")
    return {
        **{k: said[k] for k in kept},
        **{f"imperial_{k}": said[f"imperial_{k}"] for k in IMPERIAL},
        "trial": False,
        "delinquent": False,
        "joined": to_datetime(account.created).date().isoformat(),
    }


def named(tx: Tx, caller: Access, username: str, keywords: frozenset[str]) -> tuple[Account, bool]:
    """Return the account that a path names, and whether it is the caller's.

    Raises:
        NotFound: there is none.
    """
    if username in keywords or username == caller.username:
        return accounts.find(tx, caller.username), True
    found = accounts.find(tx, username)
    if found.disabled is not None:
        raise NotFound
    return found, False
