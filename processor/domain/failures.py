"""The catalogue of failures as a table. Each text says what happened, why, and what to do, and names the
contact, the field and the value; `{…}` are facts that `catalogue.words` fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Who(StrEnum):
    """Who can do something about it."""

    CUSTOMER = "customer"
    """The owner of the Mailchimp account."""
    CONTACT = "contact"
    """Only the person themselves."""
    OPERATOR = "operator"
    """Whoever runs the platform."""
    MAILCHIMP = "mailchimp"
    US = "us"


class Retry(StrEnum):
    """Whether it is tried again."""

    BY_ITSELF = "by_itself"
    AFTER_FIX = "after_fix"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Entry:
    """One failure. `button` is what the one button of its card says, or None."""

    code: str
    who: Who
    retry: Retry
    title: str
    happened: str
    todo: str
    button: str | None = None


_ABOUT_A_CONTACT = (
    Entry(
        "consent_unsubscribed",
        Who.CONTACT,
        Retry.NEVER,
        "Unsubscribed in Mailchimp",
        "{name} unsubscribed in Mailchimp, so we may not subscribe them again.",
        "If {name} wants your e-mails, send them your sign-up form.",
        "Copy the sign-up form",
    ),
    Entry(
        "email_cleaned",
        Who.CONTACT,
        Retry.AFTER_FIX,
        "The address bounces",
        "Mailchimp stopped mailing {email} because messages bounced.",
        "Ask {name} for a new address and save it together with their consent; Mailchimp then asks them to "
        "confirm.",
    ),
    Entry(
        "email_forgotten",
        Who.CONTACT,
        Retry.NEVER,
        "Deleted for good in Mailchimp",
        "{email} was deleted for good in Mailchimp, which does not let anybody add it again.",
        "Only {name} can come back, through your sign-up form.",
        "Copy the sign-up form",
    ),
    Entry(
        "email_invalid",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "Not an address that Mailchimp accepts",
        "“{email}” is not an address that Mailchimp accepts.",
        "Correct it on your platform; we try again at once.",
    ),
    Entry(
        "email_fake",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "The address looks made up",
        "Mailchimp takes “{email}” for a made-up address and does not accept it.",
        "Correct it on your platform; we try again at once. A test needs a domain that exists.",
    ),
    Entry(
        "email_taken",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "Two contacts, one address",
        "{email} belongs to another member of {audience} already, and an address can be there only once. "
        "Nothing was changed for {name}.",
        "Decide which of the two is kept: give one of them another address, or delete it.",
    ),
    Entry(
        "email_locked",
        Who.CONTACT,
        Retry.AFTER_FIX,
        "The address cannot be changed",
        "Mailchimp changes the address of subscribed members only, and {name} is not subscribed.",
        "Nothing is lost: the new address becomes a member of its own as soon as {name} consents.",
    ),
    Entry(
        "field_required",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "{field} is required",
        "{audience} requires {field}, and {name} has no value for it.",
        "Fill it in on your platform, or choose in Set-up which field fills it: we try again at once. "
        "Or make it optional in Mailchimp, then press Try again.",
        "Try again",
    ),
    Entry(
        "field_value",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "A value that Mailchimp does not take",
        "“{value}” does not fit {field} for {name}: {detail}. The other fields are kept up to date.",
        "Correct the value on your platform; we try again at once.",
    ),
    Entry(
        "signup_throttled",
        Who.MAILCHIMP,
        Retry.BY_ITSELF,
        "Mailchimp limits this address",
        "{email} has signed up to a lot of lists very recently, so Mailchimp limits it for now.",
        "Nothing to do for now: we try again for several days. If this still stands then, press Try again.",
        "Try again",
    ),
    Entry(
        "member_exists",
        Who.US,
        Retry.BY_ITSELF,
        "A member already",
        "{email} is in {audience} already. We read the member and compare before anything is changed.",
        "Nothing to do; we continue by ourselves.",
    ),
    Entry(
        "not_archivable",
        Who.MAILCHIMP,
        Retry.NEVER,
        "Mailchimp does not archive this member",
        "{name} has bounced, is waiting for confirmation, or is archived already; "
        "Mailchimp archives none of these.",
        "Nothing to do. To remove the member altogether, delete it in Mailchimp.",
    ),
    Entry(
        "gone",
        Who.US,
        Retry.BY_ITSELF,
        "Not there any more",
        "What we asked Mailchimp for is not there any more, probably because it was deleted a moment ago.",
        "Nothing to do; we look again and follow.",
    ),
    Entry(
        "unsettled",
        Who.MAILCHIMP,
        Retry.BY_ITSELF,
        "Mailchimp shows something else than it was sent",
        "Mailchimp accepted the change of {name}, but its answer still shows another value.",
        "We send it again. If this stays, compare the contact on both sides and correct one of them.",
        "Try again",
    ),
    Entry(
        "conflict",
        Who.CUSTOMER,
        Retry.NEVER,
        "Changed on both sides",
        "{field} of {name} was changed on both sides: “{ours}” on the platform, “{theirs}” in Mailchimp. "
        "By your rule the value of {winner} was kept.",
        "If the other one is right, use it instead.",
        "Use the other value",
    ),
    Entry(
        "refused",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "Mailchimp refused a change",
        "Mailchimp refused the change of {name}, in its own words: “{detail}”.",
        "Correct what it names, then press Try again. Mailchimp's number for it, should you ask their "
        "support: {instance}.",
        "Try again",
    ),
)

_ABOUT_A_CONNECTION = (
    Entry(
        "plan_full",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "Your Mailchimp plan is full",
        "Mailchimp takes no more contacts, because the limit of your plan is reached; {changes} kept.",
        "Upgrade the plan or archive contacts in Mailchimp, then press Try again.",
        "Try again",
    ),
    Entry(
        "reconnect",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "Reconnect Mailchimp",
        "Mailchimp no longer accepts our access, perhaps because the app was removed there. "
        "Nothing is lost: {changes} kept and will be sent after you reconnect.",
        "Press Reconnect and log in to the same Mailchimp account.",
        "Reconnect Mailchimp",
    ),
    Entry(
        "role_too_low",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "The Mailchimp login may not do this",
        "The login that connected Mailchimp lacks the right for this change, or the plan does not allow it.",
        "Ask the owner of the Mailchimp account to make this login a manager, or reconnect as an admin.",
        "Reconnect Mailchimp",
    ),
    Entry(
        "account_disabled",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "The Mailchimp account is disabled",
        "Mailchimp has deactivated the account, so it accepts no changes; {changes} kept.",
        "Log in to Mailchimp and settle it with their support; then press Reconnect.",
        "Reconnect Mailchimp",
    ),
    Entry(
        "audience_gone",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "The audience was deleted",
        "The audience “{audience}” is not in Mailchimp any more. Your contacts here are untouched.",
        "Choose another audience.",
        "Choose another audience",
    ),
    Entry(
        "brake",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "Stopped to ask you first",
        "We stopped before changing very many contacts at once. {detail} Nothing more was changed.",
        "If you expected this, press Go on. If not, leave it paused and look in Mailchimp first.",
        "Go on with these changes",
    ),
    Entry(
        "webhook_gone",
        Who.US,
        Retry.BY_ITSELF,
        "The webhook had disappeared",
        "Mailchimp's webhook for {audience} was deleted or switched off there. We have set it up again, "
        "and compare both sides to make up for what it missed.",
        "Nothing to do.",
    ),
    Entry(
        "webhook_incomplete",
        Who.US,
        Retry.BY_ITSELF,
        "The webhook had been changed",
        "Mailchimp's webhook for {audience} no longer told us of every change. We have completed it.",
        "Nothing to do.",
    ),
    Entry(
        "webhook_doubled",
        Who.US,
        Retry.BY_ITSELF,
        "The webhook was there twice",
        "Mailchimp had two webhooks of ours for {audience}, and told us of everything twice. "
        "We have taken one away.",
        "Nothing to do.",
    ),
    Entry(
        "webhook_unsigned",
        Who.US,
        Retry.BY_ITSELF,
        "The webhook's signature could not be checked",
        "Mailchimp's webhook for {audience} was signed in another way than we knew. We have set it up again, "
        "and compare both sides to make up for what it missed.",
        "Nothing to do.",
    ),
    Entry(
        "webhook_exists",
        Who.US,
        Retry.BY_ITSELF,
        "The webhook is there already",
        "Mailchimp has a webhook with our address already, left by an attempt that was cut short.",
        "Nothing to do; we replace it.",
    ),
    Entry(
        "webhook_unreachable",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "Mailchimp cannot reach us",
        "Mailchimp tried our webhook address and got no good answer: “{detail}”. "
        "Until this is mended, changes are found by comparing both sides at intervals.",
        "Check that PUBLIC_URL is reachable from the internet over https; `bothways doctor` tests it.",
        "Try again",
    ),
    Entry(
        "rate_limited",
        Who.MAILCHIMP,
        Retry.BY_ITSELF,
        "Mailchimp is limiting requests",
        "Mailchimp is limiting requests for now.",
        "Nothing to do: we keep trying, and {changes} safe.",
    ),
    Entry(
        "mailchimp_down",
        Who.MAILCHIMP,
        Retry.BY_ITSELF,
        "Mailchimp does not answer as it should",
        "Mailchimp has trouble at the moment.",
        "Nothing to do: we keep trying, and {changes} safe.",
    ),
    Entry(
        "network",
        Who.MAILCHIMP,
        Retry.BY_ITSELF,
        "Mailchimp cannot be reached",
        "No answer came from Mailchimp in time.",
        "Nothing to do: we keep trying, and {changes} safe. If this lasts, the operator should check the "
        "network of the server.",
    ),
    Entry(
        "photo_too_large",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "The photo is too large",
        "“{name}” is {size}, and the limit is {limit}.",
        "Save a smaller version and hand it over again.",
    ),
    Entry(
        "photo_type",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "Not a kind of photo that Mailchimp takes",
        "“{name}” is not a kind of file that Mailchimp takes as a photo.",
        "Save it as JPEG, PNG, GIF or WebP and hand it over again.",
    ),
    Entry(
        "photo_pixels",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "The photo has too many pixels",
        "“{name}” says that it is {size}, and the limit is {limit}.",
        "Save a smaller version and hand it over again.",
    ),
    Entry(
        "photo_address",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "The photo could not be fetched",
        "“{name}” could not be fetched from its address: {detail}.",
        "Give an https address that answers with the picture itself, or send the picture.",
    ),
    Entry(
        "photo_gone",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "The photo is not in Mailchimp any more",
        "“{name}” was deleted in Mailchimp.",
        "Send it to Mailchimp again if it is still wanted.",
    ),
    Entry(
        "photo_lost",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "The photo is not kept here any more",
        "The content of “{name}” is missing from the place where photos are kept.",
        "Hand the photo over again.",
    ),
    Entry(
        "photo_full",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "Mailchimp has no room for photos",
        "Mailchimp's storage is full, so “{name}” was not taken. Mailchimp says: “{detail}”.",
        "Delete pictures in Mailchimp that are not needed, then send this one again.",
        "Try again",
    ),
    Entry(
        "photo_storage",
        Who.OPERATOR,
        Retry.BY_ITSELF,
        "Photos cannot be kept at the moment",
        "The place where photos are kept does not answer, or is full. Nothing is lost.",
        "The operator should look at PHOTO_STORAGE, or at the disk of DATA_DIR.",
    ),
)

_BEFORE_A_SYNC = (
    Entry(
        "audience_missing",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "No audience is chosen yet",
        "Before an audience is chosen there is nothing to keep in step with.",
        "Choose the audience in Set-up.",
    ),
    Entry(
        "audience_twice",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "The audience is connected twice",
        "Another connection of yours keeps {audience} in step already. Two would do everything twice.",
        "Disconnect one of the two, or choose another audience.",
    ),
    Entry(
        "audience_shared",
        Who.CUSTOMER,
        Retry.NEVER,
        "Somebody else keeps this audience in step, too",
        "Another account on this platform is connected with {audience} as well. "
        "What either of you changes there reaches the other.",
        "If that is not meant, choose another audience.",
    ),
    Entry(
        "field_unmapped",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "{field} is required and gets no value",
        "{audience} requires {field}, and no field of the platform is mapped to it, "
        "so Mailchimp would refuse everybody who is to be added.",
        "Map a field to it in Set-up, or make it optional in Mailchimp.",
    ),
    Entry(
        "field_default",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "{field} is required and not mapped",
        "{audience} requires {field}, and no field of the platform is mapped to it. Mailchimp has a default "
        "for it, “{value}”, which it may use for new contacts, or refuse them.",
        "To be sure, map a field to it in Set-up, or make it optional in Mailchimp.",
    ),
    Entry(
        "field_gone",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "{field} has no counterpart any more",
        "{field} is mapped to “{value}”, which {audience} does not have: it was removed or renamed in "
        "Mailchimp. Nothing is sent for it.",
        "Open Set-up and map it anew, or leave it out.",
    ),
    Entry(
        "field_changed",
        Who.CUSTOMER,
        Retry.AFTER_FIX,
        "{field} was changed in Mailchimp",
        "{field} in {audience} is not what it was when it was mapped, so values may be refused: {detail}.",
        "Open Set-up, look at the field, and save.",
    ),
    Entry(
        "gdpr_fields",
        Who.CUSTOMER,
        Retry.NEVER,
        "The audience has GDPR fields",
        "In {audience}, Mailchimp keeps for each contact which marketing permissions they gave. "
        "Whoever we add has given none yet; your platform may send each with when and where it was given.",
        "If your campaigns go only to contacts with a permission, have the platform send it, or ask for it "
        "by a Mailchimp form.",
    ),
    Entry(
        "plan_grows",
        Who.CUSTOMER,
        Retry.NEVER,
        "Mailchimp will count more contacts",
        "Contacts who are added count towards your Mailchimp plan.",
        "See in Mailchimp whether your plan allows this many: it may refuse the rest, or charge for more.",
    ),
    Entry(
        "url_private",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "Mailchimp cannot reach this installation",
        "PUBLIC_URL is an address that only this machine or its own network knows, so Mailchimp could "
        "neither check our webhook nor call it.",
        "Set PUBLIC_URL to an https address on the internet.",
    ),
    Entry(
        "url_silent",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "Our own address did not answer",
        "We called our own public address, and it did not answer. If Mailchimp cannot reach it either, "
        "the first sync cannot begin.",
        "Check PUBLIC_URL and the router; `bothways doctor` tests it. "
        "If only calls from inside are blocked, go on.",
    ),
    Entry(
        "webhooks_several",
        Who.US,
        Retry.BY_ITSELF,
        "Several webhooks of ours",
        "{audience} has several webhooks of ours, left by attempts that were cut short, "
        "so each change would be told more than once.",
        "Nothing to do; when the sync begins, one is kept.",
    ),
)

_ABOUT_THE_SYSTEM = (
    Entry(
        "event_not_understood",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "A delivery that we cannot read",
        "Mailchimp sent something that this version does not understand. It is kept as it arrived: {detail}.",
        "Look at the raw delivery {reference}; after an update, replay it.",
        "Replay",
    ),
    Entry(
        "store_rejected",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "The platform refused a change",
        "The platform did not accept a change of {name} that came from Mailchimp, in its own words: "
        "“{detail}”.",
        "Correct what it names, then press Try again.",
        "Try again",
    ),
    Entry(
        "store_down",
        Who.OPERATOR,
        Retry.BY_ITSELF,
        "The database does not answer",
        "The database did not answer, so nothing was written and nothing was acknowledged.",
        "We keep trying. Check the database; `bothways doctor` tests it.",
    ),
    Entry(
        "overloaded",
        Who.OPERATOR,
        Retry.BY_ITSELF,
        "More deliveries than can be kept",
        "More deliveries arrived at once than could be written down. Those not kept were answered with 503, "
        "so Mailchimp sends them again.",
        "If this happens often, add a web process.",
    ),
    Entry(
        "shutting_down",
        Who.US,
        Retry.BY_ITSELF,
        "Restarting",
        "The process was being restarted. Nothing that was acknowledged is lost.",
        "Nothing to do.",
    ),
    Entry(
        "bad_signature",
        Who.OPERATOR,
        Retry.NEVER,
        "A delivery that is not from Mailchimp",
        "A delivery did not carry the signature of our webhook, so it was not kept.",
        "If Mailchimp's own deliveries are refused, check the server's clock, then set the webhook up again.",
    ),
    Entry(
        "unreached",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "An address cannot be called",
        "An address that was given to us cannot be called: {detail}.",
        "Give an https address that is reached from the Internet, without a password in it.",
    ),
    Entry(
        "mail_unsent",
        Who.OPERATOR,
        Retry.BY_ITSELF,
        "A mail could not be sent",
        "The mail server did not take a mail of ours: {detail}.",
        "It is sent again for three days. Check SMTP_URL and MAIL_FROM; `bothways mails test` sends a test.",
    ),
    Entry(
        "config",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "The settings cannot work",
        "Bothways did not start, because of its settings: {detail}.",
        "Correct the settings that are named; `bothways doctor` tests each part.",
    ),
    Entry(
        "not_found",
        Who.OPERATOR,
        Retry.NEVER,
        "Not found",
        "There is no such thing here for this caller: {detail}.",
        "Check the id and the account.",
    ),
    Entry(
        "cursor_expired",
        Who.OPERATOR,
        Retry.AFTER_FIX,
        "The cursor is too old",
        "What changed after this cursor of the changes feed is not kept any more, so something was missed.",
        "Read all contacts anew, keep the `changes` cursor of the first page, and go on from there.",
    ),
    Entry(
        "invalid",
        Who.OPERATOR,
        Retry.NEVER,
        "The call cannot be taken",
        "{field} of the call cannot be taken: {detail}.",
        "Correct it and call again.",
    ),
    Entry(
        "internal",
        Who.US,
        Retry.BY_ITSELF,
        "Our mistake",
        "This is our mistake, not yours. We try again; nothing is lost.",
        "If it stays, tell the operator the reference {reference}.",
        "Try again",
    ),
)

ENTRIES: Mapping[str, Entry] = {
    found.code: found
    for found in (*_ABOUT_A_CONTACT, *_ABOUT_A_CONNECTION, *_BEFORE_A_SYNC, *_ABOUT_THE_SYSTEM)
}
