"""Two accounts with a datum for every aim, and a token of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.services import (
    accesses,
    accounts,
    analyse,
    clients,
    connections,
    events,
    experiments,
    imports,
    receipts,
    records,
    sessions,
    sharing,
    sources,
    streams,
    uploads,
    webhooks,
)
from diurnal.services import attachments as files
from diurnal.services.context import Context
from diurnal.services.sign_in import Proof
from diurnal.store import invitations, passkeys
from diurnal.store.invitations import Invitation
from diurnal.store.passkeys import Passkey
from tests.authorization.table import MEASURES, Aim, Row
from tests.clock import HOUR, SECOND, START, Clock
from tests.conftest import PASSWORD

STREAM = "diurnal-body"
DEEP = "diurnal-weight"
NO_ID = "c" + "0" * 24


class World:
    """Two accounts with a datum for every aim, and a token of every kind."""

    def __init__(
        self, ctx: Context, clock: Clock, alice: Access, charlie: Access, api: str = "native"
    ) -> None:
        self.ctx, self.clock, self.alice, self.charlie = ctx, clock, alice, charlie
        self.api = api
        self.tokens: dict[str, str | None] = {"none": None, "garbage": "dn_1_x_y"}
        for kind, permission in {
            "reader": Permission(Level.READ, STREAM),
            "contributor": Permission(Level.CONTRIBUTE, STREAM),
            "manager": Permission(Level.MANAGE, STREAM),
            "creator": Permission(Level.CREATE_ONLY, STREAM),
            "measured": Permission(Level.CONTRIBUTE, STREAM, measures=("weight",)),
            "tagged": Permission(Level.CONTRIBUTE, STREAM, tags=("a",)),
            "framed": Permission(Level.CONTRIBUTE, STREAM, start=START - 13 * HOUR),
            "nothing": Permission(Level.NONE, STREAM),
            "shared": Permission(Level.READ, STREAM),
            "dayer": Permission(Level.READ, STREAM, days_only=True),
            "late": Permission(Level.READ, STREAM, delay=3),
        }.items():
            self.tokens[kind] = self._token(
                alice, kind, [permission], Kind.SHARED if kind == "shared" else Kind.APP
            )[1]
        self.tokens["owner"] = self._token(alice, "owner", [], Kind.PERSONAL)[1]
        self.tokens["other"] = self._token(charlie, "other", [], Kind.PERSONAL)[1]
        late = START + SECOND
        self.tokens["expired"] = self._token(alice, "expired", [], Kind.PERSONAL, expires=late)[1]
        id_, self.tokens["revoked"] = self._token(alice, "revoked", [], Kind.PERSONAL)
        self._write(lambda tx: accesses.revoke(tx, ctx, alice, id_))
        clock.tick(2 * SECOND)
        _, self.tokens["session"] = sessions.sign_in(
            ctx, name="alice", password=PASSWORD, address=""
        )

    def _write(self, fn: Any) -> Any:
        return self.ctx.store.write(fn).result()

    def _token(
        self,
        owner: Access,
        name: str,
        permissions: list[Permission],
        kind: Kind = Kind.APP,
        **given: Any,
    ) -> tuple[str, str]:
        stored, secret = self._write(
            lambda tx: accesses.create(
                tx,
                self.ctx,
                owner,
                name=name,
                permissions=permissions,
                kind=kind,
                api=self.api,
                **given,
            )
        )
        return stored.access.id, secret

    def aim(self, aim: Aim, kind: str, row: Row) -> Mapping[str, Any]:
        """Make what a request is aimed at, fresh, and return what stands for it."""
        asked = repr((row.path, row.body, row.query))
        owner = self.charlie if aim is Aim.OTHER else self.alice
        outer, edge = aim is Aim.OUTER, aim is Aim.EDGE
        nowhere = aim is Aim.NOWHERE
        made_in = "diurnal-notes" if outer else STREAM if edge else DEEP
        known: dict[str, Any] = {
            "kind": kind,
            "username": self.alice.username,
            "whose": "nobody-here" if nowhere else owner.username,
            "measure": MEASURES.get(aim, "weight"),
            "type": "note/txt" if edge or outer else "mass/kg",
            "tag": "b" if edge else "a",
            "time": (START - (20 * HOUR if edge else 0)) // SECOND,
            "event": NO_ID,
            "file": NO_ID,
            "token": NO_ID,
            "client": "0" * 20,
            "consent": NO_ID,
            "session": NO_ID,
            "passkey": NO_ID,
            "invitation": NO_ID,
            "node": "nowhere",
            "stream": "nowhere" if nowhere else made_in,
            "upload": "nowhere",
            "batch": "999",
            "connection": NO_ID,
            "job": NO_ID,
            "trial": NO_ID,
            "share": NO_ID,
            "offer": NO_ID,
            "placeholder": NO_ID,
            "webhook": NO_ID,
        }
        if nowhere:
            return known
        if "{node}" in asked or aim is Aim.OTHER:
            known["node"] = self._node(owner, "diurnal-notes" if outer else STREAM)
        if aim is Aim.OTHER:  # the caller's tree has the standard ones, too
            known["stream"] = known["node"]
        if aim is Aim.TRASHED and "{node}" in asked:
            self._write(
                lambda tx: streams.update(tx, self.ctx, owner, known["node"], {"trashed": True})
            )
        if "{event}" in asked:
            known["event"] = self._event(owner, known, made_in)
        if "{event}" in asked and (row.content or "{file}" in asked):
            known["file"] = self._file(owner, known["event"])
        if aim is Aim.TRASHED and "{event}" in asked:
            self._write(
                lambda tx: events.set_trashed(tx, self.ctx, owner, known["event"], trashed=True)
            )
        if "{upload}" in asked:
            known["upload"] = self._upload(owner, 10).id
        if "{batch}" in asked:
            known["batch"] = self._batch(owner)
        if "{job}" in asked:
            known["job"] = self._write(lambda tx: analyse.ask(tx, self.ctx, owner))
        if "{trial}" in asked:
            known["trial"] = self._trial(owner)
        for word, make in (
            ("session", self._session),
            ("connection", self._connection),
            ("passkey", self._passkey),
            ("invitation", self._invitation),
            ("share", self._share),
            ("offer", self._offer),
            ("placeholder", self._placeholder),
            ("webhook", self._webhook),
        ):
            if f"{{{word}}}" in asked:
                known[word] = make(owner)
        if "{client}" in asked:
            known["client"] = self._client(owner)
        if "{consent}" in asked:
            known["consent"] = self._consent(owner)
        if "{token}" in asked:
            known["token"] = self._token(owner, "t", [], Kind.PERSONAL)[0]
        return known

    def _event(self, owner: Access, known: Mapping[str, Any], made_in: str) -> str:
        new = NewEvent(
            stream_ids=(made_in,),
            type=known["type"],
            time=known["time"] * SECOND,
            content=1,
            tags=(known["tag"],),
        )
        [written] = self._write(lambda tx: events.create(tx, self.ctx, owner, [new]))
        return str(written.event.id)

    def _client(self, owner: Access) -> str:
        given = {"api": "native", "name": "N", "redirect_uris": ["https://app.example.org/"]}
        made, _ = self._write(lambda tx: clients.create(tx, self.ctx, owner, **given))
        return str(made.id)

    def _consent(self, owner: Access) -> str:
        given = {"name": "N", "client_id": None, "url": None, "permissions": (), "until": None}
        return str(self._write(lambda tx: receipts.record(tx, self.ctx, owner, **given)))

    def _share(self, owner: Access, recipient: str | None = None) -> str:
        for old in self.ctx.store.read(lambda tx: sharing.listed(tx, self.ctx, owner)):
            self._write(lambda tx, o=old: sharing.end(tx, self.ctx, owner, o.share.id))
        given = {"permissions": [Permission(Level.READ, STREAM)], "expires": None}
        made = self._write(
            lambda tx: sharing.create(tx, self.ctx, owner, name="N", recipient=recipient, **given)
        )
        return str(made.share.id)

    def _offer(self, owner: Access) -> str:
        giver = self.alice if owner is self.charlie else self.charlie
        return self._share(giver, owner.username)

    def _placeholder(self, owner: Access) -> str:
        given = [{"name": "N"}]
        made = self._write(lambda tx: records.create(tx, self.ctx, owner, "placeholders", given))
        return str(made[0].id)

    def _webhook(self, owner: Access) -> str:
        for old in self.ctx.store.read(lambda tx: webhooks.listed(tx, self.ctx, owner)):
            self._write(lambda tx, o=old: webhooks.remove(tx, self.ctx, owner, o.id))
        given = {"url": "http://127.0.0.1:9/"}  # where nobody may reach: a test of it is refused
        made, _ = self._write(lambda tx: webhooks.create(tx, self.ctx, owner, **given))
        return str(made.id)

    def _file(self, owner: Access, event: str) -> str:
        digest, size = self.ctx.blobs.put(owner.account_id, [b"x"], limit=10)
        given = [("a", "text/plain", digest, size)]
        held = self._write(lambda tx: files.add(tx, self.ctx, owner, event, given))
        return str(held.files[0].id)

    def _upload(self, owner: Access, size: int) -> Any:
        return self._write(lambda tx: uploads.create(tx, self.ctx, owner, name="a", size=size))

    def _node(self, owner: Access, parent: str) -> str:
        made = self._write(
            lambda tx: streams.create(
                tx, self.ctx, owner, name=f"S {self.ctx.new_id()}", parent_id=parent
            )
        )
        return str(made.id)

    def _trial(self, owner: Access) -> str:
        made = self._write(
            lambda tx: experiments.create(
                tx,
                self.ctx,
                owner,
                name="N",
                arm_a="A",
                arm_b="B",
                measures=["weight"],
                first_day=START // (24 * HOUR) + 1,
                pairs=3,
                block_days=1,
                washout_days=0,
                seed=1,
            )
        )
        return str(made.id)

    def _batch(self, owner: Access) -> str:
        upload = self._upload(owner, 1).id
        uploads.append(self.ctx, owner, upload, 0, b"x")
        batch = self._write(
            lambda tx: imports.start(tx, self.ctx, owner, upload_id=upload, name="a")
        )
        return str(batch)

    def _connection(self, owner: Access) -> str:
        wish = connections.Wish(shown={}, hidden={})
        source = sources.find("owntracks")
        made = self._write(lambda tx: connections.create(tx, self.ctx, owner, source, wish))
        return str(made[0].id)

    def _session(self, owner: Access) -> str:
        account = self.ctx.store.read(lambda tx: accounts.find(tx, owner.username))
        return str(sessions.begin(self.ctx, Proof(account, "password"))[0].access.id)

    def _passkey(self, owner: Access) -> str:
        id_ = str(self.ctx.new_id())
        new = Passkey(
            id=id_,
            credential=id_,
            public_key=b"x",
            sign_count=0,
            transports=(),
            backed_up=False,
            name="x",
            created=START,
        )
        self._write(lambda tx: passkeys.add(tx, owner.account_id, new))
        return id_

    def _invitation(self, owner: Access) -> str:
        new = Invitation(id=str(self.ctx.new_id()), note="", created=START, expires=START)
        self._write(lambda tx: invitations.add(tx, owner.account_id, new.id.encode(), new))
        return new.id

    def tidy(self, row: Row) -> None:
        """Remove the uploads, of which an account has few at a time."""
        if not any(word in repr(row) for word in ("{upload}", "{batch}", "'size'")):
            return
        for owner in (self.alice, self.charlie):
            rows = self.ctx.store.read(lambda tx, o=owner: uploads.store.all_of(tx, o.account_id))
            for row in rows:
                uploads.remove(self.ctx, owner.account_id, row.id)
