"""Logs to stderr, with secrets blotted out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diurnal.services.context import Context
    from diurnal.settings import Settings


def start(settings: Settings) -> None:
    """Log to stderr, with secrets in addresses blotted out; first of all, so that all obeys."""
    import logging

    import structlog

    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _request,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        ends: list[Any] = [_keep, structlog.processors.format_exc_info, _redact]
        renderer: Any = structlog.processors.JSONRenderer()
    else:
        ends = [_keep, structlog.processors.format_exc_info, _redact]
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, *ends, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *ends,
                renderer,
            ],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


_kept: Any = None


def keep(ctx: Context, process: str) -> None:
    """Keep the newest lines of this process below the data directory as well, for admins."""
    global _kept
    from diurnal.services.server_log import Writer

    _kept = Writer(ctx.settings.data_dir, process, now=ctx.now, redacted=redacted)


def _keep(_logger: Any, _method: str, fields: Any) -> Any:
    if _kept is not None:
        _kept.write(fields)
    return fields


def _request(_logger: Any, _method: str, fields: Any) -> Any:
    """Name the request that a line belongs to, as the audit does."""
    doing = sys.modules.get("diurnal.http.doing")  # commands have no requests, and do without
    running = None if doing is None else doing.current()
    if running is not None:
        fields.setdefault("request", running.request)
        fields.setdefault("api", running.door)
        if running.account_id is not None:
            fields.setdefault("account", running.account_id)
    return fields


def _redact(_logger: Any, _method: str, fields: Any) -> Any:
    """Blot out tokens and passwords in whatever is logged."""
    for key, value in fields.items():
        if isinstance(value, str):
            fields[key] = redacted(value)
    return fields


def redacted(text: str) -> str:
    """Return text with the secrets of addresses blotted out."""
    import re

    text = re.sub(
        r"(?i)\b((?:auth|(?:access_|refresh_)?token|api_?key|key|code|secret|client_secret"
        r"|password|readToken|sharing)=)[^&\s\"'<>]+",
        r"\1***",
        text,
    )
    text = re.sub(r"(?i)\b(bearer|token|basic)\s+[\w.+/=-]{12,}", r"\1 ***", text)
    text = re.sub(r"\bdn_[0-9a-z]+_\w+", "***", text)
    return re.sub(r"(\w+://[^:/@\s]*:)[^@/\s]+@", r"\1***@", text)
