"""Why a contact is left out on purpose, in words: what happened, and what brings them in."""

from __future__ import annotations

from collections.abc import Mapping

from processor.domain.catalogue import Words
from processor.domain.plan import Exclusion

WORDS: Mapping[Exclusion, Words] = {
    Exclusion.NO_CONSENT: Words(
        "No consent on record",
        "Nobody has recorded when and where they agreed, so they are not added to Mailchimp.",
        "When they agree, save their consent with its time and its source; we add them by ourselves.",
        None,
    ),
    Exclusion.NO_ADDRESS: Words(
        "No e-mail address",
        "There is no e-mail address, and without one nobody can be a member in Mailchimp.",
        "Save an address; we go on by ourselves.",
        None,
    ),
    Exclusion.UNSUBSCRIBED: Words(
        "Unsubscribed",
        "They have unsubscribed, on the platform or in another audience, and are not in this one, so they "
        "are not added.",
        "Nothing to do. If they agree anew, save that consent with its time and its source.",
        None,
    ),
    Exclusion.CLEANED: Words(
        "The address bounces",
        "Messages to this address bounced, so nobody is to write to it.",
        "Ask them for a new address and save it together with their consent.",
        None,
    ),
    Exclusion.ARCHIVED: Words(
        "Archived in Mailchimp",
        "Somebody archived them in Mailchimp, so we do not bring them back.",
        "Nothing to do. If they agree anew, save that consent; Mailchimp then asks them to confirm.",
        None,
    ),
    Exclusion.DELETED_THERE: Words(
        "Deleted in Mailchimp",
        "Somebody deleted them in Mailchimp, so we do not add them again.",
        "Nothing to do. If they agree anew, save that consent; Mailchimp then asks them to confirm.",
        None,
    ),
    Exclusion.MOVED: Words(
        "A new address, and no new consent",
        "At the address before this one they had left or bounced in Mailchimp, or had not confirmed yet, so "
        "the new one is not added by itself.",
        "When they agree anew, save that consent; Mailchimp then asks them to confirm.",
        None,
    ),
    Exclusion.DELETED_HERE: Words(
        "Deleted on the platform",
        "They were deleted on the platform; what Mailchimp has of them is left as it is.",
        "Nothing to do. If they should go there too, delete them in Mailchimp.",
        None,
    ),
    Exclusion.NOT_IMPORTED: Words(
        "In Mailchimp only",
        "They are in Mailchimp only: archived there, or not taken over because of the connection's settings.",
        "Nothing to do. A contact with the same address on the platform is linked with them by itself.",
        None,
    ),
    Exclusion.BY_CHOICE: Words(
        "Left out by choice",
        "Somebody chose to leave them out, so they are not kept in step with this audience. If they "
        "unsubscribe on either side, the other side still hears of it.",
        "Nothing to do. To keep them in step again, take them back in.",
        None,
    ),
    Exclusion.SMS_ONLY: Words(
        "Reached by SMS only",
        "They are in Mailchimp with a phone number and no e-mail address, so nothing is kept in step.",
        "Nothing to do. When they get an e-mail address in Mailchimp, we take them over by ourselves.",
        None,
    ),
    Exclusion.ERASED: Words(
        "Being erased",
        "Somebody was erased on request. Nothing of them is left here but a mark, until Mailchimp has "
        "deleted them too.",
        "Nothing to do; we try until it is done.",
        None,
    ),
}

_UNKNOWN = Words(
    "Left out",
    "They are left out on purpose, for a reason that this version does not know.",
    "Nothing to do. A change of the contact is looked at as usual.",
    None,
)

_BY_VALUE: Mapping[str, Words] = {exclusion.value: told for exclusion, told in WORDS.items()}


def words(reason: str | None) -> Words:
    """Return why somebody is left out. A reason that nobody wrote down is said to be one."""
    return _BY_VALUE.get(reason or "", _UNKNOWN)
