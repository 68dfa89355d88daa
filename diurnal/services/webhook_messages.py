"""What webhooks are told: which changes, and in which API's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal.errors import NotFound
from diurnal.model.access import Access
from diurnal.model.time import MINUTE, SECOND
from diurnal.services import changelog, days, events, measures, streams
from diurnal.services.changelog import Change
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store.database import Tx
from diurnal.store.webhooks import Webhook

CHANGES_MAX = 500
"""Changes that are looked at in one go; one message names less than twice as many."""
LOOKED_MAX = 5_000


class Form(NamedTuple):
    """How an API tells: `pace` between calls, `tries` in a row before it gives up.

    Attributes:
        waits: how long after each failure.
        signed: whether messages carry a signature.
        kinds_only: whether it says only that data changed, like the same API's sockets.
    """

    pace: int
    waits: Sequence[int]
    signed: bool = True
    kinds_only: bool = False


FORMS: Mapping[str, Form] = {
    # The waits that Standard Webhooks recommends: three days in all.
    "native": Form(
        pace=SECOND,
        waits=[s * SECOND for s in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400)]
        + [6 * 60 * MINUTE] * 10,
    ),
    # Source: https://api.pryv.com/reference/#webhook
    "pryv": Form(
        pace=5 * SECOND, waits=[5 * n * SECOND for n in range(1, 6)], signed=False, kinds_only=True
    ),
}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What an address is told, before it is put into an API's words."""

    kinds: tuple[str, ...]
    changes: tuple[Change, ...]
    rev: int


def news(tx: Tx, ctx: Context, speaker: Access, hook: Webhook) -> tuple[Message | None, int]:
    """Return what is to be told since the last time, and up to which change that goes."""
    last = changelog.rev(tx, speaker)
    if speaker.delayed:  # it follows no changes since it was narrowed
        return None, last
    found: list[Change] = []
    told = hook.told
    looked = 0
    while told < last and looked < LOOKED_MAX and len(found) < CHANGES_MAX:
        rows = [Change(*row) for row in changes.since(tx, speaker.account_id, told, CHANGES_MAX)]
        if not rows:
            told = last
            break
        looked += len(rows)
        told = rows[-1].rev
        wanted = [c for c in rows if not hook.kinds or c.kind in hook.kinds]
        if FORMS[hook.api].kinds_only and not speaker.owner:
            found += [c for c in wanted if c.kind in changelog.DATA]
        else:
            found += wanted if speaker.owner else _visible(tx, ctx, speaker, wanted)
    if not found:
        return None, told
    kinds = tuple(sorted({c.kind for c in found}))
    return Message(kinds=kinds, changes=tuple(found), rev=told), told


def _visible(tx: Tx, ctx: Context, caller: Access, found: Sequence[Change]) -> list[Change]:
    """Return the changes of what the caller may read now.

    What is gone is not among them: what it was, and so whether it was theirs to see, is gone too.
    """
    state = ctx.state(tx, caller.account_id)
    tree = streams.visible(tx, ctx, caller)
    own = {m.key for m in measures.visible(tx, ctx, caller)}
    seen: dict[tuple[str, str], bool] = {}

    def sees(change: Change) -> bool:
        if change.kind in ("day", "series"):
            measure = state.measure(change.id.partition("|")[0])
            return measure is not None and days.may_read(state, caller, measure)
        if change.kind == "event":
            try:
                events.get(tx, ctx, caller, change.id)
            except NotFound:
                return False
            return True
        if change.kind == "stream":
            return change.id in tree
        return change.kind == "measure" and change.id in own

    for change in found:
        key = (change.kind, change.id)
        if key not in seen:
            seen[key] = sees(change)
    return [c for c in found if seen[c.kind, c.id]]


def body(api: str, username: str, message: Message | None, now: int) -> str:
    """Put a message into an API's words; None is a trial."""
    return (_pryv if api == "pryv" else _native)(username, message, now)


def _native(username: str, message: Message | None, now: int) -> str:
    told: dict[str, Any] = {
        "type": "test" if message is None else "changes",
        "timestamp": now / SECOND,
        "account": username,
    }
    if message is not None:
        told["rev"] = message.rev
        told["kinds"] = message.kinds
        told["changes"] = [
            {"rev": c.rev, "kind": c.kind, "op": c.op, "id": c.id} for c in message.changes
        ]
    return msgspec.json.encode(told).decode()


PRYV_VERSION, PRYV_SERIAL = "1.9.3", "2026112101"
"""What Pryv's API says in `meta`: its version, and that of the service information."""
_PRYV_WORDS = {"stream": "streamsChanged", "access": "accessesChanged"}


def _pryv(_username: str, message: Message | None, now: int) -> str:
    words = ["test"]
    if message is not None:
        words = sorted({_PRYV_WORDS.get(kind, "eventsChanged") for kind in message.kinds})
    meta = {"apiVersion": PRYV_VERSION, "serverTime": now / SECOND, "serial": PRYV_SERIAL}
    return msgspec.json.encode({"messages": words, "meta": meta}).decode()
