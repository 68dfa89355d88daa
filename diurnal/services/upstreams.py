"""Sources as this server meets them: quotas, whether they answer, the household's application."""

from __future__ import annotations

import msgspec

from diurnal.connectors import Quota
from diurnal.errors import InvalidInput, Unavailable
from diurnal.model.time import MINUTE, SECOND
from diurnal.services.context import Context
from diurnal.store import upstreams as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.upstreams import Stored

FAILURES_MAX = 5
"""Requests in a row that come to nothing, after which a source is left alone for a while."""
OPEN_FIRST = 5 * MINUTE
OPEN_MAX = 60 * MINUTE
TRIAL = MINUTE
"""One request tries whether it is back; the others wait this long for what it finds."""
CHUNK = 20
"""Requests taken from a quota at a time: a turn at the store for each would cost more."""
APP_MAX = 1_000


class Later(Unavailable):
    """Not now: the quota is used up, or the source asks to wait."""

    code = "later"


class Enough(Later):
    """For now; nothing is wrong."""

    code = "enough"


class AppKeys(msgspec.Struct, frozen=True):
    """An application registered at a source."""

    client_id: str
    client_secret: str = ""


# Quotas: a sliding window, counted as this window's requests and its share of the last one's.


def take(
    tx: WriteTx, ctx: Context, name: str, quotas: tuple[Quota, ...], *, share: float = 1.0
) -> int:
    """Take requests from the quotas of a source; return how many, at most `CHUNK`.

    Args:
        share: of the quota that may be used: filling up the past leaves some for today.

    Raises:
        Enough: there are none left now.
    """
    if not quotas:
        return CHUNK
    now = ctx.now() // SECOND
    known = store.lock(tx, name)
    used: dict[str, tuple[int, int, int]] = {}
    granted, wait = CHUNK, 0
    for quota in quotas:
        key = f"{quota.calls}/{quota.per_s}"
        window, rest = divmod(now, quota.per_s)
        at, count, before = known.used.get(key, (window, 0, 0))
        if at != window:
            count, before = 0, count if at == window - 1 else 0
        so_far = count + before * (quota.per_s - rest) / quota.per_s
        free = int(quota.calls * share - so_far)
        used[key] = (window, count, before)
        granted = min(granted, free, max(1, quota.calls // 10))
        if free < 1:
            wait = max(wait, quota.per_s - rest)
    if granted < 1:
        raise Enough("the quota of this source is used up for now", retry_after_s=max(wait, 1))
    spent = {key: (w, n + granted, b) for key, (w, n, b) in used.items()}
    store.save(tx, msgspec.structs.replace(known, used=spent))
    return granted


def give_back(tx: WriteTx, name: str, quotas: tuple[Quota, ...], n: int) -> None:
    """Return requests that were taken and not made."""
    if not quotas or n < 1:
        return
    known = store.lock(tx, name)
    used = {key: (w, max(count - n, 0), b) for key, (w, count, b) in known.used.items()}
    store.save(tx, msgspec.structs.replace(known, used=used))


def left(tx: Tx, ctx: Context, name: str, quotas: tuple[Quota, ...]) -> list[tuple[Quota, int]]:
    """Return what is left of each quota."""
    now = ctx.now() // SECOND
    known = store.get(tx, name)
    found = []
    for quota in quotas:
        window, rest = divmod(now, quota.per_s)
        at, count, before = known.used.get(f"{quota.calls}/{quota.per_s}", (window, 0, 0))
        if at != window:
            count, before = 0, count if at == window - 1 else 0
        so_far = count + before * (quota.per_s - rest) / quota.per_s
        found.append((quota, max(int(quota.calls - so_far), 0)))
    return found


# The breaker


def check(tx: WriteTx, ctx: Context, name: str) -> None:
    """Let a request pass, or the one that tries whether the source is back.

    Raises:
        Later: the source does not answer and is left alone until then.
    """
    now = ctx.now()
    known = store.get(tx, name)
    if known.failures < FAILURES_MAX:
        return
    known = store.lock(tx, name)
    if known.failures >= FAILURES_MAX and now < known.open_until:
        wait = (known.open_until - now) // SECOND + 1
        raise Later("the source does not answer; it is tried again later", retry_after_s=wait)
    store.save(tx, msgspec.structs.replace(known, open_until=now + TRIAL))


def failed(tx: WriteTx, ctx: Context, name: str) -> None:
    """Note that a request came to nothing."""
    known = store.lock(tx, name)
    failures = known.failures + 1
    until = known.open_until
    if failures >= FAILURES_MAX:
        doublings = min((failures - FAILURES_MAX), 10)
        until = ctx.now() + min(OPEN_FIRST << doublings, OPEN_MAX)
    store.save(tx, msgspec.structs.replace(known, failures=failures, open_until=until))


def answered(tx: WriteTx, name: str) -> None:
    """Note that the source answers."""
    known = store.lock(tx, name)
    if known.failures or known.open_until:
        store.save(tx, msgspec.structs.replace(known, failures=0, open_until=0))


def resting(tx: Tx, ctx: Context, name: str) -> int | None:
    """Return until when a source is left alone, None where it is not."""
    known: Stored = store.get(tx, name)
    stands = known.failures >= FAILURES_MAX and known.open_until > ctx.now()
    return known.open_until if stands else None


# The household's application


def app(tx: Tx, ctx: Context, name: str) -> AppKeys | None:
    """Return the application that everybody here uses: the settings' one, else the stored one."""
    told = ctx.settings.connectors.get(name)
    if told is not None and told.client_id:
        return AppKeys(told.client_id, told.client_secret or "")
    sealed = store.get(tx, name).app
    text = None if sealed is None else ctx.keys.open(sealed, 0)
    if text is None:
        return None
    bound: tuple[str, AppKeys] = msgspec.json.decode(text, type=tuple[str, AppKeys])
    return bound[1] if bound[0] == name else None


def app_is_set(ctx: Context, name: str) -> bool:
    """Return whether the settings name the application that everybody here uses."""
    told = ctx.settings.connectors.get(name)
    return told is not None and bool(told.client_id)


def set_app(tx: WriteTx, ctx: Context, name: str, keys: AppKeys | None) -> None:
    """Store the application that everybody here uses, or forget it.

    Raises:
        InvalidInput: no identifier, or one past its size.
    """
    sealed = None
    if keys is not None:
        if not 0 < len(keys.client_id) <= APP_MAX or len(keys.client_secret) > APP_MAX:
            raise InvalidInput(f"1 to {APP_MAX} characters are needed", field="client_id")
        sealed = ctx.keys.seal(msgspec.json.encode((name, keys)).decode(), 0)
    known = store.lock(tx, name)
    store.save(tx, msgspec.structs.replace(known, app=sealed))
