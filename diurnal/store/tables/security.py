"""How people come in: second factors, one-time links, sessions, invitations, legacy ways."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table

from diurnal.store.tables.columns import Text, flag, id_, index, metadata, table, us

passkey = table(
    "passkey",
    id_(),
    Column("credential", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", Text, nullable=False),
    flag("backed_up"),
    Column("name", Text, nullable=False),
    us("created_us"),
    us("used_us", null=True),
    key=("id",),
)

index("passkey_credential", passkey.c.account_id, passkey.c.credential, unique=True)

totp = table(
    "totp",
    Column("sealed", LargeBinary, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    us("created_us"),
    us("confirmed_us", null=True),
    key=(),
)

recovery_code = table(
    "recovery_code",
    Column("hash", LargeBinary, nullable=False),
    us("created_us"),
    us("used_us", null=True),
    key=("hash",),
)

one_time = table(
    "one_time",
    Column("hash", LargeBinary, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("data", Text, nullable=False),
    us("created_us"),
    us("expires_us"),
    key=("hash",),
)

session = table(
    "session",
    id_("access_id"),
    Column("address", Text, nullable=False),
    Column("method", Text, nullable=False),
    key=("access_id",),
)

invitation = table(
    "invitation",
    id_(),
    Column("token_hash", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    us("created_us"),
    us("expires_us"),
    us("used_us", null=True),
    key=("id",),
)

index("invitation_token", invitation.c.account_id, invitation.c.token_hash, unique=True)

legacy_use = table(
    "legacy_use",
    Column("way", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    us("used_us"),
    key=("way",),
)

attempt = Table(
    "attempt",
    metadata,
    Column("key", Text, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    PrimaryKeyConstraint("key", "slot"),
    sqlite_with_rowid=False,
)

index("attempt_slot", attempt.c.slot)
