"""Webhooks as Pryv's apps have them."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from typing import Any

import msgspec

from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.dialects.client import Client, personal_token, token
from tests.upstream import Said, serving

HOME = "/pryv/alice/webhooks"


def test_an_app_has_webhooks_and_tries_them(ctx: Context, alice: Access) -> None:
    near = (ipaddress.ip_network("127.0.0.0/8"),)
    ctx = replace(ctx, settings=msgspec.structs.replace(ctx.settings, outbound_allow=near))
    client, headers = Client(ctx), {"Authorization": token(ctx, alice)}

    def call(method: str, path: str, status: int, **given: Any) -> Any:
        answer = client.request(method, f"{HOME}{path}", headers=headers, **given)
        assert answer.status_code == status, answer.text
        return answer.json()

    with serving(lambda _asked: Said(b"ok")) as elsewhere:
        url = f"{elsewhere.url}/hook"
        made = call("POST", "", 201, json={"url": url})["webhook"]
        assert {k: made[k] for k in ("url", "state", "maxRetries", "minIntervalMs", "runs")} == {
            "url": url,
            "state": "active",
            "maxRetries": 5,
            "minIntervalMs": 5000,
            "runs": [],
        }
        assert call("POST", "", 409, json={"url": url})["error"]["id"] == "item-already-exists"
        path = f"/{made['id']}"
        assert call("POST", f"{path}/test", 200)["webhook"]["id"] == made["id"]
        told = json.loads(elsewhere.asked[-1].body)
        assert told["messages"] == ["test"]
        meta = client.get("/pryv/alice/").json()["meta"]
        assert told["meta"] == meta | {"serverTime": told["meta"]["serverTime"]}
        for bad in (f"{url}\0", f"{url}\n", ""):
            assert call("POST", "", 400, json={"url": bad})["error"]["data"][0]["path"] == "#/url"
        elsewhere.answer = lambda _asked: Said(b"no", 500)
        refused = call("POST", f"{path}/test", 400, json={})["error"]["id"]
        assert refused == "unknown-referenced-resource"
        assert call("PUT", path, 200, json={"state": "inactive"})["webhook"]["state"] == "inactive"
        assert call("PUT", path, 403, json={"url": "x"})["error"]["id"] == "forbidden"
        assert call("PUT", path, 400, json={"state": "x"})["error"]["data"]
        assert [h["id"] for h in call("GET", "", 200)["webhooks"]] == [made["id"]]
        owner = {"Authorization": personal_token(ctx, alice)}
        mine = client.post(HOME, json={"url": url}, headers=owner)
        assert mine.status_code == 403
        assert client.get(f"{HOME}{path}", headers=owner).status_code == 200
        assert call("DELETE", path, 200)["webhookDeletion"]["id"] == made["id"]
        call("GET", path, 404)
