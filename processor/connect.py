"""Connects a customer's Mailchimp account by OAuth 2, for the first time or again after access was lost.

A link lets a browser begin once; the portal begins without one. What comes back is tied to that browser and
used up. A connection that is granted anew goes on with everything it had: audience, mapping, what waits.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from processor.broker import PROCESS, PUSH, SWEEP
from processor.domain.connection import LEAVING, LIVE, ConnectionState
from processor.errors import Conflict, Invalid, NotFound
from processor.kit import Kit
from processor.log import say
from processor.mailchimp import oauth
from processor.mailchimp.oauth import Grant
from processor.seals import token_bind
from processor.store import Connection, accounts, connections, links, members_again, oauth_states, runs
from processor.store.connections import Columns, ConnectionRow
from processor.store.connections import Grant as StoredGrant
from processor.store.ids import new_id
from processor.store.oauth_states import OAuthState
from processor.store.runs import RunKind, RunState

logger = logging.getLogger(__name__)

LINK_TTL = timedelta(minutes=15)
STATE_TTL = timedelta(minutes=10)
CALLBACK_PATH = "/connect/callback"
USED_UP = "This link has been used or is too old. Ask for a new one where you got it."
WAITING = frozenset({ConnectionState.SETUP, ConnectionState.PREVIEWING, ConnectionState.RECONNECT})
"""States in which signing in at Mailchimp once more is meant for the connection that is there."""

OF_THE_LOGIN = frozenset({"role_too_low"})
"""What contacts fail of that another login may mend."""


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


def whose(kit: Kit, link: str) -> str:
    """Return the account of a link, without using it up. Raises Invalid for one that is unknown, used or
    old; StoreDown. Safe to repeat."""
    with kit.store.read() as c:
        account_id = links.peek(c, link, links.LinkKind.CONNECT, kit.now())
    if account_id is None:
        raise Invalid(USED_UP)
    return account_id


def begin(kit: Kit, link: str) -> Begun:
    """Use a link up and start the authorisation. Raises Invalid for a link that is unknown, used or old.

    The state is single-use and bound to the browser, so that nobody can slip their own Mailchimp account
    into somebody else's session (RFC 9700).
    """
    with kit.store.write() as c:
        account_id = links.use(c, link, links.LinkKind.CONNECT, kit.now())
        if account_id is None:
            raise Invalid(USED_UP)
        return _begun(c, kit, account_id, None)


def begin_for(kit: Kit, account_id: str, connection_id: str | None = None) -> Begun:
    """Start the authorisation for a visitor of the portal; with `connection_id`, to give that connection
    access again. Raises NotFound for a connection that is not there, is another account's, or is being
    disconnected; StoreDown."""
    with kit.store.write() as c:
        accounts.ensure(c, account_id, kit.now())
        if connection_id is not None:
            row = connections.get(c, connection_id)
            if row is None or row.account_id != account_id or row.state in LEAVING:
                raise NotFound(f"There is no connection “{connection_id}”.")
        return _begun(c, kit, account_id, connection_id)


def _begun(c: Connection, kit: Kit, account_id: str, connection_id: str | None) -> Begun:
    browser = secrets.token_urlsafe(32)
    state = oauth_states.make(
        c, account_id, browser, kit.now(), STATE_TTL.total_seconds(), connection_id=connection_id
    )
    url = oauth.authorize_url(
        kit.settings.mailchimp_login_url,
        kit.settings.mailchimp_client_id,
        kit.settings.public + CALLBACK_PATH,
        state,
    )
    return Begun(url, browser)


def another(kit: Kit, account_id: str, connection_id: str) -> ConnectionRow:
    """Return a connection that waits for its audience, with the access of one that is there: for another
    audience of the same Mailchimp account no sign-in is needed.

    Safe to repeat: while one waits, that is it. Raises NotFound for a connection that is not there, is
    another account's or is being disconnected, Conflict where its access is lost, StoreDown.
    """

    def in_one_transaction(c: Connection) -> ConnectionRow:
        row = connections.lock(c, connection_id)
        if row is None or row.account_id != account_id or row.state in LEAVING:
            raise NotFound(f"There is no connection “{connection_id}”.")
        if row.state == ConnectionState.RECONNECT or row.token_sealed is None:
            raise Conflict("Mailchimp no longer accepts our access. Reconnect first, then add the audience.")
        same = [one for one in _of_login(c, account_id, row.mailchimp_account) if one.audience_id is None]
        if same:
            return same[0]
        fresh_id = new_id("con")
        token = kit.sealer.unseal(row.token_sealed, token_bind(row.id))
        connections.create(
            c,
            fresh_id,
            account_id,
            kit.now(),
            mailchimp_account=row.mailchimp_account,
            account_name=row.account_name,
            login_name=row.login_name,
            role=row.role,
            dc=row.dc,
            api_base=row.api_base,
            # Each has the token by itself: whoever is disconnected takes nothing from the others.
            token_sealed=kit.sealer.seal(token, token_bind(fresh_id)),
        )
        fresh = connections.get(c, fresh_id)
        assert fresh is not None
        return fresh

    made = kit.store.write_retrying(in_one_transaction)
    say(logger, logging.INFO, "another audience", connection=made.id, account=account_id)
    return made


def _of_login(c: Connection, account_id: str, mailchimp_account: str) -> list[ConnectionRow]:
    """Return the account's connections of one Mailchimp account, but for those that leave."""
    return [
        row
        for row in connections.for_account(c, account_id)
        if row.mailchimp_account == mailchimp_account and row.state not in LEAVING
    ]


def complete(kit: Kit, http: httpx.Client, *, state: str, browser: str, code: str | None) -> ConnectionRow:
    """Exchange the code and keep the grant. Returns the connection: a new one waits for its audience, one
    that waited for access goes on where it stopped.

    Where one connection was to get access again, and the sign-in was at another Mailchimp account than its
    own, nothing is kept. Raises Invalid for that, when the state is not this browser's or was used, and when
    the customer said no; MailchimpError when Mailchimp refuses the code. Not safe to repeat: state and code
    are single-use.
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
    kept, going_on = kit.store.write_retrying(lambda c: _keep(c, kit, begun, grant))
    for actor in (PROCESS, PUSH, SWEEP):
        kit.bell.ring(actor, going_on)
    _try_again(kit, kept)
    return kept


def _try_again(kit: Kit, kept: ConnectionRow) -> None:
    """Somebody else may have signed in, who may do what the login before was refused."""
    with kit.store.write() as c:
        count = members_again.look_again(c, kept.id, OF_THE_LOGIN, kit.now())
    if count:
        kit.bell.ring(PUSH, [kept.id])


def _keep(c: Connection, kit: Kit, begun: OAuthState, grant: Grant) -> tuple[ConnectionRow, list[str]]:
    """Give the grant to every connection of the account at this Mailchimp account, and make one where none
    of them waits for it. Returns the one it was for, and those that go on working."""
    now = kit.now()
    accounts.ensure(c, begun.account_id, now)
    if begun.connection_id is not None:
        _must_be_the_same(connections.get(c, begun.connection_id), grant)
    rows = connections.for_account(c, begun.account_id)
    known = [
        row
        for row in rows
        if row.mailchimp_account == grant.account_key and row.state != ConnectionState.REMOVED
    ]
    going_on = []
    for row in known:
        connections.update(c, row.id, now, **_granted(kit, row.id, grant))
        if row.state == ConnectionState.RECONNECT:
            state = _where_it_was(c, row)
            connections.update(c, row.id, now, **_going_on(row, state, now))
            going_on += [row.id] if state in LIVE else []
    waiting = [row.id for row in known if row.state in WAITING]
    chosen = begun.connection_id or next(iter(waiting), None) or _new(c, kit, begun.account_id, grant)
    fresh = connections.get(c, chosen)
    assert fresh is not None
    say(logger, logging.INFO, "connected", connection=fresh.id, account=begun.account_id)
    return fresh, going_on


def _must_be_the_same(row: ConnectionRow | None, grant: Grant) -> None:
    if row is None or row.state in LEAVING:
        raise Invalid("This connection was disconnected meanwhile. Connect Mailchimp again.")
    if row.mailchimp_account != grant.account_key:
        theirs = f"“{grant.account_name}”" if grant.account_name else "another account"
        if grant.account_name == row.account_name:
            theirs = "another account of the same name"
        raise Invalid(
            f"This connection belongs to the Mailchimp account “{row.account_name}”, and you signed in to "
            f"{theirs}: sign in to “{row.account_name}” to reconnect. Nothing has been changed."
        )


def _new(c: Connection, kit: Kit, account_id: str, grant: Grant) -> str:
    connection_id = new_id("con")
    connections.create(c, connection_id, account_id, kit.now(), **_granted(kit, connection_id, grant))
    return connection_id


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


def _where_it_was(c: Connection, row: ConnectionRow) -> ConnectionState:
    """Return the state that a connection lost access in: its runs and dates tell, so that nothing need be
    written down at the moment in which access is lost."""
    if row.paused_at is not None or row.is_braked:
        return ConnectionState.PAUSED
    if runs.unfinished(c, row.id, RunKind.SYNC) is not None:
        return ConnectionState.IMPORTING
    if row.audience_id is None or row.next_sweep_at is None:
        return ConnectionState.SETUP  # its first sync was never begun, or was cancelled
    if runs.latest(c, row.id, RunKind.SYNC, {RunState.DONE}) is not None:
        return ConnectionState.IN_SYNC
    if row.last_full_sweep_at is not None or row.watermark is not None:
        return ConnectionState.IN_SYNC
    return ConnectionState.IMPORTING


def _going_on(row: ConnectionRow, state: ConnectionState, now: datetime) -> Columns:
    """What changes of a connection that has access again."""
    held = row.is_braked and state is ConnectionState.PAUSED
    back = Columns(state=state, problem_code="brake" if held else None, problem_detail=None)
    return Columns(**back, next_sweep_at=now) if state in LIVE else back
