"""What those who run the server can watch."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from diurnal.model.access import Access
from diurnal.services import jobs
from diurnal.services.context import Context
from tests.clock import HOUR, Clock
from tests.dialects.client import Client, personal_token


def told(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_count_what_was_asked_and_what_waits(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    client = Client(ctx)
    headers = {"Authorization": f"Bearer {personal_token(ctx, alice)}"}
    before = told(client.get("/metrics").text)
    client.get("/api/v1/days", headers=headers)
    client.get("/api/v1/days")
    ctx.store.write(lambda tx: jobs.enqueue(tx, ctx, alice.account_id, "analyse", {})).result()
    clock.tick(2 * HOUR)
    after = told(client.get("/metrics").text)
    for key in (
        ("diurnal_answers_total", "native", "200"),
        ("diurnal_answers_total", "native", "401"),
    ):
        assert after[key] == before.get(key, 0) + 1
    count = ("diurnal_answer_seconds_count", "native")
    assert after[count] == before.get(count, 0) + 2
    assert after["diurnal_up",] == 1
    assert after["diurnal_jobs_due",] == 1
    assert after["diurnal_jobs_late_seconds",] == 7_200
    assert after["diurnal_disk_free_bytes",] > 0
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ok", "database": "ok", "disk": "ok", "queue": "late"}


def test_figures_are_for_this_machine_or_their_token(ctx: Context, alice: Access) -> None:
    client = Client(ctx)
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 401
    settings = msgspec.structs.replace(ctx.settings, metrics_token="only-prometheus-knows")
    client = Client(replace(ctx, settings=settings))
    assert client.get("/metrics").status_code == 401
    for token, status in (("only-prometheus-knows", 200), (personal_token(ctx, alice), 401)):
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
