"""Where the owner was on each day, for sources that need to know."""

from __future__ import annotations

from diurnal.services import accesses, days
from diurnal.services.context import Context

Place = tuple[int, float, float]
"""Day, latitude, longitude."""


def places(ctx: Context, account_id: int, first: int, last: int) -> list[Place]:
    """Return the last known place of each day from `first` to `last` that has one."""
    owner = accesses.personal(account_id, "")
    told = ctx.store.read(lambda tx: days.values(tx, ctx, owner, ["location"], first, last))
    found: list[Place] = []
    for day in told["location"]:
        if isinstance(day.value, str):
            latitude, _, longitude = day.value.partition(",")
            try:
                found.append((day.day, float(latitude), float(longitude)))
            except ValueError:
                continue  # A name that somebody typed.
    return found
