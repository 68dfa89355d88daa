"""Which rows a path selects, in which order, and whether finding them is quick."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from diurnal.dialects.personyze.grammar import LIMIT_MAX, Asked, Condition

Row = dict[str, Any]

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """Return `firstName` as `first_name`."""
    return _HUMP.sub("_", name).lower()


def number(text: str) -> float | None:
    """Return the number that a text is, or None."""
    return float(text) if _NUMBER.fullmatch(text) else None


def selected(rows: Iterable[Row], asked: Asked, folded: frozenset[str]) -> list[Row]:
    """Return the rows that meet the path's conditions, in its order, without its limit."""
    kept = [r for r in rows if _meets(r, asked.where, folded)] if asked.where else list(rows)
    for column in reversed(asked.order):
        alike = {type(r.get(column)) for r in kept} <= {int}
        rank = itemgetter(column) if alike else _ranker(column)
        kept.sort(key=rank, reverse=asked.descending)
    return kept


def _ranker(column: str) -> Callable[[Row], tuple[int, Any]]:
    return lambda row: _rank(row.get(column))


def cut(rows: Sequence[Row], asked: Asked) -> Sequence[Row]:
    """Return the rows of the page that a path asks for."""
    return rows[asked.offset : asked.offset + (asked.limit or LIMIT_MAX)]


def shown(rows: Iterable[Row], asked: Asked, named: Callable[[str], str]) -> list[Any]:
    """Return what of each row the path asks for.

    Args:
        named: the row's own name of a column as asked.
    """
    if asked.columns is None:
        return list(rows)
    if asked.bare:
        column = named(asked.columns[0])
        return [r.get(column) for r in rows]
    pairs = [(c, named(c)) for c in asked.columns]
    return [{as_asked: r.get(own) for as_asked, own in pairs} for r in rows]


def quick(asked: Asked, indexed: frozenset[str]) -> bool:
    """Return whether the rows are found without a look at all of them."""
    if asked.id is not None:
        return True
    if asked.where:
        return all(
            any(c.operator in ("=", ":") and c.column in indexed for c in branch)
            for branch in asked.where
        )
    return not asked.order or asked.order[0] in indexed


def _meets(row: Row, where: tuple[tuple[Condition, ...], ...], folded: frozenset[str]) -> bool:
    return any(
        all(_holds(row.get(c.column), c, c.column in folded) for c in branch) for branch in where
    )


def _holds(value: Any, condition: Condition, fold: bool) -> bool:
    _, operator, given = condition
    if operator in ("=", "!=", ":", "!:"):
        same = any(_equal(value, text, fold) for text in given)
        return same != operator.startswith("!")
    order = _compare(value, given[0])
    if order is None:
        return False
    return {">": order > 0, "<": order < 0, ">=": order >= 0, "<=": order <= 0}[operator]


def _equal(value: Any, text: str, fold: bool) -> bool:
    if value is None:
        return text == ""
    if isinstance(value, bool):
        return text.casefold() in (("1", "true", "yes") if value else ("0", "false", "no"))
    if isinstance(value, int | float):
        wanted = _as_number(text)
        return wanted is not None and value == wanted
    if isinstance(value, str):
        return value.casefold() == text.casefold() if fold else value == text
    return False


def _compare(value: Any, text: str) -> int | None:
    """Return below, at or above 0 for less, equal, more; None where they cannot be compared."""
    if isinstance(value, int | float):
        wanted = _as_number(text)
        return None if wanted is None else (value > wanted) - (value < wanted)
    if not isinstance(value, str):
        return None
    mine, theirs = number(value), number(text)
    if mine is not None and theirs is not None:
        return (mine > theirs) - (mine < theirs)
    return (value > text) - (value < text)


def _as_number(text: str) -> float | None:
    """Return a number, or the Unix seconds of a date: timestamps are compared with either."""
    found = number(text)
    if found is not None or not _DATE.fullmatch(text):
        return found
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _rank(value: Any) -> tuple[int, Any]:
    """Return a sort key: nothing, then numbers, then texts, then the rest."""
    if value is None:
        return 0, 0
    if isinstance(value, int | float):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, str(value))
