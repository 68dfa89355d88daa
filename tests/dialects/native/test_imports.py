"""Uploads and imports through the native API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from diurnal.model.access import Access, Level
from diurnal.services import imports
from diurnal.services.context import Context
from tests.dialects.native.client import Api, app_token, on

CSV = b"date,steps,weight\n2026-02-01,5000,70.5\n2026-02-02,nonsense,71\n"


def piece(api: Api, id_: str, offset: int, body: Any) -> Any:
    return api(
        "PATCH",
        f"/uploads/{id_}",
        content=body,
        headers={"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"},
    )


def uploaded(api: Api, body: bytes, name: str = "data.csv") -> str:
    made = api.ok("POST", "/uploads", {"name": name, "size": len(body)})
    assert piece(api, made["id"], 0, body).json()["complete"] is True
    return str(made["id"])


def test_a_file_arrives_in_pieces_and_resumes(api: Api) -> None:
    body = bytes(range(256)) * 20_000
    made = api.ok("POST", "/uploads", {"name": "a.bin", "size": len(body)})
    path = f"/uploads/{made['id']}"
    assert made["received"] == 0

    async def broken() -> AsyncIterator[bytes]:
        for at in range(0, 3_000_000, 65_536):
            yield body[at : at + 65_536]

    assert piece(api, made["id"], 0, broken()).status_code == 200
    head = api("HEAD", path)
    offset = int(head.headers["upload-offset"])
    assert 0 < offset < len(body)
    assert head.headers["upload-length"] == str(len(body))
    refused = piece(api, made["id"], offset + 1, body[offset + 1 :])
    assert refused.status_code == 409
    assert refused.json()["data"] == {"offset": offset}
    assert piece(api, made["id"], offset, body[offset:]).json()["complete"] is True
    assert api.ok("GET", path)["received"] == len(body)
    api.ok("DELETE", path)
    api.refused(404, "GET", path)


def test_a_piece_that_cannot_be(api: Api) -> None:
    made = api.ok("POST", "/uploads", {"name": "a.bin", "size": 10})
    for offset in ("", "x", "-1", "1.5", "9" * 40):
        headers = {"Upload-Offset": offset}
        problem = api.refused(400, "PATCH", f"/uploads/{made['id']}", content=b"x", headers=headers)
        assert problem["field"] == "Upload-Offset"
    assert piece(api, made["id"], 0, b"x" * 11).status_code == 413
    assert piece(api, "nowhere", 0, b"x").status_code == 404
    told = {"Upload-Offset": "0", "Content-Length": str(65 << 20)}
    api.refused(413, "PATCH", f"/uploads/{made['id']}", content=b"x", headers=told)
    assert api.ok("GET", f"/uploads/{made['id']}")["received"] == 0


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "", "size": 1}, 400, "name"),
        ({"name": "a", "size": 0}, 400, "size"),
        ({"name": "a", "size": 1.5}, 400, "size"),
        ({"name": "a", "size": 2**53}, 413, None),
        ({"name": "a"}, 400, "size"),
        ({"name": "a\nb", "size": 1}, 400, "name"),
    ],
)
def test_an_upload_that_cannot_be(
    shared: Api, body: dict[str, Any], status: int, field: str | None
) -> None:
    assert shared.refused(status, "POST", "/uploads", body).get("field") == field


def test_an_import_is_tried_done_looked_at_and_undone(
    ctx: Context, alice: Access, api: Api
) -> None:
    upload = uploaded(api, CSV)
    tried = api("POST", "/imports", {"uploadId": upload, "dryRun": True})
    assert tried.status_code == 202
    assert tried.json()["state"] == "waiting"
    imports.run(ctx, alice.account_id, tried.json()["id"])
    assert api.ok("GET", "/days?to=2026-02-02&measures=weight")["values"]["weight"] == [None]
    started = api.ok("POST", "/imports", {"uploadId": upload})
    imports.run(ctx, alice.account_id, started["id"])
    done = api.ok("GET", f"/imports/{started['id']}")
    assert (done["state"], done["result"]["new"], done["result"]["set_aside"]) == ("done", 3, 1)
    read = "/days?from=2026-02-01&to=2026-02-02&measures=weight,steps"
    assert api.ok("GET", read)["values"] == {"weight": [70.5, 71], "steps": [5000, None]}
    [bad] = api.ok("GET", f"/imports/{started['id']}/aside")["setAside"]
    assert "nonsense" in bad["raw"]
    asked = api("POST", f"/imports/{started['id']}/undo")
    assert (asked.status_code, asked.json()["state"]) == (202, "undoing")
    assert [i["id"] for i in api.ok("GET", "/imports")["imports"]] == [
        started["id"],
        tried.json()["id"],
    ]


def test_an_import_that_cannot_be(ctx: Context, alice: Access, api: Api) -> None:
    made = api.ok("POST", "/uploads", {"name": "a.csv", "size": 10})
    api.refused(409, "POST", "/imports", {"uploadId": made["id"]})
    api.refused(404, "POST", "/imports", {"uploadId": "nowhere"})
    api.refused(400, "POST", "/imports", {})
    api.refused(400, "POST", "/imports", {"uploadId": made["id"], "paths": ["/etc/passwd"]})
    for path in ("/imports/1", "/imports/1/aside", "/imports/99999999999999999999", "/imports/x"):
        api.refused(404, "GET", path)
    api.refused(404, "POST", "/imports/1/undo")
    app = api.with_token(app_token(ctx, alice, on("*", Level.MANAGE))[1])
    for method, path in (("GET", "/imports"), ("GET", "/imports/1"), ("GET", "/uploads/x")):
        app.refused(403, method, path)


def test_a_table_is_looked_at_before_it_is_imported(api: Api) -> None:
    text = "Tag;Uhrzeit;Weight (lb);Stimmung\n03/01/2026;08:00;180,5;7\n04/01/2026;08:05;181,0;6\n"
    head = text.encode()
    told = api.ok("POST", f"/imports/preview?name=log.csv&size={len(head)}", content=head)
    assert (told["selfExplanatory"], told["date"], told["time"]) == (False, "Tag", "Uhrzeit")
    assert told["dateFormats"] == ["%d/%m/%Y", "%m/%d/%Y"]
    assert told["dateFormat"] == "%d/%m/%Y"
    assert told["columns"]["Weight (lb)"] == {
        "measure": "weight",
        "unit": "[lb_av]",
        "name": "Weight (lb)",
        "filled": 2,
    }
    assert told["rows"][1] == ["03/01/2026", "08:00", "180,5", "7"]
    made = api.ok("POST", "/uploads", {"name": "log.csv", "size": len(head)})
    path = f"/imports/preview?uploadId={made['id']}"
    api.refused(400, "POST", path)
    at = {"Upload-Offset": "0"}
    api.ok("PATCH", f"/uploads/{made['id']}", content=head, headers=at)
    assert api.ok("POST", path) == told
    api.refused(404, "POST", "/imports/preview?uploadId=nowhere")
    api.refused(400, "POST", "/imports/preview?name=a.csv")
    undated = api.ok("POST", "/imports/preview?name=a.csv", content=b"a,b\n1,2\n3,4\n")
    assert "date" not in undated
    api.refused(400, "POST", "/imports/preview?name=a.csv", content=b"no table")
    assert api.ok("GET", "/imports") == {"imports": []}


def test_demo_data_are_asked_for_later_once(api: Api) -> None:
    told = api.ok("POST", "/imports/demo")
    assert (told["state"], told["name"]) == ("waiting", "Demo data")
    api.refused(409, "POST", "/imports/demo")
