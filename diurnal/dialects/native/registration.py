"""Making an account by oneself, invitations, and links that mails bring."""

from __future__ import annotations

from typing import Annotated

import msgspec
import structlog
from starlette.background import BackgroundTask
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.credentials import Secret
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.dialects.native.sessions import Name, SessionOut, begun
from diurnal.dialects.native.tokens import Revoked
from diurnal.errors import AppError
from diurnal.model.events import seconds
from diurnal.services import mail, mail_links, sessions, sign_up
from diurnal.services.sign_in import Proof
from diurnal.store.invitations import Invitation

log = structlog.get_logger(__name__)

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class SignUpOut(wire.Output):
    """Who may make an account here (`closed`, `invite`, `open`), and whether mails are sent."""

    sign_up: str
    mail: bool = False


class NewAccount(wire.Input):
    """The account to make; `invitation` is what an admin's link holds."""

    username: Name
    password: Secret
    email: str | None = None
    timezone: str | None = None
    invitation: str | None = None


class InvitationIn(wire.Input):
    """A note for oneself: whom it is for."""

    note: Annotated[str, msgspec.Meta(max_length=sign_up.NOTE_MAX)] = ""


class InvitationOut(wire.Output):
    """An invitation; its `link` is shown once, when it is made."""

    id: str
    note: str
    created: float
    expires: float
    used: float | None = None
    link: str | None = None


class InvitationsOut(wire.Output):
    """What the admin has sent out."""

    invitations: list[InvitationOut]


class ResetAsked(wire.Input):
    """User name or e-mail."""

    name: Name


class Asked(wire.Output):
    """What happens now, the same whether or not there is such an account."""

    message: str


class ResetIn(wire.Input):
    """The token of the link, and the new password."""

    token: Token
    password: Secret


class ResetOut(wire.Output):
    """Whose password was set."""

    username: str


class TokenIn(wire.Input):
    """The token of the link."""

    token: Token


class EmailOut(wire.Output):
    """The address that is confirmed."""

    email: str


async def get(call: Call) -> Response:
    """Answer who may make an account."""
    settings = call.ctx.settings
    return endpoint.answer(SignUpOut(sign_up=settings.sign_up, mail=mail.configured(settings)))


async def register(call: Call) -> Response:
    """Make an account and sign in to it."""
    asked: NewAccount = call.body
    address = http.address(call.request)
    made = await http.blocking(
        lambda: sign_up.register(
            call.ctx,
            username=asked.username,
            password=asked.password,
            email=asked.email,
            timezone=asked.timezone,
            invitation=asked.invitation,
            address=address,
        )
    )
    device = call.request.headers.get("user-agent", "")
    proof = Proof(made, "password")
    stored, token = await http.write(
        call.ctx,
        lambda tx: sessions.open_session(tx, call.ctx, proof, address=address, device=device),
    )
    return begun(call, stored, token, 201)


def _invitation(found: Invitation, link: str | None = None) -> InvitationOut:
    return InvitationOut(
        id=found.id,
        note=found.note,
        created=seconds(found.created),
        expires=seconds(found.expires),
        used=None if found.used is None else seconds(found.used),
        link=link,
    )


async def invitations(call: Call) -> Response:
    """List the invitations."""
    found = await http.read(call.ctx, lambda tx: sign_up.listed(tx, call.caller))
    return endpoint.answer(InvitationsOut(invitations=[_invitation(i) for i in found]))


async def invite(call: Call) -> Response:
    """Make an invitation."""
    note = call.body.note
    made, token = await http.write(
        call.ctx, lambda tx: sign_up.invite(tx, call.ctx, call.caller, note=note)
    )
    return endpoint.answer(_invitation(made, sign_up.link(call.ctx, token)), 201)


async def take_back(call: Call) -> Response:
    """Take an invitation back."""
    id_ = call.path["id"]
    await http.write(call.ctx, lambda tx: sign_up.take_back(tx, call.ctx, call.caller, id_))
    return endpoint.answer(Revoked(revoked=id_))


async def ask_reset(call: Call) -> Response:
    """Mail a link that sets a new password."""
    if mail.configured(call.ctx.settings):
        said = "If there is such an account with an e-mail address, a link is on its way to it."
    else:
        said = "This server sends no mail: ask who runs it for a link."
    response = endpoint.answer(Asked(message=said), 202)
    # After the answer, so that its time tells nothing.
    response.background = BackgroundTask(_mail_reset, call, call.body.name)
    return response


async def _mail_reset(call: Call, name: str) -> None:
    try:
        await http.blocking(lambda: mail_links.ask_reset(call.ctx, name))
    except AppError as error:
        log.warning("a password reset was not mailed", reason=error.message)


async def reset(call: Call) -> Response:
    """Set a new password by a link."""
    asked: ResetIn = call.body
    username = await http.blocking(
        lambda: mail_links.reset(
            call.ctx,
            token=asked.token,
            password=asked.password,
            address=http.address(call.request),
        )
    )
    return endpoint.answer(ResetOut(username=username))


async def ask_verify(call: Call) -> Response:
    """Mail a link that confirms the e-mail address."""
    sent = await http.write(call.ctx, lambda tx: mail_links.ask_verify(tx, call.ctx, call.caller))
    said = "A link is on its way." if sent else "The address is confirmed already."
    return endpoint.answer(Asked(message=said), 202)


async def verify(call: Call) -> Response:
    """Confirm an e-mail address by its link."""
    token = call.body.token
    email = await http.blocking(
        lambda: mail_links.verify(call.ctx, token=token, address=http.address(call.request))
    )
    return endpoint.answer(EmailOut(email=email))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/sign-up",
        name="sign_up.get",
        summary="Read who may make an account here",
        who=Who.ANYBODY,
        answer=(SignUpOut,),
        handler=get,
    ),
    Endpoint(
        method="POST",
        path="/sign-up",
        name="sign_up.create",
        summary="Make an account and sign in to it",
        who=Who.ANYBODY,
        body=(NewAccount,),
        answer=(SessionOut,),
        status=201,
        handler=register,
    ),
    Endpoint(
        method="GET",
        path="/invitations",
        name="invitations.list",
        summary="List the invitations",
        who=Who.OWNER,
        answer=(InvitationsOut,),
        handler=invitations,
    ),
    Endpoint(
        method="POST",
        path="/invitations",
        name="invitations.create",
        summary="Make an invitation",
        description="Only admins. The link is shown this once, and is good for two weeks.",
        who=Who.OWNER,
        body=(InvitationIn,),
        answer=(InvitationOut,),
        status=201,
        handler=invite,
    ),
    Endpoint(
        method="DELETE",
        path="/invitations/{id}",
        name="invitations.delete",
        summary="Take an invitation back",
        who=Who.OWNER,
        answer=(Revoked,),
        handler=take_back,
    ),
    Endpoint(
        method="POST",
        path="/password-reset",
        name="password_reset.ask",
        summary="Have a link mailed that sets a new password",
        who=Who.ANYBODY,
        body=(ResetAsked,),
        answer=(Asked,),
        status=202,
        handler=ask_reset,
    ),
    Endpoint(
        method="POST",
        path="/password-reset/finish",
        name="password_reset.finish",
        summary="Set a new password by a link",
        description="Ends all sessions. A second factor stays asked for.",
        who=Who.ANYBODY,
        body=(ResetIn,),
        answer=(ResetOut,),
        handler=reset,
    ),
    Endpoint(
        method="POST",
        path="/account/email/verify",
        name="account.verify_email",
        summary="Have a link mailed that confirms the e-mail address",
        who=Who.OWNER,
        answer=(Asked,),
        status=202,
        handler=ask_verify,
    ),
    Endpoint(
        method="POST",
        path="/email-verification",
        name="email_verification.finish",
        summary="Confirm an e-mail address by its link",
        who=Who.ANYBODY,
        body=(TokenIn,),
        answer=(EmailOut,),
        handler=verify,
    ),
)
