"""How the server does, for those who run it: database, disk, queue."""

from __future__ import annotations

import shutil

import msgspec

from diurnal.errors import AppError
from diurnal.model.time import SECOND
from diurnal.services.context import Context
from diurnal.store import jobs, webhooks
from diurnal.store.database import Tx

DISK_FULL = 100 << 20
"""With less room than this nothing is taken any more."""
LATE_S = 3_600
"""A queue whose oldest job waits longer has no worker, or one that does not come after."""
WEBHOOKS_MAX = 1_000


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of this moment."""

    database: bool
    disk_free: int
    backlog: int
    jobs_due: int = 0
    jobs_dead: int = 0
    late_s: float = 0.0
    webhooks_due: int = 0

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self.database and self.disk_free >= DISK_FULL

    @property
    def words(self) -> dict[str, str]:
        """What is well and what is not."""
        return {
            "status": "ok" if self.ready else "unavailable",
            "database": "ok" if self.database else "away",
            "disk": "ok" if self.disk_free >= DISK_FULL else "full",
            "queue": "ok" if self.late_s < LATE_S else "late",
        }


async def figures(ctx: Context) -> Figures:
    """Return how the server does."""
    free, backlog, now = (
        shutil.disk_usage(ctx.settings.data_dir).free,
        ctx.store.backlog(),
        ctx.now(),
    )

    def read(tx: Tx) -> Figures:
        due, oldest, dead = jobs.counts(tx, now)
        return Figures(
            database=True,
            disk_free=free,
            backlog=backlog,
            jobs_due=due,
            jobs_dead=dead,
            late_s=0.0 if oldest is None else max(0, now - oldest) / SECOND,
            webhooks_due=len(webhooks.due(tx, now, WEBHOOKS_MAX)),
        )

    try:
        return await ctx.store.reads(read)
    except AppError:
        return Figures(database=False, disk_free=free, backlog=backlog)
