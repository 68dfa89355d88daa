"""What HTTP edges share: bounded bodies, credentials, errors in the dialect's words, reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from diurnal.errors import AppError, TooMany, Unavailable
from diurnal.http import doing, metrics
from diurnal.http.callers import (
    COOKIE,
    account_named,
    address,
    basic,
    basic_of,
    bearer,
    caller,
    came_by,
    drop_session,
    from_here,
    keep_session,
    refuse_foreign,
    resolve,
    signed_in,
)
from diurnal.http.doing import Watch
from diurnal.http.messages import NOT_STORED, Json, adding, body, header, put_headers, with_common
from diurnal.http.places import Handler, base_url, hosted, mounted, of_user, prefix_of, router
from diurnal.http.running import blocking, join, read, write

__all__ = [
    "COOKIE",
    "NOT_STORED",
    "Handler",
    "Json",
    "Render",
    "Statuses",
    "Watch",
    "account_named",
    "adding",
    "address",
    "base_url",
    "basic",
    "basic_of",
    "bearer",
    "blocking",
    "body",
    "caller",
    "came_by",
    "doing",
    "drop_session",
    "from_here",
    "guarded",
    "header",
    "hosted",
    "join",
    "keep_session",
    "mounted",
    "of_user",
    "prefix_of",
    "put_headers",
    "read",
    "refuse_foreign",
    "resolve",
    "retry_headers",
    "router",
    "signed_in",
    "status_of",
    "with_common",
    "write",
]

log = structlog.get_logger(__name__)

Statuses = Mapping[type[AppError], tuple[int, str]]
Render = Callable[[AppError, int, str], Response]


def status_of(error: AppError, statuses: Statuses) -> tuple[int, str]:
    """Return the row of the nearest class that has one."""
    for kind in type(error).__mro__:
        if kind in statuses:
            return statuses[kind]
    return statuses[AppError]


def retry_headers(error: AppError | None) -> dict[str, str]:
    """Return `Retry-After` where the error says when."""
    if isinstance(error, TooMany | Unavailable):
        return {"Retry-After": str(error.retry_after_s)}
    return {}


def guarded(
    handler: Handler, statuses: Statuses, render: Render, *, watch: Watch | None = None
) -> Handler:
    """Answer the errors of `handler` in the dialect's words; a bug without details.

    Args:
        watch: which door and what is done there: it is then audited and limited in its rate.
    """

    def refused(error: AppError) -> Response:
        status, id_ = status_of(error, statuses)
        response = render(error, status, id_)
        response.headers.update(retry_headers(error))
        return response

    def failed() -> tuple[AppError, Response]:
        bug = AppError("something went wrong on our side")
        return bug, render(bug, *statuses[AppError])

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except AppError as error:
            return refused(error)
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("request failed", path=request.url.path, method=request.method)
            return failed()[1]

    if watch is None:
        return answer

    async def watched(request: Request) -> Response:
        where = address(request)
        begun = doing.begin(watch, where, request.scope)
        started = time.perf_counter()
        error: AppError | None = None
        try:
            try:
                waits = watch.limits.by_address(where)
                if waits is not None:
                    await waits
                response = await handler(request)
            except AppError as raised:
                error, response = raised, refused(raised)
            except ClientDisconnect:
                raise
            except Exception:
                log.exception("request failed", path=request.url.path, method=request.method)
                error, response = failed()
        except BaseException:
            await doing.finish(watch.ctx, doing.end(begun), AppError("cut off"))
            raise
        metrics.count(watch.door, response.status_code, time.perf_counter() - started)
        done = doing.end(begun)
        if error is not None or not done.recorded:
            await doing.finish(watch.ctx, done, error)
        if done.limited:
            response.raw_headers.extend(done.limited)
        return response

    return watched
