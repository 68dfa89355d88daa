"""What the analyses found: links, trends, what stands out, what is usual."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from diurnal.mcp.tools import Asked, Input, Key, Tool, rounded
from diurnal.model.time import day_text
from diurnal.services import findings
from diurnal.services.findings import Found

LIMIT = 10
LIMIT_MAX = 50
NAMES_MAX = 20

Kind = Literal["links", "trends", "changes", "anomalies", "averages"]
KINDS: dict[Kind, str] = {
    "links": findings.LINK,
    "trends": findings.TREND,
    "changes": findings.CHANGE,
    "anomalies": findings.ANOMALY,
    "averages": findings.AVERAGE,
}


class Findings(Input):
    """Which findings; left out: links."""

    kind: Annotated[
        Kind,
        msgspec.Meta(
            description="links: measures that go together; trends: ways up or down; changes: for "
            "good; anomalies: what stands out; averages: what is usual, Monday to Sunday."
        ),
    ] = "links"
    measures: Annotated[
        list[Key], msgspec.Meta(max_length=NAMES_MAX, description="About one of these.")
    ] = msgspec.field(default_factory=list)
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = LIMIT


class Answer(msgspec.Struct):
    """The strongest of `total` findings; `looked` whether anybody has looked for them yet."""

    kind: str
    total: int
    looked: bool
    findings: list[dict[str, Any]]


def run(asked: Asked, given: Findings) -> Answer:
    """Answer findings of the last run."""
    found = findings.of_kind(*asked, KINDS[given.kind], measures=given.measures)
    looked = findings.latest(asked.tx, asked.caller.account_id) is not None
    write = _WRITE[given.kind]
    return Answer(
        kind=given.kind,
        total=len(found),
        looked=looked,
        findings=[write(one) for one in found[: given.limit]],
    )


def _link(one: Found) -> dict[str, Any]:
    body = one.body
    return {
        "sentence": body["sentence"],
        "a": body["a"],
        "b": body["b"],
        "days_b_follows_a": body["lag"],
        "r": rounded(body["r"]),
        "days": body["n"],
        "q": rounded(body["q"]),
        "course": body["course"],
        "explained_by": body["through"],
    }


def _trend(one: Found) -> dict[str, Any]:
    body = one.body
    return {
        "measure": body["measure"],
        "from": day_text(body["first_day"]),
        "to": day_text(body["last_day"]),
        "change": rounded(body["change"]),
        "per_day": [rounded(body[name]) for name in ("low", "per_day", "high")],
        "q": rounded(body["q"]),
    }


def _change(one: Found) -> dict[str, Any]:
    body = one.body
    return {
        "measure": body["measure"],
        "on": day_text(body["day"]),
        "kind": body["kind"],
        "before": rounded(body["before"]),
        "after": rounded(body["after"]),
        "q": rounded(body["q"]),
    }


def _anomaly(one: Found) -> dict[str, Any]:
    body = one.body
    return {
        "measure": one.measure,
        "kind": body["kind"],
        "from": day_text(body["first_day"]),
        "to": day_text(body["last_day"]),
        "value": rounded(body["value"]),
        "usual": rounded(body["usual"]),
        "z": rounded(body["z"]),
    }


def _average(one: Found) -> dict[str, Any]:
    body = one.body
    return {
        "measure": one.measure,
        "median": rounded(body["overall"]),
        "weekdays": [rounded(value) for value in body["weekdays"]],
        "days": body["n"],
        "to": day_text(one.day),
    }


_WRITE = {
    "links": _link,
    "trends": _trend,
    "changes": _change,
    "anomalies": _anomaly,
    "averages": _average,
}

TOOL = Tool(
    title="Findings",
    description="What the last analysis found: links between measures in a sentence each, trends, "
    "lasting changes, what stands out, what is usual on each weekday. A link is not a cause.",
    given=Findings,
    run=run,
)
