"""Connects a customer's Mailchimp account by OAuth 2, chooses the audience, and registers our webhook."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from processor import hook
from processor.broker import SWEEP
from processor.domain.connection import ConnectionState
from processor.domain.mapping import default_rules
from processor.domain.policy import Policy
from processor.errors import Invalid, NotFound
from processor.kit import Kit
from processor.log import say
from processor.mailchimp import oauth
from processor.mailchimp.audiences import Audience
from processor.mailchimp.oauth import Grant
from processor.seals import token_bind
from processor.store import Connection, accounts, connections, links, members, oauth_states
from processor.store.connections import Columns, ConnectionRow
from processor.store.connections import Grant as StoredGrant
from processor.store.ids import new_id

logger = logging.getLogger(__name__)

LINK_TTL = timedelta(minutes=15)
STATE_TTL = timedelta(minutes=10)
CALLBACK_PATH = "/connect/callback"


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and what it must bring back beside the state."""

    authorize_url: str
    browser: str


def make_link(kit: Kit, account_id: str) -> str:
    """Return a URL that lets one browser, once, within 15 minutes connect Mailchimp for the account."""
    with kit.store.write() as c:
        accounts.ensure(c, account_id, kit.now())
        plain = links.make(c, account_id, links.LinkKind.CONNECT, kit.now(), LINK_TTL.total_seconds())
    return f"{kit.settings.public}/connect?link={plain}"


def begin(kit: Kit, link: str) -> Begun:
    """Use a link up and start the authorisation. Raises Invalid for a link that is unknown, used or old.

    The state is single-use and bound to the browser, so that nobody can slip their own Mailchimp account
    into somebody else's session (RFC 9700).
    """
    with kit.store.write() as c:
        account_id = links.use(c, link, links.LinkKind.CONNECT, kit.now())
        if account_id is None:
            raise Invalid("This link has been used or is too old. Ask for a new one where you got it.")
        browser = secrets.token_urlsafe(32)
        state = oauth_states.make(c, account_id, browser, kit.now(), STATE_TTL.total_seconds())
    url = oauth.authorize_url(
        kit.settings.mailchimp_login_url,
        kit.settings.mailchimp_client_id,
        kit.settings.public + CALLBACK_PATH,
        state,
    )
    return Begun(url, browser)


def complete(kit: Kit, http: httpx.Client, *, state: str, browser: str, code: str | None) -> ConnectionRow:
    """Exchange the code and keep the grant. Returns the connection: a new one waits for its audience, a
    known one goes on where it stopped.

    Raises Invalid when the state is not this browser's or was used, or when the customer said no;
    MailchimpError when Mailchimp refuses the code. Not safe to repeat: state and code are single-use.
    """
    with kit.store.write() as c:
        begun = oauth_states.use(c, state, browser, kit.now())
    if begun is None:
        raise Invalid("This sign-in was started elsewhere, was used already, or is too old. Start again.")
    if not code:
        raise Invalid("Mailchimp was not connected: access was not allowed. Nothing has been changed.")
    settings = kit.settings
    token = oauth.exchange(
        http,
        login_url=settings.mailchimp_login_url,
        client_id=settings.mailchimp_client_id,
        client_secret=settings.mailchimp_client_secret.get_secret_value(),
        code=code,
        redirect_uri=settings.public + CALLBACK_PATH,
    )
    grant = oauth.metadata(http, login_url=settings.mailchimp_login_url, token=token)
    return kit.store.write_retrying(lambda c: _keep(c, kit, begun.account_id, grant))


def _keep(c: Connection, kit: Kit, account_id: str, grant: Grant) -> ConnectionRow:
    """Refresh every connection of the account at this Mailchimp account, or make the first one."""
    now = kit.now()
    accounts.ensure(c, account_id, now)
    known = [
        row
        for row in connections.for_account(c, account_id)
        if row.mailchimp_account == grant.account_key and row.state != ConnectionState.REMOVED
    ]
    connection_ids = [row.id for row in known]
    if not known:
        connection_ids = [new_id("con")]
        connections.create(c, connection_ids[0], account_id, now, **_granted(kit, connection_ids[0], grant))
    for row in known:
        connections.update(c, row.id, now, **_granted(kit, row.id, grant))
        connections.update(c, row.id, now, **_going_on(row, now))
    fresh = connections.get(c, connection_ids[0])
    assert fresh is not None
    say(logger, logging.INFO, "connected", connection=fresh.id, account=account_id)
    return fresh


def _granted(kit: Kit, connection_id: str, grant: Grant) -> StoredGrant:
    return StoredGrant(
        mailchimp_account=grant.account_key,
        account_name=grant.account_name,
        login_name=grant.login_name,
        role=grant.role,
        dc=grant.dc,
        api_base=grant.api_base,
        token_sealed=kit.sealer.seal(grant.token, token_bind(connection_id)),
    )


def _going_on(row: ConnectionRow, now: datetime) -> Columns:
    """A connection that waited for this goes on where it stopped."""
    if row.state != ConnectionState.RECONNECT:
        return Columns()
    state = ConnectionState.IN_SYNC if row.last_full_sweep_at else ConnectionState.IMPORTING
    return Columns(state=state, problem_code=None, problem_detail=None, next_sweep_at=now)


def audiences(kit: Kit, connection_id: str) -> list[Audience]:
    """Return the audiences that the connected login may see. Raises NotFound, MailchimpError."""
    return kit.mailchimp(_connection(kit, connection_id)).audiences()


def choose_audience(kit: Kit, connection_id: str, audience_id: str) -> ConnectionRow:
    """Keep the connection in step with this audience from now on: fields mapped, webhook registered, and
    a first sync begun.

    Safe to repeat after a crash: it ends with one webhook of ours. Raises NotFound, Invalid for a second
    audience, MailchimpError.
    """
    connection = _connection(kit, connection_id)
    if connection.audience_id not in {None, audience_id}:
        _leave_the_gone(kit, connection)
    mailchimp = kit.mailchimp(connection)
    audience = mailchimp.audience(audience_id)
    rules = default_rules(mailchimp.audience_fields(audience_id), mailchimp.audience_interests(audience_id))
    policy = Policy(fields=rules, double_opt_in=audience.double_opt_in)
    with kit.store.write() as c:
        connections.update(
            c,
            connection_id,
            kit.now(),
            audience_id=audience_id,
            audience_name=audience.name,
            policy=policy,
        )
    hook.register(kit, _connection(kit, connection_id))
    with kit.store.write() as c:
        now = kit.now()
        connections.update(
            c,
            connection_id,
            now,
            state=ConnectionState.IMPORTING,
            next_sweep_at=now,
            problem_code=None,
            problem_detail=None,
        )
    kit.bell.ring(SWEEP, [connection_id])
    return _connection(kit, connection_id)


def _leave_the_gone(kit: Kit, connection: ConnectionRow) -> None:
    """Part from an audience that was deleted in Mailchimp, with what was known of its members. Raises Invalid
    while the audience is there."""
    if connection.problem_code != "audience_gone":
        message = "This connection has an audience already; disconnect it first, then connect again."
        raise Invalid(message, "audience_id")
    with kit.store.write() as c:
        members.forget_all(c, connection.id)
        connections.update(
            c,
            connection.id,
            kit.now(),
            audience_id=None,
            audience_name=None,
            watermark=None,
            last_full_sweep_at=None,
        )


def _connection(kit: Kit, connection_id: str) -> ConnectionRow:
    with kit.store.read() as c:
        row = connections.get(c, connection_id)
    if row is None:
        raise NotFound(f"There is no connection “{connection_id}”.")
    return row
