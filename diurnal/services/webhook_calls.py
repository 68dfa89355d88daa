"""Calling webhooks: what the worker does all the time beside its jobs."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from standardwebhooks import Webhook as Signer

from diurnal.errors import AppError, InvalidInput, Upstream
from diurnal.model.time import HOUR, SECOND
from diurnal.outbound import NotAllowed
from diurnal.services import webhooks
from diurnal.services.context import Context
from diurnal.services.webhook_messages import FORMS
from diurnal.services.webhooks import Call, Outcome
from diurnal.store import webhooks as store

if TYPE_CHECKING:
    from diurnal.outbound.client import Client

log = structlog.get_logger(__name__)

SLOTS = 8
"""Calls under way at once."""
POLL_S = 0.25
SECONDS_MAX = 10.0
ANSWER_MAX = 1 << 20
AFTER_MAX = HOUR
"""What an address may ask us to wait for, at most."""
GONE = 410


def serve(ctx: Context, owner: str, stop: threading.Event) -> None:
    """Call webhooks until told to stop; wait for the calls under way.

    Args:
        owner: names the worker; calls that one of this name left behind are made again at once.
    """
    from diurnal.outbound.client import Client

    for account_id, id_ in ctx.store.read(lambda tx: store.held(tx, owner)):
        ctx.store.write(
            lambda tx, a=account_id, i=id_: store.release(tx, a, i)  # type: ignore[misc]
        ).result()
    busy: dict[tuple[int, str], Future[None]] = {}
    with (
        Client(ctx.settings.outbound_allow) as client,
        ThreadPoolExecutor(SLOTS, thread_name_prefix="webhook") as pool,
    ):
        while not stop.wait(POLL_S):
            busy = {key: future for key, future in busy.items() if not future.done()}
            free = SLOTS - len(busy)
            if free <= 0:
                continue
            try:
                # Those under way are claimed, and so not due.
                due = ctx.store.read(lambda tx, n=free: store.due(tx, ctx.now(), n))  # type: ignore[misc]
            except AppError as error:
                log.warning("webhooks wait", reason=error.message)
                continue
            for key in due:
                if key not in busy:
                    busy[key] = pool.submit(_work, ctx, client, key, owner, stop)


def _work(
    ctx: Context,
    client: Client,
    key: tuple[int, str],
    owner: str,
    stop: threading.Event,
) -> None:
    try:
        while not stop.is_set() and call_next(ctx, client, *key, owner=owner):
            pass
    except AppError as error:
        log.warning("a webhook waits", webhook=key[1], reason=error.message)
    except Exception:
        log.exception("a webhook failed", webhook=key[1])


def call_next(ctx: Context, client: Client, account_id: int, id_: str, *, owner: str) -> bool:
    """Tell a webhook what is next, if it is its time; return whether it was told."""
    token = f"{owner}.{secrets.token_hex(8)}"
    claimed = ctx.store.write(lambda tx: webhooks.claim(tx, ctx, account_id, id_, token)).result()
    if claimed is None:
        return False
    outcome = send(ctx, client, claimed)
    if not outcome.taken:
        log.info("a webhook did not take it", webhook=id_, reason=outcome.error)
    ctx.store.write(lambda tx: webhooks.settle(tx, ctx, claimed, outcome)).result()
    return True


def try_out(ctx: Context, call: Call) -> Outcome:
    """Make a call that is nobody's to repeat, with a connection of its own."""
    from diurnal.outbound.client import Client

    with Client(ctx.settings.outbound_allow) as client:
        return send(ctx, client, call)


def send(ctx: Context, client: Client, call: Call) -> Outcome:
    """Make a call; whatever goes wrong is in the outcome."""
    body = call.delivery.body.encode()
    headers = {"Content-Type": "application/json"}
    if FORMS[call.webhook.api].signed:
        headers |= signature(call, ctx.now(), body)
    try:
        answer = client.request(
            "POST",
            call.webhook.url,
            headers=headers,
            body=body,
            bytes_max=ANSWER_MAX,
            seconds_max=SECONDS_MAX,
        )
    except (NotAllowed, InvalidInput) as error:
        return Outcome(error=error.message, gone=True)
    except Upstream as error:
        return Outcome(error=error.message)
    if 200 <= answer.status < 300:
        return Outcome(status=answer.status)
    after = answer.headers.get("retry-after", "")
    return Outcome(
        status=answer.status,
        error=f"it answered {answer.status}",
        gone=answer.status == GONE,
        after=min(int(after) * SECOND, AFTER_MAX) if after.isdigit() and len(after) < 10 else None,
    )


def signature(call: Call, now: int, body: bytes) -> dict[str, str]:
    """Return the headers that say from whom it is (Standard Webhooks)."""
    at = datetime.fromtimestamp(now // SECOND, UTC)
    held = call.secrets
    good: list[str] = [held.now]
    if held.before is not None and now < held.until:
        good.append(held.before)
    signed: Callable[[str], str] = lambda secret: Signer(secret).sign(  # noqa: E731
        call.delivery.id, at, body.decode()
    )
    return {
        "Webhook-Id": call.delivery.id,
        "Webhook-Timestamp": str(now // SECOND),
        "Webhook-Signature": " ".join(map(signed, good)),
    }
