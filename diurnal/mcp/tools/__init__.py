"""Tools: one file each, found by scanning for `TOOL`; the file's name is the tool's.

A tool reads what it was given into a struct, runs use cases as the caller, and returns something
small: totals over all that was asked for, and as many rows as an assistant can read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.model.measures import Measure
from diurnal.model.time import day_from_text, to_datetime
from diurnal.services.context import AccountState, Context

DAYS = 30
"""Days that are looked at where nobody says from when."""
DECIMALS = 4
CHOICES = ("by", "kind", "search")
"""Members of what assistants send that the audit tells of, by their name."""

Date = Annotated[
    str,
    msgspec.Meta(
        description="A local day, YYYY-MM-DD.",
        min_length=10,
        max_length=10,
        extra_json_schema={"format": "date"},
    ),
]
Key = Annotated[
    str,
    msgspec.Meta(description="A measure as `overview` names it.", min_length=1, max_length=200),
]


class Input(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Root of what assistants send: unknown members are refused."""


class Asked(NamedTuple):
    """Who asks, and where to look."""

    tx: Any
    ctx: Context
    caller: Access

    @property
    def state(self) -> AccountState:
        """The account's tree, zones and measures."""
        return self.ctx.state(self.tx, self.caller.account_id)

    @property
    def today(self) -> int:
        """The person's local day."""
        return self.state.zones.day_at(self.ctx.now())

    def window(self, start: str | None, to: str | None, *, before: int = DAYS) -> tuple[int, int]:
        """Return the first and the last day that is asked for.

        Raises:
            InvalidInput: no days, or the first after the last.
        """
        last = self.today if to is None else day_from_text(to, field="to")
        first = last - before + 1 if start is None else day_from_text(start, field="from")
        if first > last:
            raise InvalidInput("from is after to", field="from")
        return first, last

    def clock(self, at: int) -> str:
        """Return what the person's clock showed, with its offset."""
        zone = self.state.zones.zone_at(at)
        return to_datetime(at, zone).isoformat(timespec="seconds")

    def measure(self, key: str) -> Measure:
        """Return a measure that a use case has shown to the caller."""
        known = self.state.measure(key)
        if known is None:
            raise InvalidInput(f"unknown measure {key!r}", field="measure")
        return known


def reads(asked: Asked) -> bool:
    """Return whether the caller may read anything at all."""
    caller = asked.caller
    return caller.owner or any(p.allows.reads for p in caller.permissions)


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an assistant can do.

    Attributes:
        given: what it takes.
        run: the use cases; in a write's transaction where it `writes`.
        offered: whether a caller is told of it.
    """

    title: str
    description: str
    given: type[Any]
    run: Callable[[Asked, Any], Any]
    offered: Callable[[Asked], bool] = reads
    writes: bool = False

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of what it takes."""
        (_,), parts = msgspec.json.schema_components([self.given], ref_template="#/$defs/{name}")
        own: dict[str, Any] = dict(parts.pop(self.given.__name__))
        own.pop("title", None)
        own.pop("description", None)
        return own | ({"$defs": parts} if parts else {})

    def read(self, arguments: Any) -> Any:
        """Return arguments as the tool takes them.

        Raises:
            InvalidInput: they have another shape.
        """
        try:
            return msgspec.convert(arguments, self.given)
        except msgspec.ValidationError as error:
            raise InvalidInput(str(error)) from None


def wanted(given: Input) -> list[str]:
    """Return what was asked for as targets of the audit, as far as it was given.

    Days are intervals of ISO 8601 (`2026-01-01/2026-01-31`, `..` for an open end), measures
    stand as they are, other choices after their name (`by:week`). What is to be written is not
    told: it is in the data.
    """
    told: list[str] = []
    within = [v for v in msgspec.structs.asdict(given).values() if isinstance(v, Input)]
    for one in (given, *within):
        first, last = getattr(one, "start", None), getattr(one, "to", None)
        if first or last:
            told.append(f"{first or '..'}/{last or '..'}")
    chosen = ((name, getattr(given, name, None)) for name in CHOICES)
    told += [f"{name}:{choice}".replace(",", " ") for name, choice in chosen if choice]
    measure = getattr(given, "measure", None)
    return [*told, *([measure] if measure else []), *getattr(given, "measures", ())]


def rounded(value: float | None) -> float | None:
    """Return a number that is short to read."""
    return None if value is None else round(value, DECIMALS)


def distinct(keys: Iterable[str], most: int) -> tuple[str, ...]:
    """Return measures, each once.

    Raises:
        InvalidInput: none, or too many.
    """
    found = tuple(dict.fromkeys(keys))
    if not 0 < len(found) <= most:
        raise InvalidInput(f"1 to {most} measures", field="measures")
    return found
