"""ListenBrainz: listens, from its export and its open API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Options,
    Pull,
    Setting,
    Window,
    _json,
    _music,
    _said,
)
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("ListenBrainz", Kind.DERIVED)
PAGE = 1_000
PAGES_MAX = 5_000
_LISTS = ("", "item", "payload.listens.item")
_REST = re.compile(r"(?:^|/)(?:user\.json|feedback\.jsonl|pinned_recording\.jsonl)$")


def one(listen: Mapping[str, Any]) -> Iterator[Item]:
    """Read a listen."""
    track = listen["track_metadata"]
    more = track.get("additional_info") or {}
    length = more.get("duration_ms") or (more.get("duration") or 0) * 1_000
    found = track.get("mbid_mapping") or {}
    recording = more.get("recording_mbid") or found.get("recording_mbid")
    yield _music.play(
        SOURCE,
        _said.epoch(listen["listened_at"]),
        track["artist_name"],
        track["track_name"],
        album=track.get("release_name"),
        length=round(_said.number(length) * 1_000),
        recording_mbid=recording,
    )


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the listens of an answer of the API."""
    return _json.each(one, answer["payload"]["listens"], "the answer")


def _list_in(entry: Entry) -> str | None:
    seen = _json.members(entry.head)
    for at in _LISTS:
        dot = f"{at}." if at else ""
        if {f"{dot}listened_at", f"{dot}track_metadata.track_name"} <= seen:
            return at
    return None


def recognise(entry: Entry) -> float:
    """Return 0.95 for lines or lists of listens."""
    return 0.95 if _list_in(entry) is not None else 0.0


def members(path: str) -> bool:
    """Return whether a file of the export tells of no listens."""
    return bool(_REST.search(path))


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the listens of a month, or saved answers."""
    return _json.read(entry, one, _list_in(entry) or "", unit="listen")


def _listens(http: Http, window: Window, options: Options) -> Iterator[Item]:
    # The API allows only one bound; it answers newest first.
    path, before = f"/1/user/{quote(options['user'], safe='')}/listens", window.end_s
    for _ in range(PAGES_MAX):
        answer = http.get(path, {"max_ts": before, "count": PAGE})
        listens = answer["payload"]["listens"]
        inside = [n for n in listens if n["listened_at"] >= window.start_s]
        yield from _json.each(one, inside, path)
        oldest = min((n["listened_at"] for n in inside), default=before)
        if len(inside) < len(listens) or oldest >= before:
            return
        before = oldest


CONNECTOR = Connector(
    name="listenbrainz",
    title="ListenBrainz",
    docs="https://listenbrainz.readthedocs.io/en/latest/users/api/core.html",
    emits=frozenset({"track_played"}),
    recognise=recognise,
    parse=parse,
    members=members,
    base_url="https://api.listenbrainz.org",
    settings=(Setting(key="user", label="User name", required=True),),
    pulls=(Pull(name="listens", fetch=_listens),),
)
