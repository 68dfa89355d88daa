"""Jobs, imports and uploads."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer

from diurnal.store.tables.columns import Text, flag, id_, index, table, us

job = table(
    "job",
    id_(),
    Column("kind", Text, nullable=False),
    Column("args", Text, nullable=False),
    Column("idem_key", Text),
    Column("state", Text, nullable=False),
    us("run_at"),
    us("lease_until", null=True),
    Column("lease_token", Text),
    Column("tries", Integer, nullable=False),
    Column("last_error", Text),
    us("created_us"),
    us("finished_us", null=True),
    key=("id",),
)

index("job_run_at", job.c.run_at, where="state = 'due'")

index(
    "job_idem",
    job.c.account_id,
    job.c.kind,
    job.c.idem_key,
    where="idem_key IS NOT NULL",
    unique=True,
)

batch = table(
    "batch",
    Column("id", BigInteger, nullable=False),
    Column("connector", Text),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("progress", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("error", Text),
    Column("upload_id", Text),
    Column("connection_id", Text),
    id_("access_id"),
    flag("dry_run"),
    us("created_us"),
    us("finished_us", null=True),
    key=("id",),
)
index(
    "batch_connection",
    batch.c.account_id,
    batch.c.connection_id,
    batch.c.id,
    where="connection_id IS NOT NULL",
)

batch_row = table(
    "batch_row",
    Column("batch_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    key=("batch_id", "name", "key"),
    clustered=True,
)
"""Rows without a column for it that an import added: table, and their key as a list in JSON."""

set_aside = table(
    "set_aside",
    Column("batch_id", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("raw", Text, nullable=False),
    key=("batch_id", "n"),
    clustered=True,
)

upload = table(
    "upload",
    id_(),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    id_("access_id"),
    us("created_us"),
    key=("id",),
)
