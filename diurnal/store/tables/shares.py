"""Shares: an access that somebody else is given, by a link or by their account's name."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary

from diurnal.store.tables.columns import Text, id_, index, table, us

share = table(
    "share",
    id_(),
    id_("access_id"),
    Column("state", Text, nullable=False),
    Column("recipient", Text),
    Column("recipient_id", BigInteger),
    Column("link_hash", LargeBinary),
    Column("link_sealed", LargeBinary),
    Column("password_hash", Text),
    Column("opens", BigInteger, nullable=False),
    us("opened_us", null=True),
    us("created_us"),
    us("modified_us"),
    key=("id",),
)

index("share_link", share.c.account_id, share.c.link_hash, where="link_hash IS NOT NULL")
