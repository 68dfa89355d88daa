"""Netflix: what was watched, from the page's download and from the account's data.

The page's download has titles and days only: they are kept, but tell no minutes. The account's
data have both; each profile is a source of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _posts, _said
from diurnal.errors import InvalidInput
from diurnal.model.records import Datum, Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import HOUR, SECOND, micros

SOURCE = Source("Netflix", Kind.DERIVED)
ROWS_MAX = 200_000
_FORMATS = ("%Y-%m-%d", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")
_PAGE = ("Title", "Date")
_ACCOUNT = ("Profile Name", "Start Time", "Duration", "Title", "Supplemental Video Type")


def _format(days: list[str]) -> str:
    """Return how all days are written.

    The download is sorted, newest first, which tells days from months.

    Raises:
        InvalidInput: in no known way, or in two.
    """
    fit = []
    for format_ in _FORMATS:
        try:
            said = [datetime.strptime(d, format_) for d in days]  # noqa: DTZ007 - days
        except ValueError:
            continue
        if all(a >= b for a, b in pairwise(said)):
            fit.append((format_, said))
    if not fit:
        raise InvalidInput("the dates are written in no way that is known", field="date")
    if any(said != fit[0][1] for _, said in fit):
        raise InvalidInput("the dates may be day and month or month and day", field="date")
    return fit[0][0]


def rows_of(rows: Sequence[Mapping[str, str]]) -> Iterator[Item]:
    """Yield the titles of the page's download, each at noon of its day."""
    format_ = _format([r["Date"] for r in rows if r.get("Date")])
    seen: Counter[tuple[int, str]] = Counter()
    for r in rows:
        if not (r.get("Title") and r.get("Date")):
            continue
        day = datetime.strptime(r["Date"], format_).replace(tzinfo=UTC)
        named = micros(day), r["Title"]
        seen[named] += 1
        yield Datum(
            source=SOURCE,
            source_id=_said.key(*named, seen[named]),
            type="note/txt",
            start=named[0] + 12 * HOUR,
            content=_said.text(r["Title"]),
            stream=_posts.MEDIA,
            tags=("netflix",),
            clock=True,
        )


def viewing(r: Mapping[str, str]) -> Iterator[Item]:
    """Read a row of the account's data; trailers and hooks play by themselves."""
    if r.get("Supplemental Video Type"):
        return
    hours, minutes, rest = (int(part) for part in r["Duration"].split(":"))
    start = _said.utc(r["Start Time"])
    profile = _said.name(r["Profile Name"])
    yield Datum(
        source=Source(f"Netflix ({profile})", Kind.DERIVED),
        source_id=_said.key(start, r["Title"]),
        type="activity/plain",
        start=start,
        duration=(hours * 3_600 + minutes * 60 + rest) * SECOND,
        measure="tv",
        description=_said.text(r["Title"]),
    )


def recognise(entry: Entry) -> float:
    """Return 0.95 for either table."""
    page = _csv.header(entry.head) == _PAGE
    return 0.95 if page or _csv.has(entry.head, *_ACCOUNT) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read either table.

    Raises:
        InvalidInput: dates that cannot be told apart.
    """
    if _csv.has(entry.head, *_ACCOUNT):
        yield from _csv.read(entry, viewing)
        return
    # All days are looked at before the first is understood.
    total = max(entry.size, 1)
    yield Progress("reading", 0, total)
    found = [
        dict(zip(_PAGE, cells, strict=False))
        for _, cells, _ in islice(_csv.rows(entry, skip=1), ROWS_MAX)
    ]
    yield from rows_of(found)
    yield Progress("reading", total, total)


CONNECTOR = Connector(
    name="netflix",
    title="Netflix",
    docs="https://help.netflix.com/en/node/101917",
    emits=frozenset({"tv"}),
    recognise=recognise,
    parse=parse,
)
