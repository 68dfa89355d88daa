"""The audit through the native API: whose lines, and whose not."""

from __future__ import annotations

from tests.conftest import PASSWORD
from tests.dialects.native.client import Api


def test_what_is_done_signed_in_is_left_out_also_after_signing_out(api: Api) -> None:
    nobody = api.with_token(None)
    answer = nobody("POST", "/session", {"name": "alice", "password": PASSWORD})
    session = api.with_token(answer.cookies["diurnal_session"])
    session.ok("GET", "/account")
    session.ok("DELETE", "/session")
    app = api.ok("POST", "/tokens", {"name": "Clock", "permissions": [{"level": "read"}]})
    api.with_token(app["token"]).ok("GET", "/days")
    api.ok("DELETE", f"/tokens/{app['id']}")

    def actions(query: str) -> set[str]:
        return {line["action"] for line in api.ok("GET", f"/audit{query}")["lines"]}

    assert {"account.get", "days.list", "tokens.create"} <= actions("")
    assert "account.get" not in actions("?sessions=false")
    assert {"days.list", "tokens.create"} <= actions("?sessions=false")


def test_who_did_it_is_named_also_when_it_has_ended(api: Api) -> None:
    app = api.ok("POST", "/tokens", {"name": "Clock", "permissions": [{"level": "read"}]})
    program = api.with_token(app["token"])
    program.ok("GET", "/days")
    mine = program.ok("GET", "/audit")
    assert [who["id"] for who in mine["accesses"]] == [app["id"]]
    api.ok("DELETE", f"/tokens/{app['id']}")
    told = api.ok("GET", f"/audit?access={app['id']}")
    (who,) = told["accesses"]
    assert (who["name"], who["kind"], who["api"]) == ("Clock", "app", "native")
    assert who["ended"] > 0
    assert {line["access"] for line in told["lines"]} == {app["id"]}
