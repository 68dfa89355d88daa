"""Requests of apps for an access that nobody has answered yet: no account is known before."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table

from diurnal.store.tables.columns import metadata

access_request = Table(
    "access_request",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)
