"""What the server takes when nobody asks anything; reported, never gated."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import server
from bench.report import Report, cpu_of, median
from diurnal.services import authentication
from diurnal.services.context import opened

CHECKS = 20_000


def run(report: Report, quick: bool) -> None:
    """Measure the check of a token, the start of the server and its memory."""
    with TemporaryDirectory() as folder:
        settings, token = server.prepare(Path(folder) / "data")
        with opened(settings) as ctx:

            def fresh() -> None:
                for _ in range(CHECKS):
                    ctx.store.read(lambda tx: authentication.resolve(tx, ctx, token))

            def known() -> None:
                seen = ctx.store.meta_commits
                ctx.store.read(lambda tx: authentication.resolve(tx, ctx, token, seen=seen))
                for _ in range(CHECKS):
                    authentication.remembered(ctx, token)

            report(
                "token check, read from the database: µs (aim: 15)", cpu_of(fresh) / CHECKS * 1e6
            )
            report("token check, checked a moment ago: µs", cpu_of(known) / CHECKS * 1e6)
        starts = []
        for _ in range(2 if quick else 5):
            with server.ours(settings.data_dir) as ours:
                starts.append(ours.started_s)
                time.sleep(2.0)  # the worker has come up too
                memory = ours.rss_bytes()
                worker = sum(server.memory(pid) for pid in server.descendants(ours.process.pid))
        report("server: seconds from start to first answer (aim: 1.5)", median(starts))
        report("server, idle: MB resident (aim: 100)", memory / 1e6)
        report("its worker, idle: MB resident", worker / 1e6)
