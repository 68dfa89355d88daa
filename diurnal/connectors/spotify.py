"""Spotify: extended streaming history, account data, and what was played lately (API)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    OAuth2,
    Options,
    Pull,
    Window,
    _json,
    _music,
    _said,
)
from diurnal.model.records import Datum, Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MINUTE

SOURCE = Source("Spotify", Kind.DERIVED)
MEDIA = "diurnal-media"
"""Where episodes, books and saved tracks go: no plays of music."""
SEEN_MAX = 200_000
# A play may come by several ways; what the best one says counts.
_FULL, _API, _ACCOUNT_DATA = "1 history", "2 api", "3 account"
_HISTORY = {"item.ts", "item.ms_played", "item.master_metadata_track_name"}
_ACCOUNT = {"item.endTime", "item.msPlayed"}
_LATELY = {"items.item.played_at", "items.item.track.name"}
_SAVED = {"items.item.added_at", "items.item.track.album.name"}


class _Reader:
    """Names plays alike in every way in: by artist, title and the minute they ended.

    Account data give minutes only and no ids; a track that ends twice in one minute is told
    apart by its turn.
    """

    def __init__(self) -> None:
        self._seen: Counter[tuple[int, str, str]] = Counter()

    def one(self, p: Mapping[str, Any]) -> Iterator[Item]:
        """Read a row of the history, of account data or of the API."""
        if "ts" in p:
            yield from self._history(p)
        elif "endTime" in p:
            end, ms = _said.utc(p["endTime"]), p["msPlayed"]
            if "trackName" in p:
                yield self._play(_ACCOUNT_DATA, end, ms, p["artistName"], p["trackName"])
            else:
                yield self._other(end, ms, p["podcastName"], p["episodeName"])
        elif "played_at" in p:
            track = p["track"]
            artists = track["album"].get("artists") or track["artists"]
            yield self._play(
                _API,
                _said.instant(p["played_at"]),
                track["duration_ms"],
                artists[0]["name"],
                track["name"],
                track["album"]["name"],
                uri=track.get("uri"),
            )
        else:
            yield _saved(p)

    def _history(self, p: Mapping[str, Any]) -> Iterator[Item]:
        end, ms = _said.instant(p["ts"]), p["ms_played"]
        if p.get("master_metadata_track_name"):
            yield self._play(
                _FULL,
                end,
                ms,
                p["master_metadata_album_artist_name"],
                p["master_metadata_track_name"],
                p.get("master_metadata_album_album_name"),
                uri=p.get("spotify_track_uri"),
                skipped=p.get("skipped"),
            )
        elif p.get("episode_name"):
            yield self._other(end, ms, p.get("episode_show_name"), p["episode_name"])
        elif p.get("audiobook_title"):
            chapter = p.get("audiobook_chapter_title") or p["audiobook_title"]
            yield self._other(end, ms, p["audiobook_title"], chapter)
        else:
            raise ValueError("the row names neither a track nor an episode")

    def _id(self, end: int, artist: str, title: str) -> str:
        if len(self._seen) > SEEN_MAX:
            self._seen.clear()
        named = end // MINUTE, artist, title
        self._seen[named] += 1
        return _said.key(*named, self._seen[named])

    def _play(
        self,
        telling: str,
        end: int,
        ms: Any,
        artist: Any,
        title: Any,
        album: Any = None,
        **more: Any,
    ) -> Datum:
        length = round(_said.number(ms) * 1_000)
        return _music.play(
            SOURCE,
            end - length,
            artist,
            title,
            source_id=self._id(end, _said.text(artist), _said.text(title)),
            album=album,
            length=length,
            telling=telling,
            **more,
        )

    def _other(self, end: int, ms: Any, show: Any, title: Any) -> Datum:
        length = round(_said.number(ms) * 1_000)
        return Datum(
            source=SOURCE,
            source_id=self._id(end, str(show), _said.text(title)),
            type="note/txt",
            start=end - length,
            duration=max(length, 0),
            content=f"{show}: {title}" if show else title,
            stream=MEDIA,
            tags=("podcast",),
        )


def _saved(p: Mapping[str, Any]) -> Datum:
    track = p["track"]
    return Datum(
        source=SOURCE,
        source_id=_said.key(f"saved {track['id']}"),
        type=_music.TYPE,
        start=_said.instant(p["added_at"]),
        content=_said.some(
            artist=track["artists"][0]["name"], title=track["name"], album=track["album"]["name"]
        ),
        stream=MEDIA,
        tags=("saved",),
    )


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the plays of an answer of the API, oldest first."""
    plays = sorted(answer["items"], key=lambda p: str(p.get("played_at")))
    return _json.each(_Reader().one, plays, "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for the history, account data and answers of the API."""
    seen = _json.members(entry.head)
    if seen >= _ACCOUNT:
        return 0.95 if seen & {"item.trackName", "item.episodeName"} else 0.0
    return 0.95 if seen >= _HISTORY or seen >= _LATELY or seen >= _SAVED else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a file of plays; the address of the device and the country are left out."""
    seen = _json.members(entry.head)
    if seen >= _LATELY:
        return _json.whole(entry, rows_of)
    return _json.read(entry, _Reader().one, "items.item" if seen >= _SAVED else "item")


def _lately(http: Http, window: Window, options: Options) -> Iterator[Item]:
    answer = http.get(
        "/v1/me/player/recently-played", {"limit": 50, "after": window.start // 1_000}
    )
    yield from rows_of(answer)


CONNECTOR = Connector(
    name="spotify",
    title="Spotify",
    docs="https://support.spotify.com/article/understanding-your-data/",
    emits=frozenset({"track_played"}),
    recognise=recognise,
    parse=parse,
    auth=OAuth2(
        authorize_url="https://accounts.spotify.com/authorize",
        token_url="https://accounts.spotify.com/api/token",  # noqa: S106 - an address
        scopes=("user-read-recently-played",),
        pkce=True,
        help="Make an app at https://developer.spotify.com/dashboard (needs Premium).",
    ),
    base_url="https://api.spotify.com",
    pulls=(Pull(name="plays", fetch=_lately, by="latest"),),
    every_s=1_200,
)
