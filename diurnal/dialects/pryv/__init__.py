"""Pryv, 1.9 and 2.0 united: streams and events of one account, below its name."""

from __future__ import annotations

from diurnal.dialects import Dialect
from diurnal.dialects.pryv import endpoints, sockets, words

DIALECT = Dialect(
    name="pryv",
    title="Pryv",
    prefix="/pryv",
    statuses=words.STATUSES,
    app=endpoints.app,
    routes=endpoints.ROUTES,
    user_hosts=True,
    sockets=sockets.door,
)
