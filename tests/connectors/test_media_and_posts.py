"""Music, posts, pages, places and tasks: what a user finds of them after an import."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal import plugins
from diurnal.connectors import Connector, _json
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Datum, DayDatum, Item, Points
from tests.connectors.reading import DATA, only, read

CONNECTORS = plugins.load("diurnal.connectors", "CONNECTOR", Connector)


def told(name: str, path: str | Path) -> list[Item]:
    """Return what the connector called `name` says of a file of the tests."""
    return read(CONNECTORS[name], DATA / path)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a file to read."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_a_play_has_one_name_in_every_way_in() -> None:
    full = only(Datum, told("spotify", "spotify/Streaming_History_Audio_spotify_import_test.json"))
    account = only(Datum, told("spotify", "spotify/StreamingHistory_music_0.json"))
    assert [d.source_id for d in full] == [d.source_id for d in account]
    assert {(d.source.name, d.measure) for d in full + account} == {("Spotify", "track_played")}
    assert {d.telling for d in full} < {d.telling for d in full + account}
    first = full[0]
    assert first.content["title"] == "only my railgun"
    assert first.start + (first.duration or 0) == 1_745_874_275_000_000


def test_two_plays_that_end_in_one_minute_stay_two(written: Callable[[str, Any], Path]) -> None:
    row = {"endTime": "2026-05-01 10:00", "artistName": "A", "trackName": "T", "msPlayed": 9_000}
    said = read(CONNECTORS["spotify"], written("a.json", [row, row]))
    assert len({d.source_id for d in only(Datum, said)}) == 2


def test_podcasts_are_no_tracks() -> None:
    [episode] = only(Datum, told("spotify", "spotify/StreamingHistory_podcast_0.json"))
    assert (episode.measure, episode.content) == (None, "Sample Cast: Episode 1")


def test_what_plays_just_now_is_no_scrobble_yet(written: Callable[[str, Any], Path]) -> None:
    now = {
        "artist": {"#text": "A"},
        "name": "T",
        "streamable": "0",
        "@attr": {"nowplaying": "true"},
    }
    path = written("now.json", {"recenttracks": {"track": [now]}})
    assert only(Datum, read(CONNECTORS["lastfm"], path)) == []
    assert only(Bad, read(CONNECTORS["lastfm"], path)) == []


@pytest.mark.parametrize(
    ("path", "forbidden"),
    [
        ("spotify/Streaming_History_Audio_spotify_import_test.json", ["x.x.x.x", "conn_country"]),
        ("owntracks/2026-05.rec", ["02:00:00:00:00:01", "SSID"]),
        ("overland/batch.json", ["home network"]),
        ("foursquare/checkin.json", ["Natalie", "Downe"]),
        ("mastodon/outbox.json", ["only for you"]),
        ("twitter/archive", ["not for anybody", "example.org"]),
        ("github/commits.json", ["redacted@example.com"]),
        ("ical/issue_156_RDATE_with_PERIOD_TZID_khal_2.ics", ["omitted@example.com"]),
        ("activitywatch/aw-buckets-export.json", ["main.py"]),
    ],
)
def test_what_is_of_others_or_of_the_network_stays_out(path: str, forbidden: list[str]) -> None:
    name = path.partition("/")[0]
    data = [i for i in told(name, path) if isinstance(i, Datum | Points | DayDatum)]
    assert data
    text = msgspec.json.encode(data, enc_hook=list).decode()
    if path.startswith("foursquare"):
        # The person's own words are kept.
        for d in only(Datum, data):
            text = text.replace(d.content.get("shout", "-"), "")
        text = text.replace("with Natalie", "")
    assert [word for word in forbidden if word in text] == []


def test_a_post_is_one_in_the_archive_and_in_the_api() -> None:
    api = only(Datum, told("mastodon", "mastodon/user_statuses.json"), "mastodon_post")
    archive = only(Datum, told("mastodon", "mastodon/outbox.json"), "mastodon_post")
    [same] = [d for d in api if d.source_id == "194"]
    assert same == next(d for d in archive if d.source_id == "194")
    assert same.content == "MULTIPLE\n\nLINES\n\nOF\n\nTEXT"
    reply = next(d for d in archive if d.source_id == "300")
    assert reply.content == "a warning\n\nfirst & #sample\n\nsecond"
    assert set(reply.tags) == {"sample", "reply"}


def test_a_boost_is_no_post_of_ones_own() -> None:
    [boost] = [d for d in only(Datum, told("mastodon", "mastodon/outbox.json")) if not d.measure]
    assert (boost.tags, boost.content) == (("boost",), "https://example.net/users/other/statuses/2")


def test_bluesky_says_the_same_by_repository_and_by_feed() -> None:
    records = {d.source_id: d for d in only(Datum, told("bluesky", "bluesky/records.json"))}
    feed = only(Datum, told("bluesky", "bluesky/author_feed.json"))
    assert len(records) == 3
    assert len(feed) == 2
    assert all(records[d.source_id] == d for d in feed)


def test_old_and_new_archives_and_the_api_tell_one_tweet() -> None:
    old = only(Datum, told("twitter", "twitter/archive_old_layout_camlistore_test.zip"))
    api = only(Datum, told("twitter", "twitter/perkeep_user_timeline.json"))
    assert {"727366997390946304"} <= {d.source_id for d in old} & {d.source_id for d in api}
    assert any("& <> . $ %" in d.content for d in old)


def test_a_like_stands_where_its_tweet_does_or_nowhere() -> None:
    said = told("twitter", "twitter/archive")
    likes = [d for d in only(Datum, said) if "like" in d.tags]
    assert [d.start // 1_000_000 for d in likes] == [1_462_252_780]
    assert [b.reason for b in only(Bad, said)] == ["neither the row nor its id tells when it was"]


def test_commits_are_dated_by_their_author() -> None:
    commits = only(Datum, told("github", "github/commits.json"), "commit")
    assert commits[0].content == "dogsheep/github-to-sqlite: Release 0.6"
    kinds = {
        d.tags
        for path in ("issues", "pull_requests", "releases", "starred", "issue-comments")
        for d in only(Datum, told("github", f"github/{path}.json"))
    }
    assert kinds == {("issue",), ("pull-request",), ("release",), ("star",), ("comment",)}


def test_the_same_page_kept_is_one_by_file_and_api() -> None:
    api = only(Datum, told("instapaper", "instapaper/instapaper_bookmarks_list_response.json"))
    table = only(Datum, told("instapaper", "instapaper/instapaper-export.csv"))
    assert api[0].source_id == table[0].source_id
    assert len(table) == 2


def test_a_page_read_to_its_end_is_an_article_read(written: Callable[[str, Any], Path]) -> None:
    row = {
        "type": "bookmark",
        "bookmark_id": 1,
        "url": "https://example.org/",
        "title": "T",
        "time": 1_777_622_400,
        "progress": 0.95,
        "progress_timestamp": 1_777_626_000,
    }
    said = only(Datum, read(CONNECTORS["instapaper"], written("a.json", [row])))
    assert [d.measure for d in said] == ["bookmark", "article_read"]


def test_netflix_days_are_read_as_the_list_is_sorted(written: Callable[[str, Any], Path]) -> None:
    german = "Title,Date\nB,01.02.26\nA,31.01.26\n"
    said = only(Datum, read(CONNECTORS["netflix"], written("a.csv", german)))
    assert [d.start // 86_400_000_000 for d in said] == [20_485, 20_484]
    british = "Title,Date\nC,02/03/26\nB,01/03/26\nA,03/02/26\n"
    said = only(Datum, read(CONNECTORS["netflix"], written("b.csv", british)))
    assert [d.start // 86_400_000_000 for d in said] == [20_514, 20_513, 20_487]
    with pytest.raises(InvalidInput, match="day and month"):
        read(CONNECTORS["netflix"], written("c.csv", "Title,Date\nB,02/03/26\n"))


def test_netflix_minutes_are_of_a_profile_and_trailers_are_none() -> None:
    said = only(Datum, told("netflix", "netflix/ViewingActivity.csv"), "tv")
    assert [(d.source.name, (d.duration or 0) // 60_000_000) for d in said] == [
        ("Netflix (One)", 42),
        ("Netflix (Two)", 90),
    ]


def test_a_task_done_again_is_another_one() -> None:
    said = only(Datum, told("todoist", "todoist/completed_by_completion_date.json"))
    assert len({d.source_id for d in said}) == len(said) == 90
    task = {"task_id": "7", "content": "Water plants", "project_id": "1"}
    done = [{**task, "completed_at": f"2026-05-0{n}T09:00:00Z"} for n in (1, 2)]
    rows = [d for t in done for d in only(Datum, list(_json.each(_todoist(), [t], "")))]
    assert rows[0].source_id != rows[1].source_id


def _todoist() -> Any:
    from diurnal.connectors.todoist import one

    return one


def test_rescuetime_tells_whole_days_whatever_its_order() -> None:
    answer = json.loads((DATA / "rescuetime/analytic_data_interval_day.json").read_text())
    from diurnal.connectors.rescuetime import rows_of

    there = sorted(rows_of(answer), key=str)
    answer["rows"].reverse()
    assert sorted(rows_of(answer), key=str) == there
    first = [d for d in only(DayDatum, there) if d.day == 20_513]
    assert {d.measure: d.value for d in first} == {
        "productive_time": 23.25,
        "neutral_time": 0.0,
        "distracting_time": 55.0,
    }


def test_only_time_at_the_computer_counts() -> None:
    from diurnal.connectors.activitywatch import rows_of

    def bucket(kind: str, *events: tuple[str, float, dict[str, str]]) -> dict[str, Any]:
        return {
            "id": kind,
            "type": kind,
            "hostname": "desk",
            "events": [{"timestamp": t, "duration": s, "data": d} for t, s, d in events],
        }

    document = {
        "buckets": {
            "a": bucket("currentwindow", ("2026-05-01T08:00:00Z", 600, {"app": "Code"})),
            "b": bucket(
                "afkstatus",
                ("2026-05-01T08:00:00Z", 120, {"status": "not-afk"}),
                ("2026-05-01T08:02:00Z", 300, {"status": "afk"}),
                ("2026-05-01T08:07:00Z", 60, {"status": "not-afk"}),
            ),
        }
    }
    [points] = only(Points, list(rows_of(document)), "productive_time")
    assert list(points.value) == [2.0, 1.0]
    [other] = only(Points, list(rows_of(document, {"distracting": ["code"]})))
    assert other.measure == "distracting_time"


def test_one_window_without_data_does_not_lose_the_time_at_the_computer(tmp_path: Path) -> None:
    said = json.loads((DATA / "activitywatch" / "aw-buckets-export.json").read_text())
    [windows] = [b for b in said["buckets"].values() if b["type"] == "currentwindow"]
    windows["events"][1]["data"] = None
    path = tmp_path / "export.json"
    path.write_text(json.dumps(said))
    there = read(CONNECTORS["activitywatch"], path)
    known = sum(
        len(p.start)
        for p in only(Points, told("activitywatch", "activitywatch/aw-buckets-export.json"))
    )
    assert sum(len(p.start) for p in only(Points, there)) == known - 1
    [bad] = only(Bad, there)
    assert bad.reason == "not of the form that is known"
    assert bad.where == "export.json: event 2"


def test_a_checkin_is_one_with_and_without_its_place() -> None:
    [api] = only(Datum, told("foursquare", "foursquare/checkin.json"))
    export = only(Datum, told("foursquare", "foursquare/checkins1.json"))
    assert api.source_id == export[0].source_id
    assert api.start == export[0].start
    assert (api.offset, export[1].offset) == (-420, 120)


def test_the_weather_of_a_day_is_in_our_units() -> None:
    said = told("open_meteo", "open_meteo/forecast_hourly.json")
    second = {d.measure: d.value for d in only(DayDatum, said) if d.day == 20_210}
    assert second == {
        "weather_summary": "Rain",
        "weather_icon": "rain",
        "weather_temp_max": 15.0,
        "weather_feels_like": 9.7,
        "sunrise": 332.0,
        "sunset": 514.0,
        "day_length": pytest.approx(901.67, abs=0.01),
        "wind_speed": 2.5,
        "cloud_cover": 1.0,
        "weather_precipitation": 0.5,
        "pressure_air": 1_003.0,
        "uv_index": 2.3,
    }
    [hours] = only(Points, said, "weather_temp")
    # Midnight in Berlin, in summer.
    assert hours.start[0] == 1_746_050_400_000_000


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, '{"items":' * 5_000, "[{", '[{"ts": "2026-05-01T10:00:00Z", "ms_pl', "[1,2,3]"],
)
def test_a_damaged_file_is_nobodys(content: str, written: Callable[[str, Any], Path]) -> None:
    path = written("a.json", content)
    for connector in CONNECTORS.values():
        if connector.recognise is not None and connector.name not in ("csv_file",):
            assert read(connector, path) == []


def test_what_comes_before_the_damage_is_read(written: Callable[[str, Any], Path]) -> None:
    whole = (DATA / "todoist/completed_by_completion_date.json").read_text()
    said = read(CONNECTORS["todoist"], written("cut.json", whole[: len(whole) // 2]))
    assert 40 < len(only(Datum, said)) < 50
    assert ["damaged or cut off" in b.reason for b in only(Bad, said)] == [True]


def test_brackets_in_texts_are_no_nesting(written: Callable[[str, Any], Path]) -> None:
    task = {"id": "1", "content": "[[[ {{{ :[", "completed_at": "", "project_id": "1"}
    rows = [
        {**task, "id": str(n), "completed_at": f"2026-05-01T00:{n // 60:02}:{n % 60:02}Z"}
        for n in range(2_000)
    ]
    said = read(CONNECTORS["todoist"], written("a.json", {"items": rows}))
    assert len(only(Datum, said)) == 2_000


@pytest.mark.parametrize("inner", ["[" * 50_000 + "]" * 50_000, '{"a":' * 600 + "1" + "}" * 600])
def test_nesting_without_end_is_refused(inner: str, written: Callable[[str, Any], Path]) -> None:
    task = '{"completed_at":"2026-05-01T00:00:00Z","content":"x","project_id":"1","id":"1"}'
    path = written("a.json", f'{{"items":[{task},{{"a":{inner}}}]}}')
    with pytest.raises(InvalidInput, match="nested deeper"):
        read(CONNECTORS["todoist"], path)


def test_one_bad_item_does_not_stop_the_others(written: Callable[[str, Any], Path]) -> None:
    whole = json.loads((DATA / "maloja/maloja_import_test.json").read_text())
    whole["scrobbles"][3] = {"time": "soon", "track": None}
    said = read(CONNECTORS["maloja"], written("a.json", whole))
    assert len(only(Datum, said)) == 37
    [bad] = only(Bad, said)
    assert bad.where.endswith("scrobble 4")


def test_order_of_files_does_not_matter() -> None:
    paths = ["mastodon/user_statuses.json", "mastodon/outbox.json"]
    sets = []
    for order in permutations(paths):
        rows: dict[str, Datum] = {}
        for path in order:
            rows |= {d.source_id: d for d in only(Datum, told("mastodon", path))}
        sets.append(sorted(rows.values(), key=lambda d: d.source_id))
    assert sets[0] == sets[1]


@given(
    st.recursive(
        st.text(alphabet='"\\[]{}a') | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(alphabet='"\\[{a', max_size=4), inner, max_size=4)
        ),
        max_leaves=30,
    ),
    st.integers(1, 40),
)
def test_depth_is_followed_through_texts_cut_anywhere(value: Any, size: int) -> None:
    text = json.dumps([value]).encode()
    watched = _json._Watched(io.BytesIO(), assigned=False)
    for at in range(0, len(text), size):
        watched._look(text[at : at + size])
    assert (watched._inside, watched._escaped) == (False, False)


def test_a_saved_answer_that_contradicts_itself_is_refused_and_ends_no_import(
    written: Callable[[str, Any], Path],
) -> None:
    answer = json.loads((DATA / "open_meteo" / "archive_daily.json").read_text())
    answer["daily"]["temperature_2m_max"].pop()
    with pytest.raises(InvalidInput, match="not of the form"):
        read(CONNECTORS["open_meteo"], written("a.json", answer))
