"""Attachments through the native API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from diurnal.model.access import Access, Level
from diurnal.services import attachments
from diurnal.services.context import Context
from tests.dialects.native.client import Api, app_token, on, opened, owner_token


@pytest.fixture
def event(api: Api) -> str:
    made = api.ok("POST", "/events", {"streamIds": ["diurnal-notes"], "type": "note/txt"})
    return str(made["id"])


@pytest.fixture(scope="module")
def kept(shared: Api) -> str:
    """An event that tests share."""
    made = shared.ok("POST", "/events", {"streamIds": ["diurnal-notes"], "type": "note/txt"})
    return str(made["id"])


@pytest.fixture(scope="module")
def digits(shared: Api, kept: str) -> str:
    """Where ten digits lie."""
    return f"/events/{kept}/files/{raw(shared, kept, b'0123456789')}"


def raw(api: Api, event: str, body: bytes, name: str = "a.bin", type_: str = "image/png") -> str:
    answer = api.ok(
        "POST",
        f"/events/{event}/files",
        params={"filename": name},
        content=body,
        headers={"Content-Type": type_},
    )
    return str(answer["attachments"][-1]["id"])


def test_a_file_comes_back_as_it_was_sent(api: Api, event: str) -> None:
    body = bytes(range(256)) * 4096
    id_ = raw(api, event, body, "Foto \u00e4\u4e2d.png")
    answer = api("GET", f"/events/{event}/files/{id_}")
    assert answer.content == body
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(len(body))
    shown = api.ok("GET", "/events")["events"][0]["attachments"]
    assert shown == [
        {"id": id_, "fileName": "Foto \u00e4\u4e2d.png", "type": "image/png", "size": len(body)}
    ]


def test_a_form_with_several_files(api: Api, event: str) -> None:
    files = [("a", ("one.txt", b"one", "text/plain")), ("b", ("two.bin", b"2" * 3_000_000))]
    made = api.ok("POST", f"/events/{event}/files", files=files)
    shown = [(a["fileName"], a["type"], a["size"]) for a in made["attachments"]]
    assert shown == [("one.txt", "text/plain", 3), ("two.bin", "application/octet-stream", 3000000)]


@pytest.mark.parametrize("type_", ["text/html", "image/svg+xml", "application/xhtml+xml"])
def test_no_file_is_ever_run_by_a_browser(shared: Api, kept: str, type_: str) -> None:
    id_ = raw(shared, kept, b"<script>alert(1)</script>", 'x".html', type_)
    headers = shared("GET", f"/events/{kept}/files/{id_}").headers
    assert headers["content-disposition"].startswith('attachment; filename="x_.html"')
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize(
    ("asked", "status", "got"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=8-", 206, b"89"),
        ("bytes=-2", 206, b"89"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=3-1", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("bytes=" + ",".join(["0-"] * 500), 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=99999999999999999999-", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_a_range_of_a_file(shared: Api, digits: str, asked: str, status: int, got: bytes) -> None:
    answer = shared("GET", digits, headers={"Range": asked[:2000]})
    assert (answer.status_code, answer.content) == (status, got)
    if status == 206:
        assert answer.headers["content-range"].endswith("/10")


def test_a_file_that_is_known_is_not_sent_again(api: Api, event: str) -> None:
    path = f"/events/{event}/files/{raw(api, event, b'0123456789')}"
    tag = api("GET", path).headers["etag"]
    assert api("GET", path, headers={"If-None-Match": tag}).status_code == 304
    ranged = {"Range": "bytes=0-1", "If-Range": '"other"'}
    assert api("GET", path, headers=ranged).status_code == 200
    assert api("GET", path, headers=ranged | {"If-Range": tag}).status_code == 206
    head = api("HEAD", path)
    assert (head.content, head.headers["content-length"]) == (b"", "10")


def test_a_file_is_taken_off_and_its_bytes_go(ctx: Context, alice: Access, api: Api) -> None:
    ids = [
        api.ok("POST", "/events", {"streamIds": ["diurnal-notes"], "type": "note/txt"})["id"]
        for _ in range(2)
    ]
    files = [raw(api, id_, b"same bytes") for id_ in ids]
    assert len(list(ctx.blobs.hashes(alice.account_id))) == 1
    assert "attachments" not in api.ok("DELETE", f"/events/{ids[0]}/files/{files[0]}")
    api.refused(404, "GET", f"/events/{ids[0]}/files/{files[0]}")
    api.refused(404, "DELETE", f"/events/{ids[0]}/files/{files[0]}")
    late = 1 << 62
    assert attachments.sweep(ctx, alice.account_id, before=late) == 0
    assert api("GET", f"/events/{ids[1]}/files/{files[1]}").content == b"same bytes"
    api.ok("DELETE", f"/events/{ids[1]}?final=true")
    assert attachments.sweep(ctx, alice.account_id, before=late) == 1


@pytest.mark.parametrize("name", ["", "..", "a\nb", "x" * 501, "/", "a/"])
def test_a_name_that_no_file_has(shared: Api, kept: str, name: str) -> None:
    problem = shared.refused(
        400, "POST", f"/events/{kept}/files", params={"filename": name}, content=b"x"
    )
    assert problem["field"] == "filename"


def test_a_name_with_folders_loses_them(api: Api, event: str) -> None:
    raw(api, event, b"x", "../../etc\\passwd")
    assert api.ok("GET", f"/events/{event}")["attachments"][0]["fileName"] == "passwd"


def test_a_body_without_a_name_and_forms_that_are_none(api: Api, event: str) -> None:
    path = f"/events/{event}/files"
    assert api.refused(400, "POST", path, content=b"x")["field"] == "filename"
    for content, boundary in ((b"", "b"), (b"--b\r\nnonsense", "b"), (b"x" * 100_000, "c")):
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        api.refused(400, "POST", path, content=content, headers=headers)
    headers = {"Content-Type": "multipart/form-data"}
    api.refused(400, "POST", path, content=b"--b--", headers=headers)
    api.refused(400, "POST", path, files={"a": ("", b"x")})
    api.refused(400, "POST", path, files={str(i): (str(i), b"x") for i in range(21)})
    assert "attachments" not in api.ok("GET", f"/events/{event}")


def small(ctx: Context, file: int, quota: int) -> Context:
    settings = msgspec.structs.replace(
        ctx.settings, attachment_bytes_max=file, attachment_quota_bytes=quota
    )
    return Context(ctx.store, settings, ctx.keys, ctx.blobs, ctx.now, ctx.new_id)


def test_files_stay_within_size_and_quota(ctx: Context, alice: Access) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 30

    with opened(small(ctx, 1000, 2500), owner_token(ctx, alice)) as api:
        event = api.ok("POST", "/events", {"streamIds": ["diurnal-notes"], "type": "note/txt"})
        path = f"/events/{event['id']}/files"
        api.refused(413, "POST", path, params={"filename": "a"}, content=b"x" * 1001)
        api.refused(413, "POST", path, params={"filename": "a"}, content=slowly())
        api.refused(413, "POST", path, files={"a": ("a", b"x" * 200_000)})
        for fill in (b"a", b"b"):
            raw(api, event["id"], fill * 1000)
        api.refused(413, "POST", path, params={"filename": "c"}, content=b"c" * 501)
        raw(api, event["id"], b"c" * 450)
        for _ in range(3):
            raw(api, event["id"], b"d" * 25)  # the same content takes room once
        raw(api, event["id"], b"e" * 25)
        api.refused(413, "POST", path, params={"filename": "f"}, content=b"f")
        assert len(api.ok("GET", f"/events/{event['id']}")["attachments"]) == 7


def test_who_may_not_change_the_event_hangs_no_file_on_it(
    ctx: Context, alice: Access, api: Api, event: str
) -> None:
    id_ = raw(api, event, b"x")
    for right, seen in ((on("diurnal-notes"), 200), (on("diurnal-body", Level.MANAGE), 404)):
        app = api.with_token(app_token(ctx, alice, right)[1])
        path = f"/events/{event}/files"
        assert app("GET", f"{path}/{id_}").status_code == seen
        refused = 403 if seen == 200 else 404
        app.refused(refused, "POST", path, params={"filename": "a"}, content=b"x")
        app.refused(refused, "DELETE", f"{path}/{id_}")
