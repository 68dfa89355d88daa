"""Last.fm: scrobbles, as its API answers them and as exporters save those answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Quota,
    Setting,
    Window,
    _json,
    _music,
    _said,
)
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Last.fm", Kind.DERIVED)
PAGE = 200
PAGES_MAX = 5_000
_LISTS = ("item.track", "recenttracks.track", "item.recenttracks.track")


def one(track: Mapping[str, Any]) -> Iterator[Item]:
    """Read a scrobble; what plays just now has no time and is none yet."""
    if track.get("@attr", {}).get("nowplaying") == "true":
        return
    yield _music.play(
        SOURCE,
        _said.epoch(track["date"]["uts"]),
        _name(track["artist"]),
        track["name"],
        album=_name(track.get("album") or {}),
    )


def _name(said: Mapping[str, Any] | str) -> Any:
    return said if isinstance(said, str) else said.get("#text") or said.get("name")


def tracks_of(answer: Any) -> list[Any]:
    """Return the tracks of an answer; a single one stands without a list."""
    found = answer["recenttracks"].get("track", [])
    return found if isinstance(found, list) else [found]


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the scrobbles of an answer of `user.getRecentTracks`."""
    return _json.each(one, tracks_of(answer), "the answer")


def _list_in(entry: Entry) -> str:
    seen = _json.members(entry.head)
    for at in _LISTS:
        if {f"{at}.item.artist", f"{at}.item.name", f"{at}.item.streamable"} <= seen:
            return at
    return ""


def recognise(entry: Entry) -> float:
    """Return 0.95 for answers of `user.getRecentTracks`, alone or in a list."""
    return 0.95 if _list_in(entry) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read saved answers."""
    return _json.read(entry, one, f"{_list_in(entry)}.item", unit="track")


def _scrobbles(http: Http, window: Window, options: Options) -> Iterator[Item]:
    # Pages shift while others are added, so the next page ends where this one began.
    end = window.end_s
    for _ in range(PAGES_MAX):
        answer = http.get(
            "/2.0/",
            {
                "method": "user.getrecenttracks",
                "user": options["user"],
                "format": "json",
                "limit": PAGE,
                "from": window.start_s,
                "to": end,
            },
        )
        yield from rows_of(answer)
        found = [t for t in tracks_of(answer) if "date" in t]
        if len(found) < PAGE:
            return
        end = min(end - 1, min(int(t["date"]["uts"]) for t in found))


CONNECTOR = Connector(
    name="lastfm",
    title="Last.fm",
    docs="https://www.last.fm/api/show/user.getRecentTracks",
    emits=frozenset({"track_played"}),
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="API key",
        help="Make one at https://www.last.fm/api/account/create.",
        place="query",
        name="api_key",
    ),
    base_url="https://ws.audioscrobbler.com",
    settings=(Setting(key="user", label="User name", required=True),),
    pulls=(Pull(name="scrobbles", fetch=_scrobbles),),
    quotas=(Quota(5, 1),),
)
