"""What Personicle's older app for iPhones sends: samples of sleep from HealthKit.

Source: the parsers of https://github.com/tirth-clearsense/external-connections-personicle
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.personicle import door, events, times
from diurnal.errors import AppError, InvalidInput, Unauthenticated
from diurnal.http import Handler, Json
from diurnal.model.access import Access
from diurnal.model.time import SECOND, from_seconds
from diurnal.services.context import Context
from diurnal.store.database import WriteTx

PATH = "/healthkit/upload"
ROUTES = (f"POST {PATH}",)
SOURCE, NAME = "healthkit", "sleep"
MILLISECONDS = 10**11
"""From here on a number of seconds is in truth one of milliseconds: it would be the year 5138."""
_TOLD = {
    "HKDeviceManufacturerName": "device_manufacturer_name",
    "HKDeviceName": "device_name",
    "HKExternalUUID": "external_UUID",
    "SleepStage": "sleep_stage",
    "HKTimeZone": "time_zone",
}
"""Members of a sample, and the parameters of the event that they become."""


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers by path."""

    async def upload(request: Request) -> Response:
        """Store samples, all or none; `test_key`, one for all who have the app, opens nothing."""
        if request.method != "POST":
            return door.answer({"detail": "Method Not Allowed"}, 405)
        caller = await door.caller(ctx, request)
        door.granted(caller, "events.write")
        sent = await door.body(request)
        if not isinstance(sent, dict) or not isinstance(sent.get("data"), list):
            raise InvalidInput("data is a list of samples")
        user = await door.user_of(ctx, caller)
        told = [event(n, user, one) for n, one in enumerate(sent["data"], start=1)]
        await http.write(ctx, lambda tx: _store(tx, ctx, caller, user, told))
        return door.answer({"success": True}, 201)

    return {PATH: upload}


def render(error: AppError, status: int, _id: str) -> Response:
    """Return an error: whether it went well, and why not."""
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else None
    said = msgspec.json.encode({"success": False, "response": error.message})
    return Json(said, 400 if status == 422 else status, headers)


def _store(
    tx: WriteTx, ctx: Context, caller: Access, user: str, told: list[dict[str, Any]]
) -> None:
    _, summary = events.upload(tx, ctx, caller, user, told)
    if summary.get(events.BAD):
        raise InvalidInput("a sample is not one that can be stored")


def event(n: int, user: str, one: Any) -> dict[str, Any]:
    """Return a sample as an event that is uploaded.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(one, dict):
        raise InvalidInput(f"sample {n} is not an object")
    start, end = (_at(f"sample {n}: {name}", one.get(name)) for name in ("startTime", "endTime"))
    parameters: dict[str, Any] = {"duration": (end - start) / SECOND}
    for member, name in _TOLD.items():
        if one.get(member) is not None:
            parameters[name] = one[member]
    return {
        "individual_id": user,
        "start_time": times.write(start),
        "end_time": times.write(end),
        "event_name": NAME,
        "source": SOURCE,
        "parameters": parameters,
    }


def _at(name: str, told: Any) -> int:
    """Return an instant that is told as Unix seconds or as a text."""
    if isinstance(told, str):
        return times.read(told, name)
    if isinstance(told, bool) or not isinstance(told, int | float):
        raise InvalidInput(f"{name} is no time")
    if abs(told) >= MILLISECONDS**2:  # an integer may have any length
        raise InvalidInput(f"{name} is out of range")
    return from_seconds(told / 1000 if abs(told) >= MILLISECONDS else told, field=name)
