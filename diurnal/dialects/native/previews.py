"""Before an import: a table is looked at, demo data are asked for."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.dialects.native.imports import OCTETS, ImportOut, write_batch
from diurnal.errors import InvalidInput
from diurnal.services import demo, imports, previews, uploads
from diurnal.store.batches import Stored
from diurnal.store.database import WriteTx


class PreviewQuery(wire.Input):
    """What is looked at: an upload, or the file whose first bytes are sent.

    Attributes:
        name, size: of the file whose beginning is sent; the size in bytes.
    """

    upload_id: wire.Key | None = None
    name: Annotated[str, msgspec.Meta(max_length=uploads.NAME_MAX)] = ""
    size: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0


class ColumnGuess(wire.Output):
    """What a column may mean.

    Attributes:
        measure, unit: of the catalog; without a measure it may become one of the account's own.
        name: what that would be called.
        zone: its cells are time zones.
        filled: cells that say something, of `rowsSeen`.
    """

    filled: int
    measure: str | None = None
    unit: str | None = None
    name: str | None = None
    zone: bool = False


class PreviewOut(wire.Output, kw_only=True):
    """How a table may be read: a mapping as `options` of an import takes it, and what led to it.

    Attributes:
        self_explanatory: it is read without a mapping.
        date: the column of dates; null where none looks like it.
        date_formats: all that fit, the likeliest first.
        rows: the header and the first rows.
    """

    self_explanatory: bool
    delimiter: str
    decimal: str
    encoding: str
    layout: str
    date: str | None = None
    date_format: str
    date_formats: list[str]
    time: str | None = None
    columns: dict[str, ColumnGuess]
    rows: list[list[str]]
    rows_seen: int


async def preview(call: Call) -> Response:
    """Look at a table and propose its mapping."""
    asked: PreviewQuery = call.query
    if asked.upload_id is not None:
        id_ = asked.upload_id
        found = await http.blocking(lambda: previews.of_upload(call.ctx, call.caller, id_))
    else:
        head = await http.body(call.request, 2 * previews.HEAD_BYTES)
        if not head:
            raise InvalidInput("an uploadId, or the beginning of the file is needed", field="body")
        found = await http.blocking(
            lambda: previews.of_bytes(call.caller, asked.name, head, asked.size)
        )
    return endpoint.answer(
        PreviewOut(
            self_explanatory=found["self_explanatory"],
            delimiter=found["delimiter"],
            decimal=found["decimal"],
            encoding=found["encoding"],
            layout=found["layout"],
            date=found["date"],
            date_format=found["date_format"],
            date_formats=found["date_formats"],
            time=found["time"],
            columns={
                header: ColumnGuess(
                    filled=found["counts"].get(header, 0),
                    measure=said["measure"],
                    unit=said["unit"],
                    name=said["name"],
                    zone=said.get("zone", False),
                )
                for header, said in found["columns"].items()
            },
            rows=found["preview"],
            rows_seen=found["rows_seen"],
        )
    )


async def load_demo(call: Call) -> Response:
    """Bring in an invented year; the worker does it."""

    def do(tx: WriteTx) -> Stored:
        return imports.get(tx, call.caller, demo.start(tx, call.ctx, call.caller))

    return endpoint.answer(write_batch(await http.write(call.ctx, do)), 202)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/imports/preview",
        name="imports.preview",
        summary="Look at a table and have its mapping proposed",
        description=(
            "Send the first 64 KiB of the file with its `name` and `size`, or name an upload. "
            "Nothing is stored."
        ),
        who=Who.OWNER,
        query=PreviewQuery,
        media=(OCTETS,),
        answer=(PreviewOut,),
        handler=preview,
    ),
    Endpoint(
        method="POST",
        path="/imports/demo",
        name="imports.demo",
        summary="Bring in an invented year, to look around with",
        description="An import like others: undo it, and nothing of it stays.",
        who=Who.OWNER,
        answer=(ImportOut,),
        status=202,
        handler=load_demo,
    ),
)
