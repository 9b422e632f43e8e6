"""Deleting one person for good in one audience, under what is kept of them: a hash and Mailchimp's number."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from processor.domain.connection import LEAVING, ConnectionState
from processor.errors import Gone, MailchimpError, Reconnect
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.store.connections import ConnectionRow

Place = Mapping[str, Any]


class PlaceState(StrEnum):
    """How far an erasure is in one audience."""

    WAITING = "waiting"
    DELETED = "deleted"
    ABSENT = "absent"
    """They were not there, or the audience is gone."""
    LEFT = "left"
    """The connection was undone before it could be done: only the customer can do it now."""


def delete_there(kit: Kit, connection: ConnectionRow | None, place: Place) -> dict[str, Any]:
    """Delete the person in the audience that the place names; return the place as it is then.

    Where Mailchimp does not answer, or the connection has lost access, it goes on waiting, with the code
    that says why. Safe to repeat. Raises StoreDown.
    """
    if connection is None or connection.audience_id is None or connection.state in LEAVING:
        return {**place, "state": PlaceState.LEFT, "code": None}
    if connection.state == ConnectionState.RECONNECT:
        return {**place, "state": PlaceState.WAITING, "code": connection.problem_code or "reconnect"}
    try:
        state = _delete(kit.mailchimp(connection), connection.audience_id, place)
    except MailchimpError as error:
        if isinstance(error, Gone) and error.code == "audience_gone":
            return {**place, "state": PlaceState.ABSENT, "code": None}
        if isinstance(error, Reconnect) or is_halting(error):
            halt(kit, connection.id, error)
        return {**place, "state": PlaceState.WAITING, "code": error.code}
    return {**place, "state": state, "code": None}


def delete_before_leaving(kit: Kit, connection: ConnectionRow, place: Place) -> dict[str, Any]:
    """The same while the connection is being undone. Raises MailchimpError."""
    state = _delete(kit.mailchimp(connection), connection.audience_id or "", place)
    return {**place, "state": state, "code": None}


def _delete(mailchimp: Mailchimp, audience: str, place: Place) -> PlaceState:
    """Mailchimp's number outlives a change of address, which the hash does not; but deleting for good takes
    the hash alone (facts.md 4.1). Whoever came back by the sign-up form has another number."""
    number = place.get("mailchimp_contact_id")
    member = mailchimp.member(audience, number) if number else None
    member = member or mailchimp.member(audience, place["member_id"])
    if member is None or (number and member.contact_id and member.contact_id != number):
        return PlaceState.DELETED if place.get("state") == PlaceState.DELETED else PlaceState.ABSENT
    gone = mailchimp.delete_permanently(audience, member.id)
    return PlaceState.DELETED if gone else PlaceState.ABSENT
