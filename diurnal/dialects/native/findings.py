"""What the analyses found: links, averages, trends, what is odd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.model.time import day_text
from diurnal.services import analyse, findings
from diurnal.services.findings import Found
from diurnal.store.database import Tx

LIMIT_MAX = 10_000
Opinion = Literal["useful", "obvious", "not"]


class FindingsQuery(wire.Input):
    """Which findings: about one of these measures (commas separate, too), the first so many."""

    measures: list[wire.Key] = msgspec.field(default_factory=list)
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = 1_000


class LinksQuery(wire.Input):
    """Which links.

    Attributes:
        lags: days either way; more than 2 are looked at only when somebody asked for them.
    """

    measures: list[wire.Key] = msgspec.field(default_factory=list)
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = 1_000
    lags: Annotated[int, msgspec.Meta(ge=analyse.LAGS, le=analyse.LAGS_MAX)] = analyse.LAGS


class FeedbackIn(wire.Input):
    """What the owner thinks of a link; null takes it back."""

    opinion: Opinion | None


class FeedbackOut(wire.Output):
    """What the owner thinks of a link."""

    id: str
    opinion: str | None = None


class EffectOut(wire.Output):
    """How much of `b` goes with `per` more of `a`, in their units, and the 95 % interval."""

    change: float
    low: float
    high: float
    per: float


class LinkOut(wire.Output, kw_only=True):
    """Two measures that go together, which does not say that one causes the other.

    Attributes:
        id: of the pair; the same in every run.
        lag: days by which `b` follows `a`.
        sign: 1 together, -1 against each other, 0 for a bend.
        shape: `line`, or `valley` and `hill`: where `a` is in its middle.
        n: days that have both; `effective` what they are worth as independent ones.
        p, q: chance of such a link where there is none; q counts all pairs that were asked.
        older, newer: correlation in either half of the time; `course` says it in a word.
        lag_sure: whether the lag stands out from the others.
        through: the measure that explains the link, where one does.
        folded: pairs that say the same.
        feedback: what the owner thinks of it; shown to the owner only.
    """

    id: str
    a: str
    b: str
    lag: int
    sign: int
    shape: str
    sentence: str
    r: float
    n: int
    effective: float
    p: float
    q: float
    effect: EffectOut | None = None
    older: float | None = None
    newer: float | None = None
    course: str
    lag_sure: bool
    through: str | None = None
    folded: list[list[str]] = msgspec.field(default_factory=list)
    start: str = msgspec.field(name="from")
    to: str
    feedback: str | None = None


class LinksOut(wire.Output):
    """Links, strongest evidence first; `looked` whether anybody has looked for them yet."""

    links: list[LinkOut]
    looked: bool


class UsualOut(wire.Output):
    """A steadied value and where it lies with 95 % probability."""

    value: float
    low: float
    high: float


class AverageOut(wire.Output, kw_only=True):
    """What is usual: medians of the 60 days up to `date`.

    Attributes:
        n: days with a value among them.
        weekdays: Monday to Sunday; null for a weekday without a value.
        steady: the same, drawn towards the overall median as far as chance explains them.
        around: the overall median with its interval.
    """

    measure: str
    date: str
    n: int
    overall: float
    weekdays: list[float | None]
    steady: list[UsualOut]
    around: UsualOut


class AveragesOut(wire.Output):
    """Averages by measure."""

    averages: list[AverageOut]


class PastAverageOut(wire.Output):
    """What was usual at the end of a past week."""

    measure: str
    date: str
    n: int
    overall: float
    weekdays: list[float | None]


class PastAveragesOut(wire.Output):
    """Averages at past Sundays, oldest first within a measure."""

    averages: list[PastAverageOut]


class TrendOut(wire.Output):
    """A way up or down: the change a day with its 95 % interval, and over the whole time."""

    measure: str
    per_day: float
    low: float
    high: float
    change: float
    n: int
    p: float
    q: float
    start: str = msgspec.field(name="from")
    to: str


class ChangeOut(wire.Output):
    """A day from which on things were different.

    Attributes:
        kind: `level`, a step, or `course`, where the way up or down changed.
        before, after: levels, or changes a day.
    """

    measure: str
    date: str
    kind: str
    before: float
    after: float
    p: float
    q: float


class TrendsOut(wire.Output):
    """Where measures are heading, and when they changed for good."""

    trends: list[TrendOut]
    changes: list[ChangeOut]


class AnomalyOut(wire.Output, kw_only=True):
    """Something unlike the rest.

    Attributes:
        kind: `typo`, `glitch`, `day` or `stretch`.
        value: the value, or the mean of the stretch; `usual` what there would have been.
        instead: what was probably meant, for a typo.
        z: robust standard deviations.
        excluded: whether links leave it out.
    """

    measure: str
    kind: str
    start: str = msgspec.field(name="from")
    to: str
    value: float
    usual: float
    instead: float | None = None
    z: float
    excluded: bool


class AnomaliesOut(wire.Output):
    """What stands out, strongest first within a measure."""

    anomalies: list[AnomalyOut]


def _listing(kind: str, write: Callable[[Call, Tx, list[Found]], Any]) -> endpoint.Handler:
    """Return a handler that answers the last run's findings of a kind."""

    async def listing(call: Call) -> Response:
        measures, limit = wire.split(call.query.measures), call.query.limit

        def read(tx: Tx) -> bytes:
            found = findings.of_kind(
                tx, call.ctx, call.caller, kind, measures=measures, limit=limit
            )
            return wire.encode(write(call, tx, found))

        return await endpoint.cached(call, read)

    return listing


async def links(call: Call) -> Response:
    """Answer what goes with what."""
    asked: LinksQuery = call.query
    measures = wire.split(asked.measures)

    def read(tx: Tx) -> bytes:
        caller = call.caller
        said = findings.opinions(tx, caller.account_id) if caller.owner else {}
        kind, batch = findings.LINK, findings.latest(tx, caller.account_id)
        if asked.lags > analyse.LAGS:
            kind = findings.LINK_WIDE
            batch = findings.latest_wide(tx, caller.account_id, asked.lags)
        found = findings.of_kind(
            tx, call.ctx, caller, kind, measures=measures, batch=batch, limit=asked.limit
        )
        shown = [_link(one.body, said) for one in found]
        return wire.encode(LinksOut(links=shown, looked=batch is not None))

    return await endpoint.cached(call, read)


def _link(body: dict[str, Any], said: dict[str, str]) -> LinkOut:
    effect = body["effect"]
    return LinkOut(
        id=body["id"],
        a=body["a"],
        b=body["b"],
        lag=body["lag"],
        sign=body["sign"],
        shape=body["shape"],
        sentence=body["sentence"],
        r=body["r"],
        n=body["n"],
        effective=body["effective"],
        p=body["p"],
        q=body["q"],
        effect=None if effect is None else EffectOut(**effect),
        older=body["older"],
        newer=body["newer"],
        course=body["course"],
        lag_sure=body["lag_sure"],
        through=body["through"],
        folded=body["folded"],
        start=day_text(body["first_day"]),
        to=day_text(body["last_day"]),
        feedback=said.get(body["id"]),
    )


def _averages(_call: Call, _tx: Tx, found: list[Found]) -> AveragesOut:
    return AveragesOut(
        averages=[
            AverageOut(
                measure=one.measure,
                date=day_text(one.day),
                n=one.body["n"],
                overall=one.body["overall"],
                weekdays=one.body["weekdays"],
                steady=[UsualOut(**usual) for usual in one.body["steady"]],
                around=UsualOut(**one.body["around"]),
            )
            for one in found
        ]
    )


def _past_averages(_call: Call, _tx: Tx, found: list[Found]) -> PastAveragesOut:
    found = sorted(found, key=lambda one: (one.measure, one.day))
    return PastAveragesOut(
        averages=[
            PastAverageOut(
                measure=one.measure,
                date=day_text(one.day),
                n=one.body["n"],
                overall=one.body["overall"],
                weekdays=one.body["weekdays"],
            )
            for one in found
        ]
    )


def _trend(body: dict[str, Any]) -> TrendOut:
    return TrendOut(
        measure=body["measure"],
        per_day=body["per_day"],
        low=body["low"],
        high=body["high"],
        change=body["change"],
        n=body["n"],
        p=body["p"],
        q=body["q"],
        start=day_text(body["first_day"]),
        to=day_text(body["last_day"]),
    )


def _change(body: dict[str, Any]) -> ChangeOut:
    return ChangeOut(
        measure=body["measure"],
        date=day_text(body["day"]),
        kind=body["kind"],
        before=body["before"],
        after=body["after"],
        p=body["p"],
        q=body["q"],
    )


def _trends(call: Call, tx: Tx, found: list[Found]) -> TrendsOut:
    changes = findings.of_kind(
        tx,
        call.ctx,
        call.caller,
        findings.CHANGE,
        measures=wire.split(call.query.measures),
        limit=call.query.limit,
    )
    return TrendsOut(
        trends=[_trend(one.body) for one in found], changes=[_change(one.body) for one in changes]
    )


def _anomalies(_call: Call, _tx: Tx, found: list[Found]) -> AnomaliesOut:
    return AnomaliesOut(
        anomalies=[
            AnomalyOut(
                measure=one.measure,
                kind=one.body["kind"],
                start=day_text(one.body["first_day"]),
                to=day_text(one.body["last_day"]),
                value=one.body["value"],
                usual=one.body["usual"],
                instead=one.body["instead"],
                z=one.body["z"],
                excluded=one.body["excluded"],
            )
            for one in found
        ]
    )


async def say(call: Call) -> Response:
    """Keep what the owner thinks of a link."""
    id_, opinion = call.path["id"], call.body.opinion
    await http.write(call.ctx, lambda tx: findings.say(tx, call.ctx, call.caller, id_, opinion))
    return endpoint.answer(FeedbackOut(id=id_, opinion=opinion))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/links",
        name="links.list",
        summary="Read what goes with what",
        description="A link is not a cause.",
        query=LinksQuery,
        answer=(LinksOut,),
        handler=links,
    ),
    Endpoint(
        method="PUT",
        path="/links/{id}/feedback",
        name="links.say",
        summary="Say what you think of a link",
        who=Who.OWNER,
        body=(FeedbackIn,),
        answer=(FeedbackOut,),
        handler=say,
    ),
    Endpoint(
        method="GET",
        path="/averages",
        name="averages.list",
        summary="Read what is usual",
        query=FindingsQuery,
        answer=(AveragesOut,),
        handler=_listing(findings.AVERAGE, _averages),
    ),
    Endpoint(
        method="GET",
        path="/averages/history",
        name="averages.history",
        summary="Read what was usual in the weeks before",
        query=FindingsQuery,
        answer=(PastAveragesOut,),
        handler=_listing(findings.AVERAGE_WEEK, _past_averages),
    ),
    Endpoint(
        method="GET",
        path="/trends",
        name="trends.list",
        summary="Read trends and changes for good",
        query=FindingsQuery,
        answer=(TrendsOut,),
        handler=_listing(findings.TREND, _trends),
    ),
    Endpoint(
        method="GET",
        path="/anomalies",
        name="anomalies.list",
        summary="Read what stands out",
        query=FindingsQuery,
        answer=(AnomaliesOut,),
        handler=_listing(findings.ANOMALY, _anomalies),
    ),
)
