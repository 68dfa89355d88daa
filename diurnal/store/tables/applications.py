"""Registered applications, what they were granted, and the receipts of it."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary

from diurnal.store.tables.columns import Text, flag, id_, index, table, us

client = table(
    "client",
    id_(),
    Column("secret_hash", LargeBinary),
    Column("api", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("home", Text),
    Column("redirect_uris", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("attributes", Text),
    flag("dynamic"),
    us("used_us", null=True),
    us("created_us"),
    us("modified_us"),
    key=("id",),
)

authorization_code = table(
    "authorization_code",
    Column("code_hash", LargeBinary, nullable=False),
    Column("given", Text, nullable=False),
    Column("access_id", Text),
    us("expires_us"),
    key=("code_hash",),
)

index("authorization_code_expiry", authorization_code.c.account_id, authorization_code.c.expires_us)

# One row for each access that an application was given; refreshing changes it in place, so that
# the access keeps its id and what was written by it its author.
app_grant = table(
    "app_grant",
    id_("access_id"),
    Column("face", Text, nullable=False),
    Column("family", LargeBinary),
    Column("refresh_hash", LargeBinary),
    us("refresh_until_us", null=True),
    us("until_us", null=True),
    Column("given", Text, nullable=False),
    us("authenticated_us"),
    us("refreshed_us"),
    us("created_us"),
    key=("access_id",),
)

index("app_grant_family", app_grant.c.account_id, app_grant.c.family, unique=True)

device_request = table(
    "device_request",
    Column("code_hash", LargeBinary, nullable=False),
    Column("user_code", Text, nullable=False),
    Column("given", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("polls_s", Integer, nullable=False),
    us("polled_us", null=True),
    us("expires_us"),
    key=("code_hash",),
)

index("device_request_code", device_request.c.account_id, device_request.c.user_code, unique=True)

consent = table(
    "consent",
    id_(),
    Column("access_id", Text),
    Column("client_id", Text),
    Column("name", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("withdrawal", Text),
    us("given_us"),
    us("ended_us", null=True),
    key=("id",),
)

index("consent_access", consent.c.account_id, consent.c.access_id)
