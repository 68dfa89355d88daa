"""Mails: queued in the transaction that gives rise to them, sent by the worker.

The text waits sealed: it may hold a link that opens an account.
"""

from __future__ import annotations

import asyncio
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import msgspec

from diurnal.errors import AppError, Unavailable
from diurnal.model.time import DAY, to_datetime
from diurnal.services import jobs
from diurnal.services.context import Context
from diurnal.services.jobs import Lease
from diurnal.settings import Settings
from diurnal.store.database import WriteTx

KIND = "mail"
TIMEOUT_S = 30.0
AGAIN_S = 60
"""A mail server that is away is asked again this often, while the mail is of use."""


class Mail(msgspec.Struct, frozen=True):
    """A mail that waits; of no use after `until`, microseconds."""

    to: str
    subject: str
    text: str
    until: int


def configured(settings: Settings) -> bool:
    """Return whether this server can send mail."""
    return settings.smtp_host is not None


def queue(
    tx: WriteTx,
    ctx: Context,
    account_id: int,
    *,
    to: str,
    subject: str,
    text: str,
    lasts: int = DAY,
) -> str | None:
    """Have a mail sent after this transaction; return the job's id, None without mail server.

    Args:
        account_id: on whose behalf; with the account its mails are deleted.
        lasts: microseconds after which it is of no use.
    """
    if not configured(ctx.settings):
        return None
    mail = Mail(to, subject, text, ctx.now() + lasts)
    sealed = ctx.keys.seal(msgspec.json.encode(mail).decode(), account_id).decode()
    return jobs.enqueue(tx, ctx, account_id, KIND, {"sealed": sealed})


def run(ctx: Context, lease: Lease) -> None:
    """Send one mail.

    Raises:
        Unavailable: the mail server is away; the mail is sent later.
        AppError: it will never take this mail.
    """
    opened = ctx.keys.open(str(lease.args["sealed"]).encode(), lease.account_id)
    if opened is None:
        raise AppError("the mail was sealed with a key that is gone")
    mail = msgspec.json.decode(opened, type=Mail)
    if mail.until > ctx.now():
        _send(ctx, mail)
    ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()


def _send(ctx: Context, mail: Mail) -> None:
    import aiosmtplib

    settings = ctx.settings
    if settings.smtp_host is None or settings.smtp_from is None:
        raise AppError("there is no mail server in the settings any more")
    message = EmailMessage()
    message["From"] = settings.smtp_from
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(to_datetime(ctx.now(), "UTC"))
    message["Message-ID"] = make_msgid(domain=settings.smtp_from.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    try:
        asyncio.run(
            aiosmtplib.send(
                message,
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_user,
                password=settings.smtp_password,
                use_tls=settings.smtp_security == "tls",
                start_tls=settings.smtp_security == "starttls",
                tls_context=ssl.create_default_context(),
                timeout=TIMEOUT_S,
            )
        )
    except aiosmtplib.SMTPResponseException as error:
        # 5xx: never. The server's words may name the address, so they are not kept.
        if 500 <= error.code < 600:
            raise AppError(f"the mail server refuses this mail ({error.code})") from None
        raise Unavailable(f"the mail server says {error.code}", retry_after_s=AGAIN_S) from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = sorted({refused.code for refused in error.recipients})
        if all(500 <= code < 600 for code in codes):
            raise AppError(f"the mail server refuses the address ({codes})") from None
        raise Unavailable("the mail server waits", retry_after_s=AGAIN_S) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        reason = f"the mail server is away ({type(error).__name__})"
        raise Unavailable(reason, retry_after_s=AGAIN_S) from None
