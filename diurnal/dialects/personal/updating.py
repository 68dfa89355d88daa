"""Having every source look for news, as a cron job and the owner's page ask for it."""

from __future__ import annotations

from diurnal.dialects.personal import resources
from diurnal.errors import AppError
from diurnal.model.access import Access
from diurnal.services.context import Context
from diurnal.store.database import WriteTx

ORIGINAL = ("statuses", "places", "steps")
"""Modules that there were from the beginning: an update names them, connected or not."""


def look_now(tx: WriteTx, ctx: Context, owner: Access) -> list[str]:
    """Have the connections of each module fetch now; return what became of it, in lines."""
    from diurnal.services import connection_views, connections

    lines = ["Updating..."]
    there = [c for c in connection_views.listed(tx, ctx, owner) if c.pull]
    for resource in resources.STANDARD.values():
        mine = [c for c in there if c.connector in resource.connectors]
        label = resource.name.capitalize()
        if not mine and resource.name not in ORIGINAL:
            continue
        lines.append(f"Updating {label}... ")
        if not mine:
            lines.append(f"Can't update {label}: Module credentials missing.")
        for connection in mine:
            try:
                connections.sync_now(tx, ctx, owner, connection.id)
            except AppError as error:
                lines.append(f"Can't update {label}: {error.message}")
    return [*lines, "Done."]
