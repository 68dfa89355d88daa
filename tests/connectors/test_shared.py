"""What connectors share: forms of documents, tables of members, pages, parts of sleeps."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from diurnal.connectors import Answer, Entry, Window, _csv, _jwt, _said
from diurnal.connectors._drop import drop
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import converted, day_values, pressure, value_events
from diurnal.connectors._paging import pages
from diurnal.connectors._points import BATCH, Lanes
from diurnal.errors import InvalidInput, Upstream
from diurnal.model.records import Bad, Datum, DayDatum, Item, Points, Source
from diurnal.model.time import DAY, HOUR, MINUTE, SECOND
from tests.connectors.reading import only

BAND = Source("Band", "wrist")


def _rate(said: Any, lanes: Lanes) -> Iterable[Item]:
    lanes.add("heart_rate", BAND, int(said["at"]) * SECOND, _said.number(said["rate"]))
    return ()


def _steps(said: Any, lanes: Lanes) -> Iterable[Item]:
    return day_values(BAND, int(said["day"]), said, {"steps": ("steps", "1")})


FORMS = Forms(
    (
        Form("rate", _rate, {"at", "rate"}),
        Form("steps", _steps, {"day", "steps"}),
        Form("steps", _steps, {"days.*.steps"}, where=("",)),
    ),
    where=("data.item", "item", ""),
    sure=0.7,
)


@pytest.fixture
def entry(tmp_path: Path) -> Callable[[Any], Entry]:
    """Return a dropped file that holds this."""

    def made(content: Any) -> Entry:
        path = tmp_path / "file"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        with drop(path) as dropped:
            [found] = dropped.entries.values()
        return found

    return made


@pytest.mark.parametrize(
    ("content", "name", "where"),
    [
        ({"data": [{"at": 1, "rate": 2}]}, "rate", "data.item"),
        ([{"at": 1, "rate": 2}], "rate", "item"),
        ({"at": 1, "rate": 2}, "rate", ""),
        ({"day": 1, "steps": 2, "at": 3, "rate": 4}, "rate", ""),
        ([{"day": 1, "steps": 2}], "steps", "item"),
        ({"days": {"2026-03-01": {"steps": 5}}}, "steps", ""),
    ],
)
def test_a_form_is_known_by_its_members_wherever_they_lie(
    entry: Callable[[Any], Entry], content: Any, name: str, where: str
) -> None:
    found = FORMS.find(entry(content))
    assert found is not None
    assert (found[0].name, found[1]) == (name, where)
    assert FORMS.recognise(entry(content)) == 0.7


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"at": 1},
        {"rows": [{"at": 1, "rate": 2}]},
        [{"days": {"2026-03-01": {"steps": 5}}}],
        {"data": [{"at": 1}], "rate": 2},
    ],
)
def test_what_lacks_a_mark_is_in_no_form(entry: Callable[[Any], Entry], content: Any) -> None:
    assert FORMS.find(entry(content)) is None
    assert FORMS.recognise(entry(content)) == 0.0
    with pytest.raises(InvalidInput, match="not of a form that is known"):
        list(FORMS.parse(entry(content), {}))


def test_a_file_and_an_answer_say_the_same_and_lose_only_what_is_bad(
    entry: Callable[[Any], Entry],
) -> None:
    said = [{"at": 1, "rate": 60}, {"at": 2}, {"at": 3, "rate": "x"}, {"at": 4, "rate": 61}]
    of_file = list(FORMS.parse(entry(said), {}))
    of_answer = list(FORMS.answer("rate", said))
    for items in (of_file, of_answer):
        [points] = only(Points, items)
        assert list(points.value) == [60, 61]
        assert [b.reason for b in only(Bad, items)] == ["there is no 'rate'", "no number: 'x'"]
    assert [b.where for b in only(Bad, of_answer)] == ["rate: item 2", "rate: item 3"]
    assert [b.where for b in only(Bad, list(FORMS.answer("rate", said, "page 1")))] == [
        "page 1: item 2",
        "page 1: item 3",
    ]


def test_of_several_members_of_one_measure_the_first_that_says_something_counts() -> None:
    members: _said.Members = {"totalSteps": ("steps", "1"), "steps": ("steps", "1")}
    assert list(_said.told({"totalSteps": 5, "steps": 6}, members)) == [("steps", "1", 5)]
    assert list(_said.told({"totalSteps": None, "steps": 6}, members)) == [("steps", "1", 6)]
    assert list(_said.told({"totalSteps": 0, "steps": 6}, members)) == [("steps", "1", 0)]
    assert list(_said.told({"totalSteps": 0, "steps": 6}, members, positive=True)) == [
        ("steps", "1", 6)
    ]
    assert list(_said.told({"steps": "-1"}, members, positive=True)) == []
    assert list(_said.told({}, members)) == []
    with pytest.raises(ValueError, match="no number"):
        list(_said.told({"steps": "many"}, members, positive=True))


def test_tables_of_members_become_values_in_the_measure_s_unit() -> None:
    body: _said.Members = {"grams": ("weight", "g"), "fat": ("body_fat", "%")}
    weight, fat = value_events(BAND, "7", 5, {"grams": "80500", "fat": 20}, body, offset=60)
    assert (weight.source_id, weight.content, weight.start, weight.offset) == (
        "weight:7",
        80.5,
        5,
        60,
    )
    assert (fat.source_id, fat.content) == ("body_fat:7", 20)
    [day] = day_values(BAND, 3, {"km": 1.5}, {"km": ("distance_walk_run", "km")})
    assert day == DayDatum(source=BAND, measure="distance_walk_run", day=3, value=1500.0, raw="1.5")
    lanes = Lanes()
    lanes.take(BAND, 1, {"o": "94"}, {"o": ("spo2", "%")}, end=2, offset=-60)
    [points] = only(Points, list(lanes.flush(everything=True)))
    assert (list(points.start), list(points.end), list(points.value)) == ([1], [2], [0.94])
    assert points.offset is not None
    assert list(points.offset) == [-60]


def test_a_blood_pressure_has_a_pulse_where_one_is_told() -> None:
    said: Mapping[str, Any] = {"systolic": "120", "diastolic": 80, "pulse": 61}
    assert pressure(BAND, "a", 5, said, offset=0).content == {
        "systolic": 120,
        "diastolic": 80,
        "rate": 61,
    }
    assert pressure(BAND, "a", 5, {"h": 120, "l": 80}, ("h", "l", "p")).content == {
        "systolic": 120,
        "diastolic": 80,
    }
    with pytest.raises(KeyError, match="diastolic"):
        pressure(BAND, "a", 5, {"systolic": 120})


def test_blood_pressures_are_the_same_whichever_source_tells_them() -> None:
    def told(said: Mapping[str, Any], unit: str = "mm[Hg]") -> str:
        return json.dumps(pressure(BAND, "a", 5, said, unit=unit).content)

    whole = '{"systolic": 120, "diastolic": 80, "rate": 61}'
    assert told({"systolic": 120, "diastolic": "80", "pulse": 61.0}) == whole
    assert told({"systolic": 120.0, "diastolic": 80.0, "pulse": "61"}) == whole
    assert told({"systolic": 120.5, "diastolic": 80}) == '{"systolic": 120.5, "diastolic": 80}'
    kilopascals = told({"systolic": 16, "diastolic": 10}, "kPa")
    assert kilopascals == '{"systolic": 120.009852, "diastolic": 75.006158}'


def test_a_unit_that_nobody_knows_is_said() -> None:
    assert (_said.unit("count/min"), _said.unit("mp/h")) == ("/min", "[mi_i]/h")
    with pytest.raises(InvalidInput, match="unknown unit 'parsec'"):
        _said.unit("parsec")


def test_sums_and_other_units_say_nothing_of_nothing() -> None:
    assert _said.total({"a": 1, "b": "2.5", "c": None}, "a", "b", "c", "d") == 3.5
    assert _said.total({}, "a") == 0
    assert converted("250", "cm", "m") == 2.5
    assert converted(0, "ms", "s") == 0
    assert converted(None, "cm", "m") is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("+05:30", 330),
        ("UTC-0500", -300),
        ("GMT+1", 60),
        (" +00:00 ", 0),
        ("", None),
        ("5", None),
        ("3600000", None),
        ("CET", None),
    ],
)
def test_offsets_as_they_are_written(text: str, minutes: int | None) -> None:
    assert _said.offset_of(text) == minutes


def test_parts_of_sleeps_wait_for_the_end_and_make_nights_by_source() -> None:
    lanes, other = Lanes(), Source("Mat", "dedicated")
    lanes.sleep(BAND, ("light", 0, HOUR), "phases")
    lanes.sleep(other, ("deep", 0, HOUR), "phases")
    lanes.sleep(BAND, ("deep", HOUR, 2 * HOUR), "phases")
    lanes.sleep(BAND, ("light", 20 * HOUR, 21 * HOUR), "phases")
    assert list(lanes.flush()) == []
    nights = only(Datum, list(lanes.flush(everything=True)))
    assert [(n.source.name, n.source_id, n.duration) for n in nights] == [
        ("Band", "phases:0", 2 * HOUR),
        ("Band", "phases:72000", HOUR),
        ("Mat", "phases:0", HOUR),
    ]
    assert list(lanes.flush(everything=True)) == []


class Shelf:
    """Answers a stretch of what it holds."""

    def __init__(self, held: int, *, stuck: bool = False) -> None:
        self.held, self.stuck = held, stuck
        self.asked: list[Any] = []

    def __call__(self, _path: str, params: Mapping[str, Any]) -> Answer:
        self.asked.append(params["start"])
        start = 0 if self.stuck else params["start"]
        found = list(range(self.held))[start : start + params["limit"]]
        return Answer(status=200, headers={}, body=msgspec.json.encode({"rows": found}))


@pytest.mark.parametrize(
    ("held", "asked"), [(0, [0]), (2, [0]), (3, [0, 3]), (7, [0, 3, 6]), (6, [0, 3, 6])]
)
def test_pages_are_skipped_by_what_they_held(held: int, asked: list[int]) -> None:
    shelf = Shelf(held)
    found = list(pages(shelf, "/a", {"limit": 3}, skip="start", size=3, items="rows"))
    assert [row for page in found for row in page["rows"]] == list(range(held))
    assert shelf.asked == asked


def test_a_source_that_skips_nothing_does_not_go_on_without_end() -> None:
    shelf = Shelf(9, stuck=True)
    with pytest.raises(Upstream, match="same page"):
        list(pages(shelf, "/a", {"limit": 3}, skip="start", size=3, items="rows"))


def test_exactly_one_way_to_go_on_is_told() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        list(pages(Shelf(1), "/a", {"limit": 3}, skip="start", page=("page", 1)))


def test_a_window_has_days_newest_first() -> None:
    assert list(Window(start=0, end=2 * DAY).days) == ["1970-01-02", "1970-01-01"]
    assert list(Window(start=HOUR, end=HOUR).days) == ["1970-01-01"]


def _token(claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiAibm9uZSJ9.{body}.signature"


@pytest.mark.parametrize("padding", ["", "a", "ab", "abc"])
def test_a_token_says_how_long_it_lives(padding: str) -> None:
    assert _jwt.lifetime_s(_token({"iat": 100, "exp": 160, "sub": padding}), default=5) == 60
    assert _jwt.lifetime_s(_token({"exp": 160, "sub": padding}), default=5) == 5


@pytest.mark.parametrize("token", ["", "a.b.c", _token([1]), _token(7), "a.é.c"])
def test_what_is_no_token_is_told(token: str) -> None:
    with pytest.raises((ValueError, InvalidInput)):
        _jwt.claims(token)


def test_rows_go_by_their_header_and_empty_ones_are_left_out(
    entry: Callable[[Any], Entry],
) -> None:
    table = entry("type,1\na, b ,c\n1,,3\n,,\n4,5\n")
    assert [(line, row) for line, row, _ in _csv.named(table, 1)] == [
        (3, {"a": "1", "c": "3"}),
        (5, {"a": "4", "b": "5"}),
    ]


def test_a_number_comes_as_its_measure_is_kept() -> None:
    lanes = Lanes()
    assert list(lanes.reading("spo2", BAND, 0, 97, "%", end=-MINUTE, offset=60)) == []
    [weight] = lanes.reading("weight", BAND, MINUTE, 70_500, "g", end=2 * MINUTE, offset=60)
    assert isinstance(weight, Datum)
    assert (weight.content, weight.duration, weight.offset) == (70.5, 0, 60)
    assert weight.source_id == f"weight:{MINUTE}"
    [named] = lanes.reading("weight", BAND, MINUTE, 70_500, "g", id_="w")
    assert isinstance(named, Datum)
    assert named.source_id == "w"
    [points] = lanes.flush(everything=True)
    assert isinstance(points, Points)
    assert (points.start[0], points.end[0], points.value[0]) == (0, 0, 0.97)
    assert points.offset is not None
    assert points.offset[0] == 60


def test_lanes_that_are_full_are_told_at_once() -> None:
    lanes = Lanes()
    for n in range(BATCH - 1):
        lanes.add("steps", BAND, n, 1)
    lanes.add("heart_rate", BAND, 0, 60)
    assert list(lanes.flush()) == []
    [full] = lanes.reading("steps", BAND, BATCH, 1, "1")
    assert isinstance(full, Points)
    assert (full.measure, len(full.start)) == ("steps", BATCH)
    assert list(lanes.flush()) == []
    assert [p.measure for p in lanes.flush(everything=True) if isinstance(p, Points)] == [
        "heart_rate"
    ]


def test_the_rows_of_a_table_beside_are_known_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("height,unit\n180,\n,kg\n")
    (tmp_path / "b.csv").write_text("height,name\n170,x\n")
    (tmp_path / "c.json").write_text("[]")
    with drop(tmp_path) as dropped:
        found = list(_csv.beside(dropped.entries["c.json"], "height", "unit"))
        assert found == [{"height": "180"}, {"unit": "kg"}]
        assert list(_csv.beside(dropped.entries["c.json"], "weight")) == []
