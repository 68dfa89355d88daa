"""Conditions on what is inside of events: `{"path": "a.b", "gte": 3}`; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from diurnal.dialects.pryv.checks import BadStructure

CONDITIONS_MAX = 20
VALUES_MAX = 100
PATH_MAX = 500
WHOLE = "$"
_MISSING = object()


class Condition(NamedTuple):
    """One condition on a member of an event.

    Attributes:
        member: `content` or `clientData`.
        path: keys to go along, none for the whole.
    """

    member: str
    path: tuple[str, ...]
    operator: str
    value: Any


def _same(found: Any, wanted: Any) -> bool:
    """Return whether two values are one in JSON: of the same kind, 1 and 1.0 being the same."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return bool(found == wanted)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def fits(found: Any, wanted: Any) -> bool:
        numbers = _is_number(found) and _is_number(wanted)
        texts = isinstance(found, str) and isinstance(wanted, str)
        return (numbers or texts) and test(found, wanted)

    return fits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, wanted: found is not _MISSING and _same(found, wanted),
    "neq": lambda found, wanted: found is not _MISSING and not _same(found, wanted),
    "in": lambda found, wanted: any(_same(found, w) for w in wanted),
    "exists": lambda found, wanted: (found is not _MISSING) is wanted,
    "gt": _ordered(lambda found, wanted: found > wanted),
    "gte": _ordered(lambda found, wanted: found >= wanted),
    "lt": _ordered(lambda found, wanted: found < wanted),
    "lte": _ordered(lambda found, wanted: found <= wanted),
    "prefix": lambda found, wanted: isinstance(found, str) and found.startswith(wanted),
}


def read(member: str, given: Any) -> list[Condition]:
    """Return the conditions on a member.

    Raises:
        BadStructure: they are none.
    """
    if not isinstance(given, list) or len(given) > CONDITIONS_MAX:
        raise BadStructure(f'"{member}" is a list of at most {CONDITIONS_MAX} conditions.')
    return [_condition(member, one) for one in given]


def _condition(member: str, one: Any) -> Condition:
    if not isinstance(one, dict) or not isinstance(one.get("path"), str):
        raise BadStructure(f'A condition on "{member}" needs a path.')
    operators = [name for name in one if name != "path"]
    if len(operators) != 1 or operators[0] not in _TESTS:
        known = ", ".join(_TESTS)
        raise BadStructure(f'A condition on "{member}" has one of {known}.')
    [operator] = operators
    path, value = one["path"], one[operator]
    if len(path) > PATH_MAX:
        raise BadStructure("The path of a condition is too long.")
    if operator == "in" and not (isinstance(value, list) and len(value) <= VALUES_MAX):
        raise BadStructure(f'"in" takes a list of at most {VALUES_MAX} values.')
    if operator == "exists" and not isinstance(value, bool):
        raise BadStructure('"exists" takes true or false.')
    if operator == "prefix" and not isinstance(value, str):
        raise BadStructure('"prefix" takes text.')
    keys = () if path in ("", WHOLE) else tuple(path.removeprefix(f"{WHOLE}.").split("."))
    return Condition(member, keys, operator, value)


def hold(conditions: tuple[Condition, ...], body: Mapping[str, Any]) -> bool:
    """Return whether all conditions hold of an event."""
    return all(_TESTS[c.operator](_at(body, c), c.value) for c in conditions)


def _at(body: Mapping[str, Any], condition: Condition) -> Any:
    found = body.get(condition.member, _MISSING)
    for key in condition.path:
        if isinstance(found, dict):
            found = found.get(key, _MISSING)
        elif isinstance(found, list) and key.isdigit():
            found = found[int(key)] if int(key) < len(found) else _MISSING
        else:
            return _MISSING
    return found
