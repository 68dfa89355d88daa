"""Checks of parameters, in Pryv's words: what is wrong is told all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge
from diurnal.model import units

Params = dict[str, Any]

_NUMBERS = frozenset(
    {
        "fromTime",
        "toTime",
        "skip",
        "limit",
        "modifiedSince",
        "includeDeletionsSince",
        "fromDeltaTime",
        "toDeltaTime",
    }
)
_FLAGS = frozenset(
    {
        "running",
        "sortAscending",
        "includeDeletions",
        "includeHistory",
        "includeExpired",
        "mergeEventsWithParent",
    }
)
_LISTS = frozenset({"streams", "types", "tags", "content", "clientData"})
_FLAG_WORDS = {"true": True, "false": False, "1": True, "0": False}


class Problem(NamedTuple):
    """One thing that is wrong with parameters."""

    code: str
    message: str
    path: str
    params: tuple[str, ...] = ()


class BadParameters(InvalidInput):
    """Parameters whose format is wrong, with everything that is."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("The parameters' format is invalid.")
        self.problems = tuple(problems)


class BadStructure(InvalidInput):
    """A request that cannot be read at all."""


class BadOperation(InvalidInput):
    """Well-formed parameters that do not go together."""


class BadEventType(InvalidInput):
    """An event type that is not served."""


class BadContentType(InvalidInput):
    """A body in a form that is not served."""


class BadItemId(InvalidInput):
    """An id that nothing can have."""


class UnknownMethod(NotFound):
    """A method that there is not."""


class RemovedMethod(NotFound):
    """A method that there was, in an older version."""


class WordedForbidden(Forbidden):
    """A refusal with words of its own, where Pryv does not say the same for all."""


class ProtectedFields(WordedForbidden):
    """Fields of an object that are the server's own."""

    def __init__(self, names: Iterable[str]) -> None:
        listed = ", ".join(names)
        super().__init__(
            f"Forbidden update was attempted on the following protected field(s): [{listed}]."
        )


class Stale(Conflict):
    """An object that has changed since the caller saw it."""


class TooManyResults(TooLarge):
    """More than one answer of a batch or a socket may hold."""


# Checks: one line for each property, all problems told at once.


class Kinds(NamedTuple):
    """What a property takes: its name in messages, and the check."""

    name: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and units.is_finite(value)
    )


def is_texts(value: Any) -> bool:
    """Return whether a value is a list of plain text."""
    return isinstance(value, list) and all(isinstance(v, str) and "\0" not in v for v in value)


TEXT = Kinds("string", lambda v: isinstance(v, str))
TEXT_OR_NULL = Kinds("string", lambda v: v is None or isinstance(v, str))
TEXTS = Kinds("array of strings", is_texts)
NUMBER = Kinds("number", _is_number)
NUMBER_OR_NULL = Kinds("number", lambda v: v is None or _is_number(v))
COUNT = Kinds(
    "non-negative integer", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0
)
FLAG = Kinds("boolean", lambda v: isinstance(v, bool))
OBJECT_OR_NULL = Kinds("object", lambda v: v is None or isinstance(v, dict))
ANY = Kinds("any", lambda _v: True)


def check(
    params: Params,
    kinds: Mapping[str, Kinds],
    *,
    required: Sequence[str] = (),
    also: Iterable[Problem] = (),
) -> None:
    """Refuse parameters that are unknown, missing or of the wrong kind.

    Raises:
        BadParameters: with every problem.
    """
    problems = [
        Problem(
            "OBJECT_MISSING_REQUIRED_PROPERTY", f"Missing required property: {name}", "#/", (name,)
        )
        for name in required
        if name not in params
    ]
    for name, value in params.items():
        kind = kinds.get(name)
        if kind is None:
            problems.append(
                Problem(
                    "OBJECT_ADDITIONAL_PROPERTIES",
                    f"Additional properties not allowed: {name}",
                    "#/",
                    (name,),
                )
            )
        elif not kind.fits(value):
            problems.append(
                Problem("INVALID_TYPE", f"Expected type {kind.name}", f"#/{name}", (kind.name,))
            )
        elif isinstance(value, str) and "\0" in value:
            problems.append(Problem("INVALID_FORMAT", "NUL is not text", f"#/{name}"))
    problems += also
    if problems:
        raise BadParameters(problems)


# Parameters of URLs


def from_url(items: Iterable[tuple[str, str]]) -> Params:
    """Return the parameters of a query string, as they would be in JSON.

    A list is `a[]=x&a[]=y`, `a=x&a=y`, `a=x`, or JSON text; what does not read as its kind is
    left as text, which the check then refuses.
    """
    given: dict[str, list[str]] = {}
    for name, value in items:
        given.setdefault(name.removesuffix("[]"), []).append(value)
    return {name: _from_text(name, values) for name, values in given.items() if name != "auth"}


def _from_text(name: str, values: list[str]) -> Any:
    if name in _LISTS:
        if len(values) == 1 and values[0][:1] in ("[", "{"):
            return parse(values[0].encode(), name)
        return values
    if len(values) > 1:
        return values
    value = values[0]
    if name in _FLAGS:
        return _FLAG_WORDS.get(value, value)
    if name in _NUMBERS:
        try:
            # An unescaped plus of `1.7e+308` arrives as a blank.
            return units.plain(float(value.replace(" ", "+")))
        except ValueError:
            return value
    return value


def parse(body: bytes, what: str = "body") -> Any:
    """Return what JSON text says.

    Raises:
        BadStructure: it is none, or nested beyond reading.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadStructure(f"The {what} is not valid JSON.") from None


def params_of(value: Any) -> Params:
    """Return the parameters of a call.

    Raises:
        BadParameters: they are no object.
    """
    if not isinstance(value, dict):
        raise BadParameters([Problem("INVALID_TYPE", "Expected type object", "#/", ("object",))])
    return value


class BadContent(BadParameters):
    """Content that is not as its event type says."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.message = "The event content's format is invalid."


class BadFields(InvalidInput):
    """Fields of a registration that cannot be right: (code, message, field) of each."""

    def __init__(self, fields: Sequence[tuple[str, str, str]]) -> None:
        super().__init__("Some fields are not valid.")
        self.fields = tuple(fields)
