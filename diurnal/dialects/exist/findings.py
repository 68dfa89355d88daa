"""Averages, correlations and insights, as both versions tell them."""

from __future__ import annotations

from typing import Any

from diurnal.dialects.exist import book as books
from diurnal.dialects.exist import shapes
from diurnal.dialects.exist.book import Book
from diurnal.dialects.exist.shapes import Attribute
from diurnal.errors import InvalidInput, NotFound
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.services import findings
from diurnal.services.context import Context
from diurnal.services.findings import Batch, Found
from diurnal.store.database import Tx

Row = dict[str, Any]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
STRONG = 0.5
"""|r| of a correlation that version 2 calls strong."""
STARS_MAX = 5
_RATINGS = {
    "useful": {"positive": True, "rating": "Useful", "rating_type": 50},
    "obvious": {"positive": False, "rating": "Too obvious", "rating_type": 20},
    "not": {"positive": False, "rating": "Not useful", "rating_type": 10},
}
_COMMON = ((0.5, "Very common"), (0.25, "Common"))


class Window:
    """Days that a list is held to."""

    def __init__(self, date_min: str | None, date_max: str | None) -> None:
        self.first = time.day_from_text(date_min, field="date_min") if date_min else None
        self.last = time.day_from_text(date_max, field="date_max") if date_max else None

    def holds(self, day: int) -> bool:
        """Return whether a day is inside."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def _names(book: Book) -> dict[str, Attribute]:
    """Return the attribute that shows each measure."""
    found: dict[str, Attribute] = {}
    for a in book.attributes.values():
        for key in a.keys:
            found.setdefault(key, a)
    return found


def _chosen(book: Book, caller: Access, name: str | None) -> Attribute | None:
    if name is None:
        return None
    a = book.attributes.get(name)
    if a is None or not books.may_read(book, caller, a):
        raise NotFound
    return a


def _number(a: Attribute, value: Any, *, version: int) -> Any:
    """Return an average in the attribute's unit; averages have fractions whatever the type."""
    if not isinstance(value, int | float):
        return value
    measure = a.measures[0]
    whole = a.type_v1 if version == 1 else a.type_v2
    told = shapes.in_unit(a, measure, float(value))
    return round(told, 4) if whole in (1, 5) else round(told, 2)


# Averages


def averages(
    tx: Tx,
    ctx: Context,
    caller: Access,
    *,
    name: str | None = None,
    names: frozenset[str] | None = None,
    groups: frozenset[str] | None = None,
    history: bool = False,
    window: Window,
    version: int,
) -> list[Row]:
    """Return averages: the newest of each attribute, or one a week, newest first.

    Raises:
        NotFound: no such attribute, or not the caller's to read.
    """
    book = books.read(tx, ctx, caller)
    chosen, by_key = _chosen(book, caller, name), _names(book)
    found = findings.of_kind(tx, ctx, caller, findings.AVERAGE_WEEK)
    rows: list[tuple[Attribute, Found]] = []
    for one in found:
        a = by_key.get(one.measure)
        if (
            a is not None
            and book.active(a)
            and (chosen is None or a.name == chosen.name)
            and (names is None or a.name in names)
            and (groups is None or a.group.name in groups)
            and window.holds(one.day)
        ):
            rows.append((a, one))
    rows.sort(key=lambda row: -row[1].day)
    if not history and name is None:
        newest: dict[str, tuple[Attribute, Found]] = {}
        for a, one in rows:
            newest.setdefault(a.name, (a, one))
        order = list(book.attributes)
        rows = sorted(newest.values(), key=lambda row: order.index(row[0].name))
    return [_average(a, one, version) for a, one in rows]


def _average(a: Attribute, one: Found, version: int) -> Row:
    week = one.body["weekdays"]
    row: Row = (
        {"attribute": a.name}
        if version == 1
        else {
            "user_attribute": a.name,
            "attribute": a.name,
        }
    )
    return {
        **row,
        "date": time.day_text(one.day),
        "overall": _number(a, one.body["overall"], version=version),
        **{
            day: _number(a, value, version=version)
            for day, value in zip(WEEKDAYS, week, strict=True)
        },
    }


# Correlations


def correlations(
    tx: Tx,
    ctx: Context,
    caller: Access,
    *,
    name: str | None = None,
    second: str | None = None,
    window: Window,
    latest: bool = False,
    strong: bool = False,
    confident: bool = False,
    version: int,
) -> list[Row]:
    """Return correlations, newest batch first, the strongest of each first.

    Raises:
        NotFound: no such attribute, or not the caller's to read.
    """
    book = books.read(tx, ctx, caller)
    chosen, by_key = _chosen(book, caller, name), _names(book)
    other = None if second is None else _chosen(book, caller, second)
    batches = findings.batches(tx, caller.account_id)
    kept = batches[:1] if latest or name is None or version == 2 else batches
    opinions = findings.opinions(tx, caller.account_id)
    rows: list[Row] = []
    for batch in kept:
        if not window.holds(batch.day):
            continue
        found = findings.of_kind(tx, ctx, caller, findings.PEARSON, batch=batch)
        told = []
        for one in found:
            first, then = by_key.get(one.measure), by_key.get(one.measure2 or "")
            if first is None or then is None:
                continue
            pair = {first.name, then.name}
            if chosen is not None and chosen.name not in pair:
                continue
            if other is not None and other.name not in pair:
                continue
            if strong and abs(one.body["value"]) < STRONG:
                continue
            if confident and one.body["stars"] < STARS_MAX:
                continue
            told.append(_correlation(book, one, first, then, batch, opinions, version))
        told.sort(key=lambda row: (-abs(row["value"]), row["p"]))
        rows += told
    return rows


def _correlation(
    book: Book,
    one: Found,
    first: Attribute,
    then: Attribute,
    batch: Batch,
    opinions: dict[str, str],
    version: int,
) -> Row:
    body = one.body
    said = opinions.get(findings.pair_id(one.measure, one.measure2 or ""))
    rating: Row | None = dict(_RATINGS[said]) if said in _RATINGS else None
    if rating is not None and version == 1:
        rating.pop("rating_type")
    row: Row = {
        "date": time.day_text(batch.day),
        "period": body["period"],
    }
    text = body["text"]
    if version == 2:
        row["offset"] = body["offset"]
    else:
        text = text[:1].upper() + text[1:]
    return {
        **row,
        "attribute": first.name,
        "attribute2": then.name,
        "value": body["value"],
        "p": body["p"],
        "percentage": body["percentage"],
        "stars": body["stars"],
        "second_person": text,
        "second_person_elements": list(body["elements"]),
        "attribute_category": None,
        "strength_description": body["strength_description"],
        "stars_description": body["stars_description"],
        "description": None,
        "occurrence": _occurrence(body["period"], book, first),
        "rating": rating,
    }


def _occurrence(period: int, book: Book, a: Attribute) -> str | None:
    """Return how often both are known, of the days that the attribute spans."""
    spans = [book.extent[k] for k in a.keys if k in book.extent]
    if not spans:
        return None
    days = max(last for _, last in spans) - min(first for first, _ in spans) + 1
    return next((word for share, word in _COMMON if days and period / days >= share), None)


# Insights


def insights(
    tx: Tx,
    ctx: Context,
    caller: Access,
    *,
    name: str | None = None,
    window: Window,
    priority: int | None = None,
    version: int,
) -> list[Row]:
    """Return insights, newest first.

    Raises:
        NotFound: no such attribute, or not the caller's to read.
    """
    book = books.read(tx, ctx, caller)
    chosen, by_key = _chosen(book, caller, name), _names(book)
    rows: list[Row] = []
    for batch in findings.batches(tx, caller.account_id):
        for one in findings.of_kind(tx, ctx, caller, findings.INSIGHT, batch=batch):
            a = by_key.get(one.measure)
            day = one.body.get("target_day")
            about = one.body["day"] if day is None else day
            if a is None or (chosen is not None and a.name != chosen.name):
                continue
            if not window.holds(about) or priority not in (None, one.body["priority"]):
                continue
            rows.append(_insight(one, a, batch, version))
    return rows


def _insight(one: Found, a: Attribute, batch: Batch, version: int) -> Row:
    body = one.body
    target = body.get("target_day")
    created = time.to_datetime(batch.created).strftime("%Y-%m-%dT%H:%M:%S")
    about: Row = {
        "name": a.name,
        "label": a.label,
        "group": shapes.write_group(a.group, v2=version == 2),
        "priority": a.priority,
    }
    if version == 2:
        about["value_type"] = a.type_v2
        about["value_type_description"] = shapes.TYPES_V2[a.type_v2]
    return {
        "created": f"{created}Z" if version == 1 else f"{created}+00:00",
        "target_date": None if target is None else time.day_text(target),
        "type": {
            "name": body["name"],
            "period": body["period"],
            "priority": body["priority"],
            "attribute": about,
        },
        "html": body["html"],
        "text": body["text"],
        "value": body.get("value"),
        "value2": body.get("value2"),
        "comment": body.get("comment"),
    }


def priority_of(text: str | None) -> int | None:
    """Return the priority asked for.

    Raises:
        InvalidInput: it is none.
    """
    if not text:
        return None
    if text not in ("1", "2", "3", "4"):
        raise InvalidInput("priority is from 1 to 4", field="priority")
    return int(text)
