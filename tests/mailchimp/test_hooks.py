"""A webhook's life in the sandbox, and its deliveries read by us, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from processor.domain.contact import MemberStatus
from processor.errors import MailchimpError
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.hooks import EVENTS, SOURCES
from processor.mailchimp.webhook import SIGNATURE_HEADER, parse, verify
from tests.mailchimp.conftest import Listener, Stage

JO = "jo@maple-street.test"


def test_a_webhook_lives_and_dies(stage: Stage, mailchimp: Mailchimp, listener: Listener) -> None:
    """Created for everything, its secret told once; listed, mended, deleted, and deleted again."""
    made = mailchimp.create_webhook(stage.audience_id, listener.url)
    assert (made.url, made.events >= EVENTS, made.sources) == (listener.url, True, SOURCES)
    assert made.is_complete
    assert made.signing_enabled
    assert made.signing_secret
    assert made.signing_secret not in repr(made)
    assert listener.url not in repr(made)
    listed = mailchimp.webhooks(stage.audience_id)
    assert [(hook.id, hook.url, hook.signing_secret) for hook in listed] == [(made.id, listener.url, None)]
    moved = mailchimp.update_webhook(stage.audience_id, made.id, url=listener.url + "/new")
    assert moved.url == listener.url + "/new"
    assert mailchimp.update_webhook(stage.audience_id, made.id).is_complete
    assert mailchimp.delete_webhook(stage.audience_id, made.id) is True
    assert mailchimp.delete_webhook(stage.audience_id, made.id) is False
    assert mailchimp.webhooks(stage.audience_id) == []


def test_a_webhook_that_nobody_answers_is_refused(
    stage: Stage, mailchimp: Mailchimp, listener: Listener
) -> None:
    """Mailchimp's validation and its duplicate check come as refusals with the field's message."""
    mailchimp.create_webhook(stage.audience_id, listener.url)
    for url in ("http://127.0.0.1:1/nobody", listener.url):
        with pytest.raises(MailchimpError) as refusal:
            mailchimp.create_webhook(stage.audience_id, url)
        assert refusal.value.status == 400
        assert [field for field, _ in refusal.value.field_errors] == ["url"]


def test_what_the_webhook_delivers_is_authentic_and_understood(
    stage: Stage, mailchimp: Mailchimp, listener: Listener
) -> None:
    """From a contact's act in Mailchimp to our Event, signature checked over the raw bytes."""
    stage.put({"email_address": JO})
    secret = mailchimp.create_webhook(stage.audience_id, listener.url).signing_secret
    stage.control.unsubscribe(stage.audience_id, JO)
    assert stage.control.settle(10)
    assert secret is not None
    [(headers, body)] = listener.heard
    verify([secret], headers[SIGNATURE_HEADER], body, datetime.now(UTC))
    event = parse(body, headers["Content-Type"])
    assert (event.raw_type, event.email, event.list_id) == ("unsubscribe", JO, stage.audience_id)
    assert event.unique_email_id is not None
    jo = mailchimp.member_by_unique_email_id(stage.audience_id, event.unique_email_id)
    assert jo is not None
    assert jo.status is MemberStatus.UNSUBSCRIBED
