"""Foursquare and Swarm: check-ins, from the export and from the API.

Who else was there is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    OAuth2,
    Options,
    Pull,
    Quota,
    Window,
    _json,
    _places,
    _said,
)
from diurnal.model.records import Datum, Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND

SOURCE = Source("Swarm", Kind.PHONE)
VERSION = "20260101"
PAGE = 250
PAGES_MAX = 2_000


def one(c: Mapping[str, Any]) -> Iterator[Item]:
    """Read a check-in; older exports do not say where the place is."""
    venue = c.get("venue") or {}
    where = {**c, **c.get("location", {}), **venue.get("location", {})}
    place: dict[str, float] = {}
    if where.get("lat") is not None:
        place = _places.position(where["lat"], where["lng"])
    said = c["createdAt"]
    offset = c.get("timeZoneOffset")
    category = next((k["name"] for k in venue.get("categories", ()) if k.get("primary")), None)
    yield Datum(
        source=SOURCE,
        source_id=_said.key(c["id"]),
        type=_places.TYPE,
        # The export writes UTC without saying so.
        start=_said.utc(said) if isinstance(said, str) else _said.epoch(said),
        content={
            **place,
            **_said.some(
                category=category,
                city=where.get("city"),
                country=where.get("country"),
                shout=c.get("shout"),
                venue=venue.get("id"),
            ),
        },
        measure="checkin",
        # The export may name places that the API also locates.
        telling="1 located" if place else "2 named",
        offset=None if offset is None else round(_said.number(offset)),
        description=_said.name(venue.get("name")) or None,
    )


def checkins_of(answer: Any) -> list[Any]:
    """Return the check-ins of an answer, an export or a list, or the only one."""
    if isinstance(answer, list):
        return answer
    inner = answer.get("response", {}).get("checkins", answer)
    found: list[Any] = inner.get("items", [inner])
    return found


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the check-ins of an answer."""
    return _json.each(one, checkins_of(answer), "the answer")


def _list_in(entry: Entry) -> str | None:
    seen = _json.members(entry.head)
    for at in ("", "item", "items.item", "response.checkins.items.item"):
        dot = f"{at}." if at else ""
        if {f"{dot}createdAt", f"{dot}venue.name", f"{dot}timeZoneOffset"} <= seen:
            return at
    return None


def recognise(entry: Entry) -> float:
    """Return 0.95 for check-ins."""
    return 0.95 if _list_in(entry) is not None else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read check-ins."""
    return _json.read(entry, one, _list_in(entry) or "", unit="check-in")


def _checkins(http: Http, window: Window, options: Options) -> Iterator[Item]:
    after = window.start_s - 1
    for _ in range(PAGES_MAX):
        answer = http.get(
            "/v2/users/self/checkins",
            {
                "v": VERSION,
                "oauth_token": http.token.access,
                "limit": PAGE,
                "sort": "oldestfirst",
                "afterTimestamp": after,
                "beforeTimestamp": window.end_s,
            },
        )
        found = checkins_of(answer)
        yield from rows_of(answer)
        if len(found) < PAGE:
            return
        # The next page begins with the last second again: it may hold more than one.
        after = max(after + 1, max(_said.epoch(c["createdAt"]) for c in found) // SECOND - 1)


CONNECTOR = Connector(
    name="foursquare",
    title="Foursquare Swarm",
    docs="https://docs.foursquare.com/developer/reference/get-user-checkins",
    emits=frozenset({"checkin"}),
    recognise=recognise,
    parse=parse,
    auth=OAuth2(
        authorize_url="https://foursquare.com/oauth2/authenticate",
        token_url="https://foursquare.com/oauth2/access_token",  # noqa: S106 - an address
        help="Make a project at https://foursquare.com/developers/home.",
    ),
    base_url="https://api.foursquare.com",
    pulls=(Pull(name="checkins", fetch=_checkins, slice_days=90),),
    quotas=(Quota(500, 3_600),),
)
