"""Series: what is written reads back to the bit, is small, merges right, and survives damage."""

from __future__ import annotations

import math
import zlib
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diurnal.errors import InvalidInput, TooLarge
from diurnal.model import series
from diurnal.model.series import (
    EMPTY,
    NO_OFFSET,
    SLOT,
    SPAN,
    Buckets,
    Columns,
    aggregate,
    buckets,
    buckets_exact,
    columns,
    concat,
    decode,
    decode_aggregate,
    digits,
    encode,
    from_aggregates_ok,
    from_json,
    merge,
    rows_from_json,
    split_spans,
    to_json,
    union,
)
from diurnal.model.time import SECOND, TIME_MAX, TIME_MIN

DAY_START = 20_000 * SPAN
DAY_POINTS = 86_400

int64s = st.integers(-(2**63), 2**63 - 1)
values = st.one_of(
    st.integers(-300, 300).map(float),
    st.decimals(-1000, 1000, places=2, allow_nan=False).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
near = st.integers(0, 30).map(lambda n: DAY_START + n * 300 * SECOND)
offsets = st.sampled_from([NO_OFFSET, -300, 0, 60, 345])


@st.composite
def points(draw: st.DrawFn, times: Any = near, numbers: Any = values) -> Columns:
    rows = draw(
        st.lists(st.tuples(times, st.integers(0, 3), numbers, offsets), min_size=0, max_size=40)
    )
    known = draw(st.booleans())
    return columns(
        [t for t, *_ in rows],
        [v for *_, v, _ in rows],
        [t + d * 150 * SECOND for t, d, *_ in rows] if draw(st.booleans()) else None,
        [o for *_, o in rows] if known else None,
    )


def triples(cols: Columns) -> list[tuple[int, int, float]]:
    return list(zip(cols.start.tolist(), cols.end.tolist(), cols.value.tolist(), strict=True))


def known_offsets(cols: Columns) -> list[int]:
    return [NO_OFFSET] * len(cols) if cols.offset is None else cols.offset.tolist()


def heart_rate(rng: np.random.Generator, n: int = DAY_POINTS) -> np.ndarray[Any, Any]:
    """A day of beats a minute: slow swing, activity by the minute, noise of every second."""
    slow = 70 + 15 * np.sin(np.arange(n) / 9_000)
    active = np.repeat(rng.normal(0, 6, n // 60 + 1), 60)[:n]
    return np.rint(slow + active + rng.normal(0, 2, n))


# Chunks


@st.composite
def any_columns(draw: st.DrawFn) -> Columns:
    """Columns with any int64 times and any finite values, as a chunk must be able to hold."""
    starts = np.sort(np.array(draw(st.lists(int64s, min_size=1, max_size=50)), np.int64))
    n = len(starts)
    longest = st.integers(0, 2**63 - 1)
    lengths = draw(st.one_of(st.just([0] * n), st.lists(longest, min_size=n, max_size=n)))
    ends = [min(s + d, 2**63 - 1) for s, d in zip(starts.tolist(), lengths, strict=True)]
    value = draw(st.lists(values, min_size=n, max_size=n))
    offset = draw(
        st.one_of(
            st.none(),
            st.integers(-32_768, 32_767).map(lambda o: [o] * n),
            st.lists(st.integers(-32_768, 32_767), min_size=n, max_size=n),
        )
    )
    return Columns(
        starts,
        np.array(ends, np.int64),
        np.array(value, np.float64) + 0.0,
        None if offset is None else np.array(offset, np.int16),
    )


@given(any_columns())
@example(Columns(*(np.array([-(2**63), 2**63 - 1]),) * 2, np.array([5e-324, -1.7e308])))
def test_what_is_encoded_reads_back_to_the_bit(cols: Columns) -> None:
    found = decode(encode(cols))
    assert found.start.tobytes() == cols.start.tobytes()
    assert found.end.tobytes() == cols.end.tobytes()
    assert found.value.tobytes() == cols.value.tobytes()
    if cols.offset is None:
        assert found.offset is None
    else:
        assert found.offset is not None
        assert found.offset.tolist() == cols.offset.tolist()


@pytest.mark.parametrize("unit", [1, 1_000, SECOND, 60 * SECOND])
@pytest.mark.parametrize("decimals", range(11))
def test_columns_of_every_unit_and_number_of_decimals_read_back(unit: int, decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    gaps = rng.integers(0, 70_000, 500)
    start = DAY_START + np.cumsum(gaps) * unit
    value = np.array([round(v, decimals) for v in rng.normal(40, 30, 500).tolist()]) + 0.0
    cols = columns(start, value, start + rng.integers(0, 300, 500) * unit)
    found = decode(encode(cols))
    assert found.same_as(cols)
    assert found.value.tobytes() == cols.value.tobytes()


@pytest.mark.parametrize("most", [2.0**50, 2.0**51 - 1, 2.0**51 + 1, 2.0**53 - 1, 2.0**53 + 2])
def test_numbers_near_the_end_of_whole_ones_read_back(most: float) -> None:
    """Swings between large odd numbers: the distances between their steps are four times them."""
    value = np.tile([most, -most, 1.0, -most, most, 3.0], 20) + np.arange(120) % 7 * 2
    start = DAY_START + np.arange(120)
    assert decode(encode(columns(start, value))).value.tobytes() == value.tobytes()
    steps = np.cumsum(np.tile([1.0, 2.0], 60)) * np.sign(most) + most / 2
    assert decode(encode(columns(start, steps))).value.tobytes() == steps.tobytes()
    swing = np.concatenate([np.arange(100) + most - 100, [-most, most - 1] * 10])
    assert decode(encode(columns(start, swing))).value.tobytes() == swing.tobytes()


def test_no_points_are_a_chunk_too() -> None:
    assert len(decode(encode(EMPTY))) == 0
    assert aggregate(EMPTY, 0) == b""
    assert len(decode_aggregate(b"").n) == 0
    assert split_spans(EMPTY) == []
    assert len(concat([])) == 0
    assert buckets([], 0, SPAN, 3).n.tolist() == [0, 0, 0]
    assert buckets_exact(EMPTY, 0, SPAN, 3).n.tolist() == [0, 0, 0]
    assert merge(EMPTY, EMPTY, replace=True)[1:] == (0, 0, 0)


def test_minus_zero_becomes_zero() -> None:
    start = np.array([1, 2])
    for value in ([-0.0, 1.5], [-0.0, math.pi]):
        read = decode(encode(Columns(start, start, np.array(value))))
        assert math.copysign(1, read.value[0]) == 1.0
    assert math.copysign(1, columns([1], [-0.0]).value[0]) == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_number_is_refused(bad: float) -> None:
    with pytest.raises(InvalidInput):
        columns([1, 2], [1.0, bad])
    with pytest.raises(ValueError, match="finite"):
        encode(Columns(np.array([1, 2]), np.array([1, 2]), np.array([1.0, bad])))


def test_more_points_than_a_chunk_may_hold_are_refused() -> None:
    one = np.zeros(1, np.int64)
    many = np.broadcast_to(one, series.POINTS_MAX + 1)
    with pytest.raises(TooLarge):
        encode(Columns(many, many, many.astype(np.float64)))


def test_a_day_of_heart_rate_takes_at_most_a_byte_and_a_half_a_point() -> None:
    rng = np.random.default_rng(7)
    start = DAY_START + np.arange(DAY_POINTS) * SECOND
    cols = columns(start, heart_rate(rng))
    size = len(encode(cols)) + len(aggregate(cols, DAY_START))
    assert size / DAY_POINTS <= 1.0


def test_a_clock_with_millisecond_jitter_takes_at_most_two_and_a_half_bytes_a_point() -> None:
    rng = np.random.default_rng(7)
    start = DAY_START + np.arange(DAY_POINTS) * SECOND + rng.integers(0, 60, DAY_POINTS) * 1_000
    cols = columns(start, heart_rate(rng))
    assert (len(encode(cols)) + len(aggregate(cols, DAY_START))) / DAY_POINTS <= 2.0


def test_a_gap_does_not_make_every_point_larger() -> None:
    rng = np.random.default_rng(7)
    start = DAY_START + np.arange(DAY_POINTS) // 2 * 2 * SECOND + rng.integers(0, 60, 1)
    start[DAY_POINTS // 2 :] += 7_201 * SECOND
    whole, broken = (encode(columns(s, heart_rate(rng))) for s in (np.sort(start), start))
    assert len(broken) <= len(whole) * 1.1


def test_a_sparse_day_stays_small() -> None:
    start = DAY_START + np.arange(24) * 3_600 * SECOND
    cols = columns(start, heart_rate(np.random.default_rng(7), 24))
    assert len(encode(cols)) <= 60
    assert len(aggregate(cols, DAY_START)) <= 80


# Damage


def good_chunks() -> list[bytes]:
    rng = np.random.default_rng(3)
    start = DAY_START + np.cumsum(rng.integers(1, 5_000, 300)) * 1_000
    return [
        encode(columns(start, np.round(rng.normal(70, 9, 300)), start + 5)),
        encode(columns(start, rng.normal(70, 9, 300), start + rng.integers(0, 9, 300))),
        encode(columns(start, np.cumsum(np.ones(300)), None, rng.integers(0, 3, 300))),
        encode(columns([DAY_START], [1.0])),
    ]


def sealed(data: bytes) -> bytes:
    """Return damaged bytes with a fitting checksum, as only malice makes them."""
    return data[:1] + zlib.crc32(data[5:]).to_bytes(4, "little") + data[5:]


def reads_or_refuses(data: bytes) -> None:
    try:
        cols = decode(data)
    except ValueError:
        return
    assert len(cols.start) == len(cols.end) == len(cols.value) <= series.POINTS_MAX
    assert np.isfinite(cols.value).all()
    assert (cols.end >= cols.start).all()
    assert (np.diff(cols.start.view(np.uint64)) < 2**63).all() or (
        np.sort(cols.start) == cols.start
    ).all()


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="chunk"):
        decode(data)
    if data:
        with pytest.raises(ValueError, match="aggregates"):
            decode_aggregate(data)


@given(st.sampled_from(good_chunks()), st.data())
def test_every_flipped_bit_and_every_cut_is_noticed(chunk: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chunk) * 8 - 1))
    flipped = bytearray(chunk)
    flipped[at // 8] ^= 1 << at % 8
    for damaged in (bytes(flipped), chunk[: at // 8], chunk + b"\0"):
        with pytest.raises(ValueError, match="chunk"):
            decode(damaged)


@settings(max_examples=400)
@given(st.sampled_from(good_chunks()), st.data())
def test_malicious_chunks_are_read_or_refused(chunk: bytes, data: st.DataObject) -> None:
    changed = bytearray(chunk)
    for _ in range(data.draw(st.integers(1, 4))):
        # The head is short and says everything: most changes go there.
        at = data.draw(st.integers(0, min(len(chunk) - 1, 40)) | st.integers(0, len(chunk) - 1))
        changed[at] = data.draw(st.sampled_from([0, 1, 127, 128, 255]) | st.integers(0, 255))
    cut = data.draw(st.integers(6, len(chunk)))
    for damaged in (changed, changed[:cut], changed + b"\0"):
        reads_or_refuses(sealed(bytes(damaged)))


@given(st.binary(max_size=60))
def test_malicious_heads_are_read_or_refused(data: bytes) -> None:
    reads_or_refuses(sealed(b"\1\0\0\0\0" + data))


def test_a_frame_that_lies_about_its_size_is_not_believed() -> None:
    import zstandard

    chunk = good_chunks()[0]
    frame_at = chunk.index(b"\x28\xb5\x2f\xfd")
    bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    with pytest.raises(ValueError, match="size"):
        decode(sealed(chunk[:frame_at] + bomb))
    nameless = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(50_000_000))
    with pytest.raises(ValueError, match="size"):
        decode(sealed(chunk[:frame_at] + nameless))


def test_a_head_that_asks_for_a_vast_body_is_refused_before_it_is_made() -> None:
    runs = bytes([128, 128, 128, 128, 32])  # 2**33 of six bytes each
    vast = (6 * 2**33).to_bytes(8, "little")
    frame = b"\x28\xb5\x2f\xfd\xe0" + vast + b"\1\0\0"
    with pytest.raises(ValueError, match="more offsets"):
        decode(sealed(b"\1\0\0\0\0\1" + b"\2" + bytes(7) + runs + frame))
    points_of_all = bytes([128, 128, 128, 128, 32])
    with pytest.raises(ValueError, match="too many"):
        decode(sealed(b"\1\0\0\0\0\0" + points_of_all + bytes(8)))


@settings(max_examples=300)
@given(points(), st.data())
def test_damaged_aggregates_are_refused_and_malicious_ones_too(
    cols: Columns, data: st.DataObject
) -> None:
    good = aggregate(cols, DAY_START)
    if not good:
        return
    changed = bytearray(good)
    at = data.draw(st.integers(0, len(good) - 1))
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ValueError, match="aggregates"):
        decode_aggregate(bytes(changed))
    try:
        slots = decode_aggregate(sealed(bytes(changed)))
    except ValueError:
        return
    assert len(slots.start) == len(slots.n) == len(slots.low) == len(slots.total)


# Aggregates and buckets


@given(points())
def test_aggregates_are_those_of_each_five_minutes(cols: Columns) -> None:
    slots = decode_aggregate(aggregate(cols, DAY_START), DAY_START)
    expected: dict[int, list[float]] = {}
    for start, _, value in triples(cols):
        expected.setdefault(start // SLOT * SLOT, []).append(value)
    assert slots.start.tolist() == list(expected)
    assert slots.n.tolist() == [len(v) for v in expected.values()]
    assert slots.low.tolist() == [min(v) for v in expected.values()]
    assert slots.high.tolist() == [max(v) for v in expected.values()]
    for total, held in zip(slots.total.tolist(), expected.values(), strict=True):
        if not math.isfinite(sum(held)):
            continue
        assert total == pytest.approx(
            math.fsum(held), rel=1e-9, abs=1e-6 + 1e-12 * max(map(abs, held))
        )


def test_a_mean_between_whole_numbers_is_not_rounded_with_them() -> None:
    start = DAY_START + np.arange(3) * SECOND
    slots = decode_aggregate(aggregate(columns(start, [1.0, 1.5, 3.0]), DAY_START))
    assert slots.total.tolist() == [5.5]


def test_a_sum_beyond_all_numbers_breaks_nothing() -> None:
    cols = columns(DAY_START + np.arange(3), [1.7e308] * 3)
    slots = decode_aggregate(aggregate(cols, DAY_START))
    assert slots.high.tolist() == [1.7e308]
    made = buckets([(DAY_START, aggregate(cols, DAY_START))] * 2, DAY_START, DAY_START + SPAN, 1)
    for found in (made, buckets_exact(cols, DAY_START, DAY_START + SPAN, 1)):
        assert np.isfinite(found.mean).all()
        assert found.high.tolist() == [1.7e308]


def test_a_point_outside_the_span_has_no_aggregate() -> None:
    with pytest.raises(ValueError, match="outside"):
        aggregate(columns([DAY_START - 1], [1.0]), DAY_START)
    with pytest.raises(ValueError, match="outside"):
        aggregate(columns([DAY_START + SPAN], [1.0]), DAY_START)


def naive_buckets(
    cols: Columns, start: int, end: int, width: int, *, slots: bool
) -> list[list[float]]:
    edges = [start + (end - start) * i // width for i in range(width + 1)]
    found: list[list[float]] = [[] for _ in range(width)]
    for at, _, value in triples(cols):
        moved = at // SLOT * SLOT if slots else at
        if moved < start or (moved + SLOT > end if slots else moved >= end):
            continue
        found[max(i for i in range(width) if edges[i] <= moved)].append(value)
    return found


def assert_buckets(made: Buckets, expected: Sequence[Sequence[float]]) -> None:
    assert made.n.tolist() == [len(b) for b in expected]
    for i, held in enumerate(expected):
        if held:
            assert made.low[i] == min(held)
            assert made.high[i] == max(held)
            tolerance = 1e-6 + 1e-12 * max(map(abs, held))
            assert made.mean[i] == pytest.approx(math.fsum(held) / len(held), abs=tolerance)
        else:
            assert np.isnan([made.low[i], made.high[i], made.mean[i]]).all()


spread = st.integers(-3 * SPAN, 3 * SPAN).map(lambda t: DAY_START + t)
bounded = st.integers(-300, 300).map(float) | st.floats(-1e9, 1e9)


@given(points(spread, bounded), spread, st.integers(1, 4 * SPAN), st.integers(1, 30), st.randoms())
def test_buckets_are_those_counted_by_hand(
    cols: Columns, start: int, length: int, width: int, random: Any
) -> None:
    end = start + length
    exact = buckets_exact(cols, start, end, width)
    assert_buckets(exact, naive_buckets(cols, start, end, width, slots=False))
    chunks = [(at, aggregate(part, at)) for at, part in split_spans(cols)]
    random.shuffle(chunks)
    made = buckets(chunks, start, end, width)
    assert_buckets(made, naive_buckets(cols, start, end, width, slots=True))


@given(points(spread, bounded), st.integers(-3, 3), st.integers(1, 12), st.integers(1, 40))
def test_where_edges_fall_on_slots_aggregates_are_exact(
    cols: Columns, day: int, slots: int, width: int
) -> None:
    start = DAY_START + day * SPAN
    end = start + slots * SLOT * width
    assert from_aggregates_ok(start, end, width)
    chunks = [(at, data) for at, _, data in series.pack(cols)]
    made, exact = buckets(chunks, start, end, width), buckets_exact(cols, start, end, width)
    assert made.n.tolist() == exact.n.tolist()
    assert np.array_equal(made.low, exact.low, equal_nan=True)
    assert np.array_equal(made.high, exact.high, equal_nan=True)


def test_aggregates_serve_wide_buckets_only() -> None:
    year = 365 * SPAN
    assert from_aggregates_ok(DAY_START + 7, DAY_START + 7 + year, 1_000)
    assert from_aggregates_ok(DAY_START, DAY_START + SPAN, 288)
    assert not from_aggregates_ok(DAY_START + 7, DAY_START + 7 + SPAN, 288)
    assert not from_aggregates_ok(DAY_START, DAY_START + SPAN, 1_000)


@pytest.mark.parametrize(
    ("start", "end", "width"), [(5, 5, 1), (9, 5, 1), (0, 5, 0), (0, 5, 10**6)]
)
def test_a_range_or_width_that_makes_no_sense_is_refused(start: int, end: int, width: int) -> None:
    for made in (
        from_aggregates_ok,
        lambda *a: buckets([], *a),
        lambda *a: buckets_exact(EMPTY, *a),
    ):
        with pytest.raises(InvalidInput):
            made(start, end, width)


def test_buckets_read_as_json_with_null_where_empty() -> None:
    cols = columns([DAY_START, DAY_START + SECOND], [1.0, 2.0])
    body = msgspec.json.decode(
        series.buckets_to_json(buckets_exact(cols, DAY_START, DAY_START + 4 * SECOND, 2))
    )
    at = DAY_START // SECOND
    assert body == {
        "t": [at, at + 2],
        "end": at + 4,
        "n": [2, 0],
        "min": [1.0, None],
        "max": [2.0, None],
        "mean": [1.5, None],
    }


# Arithmetic


@given(points(spread), st.sampled_from([SPAN, SPAN // 4, 7 * SPAN]))
def test_every_point_is_in_the_span_of_its_start(cols: Columns, span: int) -> None:
    parts = split_spans(cols, span)
    assert concat([part for _, part in parts]).same_as(cols)
    assert [at for at, _ in parts] == sorted({at // span * span for at in cols.start.tolist()})
    for at, part in parts:
        assert all(at <= start < at + span for start in part.start.tolist())


@given(points(), points())
def test_points_side_by_side_are_the_union_of_what_was_written(old: Columns, new: Columns) -> None:
    old = union([old])
    found, n_new, n_same, n_changed = merge(old, new, replace=False)
    assert triples(found) == sorted(set(triples(old)) | set(triples(new)))
    assert n_new == len(set(triples(new)) - set(triples(old)))
    assert n_changed == 0
    assert n_new + n_same == len(new)
    assert found.same_as(union([old, new]))


@given(points(), points())
def test_a_replaced_point_has_the_new_value_and_no_other(old: Columns, new: Columns) -> None:
    old = union([old])
    found, n_new, n_same, n_changed = merge(old, new, replace=True)
    held: dict[tuple[int, int], set[float]] = {}
    for start, end, value in triples(old):
        held.setdefault((start, end), set()).add(value)
    written = {(start, end): value for start, end, value in triples(new)}
    added = sum(key not in held for key in written)
    same = sum(held.get(key) == {value} for key, value in written.items())
    held.update({key: {value} for key, value in written.items()})
    assert triples(found) == sorted((*key, v) for key, found_at in held.items() for v in found_at)
    assert (n_new, n_changed) == (added, len(written) - added - same)
    assert n_new + n_same + n_changed == len(new)


@given(points(), points(), st.booleans())
def test_merging_twice_changes_nothing_more(old: Columns, new: Columns, replace: bool) -> None:
    once, *_ = merge(union([old]), new, replace=replace)
    twice, n_new, n_same, n_changed = merge(once, new, replace=replace)
    assert twice.same_as(once)
    assert (n_new, n_changed) == (0, 0)
    assert n_same == len(new)


@given(st.lists(points(), max_size=4))
def test_the_newest_known_offset_of_a_point_stays(parts: list[Columns]) -> None:
    expected: dict[tuple[int, int, float], int] = {}
    for part in parts:
        for key, offset in zip(triples(part), known_offsets(part), strict=True):
            if offset != NO_OFFSET or key not in expected:
                expected[key] = offset
    found = union(parts)
    assert dict(zip(triples(found), known_offsets(found), strict=True)) == expected
    assert len(found) == len(expected)


def test_a_replaced_point_keeps_its_offset_where_the_new_one_has_none() -> None:
    old = columns([1, 2, 3], [1.0, 2.0, 3.0], None, [60, 60, 60])
    new = columns([2, 3], [5.0, 6.0], None, [NO_OFFSET, 120])
    found, *_ = merge(old, new, replace=True)
    assert found.value.tolist() == [1.0, 5.0, 6.0]
    assert known_offsets(found) == [60, 60, 120]


@given(points(), near, st.integers(1, 10 * SLOT))
def test_a_slice_holds_what_starts_in_it_or_touches_it(
    cols: Columns, start: int, long: int
) -> None:
    end = start + long
    assert triples(cols.slice_time(start, end)) == [t for t in triples(cols) if start <= t[0] < end]
    assert triples(cols.slice_time(start, end, overlapping=True)) == [
        t for t in triples(cols) if t[0] < end and (t[1] > start or t[0] >= start)
    ]


def test_arrays_are_not_copied() -> None:
    start, value = array("q", [1, 2, 3]), array("d", [1.0, 2.0, 3.0])
    cols = columns(start, value)
    assert np.shares_memory(cols.start, np.asarray(start))
    assert np.shares_memory(cols.value, np.asarray(value))
    assert cols.end is cols.start


def test_of_points_written_twice_the_last_one_wins_when_asked() -> None:
    cols = columns([5, 3, 5, 3], [9.0, 1.0, 4.0, 2.0], last_wins=True)
    assert triples(cols) == [(3, 3, 2.0), (5, 5, 4.0)]


@pytest.mark.parametrize(
    "bad",
    [
        ([1, 2], [1.0]),
        ([1], [1.0], [0]),
        ([TIME_MIN - 1], [1.0]),
        ([1], [1.0], [TIME_MAX + 1]),
        ([1.5], [1.0]),
        ([2**63], [1.0]),
        ([[1]], [[1.0]]),
        (["x"], [1.0]),
        ([1], ["x"]),
        ([1], [1.0], None, [1_441]),
        ([1], [1.0], None, [0.5]),
    ],
)
def test_columns_that_cannot_be_are_refused(bad: Any) -> None:
    with pytest.raises(InvalidInput):
        columns(*bad)


# JSON


@given(points(st.integers(TIME_MIN // 200, TIME_MAX // 200)), st.sampled_from(["s", "ms", "us"]))
def test_json_keeps_every_microsecond_and_every_bit(cols: Columns, unit: Any) -> None:
    cols = union([cols])
    found = from_json(to_json(cols, unit), last_wins=False)
    assert found.same_as(cols)
    assert found.value.tobytes() == cols.value.tobytes()


numbers = st.lists(
    st.integers(-(10**16), 10**16)
    | st.integers(0, 999)
    | st.decimals(0, 10**6, places=3).map(float)
    | st.floats(allow_nan=False, allow_infinity=False),
    max_size=30,
)
plain_numbers = st.integers(0, 3).flatmap(
    lambda places: st.lists(
        st.integers(0, 10**12).map(lambda n: f"{n / 10**places:.{places}f}"), max_size=30
    )
)


@given(
    numbers.map(lambda n: msgspec.json.encode(n))
    | plain_numbers.map(lambda n: f"[{','.join(n)}]".encode())
)
@example(b"[" + b",".join(b"%d" % n for n in range(1_699_999_000, 1_700_003_000)) + b"]")
@example(b"[" + b",".join(b"%d" % n for n in range(12_000)) + b"]")
@example(b"[" + b",".join(b"%d" % n for n in range(1_699_999_999_000, 1_700_000_009_000)) + b"]")
@example(b"[" + b",".join(b"%d" % n for n in range(123_399_999_990, 123_400_000_010)) + b"]")
@example(b"[123456,123457,123456]")
@example(b"[999999999999999,900000000000000]")
@example(b"[123456789,123456780]")
@example(b"[0,9,10,99,100,999,1000,9999,10000]")
@example(b"[0,9,10,99,100,999,1000,9999]")
@example(b"[1.25,10.5]")
@example(b"[ 1, 2 ]")
@example(b"[1e3,-2]")
def test_columns_of_numbers_are_read_as_json_reads_them(text: bytes) -> None:
    theirs = np.array(msgspec.json.decode(text, type=list[float]), np.float64)
    plain = digits.read(text)
    assert plain is None or plain.tobytes() == theirs.tobytes()
    body = b'{"start":1,"v":' + text + b',"step":1}'
    assert from_json(body).value.tobytes() == (theirs + 0.0).tobytes()


@pytest.mark.parametrize(
    "text",
    [
        *[
            b"[01]",
            b"[1,,2]",
            b"[1,]",
            b"[,1]",
            b"[1.]",
            b"[.5]",
            b"[1.2.3]",
            b"[1;2]",
            b"[0012,3]",
        ],
        *[
            b"1",
            b"{}",
            b'["1"]',
            b"[null]",
            b"[true]",
            b"[[1]]",
            b"[1",
            b"[NaN]",
            b"[1e999]",
            b"[:]",
        ],
        *[b"[123456,12345:]", b"[123456,12345/]", b"[123456;123456]", b"[123456,012345]"],
        *[b"[00,12]", b"[1,02,3]", b"[1,2:]", b"[12,3/]", b"[1;2,33]", b"[1,,22]", b"[12,]"],
        *[
            b"[123456789012,12345678901a]",
            b"[1234567890123;1234567890124]",
            b"[1a3456789,1a3456780]",
        ],
        *[b"[0123456789,0123456780]", b"[1234567890,12345678 1]"],
        *[b"[12345a,123456]", b"[123456,12345 6]", b"[123456,\xff23456]", b"[123456,1234-6]"],
    ],
)
def test_what_is_no_array_of_numbers_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput):
        from_json(b'{"start":1,"step":1,"v":' + text + b"}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"t":[1]}',
        b'{"t":[1],"v":[1,2]}',
        b'{"t":[1],"v":[1],"x":[1]}',
        b'{"t":[1],"v":[1],"unit":"h"}',
        b'{"t":[1e300],"v":[1]}',
        b'{"t":[5],"v":[1],"e":[4]}',
        b'{"t":[5],"v":[1],"o":[9000]}',
        b'{"t":[5],"v":[1],"o":[]}',
        b'{"t":[5],"v":[1],"start":5,"step":1}',
        b'{"v":[1],"start":5}',
        b'{"v":[1],"step":5}',
        b'{"v":[1],"start":5,"step":0}',
        b'{"v":[1],"start":5,"step":-1}',
        b'{"v":[1,2],"start":5,"step":200e9}',
        b'{"v":[1]}',
        b'{"v":1,"t":[1]}',
        b'{"t":[1],"v":[1],"unit":[1]}',
        b'{"t":[1],"v":[1],"unit":"[1]"}',
        b'{"t":[1],"v":[1],"e":[1],"o":[1],"x":[1]}',
        b'{"t":[1],"v":[1],"start":[1]}',
        b'[1]{"t":[1],"v":[1]}',
        b'{"t":[5],"v":[1],"o":99999999999}',
        b'{"t":' + b"[" * 100_000,
    ],
)
def test_a_body_of_columns_that_cannot_be_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        from_json(body)


def test_columns_are_read_in_their_unit() -> None:
    expected = [(1_500_000, 2_000_000, 7.0)]
    assert triples(from_json(b'{"t":[1.5],"v":[7],"e":[2]}')) == expected
    assert triples(from_json(b'{"t":[1500],"v":[7],"e":[2000],"unit":"ms"}')) == expected
    assert triples(from_json(b'{"t":[1500000],"v":[7],"e":[2000000],"unit":"us"}')) == expected
    assert triples(from_json(b'{"start":1.5,"step":0.5,"v":[7,8],"e":[2,2]}')) == [
        *expected,
        (2_000_000, 2_000_000, 8.0),
    ]
    assert from_json(b'{"t":[1,2],"v":[7,8],"o":60}').offset is not None
    assert known_offsets(from_json(b'{"t":[1,2],"v":[7,8],"o":[60,null]}')) == [60, NO_OFFSET]
    assert known_offsets(from_json(b'{"o":[60,90],"t":[1,2],"v":[7,8]}')) == [60, 90]
    assert triples(from_json(b'{"unit":"ms","e":[2000],"v":[7],"t":[1500]}')) == expected


def test_rows_are_read_with_and_without_ends() -> None:
    assert triples(rows_from_json(b"[[1.5,7],[1,8]]")) == [
        (1_000_000, 1_000_000, 8.0),
        (1_500_000, 1_500_000, 7.0),
    ]
    assert triples(rows_from_json(b"[[1,2,7]]", "ms")) == [(1_000, 2_000, 7.0)]
    assert len(rows_from_json(b"[]")) == 0


@pytest.mark.parametrize(
    "body", [b"[[1]]", b"[[1,2],[1,2,3]]", b"[[1,2,3,4]]", b"[1]", b'[["a",1]]', b"{}"]
)
def test_rows_that_cannot_be_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        rows_from_json(body)
