"""The part of the worker that calls webhooks, as a program to be killed.

    python -m tests.faults.hooks URL DATA_DIR

It waits milliseconds where the worker waits seconds, so that a thousand deliveries of which a
third fails are over in a minute; all else is the worker's own.
"""

from __future__ import annotations

import sys
import threading
from ipaddress import ip_network
from pathlib import Path

import msgspec

from diurnal import worker
from diurnal.services import webhook_calls, webhook_messages
from diurnal.services.context import open_context
from diurnal.settings import load

SECONDS_MAX = 0.3
WAIT_US = 10_000


def main(url: str, data_dir: Path) -> None:
    """Call webhooks until killed."""
    webhook_calls.SECONDS_MAX = SECONDS_MAX
    webhook_calls.POLL_S = 0.01
    native = webhook_messages.FORMS["native"]
    webhook_messages.FORMS = {"native": native._replace(pace=0, waits=[WAIT_US] * 18)}
    webhook_calls.FORMS = webhook_messages.FORMS
    settings = load(data_dir=data_dir, database_url=url, environ={})
    allowed = msgspec.structs.replace(settings, outbound_allow=(ip_network("127.0.0.0/8"),))
    ctx = open_context(allowed)
    print("ready", flush=True)
    webhook_calls.serve(ctx, worker.owner_of(data_dir), threading.Event())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
