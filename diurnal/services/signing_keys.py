"""The server's signing keys over time: new ones by the calendar, or when somebody asks."""

from __future__ import annotations

from diurnal.auth import signing
from diurnal.model.time import SECOND
from diurnal.services.context import Context


def rotate(ctx: Context, *, at_once: bool = False) -> str:
    """Add the next key; return its id. See `signing.rotate`."""
    return signing.rotate(ctx.settings.data_dir, ctx.now() // SECOND, at_once=at_once)


def renew(ctx: Context) -> str | None:
    """Rotate where the setting `signing_key_days` says so; return the new key's id."""
    days = ctx.settings.signing_key_days
    return signing.renew(ctx.settings.data_dir, ctx.now() // SECOND, days)
