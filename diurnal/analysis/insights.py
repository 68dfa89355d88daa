"""What is worth telling of a day, a week or a month, ranked by how much it surprises.

Exist's API lists all of it, from "for 3 days" on. Our pages show `surprising`: of sixty measures
some forty are the best or worst of three days every day, by chance alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date, timedelta

import numpy as np

from diurnal.analysis import Analysis, Days, Floats, MeasureInfo, goals
from diurnal.analysis._insight import (
    WEEKDAY_NAMES,
    Insight,
    change_words,
    day_name,
    extreme,
    make,
    raw,
    shown,
    signed,
)
from diurnal.analysis._phrases import inside
from diurnal.analysis.anomalies import Anomaly
from diurnal.analysis.averages import WINDOW_DAYS
from diurnal.analysis.changepoints import Change
from diurnal.analysis.trends import Trend

SINCE_MIN = 3
SAY_SINCE_MIN = 90
"""One day in x is the most of x days by chance; below this nobody is told unasked."""
SURPRISE_MIN = math.log10(SAY_SINCE_MIN)
SHOWN_MAX = 3
RECORD_DAYS_MIN = 60
STREAK_MIN = 3
HISTORY_DAYS_MIN = 21
ABSENT_MIN = 14
EPOCH = date(1970, 1, 1)


def run(
    days: Days,
    *,
    own_goals: Mapping[str, float | Floats] | None = None,
    trends: tuple[Trend, ...] = (),
    changes: tuple[Change, ...] = (),
    anomalies: tuple[Anomaly, ...] = (),
) -> list[Insight]:
    """Return what there is to tell at the last day of the table, most surprising first.

    Weeks are told on Sundays and months on their last day. Trends, changes and anomalies come
    from their own analyses and are told on the day they end.
    """
    if not len(days.values):
        return []
    end = goals.ends(days, own_goals)
    met = goals.reached(days, end)
    made: list[Insight] = []
    for j, measure in enumerate(days.measures):
        column = days.values[:, j]
        if measure.is_tag:
            made += _tag(days, measure, column)
            continue
        made += _since(days, measure, column)
        made += _goal(days, measure, met[:, j])
        made += _weekday(days, measure, column)
        made += _spans(days, measure, column)
        if measure.key == "mood":
            made += _year_ago(days, measure, column)
    infos = {measure.key: measure for measure in days.measures}
    made += [_trend(days, infos[t.measure], t) for t in trends if t.last_day == days.last_day]
    made += [_change(days, infos[c.measure], c) for c in changes if c.day > days.last_day - 60]
    made += [_odd(infos[a.measure], a) for a in anomalies if a.last_day == days.last_day]
    return sorted(made, key=lambda insight: (-insight.surprise, insight.name))


def surprising(
    insights: list[Insight], *, most: int = SHOWN_MAX, outside: Collection[str] = ()
) -> list[Insight]:
    """Return what our pages show: at most three, and one a measure, that chance seldom brings.

    Args:
        outside: measures that nobody lives, as the weather and the length of days.
    """
    made: list[Insight] = []
    for insight in sorted(insights, key=lambda one: (-one.surprise, one.name)):
        told = {one.measure for one in made}
        if insight.measure in outside:
            continue
        if insight.surprise >= SURPRISE_MIN and insight.measure not in told and len(made) < most:
            made.append(insight)
    return made


def _since(days: Days, measure: MeasureInfo, column: Floats) -> list[Insight]:
    last = column[-1]
    before = column[:-1][np.isfinite(column[:-1])]
    if not np.isfinite(last) or len(before) < SINCE_MIN:
        return []
    made = []
    for high in (True, False):
        beaten = before < last if high else before > last
        stops = np.flatnonzero(~beaten)
        values_since = len(before) - (int(stops[-1]) + 1 if len(stops) else 0)
        # Calendar days are told; surprise counts the values, because gaps are no evidence.
        known = np.flatnonzero(np.isfinite(column[:-1]))
        stop_row = int(known[stops[-1]]) if len(stops) else -1
        span = len(column) - 1 - stop_row if len(stops) else len(column)
        record = not len(stops) and len(before) >= RECORD_DAYS_MIN
        if values_since < SINCE_MIN and not record:
            continue
        word = extreme(measure, high)
        day = day_name(days.last_day)
        better = high if measure.more_is_better is not False else not high
        kind = "best" if better else "worst"
        surprise = math.log10(values_since + 1)
        if record:
            headline = f"{day}: {word} ever"
            made.append(
                make(
                    days,
                    measure,
                    "record",
                    1,
                    2,
                    headline,
                    shown(measure, float(last)),
                    value=raw(float(last)),
                    value2=f"{span} days",
                    surprise=surprise,
                )
            )
        made.append(
            make(
                days,
                measure,
                f"{kind}_since_x",
                1,
                2,
                f"{day}: {word} for {span} days",
                shown(measure, float(last)),
                value=raw(float(last)),
                value2=f"{span} days",
                surprise=surprise,
            )
        )
    gap = _gap_before(column)
    if gap >= ABSENT_MIN and len(before) >= HISTORY_DAYS_MIN:
        usual = float(np.isfinite(column[: len(column) - 1 - gap]).mean())
        made.append(
            make(
                days,
                measure,
                "first_since_x",
                1,
                2,
                f"{day_name(days.last_day)}: first {inside(measure.label)} for {gap + 1} days",
                shown(measure, float(last)),
                value=raw(float(last)),
                value2=f"{gap + 1} days",
                surprise=_row_surprise(1 - usual, gap),
            )
        )
    return made


def _gap_before(column: Floats) -> int:
    known = np.flatnonzero(np.isfinite(column[:-1]))
    return len(column) - 2 - int(known[-1]) if len(known) else 0


def _goal(days: Days, measure: MeasureInfo, met: Floats) -> list[Insight]:
    rows = goals.streaks(met)
    if len(rows) < 2 or not np.isfinite(met[-1]):
        return []
    chance = float(np.nanmean(met))
    made = []
    day, label = day_name(days.last_day), inside(measure.label)
    row = rows[-1]
    if row >= STREAK_MIN:
        best = row > max(rows[:-1], default=0)
        kind = "goal_best_streak" if best else "goal_streak"
        new = (
            f"{day} marks a new {label} streak!" if best else f"{day} goes on with a {label} streak"
        )
        made.append(
            make(
                days,
                measure,
                kind,
                1,
                2,
                new,
                f"{row} days",
                note=f"Beat your goal every day for {row} days",
                value=f"{row} days",
                value2=str(row),
                surprise=_row_surprise(chance, row),
            )
        )
    elif met[-1] == 0 and rows[-2] >= STREAK_MIN:
        made.append(
            make(
                days,
                measure,
                "goal_lost",
                1,
                2,
                f"{day} ended a {label} streak",
                f"{rows[-2]} days",
                note=f"You had beaten your goal for {rows[-2]} days",
                value=f"{rows[-2]} days",
                value2=str(rows[-2]),
                surprise=_row_surprise(chance, rows[-2]),
            )
        )
    return made


def _row_surprise(chance: float, row: int) -> float:
    """Return log10 of how rare a row is, where each day has `chance` by itself."""
    return min(-row * math.log10(min(max(chance, 0.01), 0.999)), 6.0)


def _weekday(days: Days, measure: MeasureInfo, column: Floats) -> list[Insight]:
    """Compare this weekday's habit with the other weekdays', where the last weeks show one."""
    recent = column[-WINDOW_DAYS - 1 : -1]
    weekday = days.weekdays()
    today = int(weekday[-1])
    of_day = weekday[-WINDOW_DAYS - 1 : -1]
    if int(np.isfinite(recent).sum()) < HISTORY_DAYS_MIN:
        return []
    parts = [recent[(of_day == k) & np.isfinite(recent)] for k in range(7)]
    if min(len(part) for part in parts) < 3:
        return []
    medians = np.array([np.median(part) for part in parts])
    others = np.delete(medians, today)
    high, low = medians[today] > others.max(), medians[today] < others.min()
    if not high and not low:
        return []
    spread = 1.4826 * np.median(
        np.abs(np.concatenate([part - m for part, m in zip(parts, medians, strict=True)]))
    )
    rival = others.max() if high else others.min()
    if spread <= 0 or abs(medians[today] - rival) < spread / math.sqrt(len(parts[today])):
        return []
    word = extreme(measure, bool(high)).lower()
    headline = f"{WEEKDAY_NAMES[today]} is usually your {word} of the week"
    # A habit is no news, however sure: it is listed, and never pushed.
    return [
        make(
            days,
            measure,
            "",
            1,
            1,
            headline,
            shown(measure, float(medians[today])),
            value=raw(float(medians[today])),
            value2=WEEKDAY_NAMES[today].lower(),
            surprise=0.0,
            name=f"dow_{measure.wire_name}",
        )
    ]


def _spans(days: Days, measure: MeasureInfo, column: Floats) -> list[Insight]:
    last = EPOCH + timedelta(days.last_day)
    made = []
    if last.weekday() == 6:
        made += _span(days, measure, column, 7, 7, "week")
    if (last + timedelta(1)).day == 1:
        made += _span(days, measure, column, last.day, 30, "month")
    return made


def _span(
    days: Days, measure: MeasureInfo, column: Floats, length: int, period: int, word: str
) -> list[Insight]:
    part = column[-length:]
    part = part[np.isfinite(part)]
    if len(column) < length or len(part) < length / 2:
        return []
    priority = 3 if period == 7 else 4
    label = inside(measure.label)
    mean = float(part.mean())
    before = column[-2 * length : -length]
    before = before[np.isfinite(before)]
    note, surprise = None, 0.0
    if len(before) >= length / 2:
        change = mean - float(before.mean())
        note = f"{change_words(measure, change)} than the {word} before"
        error = math.sqrt(float(part.var()) / len(part) + float(before.var()) / len(before))
        if error > 0:
            surprise = min(math.log10(math.e) * (change / error) ** 2 / 2, 4.0)
    made = [
        make(
            days,
            measure,
            f"average_{word}",
            period,
            priority,
            f"{shown(measure, mean)} average {label}",
            None,
            note=note,
            number=shown(measure, mean),
            number_label=f"average {label}",
            value=raw(mean),
            value2=None,
            surprise=surprise,
        )
    ]
    if measure.is_total:
        total = float(part.sum())
        made.append(
            make(
                days,
                measure,
                f"total_{word}",
                period,
                priority,
                f"{shown(measure, total)} {label} this {word}",
                None,
                number=shown(measure, total),
                number_label=f"{label} this {word}",
                value=raw(total),
                value2=None,
                surprise=0.0,
            )
        )
    return made


def _year_ago(days: Days, measure: MeasureInfo, column: Floats) -> list[Insight]:
    today = EPOCH + timedelta(days.last_day)
    try:
        then = today.replace(year=today.year - 1)
    except ValueError:
        return []
    row = (then - EPOCH).days - days.first_day
    if row < 0 or not np.isfinite(column[row]):
        return []
    value = float(column[row])
    return [
        make(
            days,
            measure,
            "",
            1,
            2,
            "On this day a year ago",
            shown(measure, value),
            note=f"Your {inside(measure.label)} was {shown(measure, value)}",
            value=raw(value),
            value2=then.isoformat(),
            surprise=0.0,
            name="mood_year_ago",
        )
    ]


def _tag(days: Days, measure: MeasureInfo, column: Floats) -> list[Insight]:
    known = np.isfinite(column)
    if not known[-1]:
        return []
    chance = float(np.nanmean(column))
    rows = goals.streaks(column)
    made = []
    label = measure.label
    if rows[-1] >= STREAK_MIN:
        made.append(
            make(
                days,
                measure,
                "",
                1,
                2,
                f"'{label}' {rows[-1]} days in a row",
                f"{rows[-1]} days",
                value=f"{rows[-1]} days",
                value2=measure.wire_name,
                surprise=_row_surprise(chance, rows[-1]),
                name="tag_streak",
            )
        )
    absent = 0
    for value in column[::-1]:
        if value != 0:
            break
        absent += 1
    if absent >= ABSENT_MIN and absent < len(column) and chance > 0:
        made.append(
            make(
                days,
                measure,
                "",
                1,
                2,
                f"No '{label}' for {absent} days",
                f"{absent} days",
                value=f"{absent} days",
                value2=measure.wire_name,
                surprise=_row_surprise(1 - chance, absent),
                name="tag_absent_x",
            )
        )
    return made


def _trend(days: Days, measure: MeasureInfo, trend: Trend) -> Insight:
    way = "up" if trend.per_day > 0 else "down"
    span = trend.last_day - trend.first_day + 1
    word = {"up": "later", "down": "earlier"}[way] if measure.is_clock else way
    amount = change_words(measure, trend.change).rpartition(" ")[0]
    return make(
        days,
        measure,
        f"trend_{way}",
        30,
        4,
        f"{measure.label} is going {word}: {amount} in {span} days",
        amount,
        value=raw(trend.change),
        value2=f"{span} days",
        surprise=_p_surprise(trend.q),
    )


def _change(days: Days, measure: MeasureInfo, change: Change) -> Insight:
    around = EPOCH + timedelta(change.day)
    when = f"{around.day} {around:%B %Y}"
    if change.kind == "level":
        note = f"{shown(measure, change.before)} before, {shown(measure, change.after)} since"
    else:
        before, after = (signed(measure, 7 * x) for x in (change.before, change.after))
        note = f"{before} a week before, {after} a week since"
    return make(
        days,
        measure,
        "change_point",
        30,
        4,
        f"{measure.label} changed around {when}",
        note,
        value=raw(change.after),
        value2=raw(change.before),
        surprise=_p_surprise(change.q),
        comment=(EPOCH + timedelta(change.day)).isoformat(),
    )


def _odd(measure: MeasureInfo, anomaly: Anomaly) -> Insight:
    value = shown(measure, anomaly.value)
    if anomaly.instead is not None:
        headline = f"{value} or {shown(measure, anomaly.instead)}?"
        note = f"{measure.label} on {day_name(anomaly.last_day)} looks mistyped"
    else:
        length = anomaly.last_day - anomaly.first_day + 1
        headline = (
            f"{measure.label} unlike the rest for {length} days"
            if length > 1
            else (f"{measure.label} unlike the rest")
        )
        note = f"{value}, usually about {shown(measure, anomaly.usual)}"
    table = Days(anomaly.last_day, (measure,), np.array([[anomaly.value]]))
    return make(
        table,
        measure,
        "anomaly",
        1,
        2,
        headline,
        note,
        value=raw(anomaly.value),
        value2=None if anomaly.instead is None else raw(anomaly.instead),
        surprise=min(0.2 * anomaly.z**2, 6.0),
        comment=anomaly.kind,
    )


def _p_surprise(p: float) -> float:
    return min(-math.log10(max(p, 1e-6)), 6.0)


ANALYSIS = Analysis(
    name="insights",
    version=1,
    run=run,
    options={
        "own_goals": "own goals by key",
        "trends": "from trends",
        "changes": "from changepoints",
        "anomalies": "from anomalies",
    },
)
