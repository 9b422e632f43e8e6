"""What goes wrong while connecting, in words for a marketer: what happened, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from processor.domain.catalogue import words
from processor.errors import BothwaysError, Conflict, Invalid, MailchimpError, Passing, Reconnect, StoreDown
from processor.web import problem

CONNECT = "connect"
AUDIENCE = "audience"

NEW_LINK = "Go back to where you clicked “Connect Mailchimp” and click it again."


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a page says. `look_again` is whether the audiences can be read and offered at once."""

    status: int
    title: str
    happened: str
    todo: str
    look_again: bool = False


def trouble(doing: str, error: BothwaysError) -> Trouble:
    """Return the words for an error while connecting, or while choosing the audience."""
    status = problem.status_of(error)
    if isinstance(error, StoreDown):
        return Trouble(
            status,
            "We cannot look into our own records",
            "Our database does not answer at the moment. Nothing has been changed.",
            "Wait a minute, then start again. " + NEW_LINK,
        )
    if isinstance(error, Invalid):
        return _invalid(doing, status, error)
    if isinstance(error, MailchimpError):
        return _mailchimp(doing, status, error)
    if isinstance(error, Conflict):
        return Trouble(
            status,
            "This audience is connected already",
            "Another connection of yours keeps it in step. Nothing has been changed.",
            "Choose another audience, or close this page.",
            look_again=True,
        )
    said = words(error.code)
    return Trouble(status, said.title, said.happened, said.todo)


def _invalid(doing: str, status: int, error: Invalid) -> Trouble:
    if error.field == "api_endpoint":
        # The words of the error are for the operator, who finds them in the log.
        return Trouble(
            502,
            "Mailchimp was not connected",
            "The sign-in named an address that we do not trust with the key to your account, so we stopped.",
            "Tell the people who run this platform; they find the details in their log.",
        )
    title = "Mailchimp was not connected" if doing == CONNECT else "The audience was not chosen"
    return Trouble(status, title, str(error), NEW_LINK, look_again=doing == AUDIENCE)


def _mailchimp(doing: str, status: int, error: MailchimpError) -> Trouble:
    if isinstance(error, Passing):
        todo = (
            "Wait a minute, then start again. " + NEW_LINK
            if doing == CONNECT
            else "Wait a minute, then try again."
        )
        return Trouble(
            status,
            "Mailchimp does not answer now",
            "We asked Mailchimp and got no answer, or were asked to wait. Nothing of yours was changed.",
            todo,
        )
    if isinstance(error, Reconnect):
        return Trouble(
            status,
            "Mailchimp did not accept the sign-in",
            "A sign-in works once, for a few minutes, and this one was not taken. Nothing has been changed.",
            "Start again. " + NEW_LINK,
        )
    said = words(error.code, detail=error.detail, instance=error.instance)
    return Trouble(status, said.title, said.happened, said.todo, look_again=doing == AUDIENCE)
