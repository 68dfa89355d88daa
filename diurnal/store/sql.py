"""Statements: described once with SQLAlchemy Core, compiled to text once per engine.

Execution goes through the raw drivers; Core per statement costs 17 to 43 times a point select
(`docs/decisions/0003`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    Table,
    and_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable


class Engine(IntEnum):
    """The two engines."""

    SQLITE = 0
    POSTGRES = 1


_DIALECTS = (
    sqlite.dialect(paramstyle="qmark"),
    postgresql.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]
)


class in_list(ColumnElement[bool]):  # noqa: N801 - reads as an SQL operator
    """`column IN (list)` that binds the list as one value.

    JSON text and `json_each` on SQLite, an array and `= ANY` on PostgreSQL: the statement's
    text, and so its plan, does not depend on the length.
    """

    inherit_cache = False
    type = Boolean()
    _is_implicitly_boolean = True

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.bind: BindParameter[Any] = bindparam(name, _ListMark())


class _ListMark(list):  # type: ignore[type-arg]
    """Default value of a list parameter: marks it for `Sql.bind`."""


@compiles(in_list, "sqlite")
def _in_json(element: in_list, compiler: Any, **kw: Any) -> str:
    column, bind = compiler.process(element.column, **kw), compiler.process(element.bind, **kw)
    return f"{column} IN (SELECT value FROM json_each({bind}))"


@compiles(in_list, "postgresql")
def _in_array(element: in_list, compiler: Any, **kw: Any) -> str:
    column, bind = compiler.process(element.column, **kw), compiler.process(element.bind, **kw)
    return f"{column} = ANY({bind})"


_ROW = re.compile(r"^INSERT (.* VALUES) (\((?:\?, )*\?\))", re.DOTALL)


class _Text:
    __slots__ = ("_constants", "_many", "lists", "names", "text")

    def __init__(self, statement: Executable, engine: Engine) -> None:
        compiled = statement.compile(dialect=_DIALECTS[engine])  # type: ignore[attr-defined]
        self.text: str = str(compiled)
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self.lists = frozenset(
            n for n in self.names if isinstance(compiled.binds[n].value, _ListMark)
        )
        self._constants = {
            n: b.value
            for n, b in compiled.binds.items()
            if b.value is not None and not isinstance(b.value, _ListMark)
        }

        self._many: dict[int, str | None] = {}

    def of_rows(self, n: int) -> str | None:
        """Return SQLite's text that inserts `n` rows, whose values follow one another.

        None for what inserts no rows of parameters alone. Where one row fails, those before it
        stay: whoever asked rolls back, and SQLite needs no copy of each page to do so itself.
        """
        if n not in self._many:
            several, found = _ROW.subn(
                lambda said: f"INSERT OR FAIL {said[1]} {','.join([said[2].replace(' ', '')] * n)}",
                self.text,
            )
            self._many[n] = several if found else None
        return self._many[n]

    def bind(self, engine: Engine, values: Mapping[str, Any]) -> tuple[Any, ...]:
        constants = self._constants
        if not self.lists:
            if not constants:
                return tuple([values[n] for n in self.names])
            return tuple([values[n] if n in values else constants[n] for n in self.names])
        bound = []
        for n in self.names:
            if n in self.lists:
                listed = list(values[n])
                bound.append(
                    msgspec.json.encode(listed).decode() if engine is Engine.SQLITE else listed
                )
            else:
                bound.append(values[n] if n in values else constants[n])
        return tuple(bound)


class Sql:
    """A fixed statement; compiles on first use, once per engine."""

    __slots__ = ("_statement", "_texts")

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._texts: list[_Text | None] = [None, None]

    def text(self, engine: Engine) -> _Text:
        """Return the compiled form for `engine`."""
        text = self._texts[engine]
        if text is None:
            text = self._texts[engine] = _Text(self._statement, engine)
        return text


def ordered(columns: Sequence[str], statement: Executable) -> Sql:
    """Return a statement whose parameters are exactly `columns`, in this order.

    `Tx.many` then takes plain tuples; a mismatch is found at import, not in production.
    """
    sql = Sql(statement)
    for engine in Engine:
        names = sql.text(engine).names
        if names != tuple(columns):
            raise TypeError(f"parameters {names} are not {tuple(columns)}")
    return sql


def edges(table: Table, of: Column[Any]) -> Sql:
    """Return (measure, lowest, highest) of a column for each measure of an account in a table.

    From measure to measure along an index that begins with account, measure and the column: a
    GROUP BY would read all rows of all years. Its parameter is `account`.
    """
    # An index may leave out the rows without a measure: it serves only who leaves them out too.
    mine = and_(table.c.account_id == bindparam("account"), table.c.measure.is_not(None))
    begin = select(func.min(table.c.measure).label("measure")).where(mine)
    known = begin.cte("known", recursive=True)
    following = select(func.min(table.c.measure)).where(mine, table.c.measure > known.c.measure)
    known = known.union_all(select(following.scalar_subquery()).where(known.c.measure.is_not(None)))
    low, high = (
        select(edge(of)).where(mine, table.c.measure == known.c.measure).scalar_subquery()
        for edge in (func.min, func.max)
    )
    return Sql(select(known.c.measure, low, high).where(known.c.measure.is_not(None)))


@lru_cache(maxsize=512)
def shaped(build: Any, *shape: Any) -> Sql:
    """Return the statement that `build(*shape)` describes, from a small cache of shapes."""
    return Sql(build(*shape))
