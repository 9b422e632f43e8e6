"""What goes wrong while connecting, in words for a marketer: what happened, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from processor.domain.catalogue import words
from processor.errors import BothwaysError, Invalid, MailchimpError, Passing, Reconnect, StoreDown
from processor.web import problem

NEW_LINK = "Go back to where you clicked “Connect Mailchimp” and click it again."


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a page says."""

    status: int
    title: str
    happened: str
    todo: str


def trouble(error: BothwaysError) -> Trouble:
    """Return the words for an error while connecting."""
    status = problem.status_of(error)
    if isinstance(error, StoreDown):
        return Trouble(
            status,
            "We cannot look into our own records",
            "Our database does not answer at the moment. Nothing has been changed.",
            "Wait a minute, then start again. " + NEW_LINK,
        )
    if isinstance(error, Invalid):
        return _invalid(status, error)
    if isinstance(error, MailchimpError):
        return _mailchimp(status, error)
    said = words(error.code)
    return Trouble(status, said.title, said.happened, said.todo)


def _invalid(status: int, error: Invalid) -> Trouble:
    if error.field == "api_endpoint":
        # The words of the error are for the operator, who finds them in the log.
        return Trouble(
            502,
            "Mailchimp was not connected",
            "The sign-in named an address that we do not trust with the key to your account, so we stopped.",
            "Tell the people who run this platform; they find the details in their log.",
        )
    return Trouble(status, "Mailchimp was not connected", str(error), NEW_LINK)


def _mailchimp(status: int, error: MailchimpError) -> Trouble:
    if isinstance(error, Passing):
        return Trouble(
            status,
            "Mailchimp does not answer now",
            "We asked Mailchimp and got no answer, or were asked to wait. Nothing of yours was changed.",
            "Wait a minute, then start again. " + NEW_LINK,
        )
    if isinstance(error, Reconnect):
        return Trouble(
            status,
            "Mailchimp did not accept the sign-in",
            "A sign-in works once, for a few minutes, and this one was not taken. Nothing has been changed.",
            "Start again. " + NEW_LINK,
        )
    said = words(error.code, detail=error.detail, instance=error.instance)
    return Trouble(status, said.title, said.happened, said.todo)
