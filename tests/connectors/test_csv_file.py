"""Tables of days: those that explain themselves, and those that need a mapping."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.connectors import Entry
from diurnal.connectors._drop import drop
from diurnal.connectors.csv_file import CONNECTOR, sniff, table
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Datum, DayDatum, Item, OwnMeasure, Points, ZoneSeen
from diurnal.model.time import SECOND, day_from_text, day_text, to_datetime
from tests.connectors.reading import DATA, only

DIARY = DATA / "csv/daily.csv"
GERMAN = DATA / "csv/daily_german_excel.csv"


def parse(path: Path, options: dict[str, Any] | None = None) -> list[Item]:
    assert CONNECTOR.parse
    with drop(path) as dropped:
        [entry] = dropped.entries.values()
        return list(CONNECTOR.parse(entry, options or {}))


def proposed(path: Path) -> dict[str, Any]:
    """Return what is proposed, as it comes back from a file or the page."""
    with drop(path) as dropped:
        [entry] = dropped.entries.values()
        return dict(json.loads(json.dumps(sniff(entry))))


def how_sure(path: Path) -> float:
    assert CONNECTOR.recognise
    with drop(path) as dropped:
        [entry] = dropped.entries.values()
        return CONNECTOR.recognise(entry)


def file(tmp_path: Path, text: str | bytes, name: str = "x.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def values(items: list[Item]) -> dict[tuple[str, str], float | str]:
    return {(d.measure, day_text(d.day)): d.value for d in only(DayDatum, items)}


# -- without questions --------------------------------------------------------------------------


def test_the_diary_comes_in_without_questions() -> None:
    said = parse(DIARY)
    assert how_sure(DIARY) == 0.9
    assert only(Bad, said) == []
    day = values(said)
    assert day["steps", "2025-10-01"] == 8996
    assert day["mood", "2025-10-01"] == 7
    assert day["weight_kg", "2025-10-01"] == 83.88
    assert day["productive_time", "2025-10-01"] == 322
    assert day["track_played", "2025-10-01"] == 41
    own = {o.key: o.value for o in only(OwnMeasure, said)}
    assert own["coffee"] == "integer"
    assert own["hrv_ms"] == "number"
    assert own["ill"] == "boolean"
    assert {"steps", "mood", "tracks", "tz"}.isdisjoint(own)
    raws = {d.raw for d in only(DayDatum, said, "weight_kg")}
    assert "83.88" in raws


def test_a_column_of_zones_says_where_the_days_were() -> None:
    seen = only(ZoneSeen, parse(DIARY))
    assert len(seen) == 365
    assert {to_datetime(s.at, s.zone).hour for s in seen} == {12}
    places = [zone for zone, _ in groupby(s.zone for s in seen)]
    assert places == ["Europe/Berlin", "America/New_York", "Europe/Berlin"]


def test_an_attribute_of_exist_is_in_exists_unit(tmp_path: Path) -> None:
    text = (
        "date,steps_distance,active_energy,body_fat,sleep_start,heart_rate\n"
        "2026-01-02,5.2,418.4,0.215,660,61\n"
    )
    day = {m: v for (m, _), v in values(parse(file(tmp_path, text))).items()}
    assert day == {
        "distance_walk_run": 5200,
        "energy_active": 100,
        "body_fat": 0.215,
        "sleep_start": 660,
        "heart_rate": 61,
    }


def test_an_empty_cell_is_unknown_and_not_nought(tmp_path: Path) -> None:
    text = "date,ill,steps,nothing\n2026-01-01,0,,\n2026-01-02,,5\n2026-01-03,1,n/a,-\n"
    said = parse(file(tmp_path, text))
    assert values(said) == {
        ("ill", "2026-01-01"): 0,
        ("steps", "2026-01-02"): 5,
        ("ill", "2026-01-03"): 1,
    }
    assert [(o.key, o.value) for o in only(OwnMeasure, said)] == [("ill", "boolean")]


def test_a_new_name_becomes_an_own_measure_of_its_kind(tmp_path: Path) -> None:
    text = (
        'date,Tëa & cake,What I read,Größe,步,steps \n2026-01-01,1.5,"Emma, again",2,3,9\n'
        '2026-01-02,2,"two\nlines",2,3,10\n'
    )
    said = parse(file(tmp_path, text))
    own = {o.label: (o.key, o.value) for o in only(OwnMeasure, said)}
    assert own["Tëa & cake"] == ("tea_cake", "number")
    assert own["What I read"] == ("what_i_read", "text")
    assert own["Größe"] == ("grosse", "integer")
    assert own["步"][0].startswith("own_")
    assert values(said)["what_i_read", "2026-01-02"] == "two\nlines"
    assert values(said)["steps", "2026-01-02"] == 10


def test_a_bad_row_or_cell_is_set_aside_with_its_line(tmp_path: Path) -> None:
    text = (
        'date,steps,tz\n2026-01-01,"many",Europe/Berlin\n2026-13-01,5,\n2026-01-03,6,Mars/Base\n'
        "2026-01-04,7,,extra\n2026-01-05,8,\n"
    )
    said = parse(file(tmp_path, text))
    assert [(b.where, b.reason) for b in only(Bad, said)] == [
        ("x.csv:2", "steps: no number: 'many'"),
        ("x.csv:3", "no date: '2026-13-01'"),
        ("x.csv:4", "unknown time zone 'Mars/Base'"),
        ("x.csv:5", "more cells than the 3 columns"),
    ]
    assert values(said) == {("steps", "2026-01-03"): 6, ("steps", "2026-01-05"): 8}


def test_a_word_among_numbers_is_set_aside_and_words_alone_are_text(tmp_path: Path) -> None:
    rows = "".join(f"2026-01-{d:02},{d}.5,{'abc'[d % 3]}\n" for d in range(1, 29))
    said = parse(file(tmp_path, f"date,a,b\n{rows}2026-02-01,oops,c\n"))
    assert {o.key: o.value for o in only(OwnMeasure, said)} == {"a": "number", "b": "text"}
    assert [b.reason for b in only(Bad, said)] == ["a: no number: 'oops'"]


@pytest.mark.parametrize(
    "text",
    [
        "Datum;Schritte\n01.02.2026;5\n",
        "date,steps\n01/02/2026,5\n",
        "date;weight\n2026-01-01;71,5\n",
        "steps,date\n5,2026-01-01\n",
        "when,steps\n2026-01-01,5\n",
        "date,steps\n2026-01-01T10:00:00,5\n",
    ],
)
def test_any_other_table_asks_for_a_mapping(tmp_path: Path, text: str) -> None:
    assert how_sure(file(tmp_path, text)) == 0.3
    with pytest.raises(InvalidInput, match="needs a mapping"):
        parse(tmp_path / "x.csv")


# -- with a mapping -----------------------------------------------------------------------------


def test_the_german_sheet_comes_in_right_by_what_is_proposed() -> None:
    mapping = proposed(GERMAN)
    assert (mapping["delimiter"], mapping["decimal"]) == (";", ",")
    assert (mapping["date"], mapping["date_format"]) == ("Datum", "%d.%m.%Y")
    assert {h: (c["measure"], c["unit"]) for h, c in mapping["columns"].items()} == {
        "Schritte": ("steps", "1"),
        "Schlaf (h)": ("sleep", "h"),
        "Gewicht (kg)": ("weight", "kg"),
        "Stimmung": ("mood", "scale:1-9"),
        "Kaffee": ("coffees", "1"),
    }
    assert mapping["preview"][1][:3] == ["01.10.2025", "8996", "7,65"]
    said = parse(GERMAN, mapping)
    assert only(Bad, said) == []
    german, diary = values(said), values(parse(DIARY))
    for (measure, day), value in diary.items():
        if measure in ("steps", "mood"):
            assert german[measure, day] == value
        if measure == "coffee":
            assert german["coffees", day] == value
        if measure == "sleep_min":
            assert german["sleep", day] == pytest.approx(value, abs=0.31)
    assert german["weight", "2025-10-02"] == 84.26
    assert ("weight", "2025-10-01") not in german


def test_what_is_proposed_for_the_diary_reads_it_the_same() -> None:
    said, mapped = parse(DIARY), parse(DIARY, proposed(DIARY))
    assert values(mapped) == values(said)
    assert only(OwnMeasure, mapped) == only(OwnMeasure, said)
    assert only(ZoneSeen, mapped) == only(ZoneSeen, said)


@pytest.mark.parametrize(
    ("dates", "format_"),
    [
        (["13/02/2026", "01/03/2026"], "%d/%m/%Y"),
        (["02/13/2026", "03/01/2026"], "%m/%d/%Y"),
        (["2026/02/13", "2026/03/01"], "%Y/%m/%d"),
        (["20260213", "20260301"], "%Y%m%d"),
        (["13-02-2026", "01-03-2026"], "%d-%m-%Y"),
        (["13.02.26", "01.03.26"], "%d.%m.%y"),
        (["2026-02-13 10:30", "2026-03-01 23:15"], "%Y-%m-%d %H:%M"),
        (["2026-02-13T10:30:00+0100", "2026-03-01T23:15:00Z"], "%Y-%m-%dT%H:%M:%S%z"),
    ],
)
def test_the_order_of_a_date_is_seen(tmp_path: Path, dates: list[str], format_: str) -> None:
    path = file(tmp_path, "Day,Pasos\n" + "".join(f"{d},5\n" for d in dates))
    mapping = proposed(path)
    assert mapping["date_format"] == format_
    assert mapping["columns"]["Pasos"]["measure"] == "steps"


@pytest.mark.parametrize(("cell", "format_"), [("7.5", "%m/%d/%Y"), ('"7,5"', "%d/%m/%Y")])
def test_where_a_date_says_no_order_the_decimal_sign_does(
    tmp_path: Path, cell: str, format_: str
) -> None:
    mapping = proposed(file(tmp_path, f"Day,x\n01/03/2026,{cell}\n02/03/2026,{cell}\n"))
    assert mapping["date_format"] == format_


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("cp1252", "cp1252")],
)
def test_the_encoding_is_seen(tmp_path: Path, encoding: str, found: str) -> None:
    path = file(tmp_path, "Datum;Körpergewicht (kg)\r\n01.02.2026;70,5\r\n".encode(encoding))
    mapping = proposed(path)
    assert mapping["encoding"] == found
    assert values(parse(path, mapping)) == {("weight", "2026-02-01"): 70.5}


def test_times_count_in_the_zone_of_the_mapping(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "day,time,hr,kg,note\n10.05.2026,06:12,61,70.5,slept\n10.05.2026,06:13:30,62,,\n",
    )
    mapping = {
        "date": "day",
        "time": "time",
        "date_format": "%d.%m.%Y",
        "timezone": "Europe/Berlin",
        "source": "My band",
        "columns": {
            "hr": {"measure": "heart_rate"},
            "kg": {"measure": "weight"},
            "note": {"name": "Note"},
        },
    }
    said = parse(path, mapping)
    [rates] = only(Points, said)
    at = 1_778_386_320 * SECOND
    assert list(rates.start) == [at, at + 90 * SECOND]
    assert list(rates.value) == [61, 62]
    assert rates.offset is not None
    assert list(rates.offset) == [120, 120]
    assert (rates.source.name, rates.source.kind) == ("My band", "wrist")
    weight, note = only(Datum, said)
    assert (weight.type, weight.content, weight.start) == ("mass/kg", 70.5, at)
    assert (note.type, note.content, note.zone) == ("note/txt", "slept", "Europe/Berlin")
    assert [d.source_id for d in only(Datum, parse(path, mapping))] == [
        weight.source_id,
        note.source_id,
    ]


def test_times_without_a_zone_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "t,steps\n2026-05-10 06:12,5\n")
    with pytest.raises(InvalidInput, match="timezone"):
        parse(path, proposed(path))


def test_a_long_table_has_its_names_in_a_column(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "day,what,how much,in\n2026-01-01,steps,5,\n2026-01-01,weight,154.32,lb\n"
        "2026-01-01,tea,2,cups\n2026-01-02,weight,1,bananas\n",
    )
    mapping = {"date": "day", "layout": "long", "name": "what", "value": "how much", "unit": "in"}
    said = parse(path, mapping)
    day = {m: v for (m, _), v in values(said).items()}
    assert day["steps"] == 5
    assert day["weight"] == pytest.approx(70.0, abs=0.01)
    assert day["tea"] == 2
    assert [b.where for b in only(Bad, said)] == ["x.csv:5"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"date": "nowhere"}, "date"),
        ({"decimal": "x"}, "decimal"),
        ({"delimiter": "xx"}, "delimiter"),
        ({"encoding": "punycode"}, "encoding"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"layout": "round"}, "layout"),
        ({"columns": {"b": {"measure": "no_such"}}}, "measure"),
        ({"columns": {"b": {"measure": "steps", "unit": "kg"}}}, "unit"),
        ({"columns": {"c": {"measure": "steps"}}}, "columns"),
        ({"columns": {"b": {"measure": 5}}}, "map"),
        ({"columns": {"b": {"colour": "red"}}}, "map"),
        ({"date": 5}, "map"),
    ],
)
def test_a_mapping_that_does_not_fit_says_where(
    tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    path = file(tmp_path, "a,b\n2026-01-01,5\n")
    mapping = {"date": "a", "columns": {"b": {"measure": "steps"}}, **change}
    with pytest.raises(InvalidInput) as caught:
        parse(path, mapping)
    assert caught.value.field == field


# -- hostile ------------------------------------------------------------------------------------


def test_a_line_of_a_hundred_megabytes_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as out:
        out.write(b"date,steps\n2026-01-01,5\n2026-01-02,")
        for _ in range(100):
            out.write(b"9" * 1_000_000)
        out.write(b"\n2026-01-03,7\n")
    tracemalloc.start()
    said = parse(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values(said) == {("steps", "2026-01-01"): 5, ("steps", "2026-01-03"): 7}
    assert [b.where for b in only(Bad, said)] == ["x.csv:3"]
    assert peak < 32 << 20


def test_a_million_columns_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "date," + "a," * 100_000 + "\n2026-01-01,5\n")
    assert how_sure(path) == 0
    with pytest.raises(InvalidInput):
        parse(path, {"date": "date"})


@pytest.mark.parametrize(
    "row",
    [
        b"2026-01-02,\xff\xfe",
        b"2026-01-02,\0",
        b'2026-01-02,"' + b"9" * 20_000 + b'"',
        b"2026-01-02,1e999",
        b"2026-01-02,nan5",
        b"2026-01-02,=1+1",
        b"\0\0\0",
    ],
)
def test_what_is_no_text_or_number_is_set_aside(tmp_path: Path, row: bytes) -> None:
    path = file(tmp_path, b"date,steps\n2026-01-01,5\n" + row + b"\n2026-01-03,7\n")
    mapping = {"date": "date", "columns": {"steps": {"measure": "steps"}}}
    said = parse(path, mapping)
    assert values(said) == {("steps", "2026-01-01"): 5, ("steps", "2026-01-03"): 7}
    assert [b.where for b in only(Bad, said)] == ["x.csv:3"]


def test_an_open_quote_does_not_swallow_the_file(tmp_path: Path) -> None:
    rows = "".join(f"2026-01-{d % 28 + 1:02},{d}\n" for d in range(40_000))
    path = file(tmp_path, f'date,steps\n2026-01-01,"5\n{rows}')
    mapping = {"date": "date", "columns": {"steps": {"measure": "steps"}}}
    said = parse(path, mapping)
    assert len(only(Bad, said)) >= 1
    assert len(only(DayDatum, said)) > 20_000


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"\0\1\2", b"one column\n1\n", b"date,a,a\n2026-01-01,1,2\n"]
)
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse(file(tmp_path, data))


_MEASURED = """
import resource, sys
from pathlib import Path
from diurnal.connectors._drop import drop
from diurnal.connectors.csv_file import CONNECTOR
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with drop(Path(sys.argv[1])) as dropped:
    n = sum(1 for e in dropped.entries.values() for _ in CONNECTOR.parse(e, {}))
print(n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    line = "2026-01-02," + ",".join(str(i) for i in range(40)) + ",some words\n"
    header = "date," + ",".join(f"c{i}" for i in range(40)) + ",note\n"
    path = file(tmp_path, header + line * (10_000_000 // len(line)))
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(path)], capture_output=True, text=True, check=True
    )
    items, grown = map(int, ran.stdout.split())
    assert items > 2_500_000
    assert grown < 40


@given(st.binary(max_size=2_000))
def test_no_bytes_crash_it(data: bytes) -> None:
    entry = Entry(
        path="x.csv",
        size=len(data),
        head=data,
        open=lambda: io.BufferedReader(io.BytesIO(data)),  # type: ignore[arg-type]
        siblings={},
    )
    assert CONNECTOR.recognise
    assert CONNECTOR.parse
    CONNECTOR.recognise(entry)
    with contextlib.suppress(InvalidInput):
        list(CONNECTOR.parse(entry, {"date": "date", "columns": {}}))


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [
        ("1,234", ".", 1234),
        ("1,234.5", ".", 1234.5),
        ("1.234", ".", 1.234),
        ("1,5", ".", None),
        ("1.234", ",", 1234),
        ("1.234,5", ",", 1234.5),
        ("7,65", ",", 7.65),
        ("71.5", ",", None),
        ("1’234.5", ".", 1234.5),
        ("1\u202f234,5", ",", 1234.5),
        ("−3", ".", -3),
        ("1_000", ".", None),
        ("inf", ".", None),
        ("0x10", ".", None),
        ("٣", ".", 3),
    ],
)
def test_numbers_as_people_write_them(cell: str, decimal: str, value: float | None) -> None:
    assert table.number(cell, decimal) == value


def test_a_day_of_the_diary_is_its_own_day() -> None:
    [first] = [d for d in only(DayDatum, parse(DIARY), "steps") if d.raw == "8996"][:1]
    assert first.day == day_from_text("2025-10-01")


FORMATS = [
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y",
    "%Y%m%d",
    "%d.%m.%y",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%dT%H:%M:%S%z",
]
MOMENTS = [
    *["2020-01-05 03:04:05", "2020-1-5 3:4:5", "2020-02-30 00:00:00", "2020-01-05  03:04:05"],
    *["2020-01-05 03:04:60", "2020-01-05 24:00:00", "0000-01-05 03:04:05", "05.01.2020 03:04"],
    *["5.1.2020 3:04", "01/05/2020", "20200105", "05.01.20", "2020-01-05 03:04 PM", ""],
    *["2020-01-05T03:04:05+01:00", "\u0662\u0660\u0662\u0660-01-05 03:04:05"],
]


@pytest.mark.parametrize("format_", FORMATS)
def test_moments_are_read_as_their_format_says(format_: str) -> None:
    """What is written in full has a quicker way, with the same end."""

    def end(read: Callable[[str, str], datetime], text: str) -> datetime | None:
        try:
            return read(text, format_)
        except ValueError:
            return None

    for text in MOMENTS:
        assert end(table.moment, text) == end(datetime.strptime, text), text
