"""What tables are made of, and which are special."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    text,
)
from sqlalchemy import Text as _Text

metadata = MetaData()
Text = _Text().with_variant(_Text(collation="C"), "postgresql")
"""Compares by code point on both engines, whatever the database's language."""
DIRECTORY = frozenset({"directory"})
"""Keyed by the name that is looked up; leads to the account."""

LOCAL = frozenset({"access_request", "attempt", "counter", "upstream", "alembic_version"})
"""Of this database alone."""
GLOBAL_INDEXES = frozenset({"job_run_at"})
"""The one index that does not begin with the account: a worker takes what is due next."""
RUNNING = 2**62
"""`end_us` of an event that still runs."""
LONG = "end_us - time_us > 2764800000000"
"""Condition on events of more than 32 days, running ones too."""


def id_(name: str = "id", *, null: bool = False) -> Column[str]:
    """Return a column of an id."""
    return Column(name, Text, nullable=null)


def us(name: str, *, null: bool = False) -> Column[int]:
    """Return a column of an instant, microseconds UTC."""
    return Column(name, BigInteger, nullable=null)


def flag(name: str) -> Column[int]:
    """Return a column of a boolean, false unless set."""
    return Column(name, SmallInteger, nullable=False, server_default=text("0"))


def account_id() -> Column[int]:
    """Return the column that every key begins with."""
    # Not left to the engine: PostgreSQL would make a sequence for a key of one column.
    return Column("account_id", BigInteger, nullable=False, autoincrement=False)


def table(name: str, *rest: Any, key: tuple[str, ...], clustered: bool = False) -> Table:
    """Describe an account-keyed table; `clustered` stores SQLite's rows in key order."""
    primary = PrimaryKeyConstraint("account_id", *key)
    return Table(name, metadata, account_id(), *rest, primary, sqlite_with_rowid=not clustered)


def index(name: str, *columns: Any, where: str | None = None, unique: bool = False) -> Index:
    """Describe an index, of rows that meet `where`."""
    condition = text(where) if where else None
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
