"""Calling methods by their names: one, or many in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from diurnal import http
from diurnal.dialects.pryv import checks, shapes, words
from diurnal.dialects.pryv.methods.table import Call, Method, Result, Table
from diurnal.errors import AppError
from diurnal.http import doing
from diurnal.model.events import NewEvent
from diurnal.services import audit, events
from diurnal.services.audit import Doing
from diurnal.services.context import Context
from diurnal.store import changes, savepoints
from diurnal.store.database import Tx, WriteTx

CALLS_MAX = 10_000
"""Calls of one batch."""
RESULTS_MAX = 10_000
"""Events of one answer in a batch or over a socket."""
DOOR = "pryv"


class Prepared(NamedTuple):
    """A call of a batch whose parameters are read; `refusal` where they cannot be."""

    id: str
    method: Method | None
    asked: Any
    refusal: AppError | None


async def one(ctx: Context, table: Table, call: Call, id_: str, given: Any) -> Result:
    """Call one method.

    Raises:
        UnknownMethod: there is no such method.
        AppError: whatever the method refuses.
    """
    method = table.get(id_)
    if method is None:
        raise unknown(id_)
    asked = method.take(checks.params_of(given), ctx.now())
    return await run(ctx, method, call, asked)


async def run(ctx: Context, method: Method, call: Call, asked: Any) -> Result:
    """Run a method whose parameters are read."""
    if method.alone:
        return await http.blocking(lambda: method.run(None, ctx, call, asked))
    if method.writes:
        return await http.write(ctx, lambda tx: method.run(tx, ctx, call, asked))
    quick = method.quick(asked)
    return await http.read(ctx, lambda tx: method.run(tx, ctx, call, asked), quick=quick)


def unknown(id_: str) -> checks.UnknownMethod:
    """Return the refusal of a method that there is not."""
    return checks.UnknownMethod(f'Unknown method "{id_}".')


def read_batch(given: Any) -> list[tuple[str, Any]]:
    """Return the calls of a batch.

    Raises:
        BadParameters: it is no list of calls.
    """
    if not isinstance(given, list):
        raise checks.BadParameters(
            [checks.Problem("INVALID_TYPE", "Expected type array", "#/", ("array",))]
        )
    if len(given) > CALLS_MAX:
        message = f"Array is too long ({len(given)}), maximum {CALLS_MAX}"
        raise checks.BadParameters([checks.Problem("ARRAY_LENGTH_LONG", message, "#/")])
    problems = []
    for i, item in enumerate(given):
        if not isinstance(item, dict):
            problems.append(
                checks.Problem("INVALID_TYPE", "Expected type object", f"#/{i}", ("object",))
            )
            continue
        for name in ("method", "params"):
            if name not in item:
                message = f"Missing required property: {name}"
                problems.append(
                    checks.Problem("OBJECT_MISSING_REQUIRED_PROPERTY", message, f"#/{i}", (name,))
                )
        if not isinstance(item.get("method", ""), str):
            problems.append(checks.Problem("INVALID_TYPE", "Expected type string", f"#/{i}/method"))
    if problems:
        raise checks.BadParameters(problems)
    return [(item["method"], item["params"]) for item in given]


async def batch(
    ctx: Context, table: Table, call: Call, calls: Sequence[tuple[str, Any]]
) -> list[Result]:
    """Do several calls one after the other; return what came of each.

    All that stand together share one transaction: one commit, one notification. A refused call
    leaves nothing of itself, and the others as they are.
    """
    if call.most is None:
        call = call._replace(most=RESULTS_MAX)
    prepared = [_prepared(ctx, table, id_, given) for id_, given in calls]
    outer = doing.current()
    if outer is not None and calls:
        outer.recorded = True  # each call has a line of its own
    results: list[Result] = []
    start = 0
    while start < len(prepared):
        method = prepared[start].method
        if method is not None and method.alone:
            results.append(await _apart(ctx, call, prepared[start]))
            start += 1
            continue
        end = start
        while end < len(prepared) and not _is_alone(prepared[end]):
            end += 1
        results += await _together(ctx, call, prepared[start:end], outer)
        start = end
    return results


def _is_alone(item: Prepared) -> bool:
    return item.method is not None and item.method.alone


def _prepared(ctx: Context, table: Table, id_: str, given: Any) -> Prepared:
    method = table.get(id_)
    if method is None:
        return Prepared(id_[:100], None, None, unknown(id_))
    try:
        return Prepared(id_, method, method.take(checks.params_of(given), ctx.now()), None)
    except AppError as error:
        return Prepared(id_, method, None, error)


async def _apart(ctx: Context, call: Call, item: Prepared) -> Result:
    try:
        async with doing.doing(ctx, DOOR, item.id, access=call.access, address=call.address):
            if item.refusal is not None:
                raise item.refusal
            return await run(ctx, _method(item), call, item.asked)
    except AppError as error:
        return words.failure(error)


async def _together(
    ctx: Context, call: Call, items: Sequence[Prepared], outer: Doing | None
) -> list[Result]:
    request = outer.request if outer is not None else doing.request_id()

    def begun(item: Prepared) -> Doing:
        done = Doing(DOOR, item.id, call.address, request)
        done.by(call.access)
        return done

    def line(tx: Tx, item: Prepared, error: AppError | None) -> audit.Line:
        done = begun(item)
        if error is not None:
            done.error = error.code
            done.failed(tx)
            return done.line(ctx.now())
        return done.line(ctx.now(), tx)

    if not any(i.method is not None and i.method.writes and i.refusal is None for i in items):
        lines: list[audit.Line] = []

        def reading(tx: Tx) -> list[Result]:
            lines.clear()
            results = []
            for item in items:
                tx.told = None
                result = item.refusal or _attempt(tx, ctx, call, item)
                lines.append(line(tx, item, result if isinstance(result, AppError) else None))
                results.append(_written(result))
            tx.told = None
            return results

        found = await ctx.store.reads(reading)
        ctx.trail.extend((call.access.account_id, one) for one in lines)
        return found

    def writing(tx: WriteTx) -> list[Result]:
        # Before the first part: what it locks must outlive the parts.
        changes.reserve(tx, call.access.account_id, 0, ctx.now())
        lines: list[audit.Line] = []
        results: list[Result] = []
        i = 0
        while i < len(items):
            tx.told = None
            many = _plain_run(items, i)
            if len(many) > 1:
                done = begun(many[0])
                for item, made in zip(
                    many, _created(tx, ctx, call, [m.asked for m in many]), strict=True
                ):
                    if isinstance(made, AppError):
                        done.error, done.n, done.targets = made.code, 0, ()
                    else:
                        done.error, done.n, done.targets = "", 1, item.asked.new.stream_ids
                    lines.append(done.line(ctx.now()))
                    results.append(_written(made))
                i += len(many)
                continue
            item = items[i]
            part: Callable[[WriteTx], Result] = partial(_run, ctx=ctx, call=call, item=item)
            tried: Result | AppError = savepoints.attempt(tx, part)
            lines.append(line(tx, item, tried if isinstance(tried, AppError) else None))
            results.append(_written(tried))
            i += 1
        tx.told = None
        audit.append(tx, ctx, call.access.account_id, lines)
        return results

    return await ctx.store.submit(writing)


def _written(result: Result | AppError) -> Result:
    return words.failure(result) if isinstance(result, AppError) else result


def _method(item: Prepared) -> Method:
    if item.method is None:
        raise unknown(item.id)
    return item.method


def _run(tx: Any, ctx: Context, call: Call, item: Prepared) -> Result:
    if item.refusal is not None:
        raise item.refusal
    method = _method(item)
    return method.run(tx, ctx, call, item.asked)


def _attempt(tx: Tx, ctx: Context, call: Call, item: Prepared) -> Result | AppError:
    try:
        return _run(tx, ctx, call, item)
    except AppError as error:
        return error


def _plain_run(items: Sequence[Prepared], start: int) -> Sequence[Prepared]:
    """Return the events from `start` on that can be stored in one go."""
    end = start
    while end < len(items) and _is_plain(items[end]):
        end += 1
    return items[start:end]


def _is_plain(item: Prepared) -> bool:
    return (
        item.id == "events.create"
        and item.refusal is None
        and item.asked.new.id is None
        and isinstance(item.asked.new, NewEvent)
        and not item.asked.series
    )


def _created(
    tx: WriteTx, ctx: Context, call: Call, given: Sequence[Any]
) -> list[Result | AppError]:
    made = events.create_each(tx, ctx, call.access, [g.new for g in given])
    return [m if isinstance(m, AppError) else {"event": shapes.raw_found(m)} for m in made]
