"""Reading, writing, metadata, the token check and the dictionary."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.personicle import datastreams, dictionary, door, events, times
from diurnal.dialects.personicle.dictionary import Datastream
from diurnal.errors import AppError, Forbidden, InvalidInput, Unauthenticated
from diurnal.http import Handler
from diurnal.model.access import Access
from diurnal.services import accounts
from diurnal.services.context import Context

UNKNOWN = "Could not match requested data type with data dictionary"
ALWAYS = ("openid", "email", "profile")


def _reading(ctx: Context) -> dict[str, Handler]:
    async def read_events(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        door.granted(caller, "events.read", door.NO_EVENTS)
        wanted = events.asked(door.query(request, "startTime", "endTime"))
        reader, user = await door.reading(ctx, request, caller)
        return http.Json(
            await http.read(
                ctx, lambda tx: msgspec.json.encode(events.read(tx, ctx, reader, user, wanted))
            )
        )

    async def read_datastreams(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        query = door.query(request, "datatype", "startTime", "endTime")
        stream = _stream(query["datatype"])
        door.granted(caller, stream.name)
        start, end = times.read(query["startTime"]), times.read(query["endTime"])
        reader, user = await door.reading(ctx, request, caller)

        source = query.get("source") or None

        def rows() -> bytes:
            found = ctx.store.read(
                lambda tx: datastreams.read(tx, ctx, reader, stream, start, end, source)
            )
            return msgspec.json.encode(datastreams.rows(stream, user, found))

        return http.Json(await http.blocking(rows))

    async def event_metadata(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        door.granted(caller, "events.read", door.NO_EVENTS)
        wanted = events.asked(request.query_params)
        reader, user = await door.reading(ctx, request, caller)
        return door.answer(
            await http.read(ctx, lambda tx: events.metadata(tx, ctx, reader, user, wanted))
        )

    async def datastream_metadata(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        asked = events.asked(request.query_params, names="data_type")
        names = frozenset(s.name for n in asked.names if (s := dictionary.find(n)) is not None)
        if asked.names and not names:
            raise InvalidInput(UNKNOWN)
        if caller.client_id is not None and caller.scopes:
            every = names or frozenset(dictionary.DATASTREAMS)
            names = frozenset(n for n in every if _may(caller, n))
            if not names:
                raise Forbidden(door.NO_SCOPE)
        reader, user = await door.reading(ctx, request, caller)
        return door.answer(
            await http.read(
                ctx, lambda tx: datastreams.metadata(tx, ctx, reader, user, names, asked.sources)
            )
        )

    return {
        "events": read_events,
        "datastreams": read_datastreams,
        "metadata/events": event_metadata,
        "metadata/datastream": datastream_metadata,
        "metadata/datastreams": datastream_metadata,
    }


def _may(caller: Access, name: str) -> bool:
    try:
        door.granted(caller, name)
    except Forbidden:
        return False
    return True


def _stream(name: str) -> Datastream:
    stream = dictionary.find(name)
    if stream is None:
        raise InvalidInput(UNKNOWN)
    return stream


def _writing(ctx: Context) -> dict[str, Handler]:
    async def event_upload(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        door.granted(caller, "events.write")
        sent = await door.body(request)
        if not isinstance(sent, list):
            raise door.Unreadable("Array of events expected")
        user = await door.user_of(ctx, caller)
        stored, summary = await http.write(
            ctx, lambda tx: events.upload(tx, ctx, caller, user, sent)
        )
        return door.answer({"message": f"Sent {stored} records to database", "summary": summary})

    async def datastream_upload(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        sent = await door.body(request)
        name = sent.get("streamName") if isinstance(sent, dict) else None
        stream = dictionary.find(name) if isinstance(name, str) else None
        if stream is not None:
            door.granted(caller, f"{stream.name}.write")
        user = await door.user_of(ctx, caller)
        if isinstance(sent, dict) and sent.get("individual_id") not in (None, user):
            raise Forbidden("individual_id is not the token's user")
        packet = datastreams.packet(sent, stream, user)
        stored = await http.write(ctx, lambda tx: datastreams.upload(tx, ctx, caller, packet))
        return door.text(f"Sent {stored} records to database")

    async def event_delete(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        door.granted(caller, "events.write")
        query = request.query_params
        ids, names = query.get("event_id"), query.get("event_type")
        if not query.get("user_id"):
            return door.answer({"error": "user_id is required"}, 400)
        if bool(ids) == bool(names):
            return door.answer({"error": "Either event_id or event_type is required"}, 400)
        wanted = events.asked(query, "start_time", "end_time") if names else None
        listed = [part.strip() for part in (ids or "").split(";") if part.strip()]
        gone = await http.write(
            ctx, lambda tx: events.delete(tx, ctx, caller, event_ids=listed, wanted=wanted)
        )
        if not gone:
            raise door.NoSuch("No such events found")
        return door.answer({"message": f"Deleted {gone} events"})

    async def datastream_delete(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        query = request.query_params
        missing = [n for n in ("user_id", "stream_name", "source") if not query.get(n)]
        if missing:
            return door.answer({"error": f"{missing[0]} is required"}, 400)
        streams = []
        for name in query["stream_name"].split(";"):
            stream = dictionary.find(name)
            if stream is None:
                return door.answer({"error": f"Stream {name.strip()} is not valid"}, 400)
            door.granted(caller, f"{stream.name}.write")
            streams.append(stream)
        start = times.read(query["start_time"]) if query.get("start_time") else None
        end = times.read(query["end_time"]) if query.get("end_time") else None
        source = query["source"]
        gone = await http.write(
            ctx,
            lambda tx: sum(
                datastreams.delete(tx, ctx, caller, stream, source, start, end)
                for stream in streams
            ),
        )
        if not gone:
            raise door.NoSuch("No such datastreams found")
        return door.answer({"message": f"Deleted {gone} records"})

    async def account_delete(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        if not caller.owner:
            # An application that may write must not be able to end the account.
            raise Forbidden("Only the account's owner may delete it")
        user = await door.user_of(ctx, caller)
        await http.blocking(lambda: accounts.delete(ctx, caller.account_id))
        return door.answer({"message": f"User {user} DELETED"})

    return {
        "event/upload": event_upload,
        "datastream/upload": datastream_upload,
        "event/delete": event_delete,
        "datastream/delete": datastream_delete,
        "account/delete": account_delete,
    }


def _checking(ctx: Context) -> dict[str, Handler]:
    async def authenticate(request: Request) -> Response:
        try:
            caller = await door.caller(ctx, request)
        except Unauthenticated:
            return door.text("Unauthorized", 401)
        asked = request.query_params.get("scopes", "")
        demanded = [*(s.strip() for s in asked.split(",") if s.strip()), *ALWAYS]
        if caller.client_id is not None:
            held = set(caller.scopes)
            for scope in demanded:
                if scope not in held and not _may(caller, scope):
                    return door.answer({"message": "INVALID_SCOPES"}, 403)
        return door.answer({"message": True, "user_id": await door.user_of(ctx, caller)})

    async def match(request: Request) -> Response:
        query = request.query_params
        name = query.get("stream_name", "")
        if query.get("data_type") == "event":
            measure = dictionary.measure_of_event(name, None)
            if measure is None:
                return door.text("Unknown event", 403)
            told = {"Parameters": {"duration": "Integer", "source_device": "String"}}
            return door.answer(
                {"base_schema": "event_schema.avsc", "TableName": "personal_events", **told}
            )
        stream = dictionary.find(name)
        if stream is None:
            return door.text("Unknown stream", 403)
        return door.answer(
            {
                "ValueType": stream.type,
                "Unit": stream.unit,
                "TableName": stream.table,
                "base_schema": f"{stream.type.lower()}_datastream_schema.avsc",
            }
        )

    async def validate(request: Request) -> Response:
        sent = await door.body(request)
        if request.query_params.get("data_type") == "event":
            listed = sent if isinstance(sent, list) else [sent]
            fits = all(events.well_formed(one) for one in listed)
        else:
            fits = _packet_fits(sent)
        return door.answer({"schema_check": fits})

    return {
        "/auth/authenticate": authenticate,
        "/data/schema/match-data-dictionary": match,
        "/match-data-dictionary": match,
        "/data/schema/validate-data-packet": validate,
        "/validate-data-packet": validate,
    }


def _packet_fits(sent: object) -> bool:
    if not isinstance(sent, dict):
        return False
    name = sent.get("streamName")
    stream = dictionary.find(name) if isinstance(name, str) else None
    try:
        datastreams.packet(sent, stream, str(sent.get("individual_id")))
    except AppError:
        return False
    return True


ROUTES = (
    *(
        f"GET {prefix}/read/{path}"
        for prefix in ("/api/data", "/data")
        for path in (
            "events",
            "datastreams",
            "metadata/events",
            "metadata/datastream",
            "metadata/datastreams",
        )
    ),
    *(
        f"{verb} {prefix}/write/{path}"
        for prefix in ("/api/data", "/data")
        for verb, path in (
            ("POST", "event/upload"),
            ("POST", "datastream/upload"),
            ("DELETE", "event/delete"),
            ("DELETE", "datastream/delete"),
            ("DELETE", "account/delete"),
        )
    ),
    "GET /auth/authenticate",
    "POST /auth/authenticate",
    "GET /data/schema/match-data-dictionary",
    "GET /match-data-dictionary",
    "POST /data/schema/validate-data-packet",
    "POST /validate-data-packet",
    "GET /",
)


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers by path, each below both prefixes that clients use."""
    found: dict[str, Handler] = {}
    for prefix in ("/api/data", "/data"):
        found |= {f"{prefix}/read/{path}": _only("GET", h) for path, h in _reading(ctx).items()}
        for path, handler in _writing(ctx).items():
            verb = "DELETE" if path.endswith("delete") else "POST"
            found[f"{prefix}/write/{path}"] = _only(verb, handler)

    async def greet(_request: Request) -> Response:
        return door.text("Personicle")

    return {**found, **_checking(ctx), "/": greet}


def _only(verb: str, handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method != verb:
            return door.answer({"detail": "Method Not Allowed"}, 405)
        return await handler(request)

    return answer
