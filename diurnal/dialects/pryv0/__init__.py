"""Pryv as it was in 2012: channels, folders and tokens; 0.1 at `/pryv0`, 0.4 at `/pryv04`."""

from __future__ import annotations

from diurnal.dialects import Dialect
from diurnal.dialects.pryv0 import endpoints, sockets, table, wire, words

DIALECT = Dialect(
    name="pryv0",
    title="Pryv of 2012",
    prefix="/pryv0",
    also_at=(wire.LATER_ROOT,),
    user_hosts=True,
    statuses=words.STATUSES,
    app=endpoints.app,
    routes=endpoints.ROUTES,
    sockets=sockets.door_of(table.OLD),
    sockets_at={wire.LATER_ROOT: sockets.door_of(table.LATER)},
)
