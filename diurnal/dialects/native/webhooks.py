"""Webhooks: addresses that are told of changes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint
from diurnal.model.events import seconds
from diurnal.services import authentication, webhook_calls, webhooks
from diurnal.store.database import WriteTx
from diurnal.store.webhooks import ACTIVE, NEWEST, Delivery, Webhook

API = "native"
LIMIT = 50
NUMBER_MAX = 2**53

Url = Annotated[str, msgspec.Meta(min_length=8, max_length=2_000)]
Name = Annotated[str, msgspec.Meta(max_length=webhooks.NAME_MAX)]
Kinds = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=40)]],
    msgspec.Meta(max_length=50, description="Kinds of changes that are told; none for all."),
]
State = Literal["active", "inactive"]


class WebhookNew(wire.Input):
    """An address to be told of changes from now on."""

    url: Url
    name: Name = ""
    kinds: Kinds = msgspec.field(default_factory=list)


class WebhookChange(wire.Input):
    """What is left out stays; `active` makes it go on where it stopped."""

    url: Url | None = None
    name: Name | None = None
    kinds: Kinds | None = None
    state: State | None = None


class WebhookOut(wire.Output, kw_only=True):
    """An address that is told of changes; times in Unix seconds.

    Attributes:
        api: whose words it is told in.
        access: id of the token whose rights it has; absent for the owner's.
        problem: what the last call came to, where it was not taken.
        retries: failures since the last success.
        rev: number of the last change that was looked at for it.
    """

    id: str
    api: str
    name: str
    url: str
    kinds: list[str]
    state: str
    rev: int
    calls: int
    failures: int
    retries: int
    created: float
    modified: float
    access: str | None = None
    problem: str | None = None


class WebhookMade(WebhookOut, kw_only=True):
    """A webhook with a new secret: the only time that it is shown."""

    secret: str


class WebhooksOut(wire.Output):
    """The webhooks of the caller, the owner's all; oldest first."""

    webhooks: list[WebhookOut]


class WebhookDeleted(wire.Output):
    """The id of a webhook that is gone."""

    deleted: str


class SecretOut(wire.Output):
    """The new secret; the one before signs beside it for a day."""

    secret: str


class TrialOut(wire.Output):
    """Whether the address took a test message, and what it answered."""

    taken: bool
    status: int | None = None
    error: str | None = None


class DeliveryOut(wire.Output, kw_only=True):
    """One message; `id` is the same in every try.

    Attributes:
        state: `waiting` or `sent`.
        status: of the last answer.
        body: what is sent, as text.
    """

    id: str
    state: str
    tries: int
    created: float
    body: str
    tried: float | None = None
    status: int | None = None
    error: str | None = None


class DeliveriesQuery(wire.Input):
    """Which page: `next` of the page before."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=webhooks.KEPT)] = LIMIT
    cursor: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)] | None = None


class DeliveriesOut(wire.Output):
    """Messages, newest first."""

    deliveries: list[DeliveryOut]
    next: int | None = None


def _out(hook: Webhook) -> WebhookOut:
    return WebhookOut(**_members(hook))  # type: ignore[arg-type]


def _members(hook: Webhook) -> dict[str, object]:
    owners = hook.access_id == authentication.SYSTEM
    return {
        "id": hook.id,
        "api": hook.api,
        "name": hook.name,
        "url": hook.url,
        "kinds": list(hook.kinds),
        "state": hook.state,
        "rev": hook.told,
        "calls": hook.run_count,
        "failures": hook.fail_count,
        "retries": hook.retries,
        "created": seconds(hook.created),
        "modified": seconds(hook.modified),
        "access": None if owners else hook.access_id,
        "problem": hook.problem,
    }


def _told(made: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=made.id,
        state=made.state,
        tries=made.tries,
        created=seconds(made.created),
        body=made.body,
        tried=None if made.tried is None else seconds(made.tried),
        status=made.status,
        error=made.error,
    )


async def get_many(call: Call) -> Response:
    """Answer the webhooks."""
    found = await http.read(call.ctx, lambda tx: webhooks.listed(tx, call.ctx, call.caller))
    return endpoint.answer(WebhooksOut(webhooks=[_out(hook) for hook in found]))


async def get_one(call: Call) -> Response:
    """Answer one webhook."""
    id_ = call.path["id"]
    return endpoint.answer(
        _out(await http.read(call.ctx, lambda tx: webhooks.get(tx, call.caller, id_)))
    )


async def create(call: Call) -> Response:
    """Add a webhook and show its secret once."""
    new: WebhookNew = call.body
    webhooks.refuse_deaf(call.caller)
    await http.blocking(lambda: webhooks.check(call.ctx, new.url))

    def add(tx: WriteTx) -> tuple[Webhook, str]:
        return webhooks.create(
            tx, call.ctx, call.caller, url=new.url, name=new.name, kinds=new.kinds, api=API
        )

    made, secret = await http.write(call.ctx, add)
    return endpoint.answer(WebhookMade(**_members(made), secret=secret), 201)  # type: ignore[arg-type]


async def update(call: Call) -> Response:
    """Change a webhook."""
    new: WebhookChange = call.body
    url = new.url
    if url is not None:
        await http.blocking(lambda: webhooks.check(call.ctx, url))

    def change(tx: WriteTx) -> Webhook:
        return webhooks.update(
            tx,
            call.ctx,
            call.caller,
            call.path["id"],
            url=url,
            name=new.name,
            kinds=new.kinds,
            active=None if new.state is None else new.state == ACTIVE,
        )

    return endpoint.answer(_out(await http.write(call.ctx, change)))


async def delete(call: Call) -> Response:
    """Delete a webhook."""
    id_ = call.path["id"]
    await http.write(call.ctx, lambda tx: webhooks.remove(tx, call.ctx, call.caller, id_))
    return endpoint.answer(WebhookDeleted(deleted=id_))


async def rotate(call: Call) -> Response:
    """Give a webhook another secret."""
    id_ = call.path["id"]
    secret = await http.write(call.ctx, lambda tx: webhooks.rotate(tx, call.ctx, call.caller, id_))
    return endpoint.answer(SecretOut(secret=secret))


async def trial(call: Call) -> Response:
    """Send a test message now."""
    id_ = call.path["id"]
    made = await http.read(call.ctx, lambda tx: webhooks.trial(tx, call.ctx, call.caller, id_))
    outcome = await http.blocking(lambda: webhook_calls.try_out(call.ctx, made))
    return endpoint.answer(
        TrialOut(taken=outcome.taken, status=outcome.status, error=outcome.error)
    )


async def deliveries(call: Call) -> Response:
    """Answer what a webhook was told."""
    asked: DeliveriesQuery = call.query
    id_, before = call.path["id"], asked.cursor or NEWEST
    found = await http.read(
        call.ctx,
        lambda tx: webhooks.deliveries(tx, call.caller, id_, before=before, most=asked.limit + 1),
    )
    following = found[asked.limit - 1].n if len(found) > asked.limit else None
    shown = [_told(made) for made in found[: asked.limit]]
    return endpoint.answer(DeliveriesOut(deliveries=shown, next=following))


async def resend(call: Call) -> Response:
    """Have a message sent again."""
    id_, which = call.path["id"], call.path["delivery"]
    made = await http.write(
        call.ctx, lambda tx: webhooks.resend(tx, call.ctx, call.caller, id_, which)
    )
    return endpoint.answer(_told(made), 202)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/webhooks",
        name="webhooks.list",
        summary="Read your webhooks",
        answer=(WebhooksOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/webhooks",
        name="webhooks.create",
        summary="Have an address told of changes",
        description="Messages are signed as Standard Webhooks has it; the secret is shown once.",
        body=(WebhookNew,),
        answer=(WebhookMade,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="GET",
        path="/webhooks/{id}",
        name="webhooks.get",
        summary="Read a webhook",
        answer=(WebhookOut,),
        handler=get_one,
    ),
    Endpoint(
        method="PATCH",
        path="/webhooks/{id}",
        name="webhooks.update",
        summary="Change a webhook, stop it or have it go on",
        body=(WebhookChange,),
        answer=(WebhookOut,),
        handler=update,
    ),
    Endpoint(
        method="DELETE",
        path="/webhooks/{id}",
        name="webhooks.delete",
        summary="Delete a webhook",
        answer=(WebhookDeleted,),
        handler=delete,
    ),
    Endpoint(
        method="POST",
        path="/webhooks/{id}/secret",
        name="webhooks.rotate",
        summary="Give a webhook another secret",
        answer=(SecretOut,),
        handler=rotate,
    ),
    Endpoint(
        method="POST",
        path="/webhooks/{id}/test",
        name="webhooks.test",
        summary="Send a test message",
        answer=(TrialOut,),
        handler=trial,
    ),
    Endpoint(
        method="GET",
        path="/webhooks/{id}/deliveries",
        name="webhooks.deliveries",
        summary="Read what a webhook was told",
        query=DeliveriesQuery,
        answer=(DeliveriesOut,),
        handler=deliveries,
    ),
    Endpoint(
        method="POST",
        path="/webhooks/{id}/deliveries/{delivery}/resend",
        name="webhooks.resend",
        summary="Send a message again",
        answer=(DeliveryOut,),
        status=202,
        handler=resend,
    ),
)
