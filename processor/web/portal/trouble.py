"""What goes wrong in the portal, in words for a marketer: what happened, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from processor.domain.catalogue import words
from processor.errors import (
    BothwaysError,
    Conflict,
    Invalid,
    MailchimpError,
    NotFound,
    Passing,
    StoreDown,
    Unfit,
)
from processor.web import problem

OPEN_AGAIN = "Open it again from the platform where you found it: you get a new link there each time."


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a page says. `field` is the choice that is wrong, where one is; `way_on` is (address, words) of
    the one link below, or None."""

    status: int
    title: str
    happened: str
    todo: str
    field: str | None = None
    way_on: tuple[str, str] | None = ("/portal", "Back to the first page")


NO_SESSION = Trouble(
    403,
    "These pages are closed here",
    "This browser has not been let in, or it was more than eight hours ago.",
    OPEN_AGAIN,
    way_on=None,
)
STALE_FORM = Trouble(
    403,
    "This form is too old",
    "It was opened before you came in anew, or on another site. Nothing has been changed.",
    "Go back to the first page and do it there.",
)
IN_A_FRAME = Trouble(
    403,
    "Your browser closes these pages here",
    "They are shown inside another site, and your browser does not let them remember you there.",
    "Open them in a tab of their own. Nothing has been changed.",
    way_on=None,
)


def bad_link(happened: str) -> Trouble:
    """Return the words for a link that opens nothing."""
    return Trouble(410, "This link does not open anything any more", happened, OPEN_AGAIN, way_on=None)


def our_mistake(reference: str) -> Trouble:
    """Return the words for a fault in this program; `reference` is the request's id in the log."""
    said = words("internal", reference=reference)
    happened = "This is our mistake, not yours. Nothing is lost."
    return Trouble(500, said.title, happened, f"Try it again. {said.todo}")


def trouble(error: BothwaysError) -> Trouble:
    """Return the words for an error."""
    status = problem.status_of(error)
    if isinstance(error, StoreDown):
        return Trouble(
            status,
            "We cannot look into our own records",
            "Our database does not answer at the moment. Nothing has been changed.",
            "Wait a minute, then load this page again.",
        )
    if isinstance(error, NotFound):
        return Trouble(
            status,
            "There is nothing here",
            "This page is not there, or not any more: it may belong to a connection that was disconnected.",
            "Go back to the first page and look there.",
        )
    if isinstance(error, Invalid | Conflict):
        field = error.field if isinstance(error, Invalid) else None
        return Trouble(status, "This could not be done", str(error), "", field=field)
    if isinstance(error, Passing):
        return Trouble(
            status,
            "Mailchimp does not answer now",
            "We asked Mailchimp and got no answer, or were asked to wait. Nothing of yours was changed.",
            "Wait a minute, then load this page again.",
        )
    if isinstance(error, MailchimpError):
        said = words(error.code, detail=error.detail, instance=error.instance)
        return Trouble(status, said.title, said.happened, said.todo)
    facts = error.facts if isinstance(error, Unfit) else {}
    said = words(error.code, **facts)
    return Trouble(status, said.title, said.happened, said.todo)
