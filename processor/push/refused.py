"""What is left to send when Mailchimp refuses single fields: one value that does not fit holds back nothing
but itself."""

from __future__ import annotations

from dataclasses import replace

from processor.domain.mapping import MemberFields
from processor.errors import MailchimpError

ABOUT_FIELDS = frozenset({"field_value", "field_required"})
"""Failures that may name the fields that they are about."""


def only_some_fields(error: MailchimpError, sent: MemberFields) -> MailchimpError | None:
    """Return a refusal that is about merge fields that were sent, with their names in its detail and nothing
    else in its `field_errors`; None for every other refusal."""
    if error.code not in ABOUT_FIELDS:
        return None
    tags = {tag.upper(): tag for tag in sent.merge_fields}
    named = tuple(
        (tags[merge_tag(name)], said) for name, said in error.field_errors if merge_tag(name) in tags
    )
    if not named or len(named) < len(error.field_errors):
        return None  # something else is wrong as well
    detail = "; ".join(f"{tag}: {said}" for tag, said in named)
    return MailchimpError(
        error.code,
        status=error.status,
        title=error.title,
        detail=detail,
        instance=error.instance,
        field_errors=named,
    )


def also(before: MailchimpError | None, error: MailchimpError) -> MailchimpError:
    """Return a refusal that names what was refused before as well, each field once."""
    if before is None:
        return error
    news = [pair for pair in error.field_errors if merge_tag(pair[0]) not in tags_of(before)]
    return MailchimpError(
        error.code,
        status=error.status,
        title=error.title,
        detail=error.detail,
        instance=error.instance,
        field_errors=(*before.field_errors, *news),
    )


def tags_of(error: MailchimpError) -> frozenset[str]:
    """Return the merge tags that a refusal names, in upper case."""
    return frozenset(merge_tag(name) for name, _ in error.field_errors)


def without_refused(sent: MemberFields, error: MailchimpError) -> MemberFields:
    """Return what was sent without the fields that the refusal names."""
    named = {tag for tag, _ in error.field_errors}
    left = {tag: value for tag, value in sent.merge_fields.items() if tag not in named}
    return replace(sent, merge_fields=left)


def merge_tag(name: str) -> str:
    """Return the merge tag in a field's name: `FNAME`, `merge_fields.FNAME`, `ADDRESS.zip`."""
    parts = [part for part in name.split(".") if part.lower() != "merge_fields"]
    return parts[0].upper() if parts else ""
