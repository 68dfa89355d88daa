"""Webhooks: Pryv's methods; what is told is `services.webhooks`' to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from diurnal.dialects.pryv.checks import (
    TEXT,
    Kinds,
    Params,
    Problem,
    ProtectedFields,
    check,
)
from diurnal.dialects.pryv.methods.accesses import nothing
from diurnal.dialects.pryv.methods.table import Call, Method, Result, Table
from diurnal.errors import Forbidden, UnknownReference
from diurnal.model.events import seconds
from diurnal.services import webhook_calls, webhooks
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx
from diurnal.store.webhooks import ACTIVE, Webhook

API = "pryv"
RETRIES_MAX = 5
INTERVAL_MS = 5_000
STATES = ("active", "inactive")
_OBJECT = Kinds("object", lambda v: isinstance(v, dict))
_HOOK: Mapping[str, Kinds] = {"url": TEXT, "state": TEXT}


def written(hook: Webhook) -> dict[str, Any]:
    """Return a webhook in Pryv's shape."""
    runs = [
        {"status": status, "timestamp": seconds(at)}
        for status, at in msgspec.json.decode(hook.runs)
    ]
    return {
        "id": hook.id,
        "accessId": hook.access_id,
        "url": hook.url,
        "state": "active" if hook.state == ACTIVE else "inactive",
        "runCount": hook.run_count,
        "failCount": hook.fail_count,
        "lastRun": runs[0] if runs else {"status": 0, "timestamp": 0},
        "runs": runs,
        "currentRetries": hook.retries,
        "maxRetries": RETRIES_MAX,
        "minIntervalMs": INTERVAL_MS,
        "created": seconds(hook.created),
        "createdBy": hook.created_by,
        "modified": seconds(hook.modified),
        "modifiedBy": hook.modified_by,
    }


def get(tx: Tx, ctx: Context, call: Call, _asked: None) -> Result:
    """Return the webhooks that the caller manages; https://api.pryv.com/reference/#get-webhooks."""
    return {"webhooks": [written(h) for h in webhooks.listed(tx, ctx, call.access, api=API)]}


def get_one(tx: Tx, _ctx: Context, call: Call, asked: str) -> Result:
    """Return one webhook."""
    return {"webhook": written(webhooks.get(tx, call.access, asked, api=API))}


def _state_problems(given: Params) -> list[Problem]:
    state = given.get("state")
    if not isinstance(state, str) or state in STATES:
        return []
    return [Problem("ENUM_MISMATCH", f"No enum match for: {state}", "#/state", (state,))]


def _take(params: Params, _now: int) -> Params:
    check(params, _HOOK, required=("url",), also=_state_problems(params))
    return params


def create(_tx: None, ctx: Context, call: Call, asked: Params) -> Result:
    """Add a webhook of an app; https://api.pryv.com/reference/#create-webhook."""
    if call.access.owner:
        raise Forbidden("webhooks are an app's")
    webhooks.check(ctx, asked["url"])

    def do(tx: WriteTx) -> Webhook:
        made, _ = webhooks.create(tx, ctx, call.access, url=asked["url"], api=API)
        if asked.get("state") == "inactive":
            made = webhooks.update(tx, ctx, call.access, made.id, active=False, api=API)
        return made

    return {"webhook": written(ctx.store.write(do).result())}


def _take_update(params: Params, _now: int) -> tuple[str, bool | None]:
    check(params, {"id": TEXT, "update": _OBJECT}, required=("id", "update"))
    given = params["update"]
    protected = [name for name in given if name != "state"]
    if protected:
        raise ProtectedFields(protected)
    check(given, _HOOK, also=_state_problems(given))
    active = given["state"] == "active" if "state" in given else None
    return params["id"], active


def update(tx: WriteTx, ctx: Context, call: Call, asked: tuple[str, bool | None]) -> Result:
    """Stop a webhook or let it go on; https://api.pryv.com/reference/#update-webhook."""
    id_, active = asked
    return {"webhook": written(webhooks.update(tx, ctx, call.access, id_, active=active, api=API))}


def _take_id(params: Params, _now: int) -> str:
    check(params, {"id": TEXT}, required=("id",))
    return str(params["id"])


def delete(tx: WriteTx, ctx: Context, call: Call, asked: str) -> Result:
    """Delete a webhook; https://api.pryv.com/reference/#delete-webhook."""
    webhooks.remove(tx, ctx, call.access, asked, api=API)
    return {"webhookDeletion": {"id": asked, "deleted": seconds(ctx.now())}}


def test(_tx: None, ctx: Context, call: Call, asked: str) -> Result:
    """Call a webhook once; https://api.pryv.com/reference/#test-webhook."""
    trial = ctx.store.read(lambda tx: webhooks.trial(tx, ctx, call.access, asked, api=API))
    outcome = webhook_calls.try_out(ctx, trial)
    if not outcome.taken:
        raise UnknownReference(
            f"The address did not take the call: {outcome.error}", data={"url": trial.webhook.url}
        )
    return {"webhook": written(trial.webhook)}


METHODS: Table = {
    "webhooks.get": Method(nothing, get),
    "webhooks.getOne": Method(_take_id, get_one),
    "webhooks.create": Method(_take, create, status=201, alone=True),
    "webhooks.update": Method(_take_update, update, writes=True),
    "webhooks.delete": Method(_take_id, delete, writes=True),
    "webhooks.test": Method(_take_id, test, alone=True),
}
