"""Pages."""

from __future__ import annotations

from diurnal.http import Handler
from diurnal.services.context import Context


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return."""
    return {}
